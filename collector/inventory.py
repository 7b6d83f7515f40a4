"""The district as Ansible's inventory: who is there, and what the roles need of it; nothing is typed twice.

Names in a folder are other people's words, and Ansible takes `{{ ... }}` in a variable for a program. So
every text that is more than plain letters is marked as one never to be worked out (`!unsafe`).
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from collector import updates
from collector.config import BrokerSettings, DeploySettings, Home, KeepSettings, Settings, WebSettings
from firstbell import district as districts
from firstbell.district import District, Seat
from firstbell.settings import SettingsError

Value = str | int | float | bool | None | Mapping[str, "Value"] | Sequence["Value"]
RESERVED = frozenset(
    {"all", "boxes", "collector", "grafana", "influxdb", "localhost", "macs", "pilot"}
    | {"reference", "ungrouped", "windows"}
)
"""Names that mean something else to Ansible: no box can bear them there."""
_THIS_MACHINE = {"127.0.0.1", "::1", "localhost"}
_HTTPS = 443
_PLAIN = re.compile(r"[A-Za-z0-9 ._:/,@+-]*\Z")
_OF_ROLES = {
    "broker": frozenset(msgspec.structs.asdict(BrokerSettings())),
    "web": frozenset(msgspec.structs.asdict(WebSettings())),
    "deploy": frozenset(msgspec.structs.asdict(DeploySettings())),
    "enrol": frozenset({"collector", "broker", "broker_port"}),
    "keep": frozenset({"repository", "password_file", "environment_file"}),
}
"""What the roles make of variables in collector.toml, by table; the rest goes along as it is."""


class Group(NamedTuple):
    """Machines by name, and the variables that hold for all of them."""

    hosts: Sequence[str]
    variables: Mapping[str, Value]


class Inventory(NamedTuple):
    """Variables by machine, and groups by name; `all` holds what counts everywhere."""

    hosts: Mapping[str, Mapping[str, Value]]
    groups: Mapping[str, Group]


def of(home: Home, settings: Settings, district: District, now_ns: int) -> Inventory:
    """The inventory as it is now.

    Raises SettingsError where something lacks, or a name can't be, and UpdateError where a key is none.
    """
    seats = {
        agent: seat
        for agent in sorted({seat.agent for seat in district.seats})
        if (seat := districts.whereabouts(district, agent, now_ns))
    }
    server = _server(home, settings)
    _check(home, settings, seats, server)
    domain = settings.deploy.domain
    hosts: dict[str, Mapping[str, Value]] = {
        name: _box(district, seat, f"{name}.{domain}" if domain else "") for name, seat in seats.items()
    }
    hosts |= {name: {"reference_name": _short(name)} for name in settings.deploy.reference}
    hosts.setdefault(server, {})
    everywhere: dict[str, Value] = {"ansible_user": settings.deploy.user} if settings.deploy.user else {}
    groups = {"all": Group((), everywhere), "collector": Group((server,), _of_server(home, settings))}
    groups["boxes"] = Group(tuple(seats), _of_boxes(settings) | _of_updates(home))
    if settings.deploy.pilot:
        groups["pilot"] = Group(settings.deploy.pilot, {})
    if urlsplit(settings.influx.url).hostname in _THIS_MACHINE:
        groups["influxdb"] = Group(
            (server,), {"influxdb_url": settings.influx.url, "influxdb_org": settings.influx.org}
        )
        groups["grafana"] = Group((server,), {"grafana_install": settings.deploy.grafana})
    if settings.deploy.reference:
        groups["reference"] = Group(settings.deploy.reference, {})
    for school in district.schools:
        inside = tuple(name for name, seat in seats.items() if seat.school == school.id)
        if inside:
            known: dict[str, Value] = {"firstbell_school": school.id, "firstbell_school_name": school.name}
            groups[f"school_{school.id.replace('-', '_')}"] = Group(inside, known)
    return Inventory(hosts, groups)


def _server(home: Home, settings: Settings) -> str:
    found = settings.deploy.server or urlsplit(settings.enrol.collector).hostname or ""
    if not found or not settings.enrol.broker:
        raise SettingsError(
            str(home.settings),
            ["name the server for schools: collector (https://NAME:8830) and broker under [enrol]"],
        )
    return found


def _check(home: Home, settings: Settings, seats: Mapping[str, Seat], server: str) -> None:
    """See that every name can be one, and that each means one machine."""
    wrong = [
        f"seats.csv: a box can't be called {name} where Ansible deploys it"
        for name in seats
        if name in RESERVED
    ]
    wrong += [
        f"deploy.pilot: {name[:60]!r} is no box with a place"
        for name in settings.deploy.pilot
        if name not in seats
    ]
    others = [server, *settings.deploy.reference]
    wrong += [f"{name} is a box and a server" for name in others if name in seats]
    wrong += [f"{name[:60]!r} can't be a server's name" for name in others if not _machine(name)]
    if wrong:
        raise SettingsError(str(home.settings), wrong)


def _machine(name: str) -> bool:
    return bool(re.match(r"[A-Za-z0-9][A-Za-z0-9.-]*\Z", name)) and name not in RESERVED - {"localhost"}


def _short(machine: str) -> str:
    return machine if re.match(r"[0-9.]+\Z", machine) else machine.split(".", maxsplit=1)[0].lower()


def _box(district: District, seat: Seat, address: str) -> dict[str, Value]:
    zone = districts.school_of(district, seat.school).tz if seat.school else district.settings.tz
    known: dict[str, Value] = {"ansible_host": address} if address else {}
    known |= {"agent_timezone": zone or districts.DEFAULT_TZ, "firstbell_line": seat.circuit}
    return known | ({"firstbell_room": seat.room} if seat.room else {})


def _of_boxes(settings: Settings) -> dict[str, Value]:
    known: dict[str, Value] = {
        "agent_broker": settings.enrol.broker,
        "agent_broker_port": settings.enrol.broker_port,
        "agent_collector": settings.enrol.collector,
    }
    servers = [{"name": _short(name), "host": name, "segment": "wan"} for name in settings.deploy.reference]
    return known | ({"agent_servers": servers} if servers else {})


def _of_updates(home: Home) -> dict[str, Value]:
    """The public half of the key for updates, where one lies in the data folder. Raises UpdateError."""
    path = home.folder / updates.KEY
    return {"agent_update_key": updates.Key(path).public} if path.exists() else {}


def _of_server(home: Home, settings: Settings) -> dict[str, Value]:
    address = urlsplit(settings.enrol.collector)
    known: dict[str, Value] = {
        "collector_district": str(home.district),
        "collector_broker": settings.enrol.broker,
        "collector_broker_port": settings.enrol.broker_port,
        "broker_names": [settings.enrol.broker],
        "broker_port": settings.enrol.broker_port,
    }
    if address.hostname:
        known["collector_names"] = [address.hostname]
        # As boxes read that address.
        known["collector_port"] = address.port or _HTTPS
    if settings.web.cert_file and not settings.web.on_loopback:
        known |= {"collector_cert_file": settings.web.cert_file, "collector_key_file": settings.web.key_file}
    if settings.keep.repository:
        known |= _of_backups(home, settings.keep)
    rest = _rest(settings)
    return known | ({"collector_settings": rest} if rest else {})


def _of_backups(home: Home, keep: KeepSettings) -> dict[str, Value]:
    """Where backups go; the files are this machine's, and the role copies them."""
    files = {"password": keep.password_file, "environment": keep.environment_file}
    known: dict[str, Value] = {"collector_backup_repository": keep.repository}
    return known | {
        f"collector_backup_{what}_file": str(home.folder / name) for what, name in files.items() if name
    }


