"""From settings to what ships: the one constructor of everything that speaks with InfluxDB."""

from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Literal

import msgspec

from collector import config, lock, registry
from collector.clock import Clock
from collector.config import Home, InfluxSettings
from collector.questions import verify as verifying
from collector.questions.boards import Boards
from collector.questions.verify import Bounds, Verified
from collector.registry import Folder
from collector.sinks import setup
from collector.sinks.answers import InfluxError, StoppedError
from collector.sinks.copying import Copier
from collector.sinks.influx import Address, Found, Server
from collector.sinks.reading import InfluxEvidence
from collector.sinks.rollups import Roller
from collector.sinks.setup import Ready, Wanted
from collector.sinks.shipping import Progress, Shipper
from collector.sinks.standing import Bucket, FolderOf, Placed
from collector.sinks.way import Parts, Way
from collector.store.errors import StoreError
from collector.store.journal import Journal
from collector.store.outbox import DAY_NS, INFLUX, Outbox, Shipped
from collector.store.reads import Reads
from firstbell import district as districts
from firstbell.district import District
from firstbell.settings import SettingsError
from firstbell.tables import FolderError

SINK, ROLLUPS = INFLUX, f"{INFLUX} rollups"


def settings_of(home: Home) -> InfluxSettings:
    """The table `[influx]`. Raises SettingsError where it isn't there."""
    settings = config.read(home.settings).influx
    if not settings.url:
        raise SettingsError(
            str(home.settings),
            ["no InfluxDB is named. `firstbell influx setup --url http://HOST:8086` makes everything ready."],
        )
    return settings


def address(home: Home, settings: InfluxSettings, token: str = "") -> Address:
    """Where InfluxDB is, and who asks. Raises SettingsError."""
    ca_file = str(home.folder / settings.ca_file) if settings.ca_file else ""
    if ca_file and not Path(ca_file).is_file():
        raise SettingsError(settings.url, [f"influx.ca_file: {ca_file} is not there"])
    found = token or config.secret(home.folder, settings.token_file)
    if not found:
        raise SettingsError(settings.url, ["the token is empty"])
    if not found.isascii() or not found.isprintable() or " " in found:
        raise SettingsError(
            settings.url, ["the token is one line of letters, digits and signs, without spaces"]
        )
    return Address(settings.url, settings.org, found, ca_file)


def server(home: Home, settings: InfluxSettings) -> Server:
    """A connection. Raises SettingsError, InfluxError."""
    return Server(address(home, settings))


def trouble_now(home: Home, settings: InfluxSettings) -> str:
    """Why InfluxDB can't be asked for its bucket just now; "" where it can."""
    try:
        to = server(home, settings)
        to.bucket(settings.bucket)
        to.close()
    except (SettingsError, InfluxError) as error:
        return str(error)
    return ""


class MadeReady(msgspec.Struct, frozen=True, kw_only=True):
    """What `firstbell influx setup` did; `grafana_token` is "" where there was one before."""

    url: str
    org: str
    buckets: tuple[Ready, ...]
    district: str
    collector_token: Literal["made", "kept"]
    grafana_token: str


def entered(home: Home, given: dict[str, str]) -> InfluxSettings:
    """The settings as they are, with what was given where nothing is entered yet. Raises SettingsError."""
    settings = config.read(home.settings).influx
    if not settings.url:
        if "url" not in given:
            raise SettingsError(str(home.settings), ["no InfluxDB is named: say --url http://HOST:8086"])
        try:
            return msgspec.convert({**msgspec.to_builtins(settings), **given}, InfluxSettings)
        except msgspec.ValidationError as error:
            raise SettingsError("influx setup", [str(error)]) from None
    differing = [name for name, value in given.items() if getattr(settings, name) != value]
    if differing:
        said = ", ".join(f"influx.{name} = {getattr(settings, name)!r}" for name in differing)
        raise SettingsError(
            str(home.settings),
            [f"says {said}, which is not overwritten: change it there, then run this again"],
        )
    return settings


def make_ready(
    home: Home, settings: InfluxSettings, server: Server, district: str, *, new_tokens: bool
) -> MadeReady:
    """Make the InfluxDB ready for a district, by the operator's token, and enter it into the settings.

    Raises InfluxError, OSError.
    """
    org_id = setup.organisation(server)
    setup.finish_swap(server, settings.bucket, settings.spare)
    wanted = (
        Wanted(settings.bucket, settings.raw_days, district),
        Wanted(settings.spare, settings.raw_days, district),
        Wanted(settings.rollups, settings.daily_days, district),
    )
    buckets = tuple(setup.bucket(server, org_id, one) for one in wanted)
    ids = [one.id for one in buckets]
    collector = f"First Bell, collector of {district}, bucket {settings.bucket}"
    boards = f"First Bell, boards of {district}, bucket {settings.bucket}"
    _enter(home, settings)
    before = setup.tokens(server, org_id, collector, boards) if new_tokens else []
    lost = new_tokens or not _still_good(home, settings)
    if lost:
        made = setup.token(server, org_id, collector, ids, ("read", "write"))
        config.write_secret(home.folder, settings.token_file, made)
    known = not new_tokens and setup.has_token(server, org_id, boards, ids, ("read",))
    grafanas = "" if known else setup.token(server, org_id, boards, ids, ("read",))
    setup.revoke(server, before)
    return MadeReady(
        url=settings.url,
        org=settings.org,
        buckets=buckets,
        district=district,
        collector_token="made" if lost else "kept",
        grafana_token=grafanas,
    )


