"""Makes an InfluxDB 2 ready: buckets, their names in InfluxQL, and tokens that may do no more than they must.

Everything is looked for before it is made, so that a second time changes nothing.
"""

import secrets
from typing import Any, Literal, NamedTuple

import msgspec

from collector.sinks.answers import StoppedError
from collector.sinks.influx import Server

POLICY = "autogen"
OURS = "First Bell: made by `firstbell influx setup`"
"""The description of buckets that were made here. Others' are never cut short, nor emptied."""
_DAY_S = 86_400
_FIRST_BUCKET = "firstbell_first"
"""InfluxDB wants one when it is set up, for ever; ours are made otherwise, so this one goes at once."""
Action = Literal["read", "write"]
Did = Literal["made", "kept", "changed"]


class Wanted(NamedTuple):
    """A bucket to be, for how many days it keeps points (0: for ever), and whose (the tag `district`)."""

    name: str
    days: int
    district: str


class Ready(msgspec.Struct, frozen=True):
    """A bucket that is ready, what was done for it, and for the name under which InfluxQL knows it."""

    name: str
    id: str
    days: int
    bucket: Did
    mapping: Did


def begin(server: Server) -> bool:
    """Set up an InfluxDB that nobody has set up: the organisation, and an operator's token, the address's.

    False where somebody has. Its first user gets a password that nobody ever sees: the token opens all.
    """
    from influxdb_client import OnboardingRequest, SetupService  # noqa: PLC0415

    if not server.is_new():
        return False
    first = OnboardingRequest(
        username="firstbell",
        password=secrets.token_urlsafe(24),
        org=server.address.org,
        bucket=_FIRST_BUCKET,
        token=server.address.token,
    )
    with server.talking():
        made = SetupService(server.client.api_client).post_setup(first)
        server.client.buckets_api().delete_bucket(made.bucket.id)
    return True


def organisation(server: Server) -> str:
    """The organisation's id. Raises StoppedError that names those there are."""
    if server.is_new():
        raise StoppedError(
            f"nobody has set up {server.address.url} yet: open it in a browser, or use InfluxData's "
            "`influx setup`; make a user, an organisation and the operator's token, then run this again"
        )
    with server.talking():
        found = server.client.organizations_api().find_organizations()
    ids = {str(org.name): str(org.id) for org in found}
    if server.address.org not in ids:
        known = ", ".join(sorted(ids)) or "none that this token may see"
        raise StoppedError(
            f"{server.address.url} has no organisation {server.address.org!r}: there is {known}. "
            "Name it with --org."
        )
    return ids[server.address.org]


def bucket(server: Server, org_id: str, wanted: Wanted) -> Ready:
    """See that the bucket is there, keeps points so long, and is a database of that name in InfluxQL."""
    with server.talking():
        found = server.look_for(wanted.name)
        made, did = _kept(server, found, wanted) if found else (_made(server, org_id, wanted), "made")
        mapping = map_to(server, org_id, wanted.name, str(made.id))
    days = made.retention_rules[0].every_seconds // _DAY_S if made.retention_rules else 0
    return Ready(wanted.name, str(made.id), days, did, mapping)


def _made(server: Server, org_id: str, wanted: Wanted) -> Any:  # noqa: ANN401 - the library's own
    return server.client.buckets_api().create_bucket(
        bucket_name=wanted.name, org=org_id, retention_rules=_rules(wanted.days), description=OURS
    )


def _kept(server: Server, found: Any, wanted: Wanted) -> tuple[Any, Did]:  # noqa: ANN401
    """A bucket that is there; what others keep in it is not cut short."""
    kept_s = found.retention_rules[0].every_seconds if found.retention_rules else 0
    shorter = not kept_s or kept_s > wanted.days * _DAY_S
    others = found.description != OURS or server.districts(wanted.name) - {wanted.district}
    if kept_s == wanted.days * _DAY_S or (shorter and others):
        return found, "kept"
    found.retention_rules = _rules(wanted.days)
    return server.client.buckets_api().update_bucket(found), "changed"


def _rules(days: int) -> list[Any]:
    from influxdb_client import BucketRetentionRules  # noqa: PLC0415

    return [BucketRetentionRules(type="expire", every_seconds=days * _DAY_S)] if days else []