def _rest(settings: Settings) -> dict[str, Value]:
    """What stands in the other tables and is not as it would be by itself."""
    said, usual = msgspec.to_builtins(settings), msgspec.to_builtins(Settings())
    tables = {
        name: {
            key: value
            for key, value in table.items()
            if value != usual[name][key] and key not in _OF_ROLES.get(name, frozenset())
        }
        for name, table in said.items()
    }
    return {name: table for name, table in tables.items() if table}


def as_json(inventory: Inventory) -> str:
    """As an inventory script prints it for `--list`."""
    groups = {
        name: {"hosts": list(group.hosts), "vars": _marked(group.variables)}
        for name, group in inventory.groups.items()
        if name != "all"
    }
    everything = {"children": sorted(groups), "vars": _marked(inventory.groups["all"].variables)}
    hosts = {name: _marked(variables) for name, variables in inventory.hosts.items()}
    return json.dumps({"_meta": {"hostvars": hosts}, "all": everything, **groups}, indent=2)


def host_as_json(inventory: Inventory, name: str) -> str:
    """As an inventory script prints it for `--host NAME`."""
    return json.dumps(_marked(inventory.hosts.get(name, {})), indent=2)


def _marked(value: Value) -> object:
    if isinstance(value, str):
        return value if _PLAIN.match(value) else {"__ansible_unsafe": value}
    if isinstance(value, Mapping):
        return {key: _marked(inner) for key, inner in value.items()}
    return [_marked(inner) for inner in value] if isinstance(value, Sequence) else value


def as_yaml(inventory: Inventory) -> str:
    """As an inventory file. Texts are in double quotes, whatever they are."""
    lines = [
        "# Made by `firstbell district inventory`: change the district's folder and collector.toml instead."
    ]
    lines += ["all:", *_yaml_vars(inventory.groups["all"].variables, "  "), "  children:"]
    for name, group in inventory.groups.items():
        if name == "all":
            continue
        lines += [f"    {name}:", *_yaml_vars(group.variables, "      "), "      hosts:"]
        for host in group.hosts:
            # A machine's own variables stand where it is named first.
            own = inventory.hosts[host] if name in {"boxes", "collector", "reference"} else {}
            lines.append(f"        {_quoted(host)}:" + ("" if own else " {}"))
            lines += _yaml(own, "          ")
    return "\n".join(lines) + "\n"


def _yaml_vars(variables: Mapping[str, Value], indent: str) -> list[str]:
    return [f"{indent}vars:", *_yaml(variables, f"{indent}  ")] if variables else []


def _yaml(values: Mapping[str, Value], indent: str) -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield f"{indent}{_quoted(key)}:"
            yield from _yaml(value, f"{indent}  ")
        else:
            yield f"{indent}{_quoted(key)}: {_flow(value)}"


def _flow(value: Value) -> str:
    if isinstance(value, str):
        return _quoted(value) if _PLAIN.match(value) else f"!unsafe {_quoted(value)}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_quoted(key)}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return json.dumps(value)


def _quoted(text: str) -> str:
    """A text in double quotes, which YAML reads back as it was: what can't be seen is written as a number."""
    return "".join(
        sign if sign.isprintable() else f"\\U{ord(sign):08x}" for sign in json.dumps(text, ensure_ascii=False)
    )