def _still_good(home: Home, settings: InfluxSettings) -> bool:
    """Whether the collector's token is here, and may still look at all three buckets."""
    if not (home.folder / settings.token_file).exists():
        return False
    try:
        with closing(server(home, settings)) as mine:
            found = [mine.look_for(name) for name in (settings.bucket, settings.spare, settings.rollups)]
    except (SettingsError, StoppedError):
        return False
    return all(one is not None for one in found)


def _enter(home: Home, settings: InfluxSettings) -> None:
    """Write the table into collector.toml, where none is yet. Raises OSError."""
    if not config.read(home.settings).influx.url:
        texts = ("url", "org", "bucket", "token_file", "ca_file", "district")
        table = {key: getattr(settings, key) for key in texts if getattr(settings, key)}
        config.add_to_table(home.settings, "influx", table)


def way(
    home: Home,
    settings: InfluxSettings,
    journal: Journal,
    reads: Reads,
    folder_now: Callable[[], Folder],
    clock: Clock,
    outbox: Outbox,
    boards: Boards | None = None,
) -> Way:
    """What brings both buckets up to date. Raises SettingsError, InfluxError."""
    to, hourly = server(home, settings), Outbox(journal, ROLLUPS)

    def close() -> None:
        to.close()
        hourly.close()

    try:
        raw, hours = to.bucket(settings.bucket), to.bucket(settings.rollups)
    except InfluxError:
        close()
        raise
    shipper = _shipper(settings, journal, reads, folder_now, clock, outbox, to, raw)

    def placed() -> Placed:
        return Placed(folder_now().district, settings.district)

    copier = Copier(
        outbox,
        to,
        Bucket(settings.bucket, raw.id, raw.days),
        boards or Boards(reads, folder_now, registry.targets()),
        placed,
        clock,
    )
    roller = Roller(
        hourly,
        reads,
        to,
        Bucket(settings.rollups, hours.id, hours.days),
        placed,
        folder_of(journal),
        clock,
        names=outbox.names,
        hourly_days=settings.hourly_days,
    )
    return Way(Parts(shipper, copier, roller), clock, lambda: _alone(home), close)


def _alone(home: Home) -> AbstractContextManager[None]:
    """One program at a time ships from a data folder: two would undo each other's deletions."""
    home.folder.mkdir(parents=True, exist_ok=True)
    path = home.folder / "influx.lock"
    path.touch()
    return lock.held(path, wait=True)


def _shipper(
    settings: InfluxSettings,
    journal: Journal,
    reads: Reads,
    folder_now: Callable[[], Folder],
    clock: Clock,
    outbox: Outbox,
    to: Server,
    found: Found,
) -> Shipper:
    days = min(settings.raw_days, found.days) if found.days else settings.raw_days
    return Shipper(
        outbox,
        reads,
        to,
        Bucket(settings.bucket, found.id, days),
        lambda: Placed(folder_now().district, settings.district),
        folder_of(journal),
        clock,
    )


def too_short(settings: InfluxSettings, folder: Folder, now_ns: int) -> str:
    """Why verdicts can't be told from what the bucket keeps; "" where they can.

    They look back on 30 school days, which after a summer are more days than the bucket may keep.
    """
    days = int(registry.targets().numbers.window_school_days.value)
    oldest_ns = now_ns - settings.raw_days * DAY_NS
    for school in folder.district.schools:
        today = districts.local(school, now_ns).date()
        if districts.midnight_ns(school, districts.window_begins(school, today, days)) < oldest_ns:
            return (
                f"InfluxDB keeps {settings.raw_days} days, and the last {days} school days of {school.name} "
                "began before that: ask the journal, or let it keep more (raw_days under [influx], then "
                "`firstbell influx setup` and `rebuild`)"
            )
    return ""


def _copies_again(home: Home, settings: InfluxSettings, journal: Journal, folder: Folder) -> None:
    """Write copies for boards into the bucket that was made anew."""
    outbox, reads = Outbox(journal, SINK), Reads(journal)
    try:
        way(home, settings, journal, reads, lambda: folder, home.clock, outbox).catch_up()
    finally:
        outbox.close()
        reads.close()