def is_ours(server: Server, name: str) -> bool:
    """Whether the bucket is there and First Bell made it: then nothing of others is lost with it."""
    found = server.look_for(name)
    return found is not None and found.description == OURS


def swap(server: Server, name: str, spare: str) -> None:
    """Let two buckets change places: their names, and what InfluxQL calls by them. Their tokens go on."""
    with server.talking():
        one, other = server.look_for(name), server.look_for(spare)
        if one is None or other is None:
            raise StoppedError(f"{name} and {spare} are not both there: `firstbell influx setup` makes them")
        map_to(server, one.org_id, name, str(other.id))
        map_to(server, one.org_id, spare, str(one.id))
        for found, called in ((one, _leaving(spare)), (other, name), (one, spare)):
            _call(server, found, called)


def finish_swap(server: Server, name: str, spare: str) -> None:
    """Go on where a swap was broken off between two names, if one was."""
    with server.talking():
        one, other = server.look_for(_leaving(spare)), server.look_for(spare)
        if one is None:
            return
        if server.look_for(name) is None and other is not None:
            _call(server, other, name)
            other = None
        if other is None:
            _call(server, one, spare)


def _leaving(spare: str) -> str:
    """What the bucket in use is called while the other one gets its name."""
    return f"{spare}_leaving"


def _call(server: Server, bucket: Any, name: str) -> None:  # noqa: ANN401 - the library's own
    bucket.name = name
    server.client.buckets_api().update_bucket(bucket)


def map_to(server: Server, org_id: str, database: str, bucket_id: str) -> Did:
    """See that InfluxQL's database of that name is that bucket, by a mapping that stays."""
    from influxdb_client import DBRPCreate, DBRPsService  # noqa: PLC0415

    service = DBRPsService(server.client.api_client)
    found = [one for one in service.get_dbr_ps(org_id=org_id, db=database).content or [] if not one.virtual]
    if any(one.bucket_id == bucket_id and one.default for one in found):
        return "kept"
    for one in found:
        service.delete_dbrpid(one.id, org_id=org_id)
    service.post_dbrp(
        DBRPCreate(
            org_id=org_id, bucket_id=bucket_id, database=database, retention_policy=POLICY, default=True
        )
    )
    return "changed" if found else "made"


def token(server: Server, org_id: str, what_for: str, buckets: list[str], actions: tuple[Action, ...]) -> str:
    """A new token that may do no more than `actions` in these buckets (ids). It can be seen this once."""
    with server.talking():
        api = server.client.authorizations_api()
        made = api.create_authorization(authorization=_authorization(org_id, what_for, buckets, actions))
    return str(made.token)


def has_token(
    server: Server, org_id: str, what_for: str, buckets: list[str], actions: tuple[Action, ...]
) -> bool:
    """Whether there is a token for that end, which may do just that."""
    return any(_may(one) == _wanted(buckets, actions) for one in tokens(server, org_id, what_for))


def revoke(server: Server, ended: list[Any]) -> None:
    """End these tokens, as `tokens` found them."""
    with server.talking():
        for one in ended:
            server.client.authorizations_api().delete_authorization(one)


def tokens(server: Server, org_id: str, *what_for: str) -> list[Any]:
    """All tokens for these ends, as the library has them."""
    with server.talking():
        found = server.client.authorizations_api().find_authorizations(org_id=org_id)
    return [one for one in found if one.description in what_for]


def _wanted(buckets: list[str], actions: tuple[Action, ...]) -> set[tuple[str, str]]:
    return {(action, bucket_id) for action in actions for bucket_id in buckets}


def _may(one: Any) -> set[tuple[str, str]]:  # noqa: ANN401
    return {(str(may.action), str(may.resource.id)) for may in one.permissions}


def _authorization(org_id: str, what_for: str, buckets: list[str], actions: tuple[Action, ...]) -> Any:  # noqa: ANN401
    from influxdb_client import Authorization, Permission, PermissionResource  # noqa: PLC0415

    permissions = [
        Permission(action=action, resource=PermissionResource(type="buckets", id=bucket_id, org_id=org_id))
        for action, bucket_id in sorted(_wanted(buckets, actions))
    ]
    return Authorization(org_id=org_id, permissions=permissions, description=what_for)