def evidence(
    home: Home,
    settings: InfluxSettings,
    outbox: Outbox,
    folder: Folder,
    facts_until: int | None = None,
) -> tuple[InfluxEvidence, Shipped]:
    """The second reader, and how far the bucket is. Raises SettingsError, StoppedError."""
    state = outbox.state()
    if state is None or not state.store:
        raise StoppedError("nothing was shipped yet: `firstbell influx ship` does, or a collector that runs")
    placed = Placed(folder.district, settings.district)
    if (state.folder, state.placed_as) != (folder.district.digest, placed.placed_as) or outbox.days_left():
        raise StoppedError(
            "the folder was changed since reports were shipped last: `firstbell influx ship` brings it there"
        )
    known = state.arrival if facts_until is None else min(facts_until, state.arrival)
    return InfluxEvidence(server(home, settings), settings.bucket, state.placed_as, known), state


def verify(
    home: Home, settings: InfluxSettings, journal: Journal, folder: Folder, progress: verifying.Progress
) -> Verified:
    """Compare the bucket with the journal. Raises StoreError, InfluxError, SettingsError."""
    outbox, reads = Outbox(journal, SINK), Reads(journal)
    try:
        copy, state = evidence(home, settings, outbox, folder)
        now_ns = home.clock.now_ns()
        today = now_ns // DAY_NS
        placer = Placed(folder.district, settings.district).placer()
        bounds = Bounds(max(outbox.first_day(), today - settings.raw_days + 1), today + 1)
        return verifying.verify(
            outbox,
            state,
            reads,
            copy,
            placer,
            folder,
            registry.targets(),
            bounds,
            now_ns,
            progress,
            without_verdicts=too_short(settings, folder, now_ns),
        )
    finally:
        outbox.close()
        reads.close()


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """What was made anew; `in_place` because the bucket holds `others`, too."""

    shipped: int
    aside: int
    in_place: bool
    others: tuple[str, ...]


def rebuild(
    home: Home, settings: InfluxSettings, journal: Journal, folder: Folder, progress: Progress
) -> Rebuilt:
    """Make the copy in InfluxDB anew, from the journal. Raises InfluxError, StoreError, SettingsError.

    In the spare bucket, which then takes the place of the other at once; a collector that runs waits
    meanwhile, and goes on with that. Where others are in the bucket, in place: what is this district's is
    taken away, and shipped again.
    """
    with _alone(home):
        done = _rebuild(home, settings, journal, folder, progress)
    _copies_again(home, settings, journal, folder)
    return done


def _rebuild(
    home: Home, settings: InfluxSettings, journal: Journal, folder: Folder, progress: Progress
) -> Rebuilt:
    to, reads = server(home, settings), Reads(journal)
    placed = Placed(folder.district, settings.district)
    setup.finish_swap(to, settings.bucket, settings.spare)
    ours = {placed.placed_as, _shipped_as(journal) or placed.placed_as}
    others = sorted(to.districts(settings.bucket) - ours)
    mine = not others and all(setup.is_ours(to, name) for name in (settings.bucket, settings.spare))
    outbox = Outbox(journal, f"{SINK} anew" if mine else SINK)
    try:
        found = to.bucket(settings.spare if mine else settings.bucket)
        # Before it is taken away, because this may be broken off in between: then all goes out anew.
        outbox.begin(found.id, folder.district.digest, placed.placed_as)
        for tags in [{}] if mine else [{"district": name} for name in sorted(ours)]:
            to.clear(found.id, tags)
        made = _shipper(settings, journal, reads, lambda: folder, home.clock, outbox, to, found)
        state = made.catch_up(progress)
        if mine:
            setup.swap(to, settings.bucket, settings.spare)
            active = Outbox(journal, SINK)
            active.take_over(outbox.sink)
            active.close()
            to.clear(to.bucket(settings.spare).id, {})
        return Rebuilt(shipped=state.shipped, aside=outbox.asides(), in_place=not mine, others=tuple(others))
    finally:
        outbox.close()
        reads.close()
        to.close()


def _shipped_as(journal: Journal) -> str:
    """The name that points bear which were shipped; the folder may have another one by now."""
    outbox = Outbox(journal, SINK)
    state = outbox.state()
    outbox.close()
    return state.placed_as if state else ""


def folder_of(journal: Journal) -> FolderOf:
    """The districts that the journal keeps, by their digests."""

    def find(digest: str) -> District | None:
        reads = Reads(journal)
        try:
            contents = reads.district(digest)
            return registry.again(contents) if contents is not None else None
        except (StoreError, FolderError):
            return None
        finally:
            reads.close()

    return find
