"""The data map: every thing that is kept anywhere, from data_map.toml, held against what the program has.

Tables and columns are asked of a new journal and a new spool; tags, probes and settings of the program.
What is on one side only stops the page from being made. Files that `Home` does not name are told by hand
([[others]]).
"""

import sqlite3
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from agent import config as agent
from agent.spool import migrations
from collector import config as collector
from collector.store.journal import open_journal
from firstbell import catalogue, district, points
from firstbell.folder import COLUMNS
from firstbell.metrics import MOST_HOPS, hop_address, hop_rtt_ms
from firstbell.report import Report
from scripts.pages import retention
from scripts.pages.markdown import code, table
from scripts.pages.settings import fields

_FILE = Path(__file__).with_name("data_map.toml")
_SETTINGS: dict[str, type[msgspec.Struct]] = {
    "agent.toml": agent.Settings,
    "collector.toml": collector.Settings,
    "district.toml": district.Settings,
}
_NUMBERS = (bool, int, float)
Tables = Mapping[str, tuple[str, ...]]
"""The columns of each table."""


@cache
def entries() -> dict[str, Any]:
    """What the map says."""
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))


def journal() -> str:
    """One line for each kind of thing in the collector's journal."""
    return _stored("journal", journal_tables())


def spool() -> str:
    """The same for a box's spool."""
    return _stored("spool", spool_tables())


def files() -> str:
    """One line for each file and for everything that is kept elsewhere."""
    home = collector.Home(Path())
    known = [name for name, member in vars(collector.Home).items() if _is_place(home, name, member)]
    named = {entry["name"]: entry for entry in entries()["files"]}
    agree("files of the data folder", known, named)
    rows = [
        [
            entry["what"],
            entry["why"],
            f"`{getattr(home, name)}` in the collector's data folder",
            *_ends(entry),
        ]
        for name, entry in named.items()
    ]
    rows += [[entry["what"], entry["why"], entry["where"], *_ends(entry)] for entry in entries()["others"]]
    return table(["what", "why", "where", "how long", "who sees it"], rows)


def measured() -> str:
    """One line a probe: every number that it brings, and whether that is about people or names a place."""
    why = entries()["probes"]
    agree("probes", catalogue.PROBES, why)
    rows = [
        [code(probe.name), why[probe.name], ", ".join(_numbers(probe.metrics)), _about(probe.metrics)]
        for probe in catalogue.PROBES.values()
    ]
    return table(["probe", "why", "what it brings", "about people"], rows)


def reported() -> str:
    """One line for each thing that a report says beside the numbers of its probe."""
    says = entries()["report"]
    agree("report", Report.__struct_fields__, says)
    return table(["in each report", "what it is"], [[code(name), says[name]] for name in says])


def tags() -> str:
    """One line a tag."""
    says = entries()["tags"]
    agree("tags", points.TAGS, says)
    return table(["tag", "what it is"], [[code(tag), says[tag]] for tag in points.TAGS])


def entered() -> str:
    """What people enter: columns of the district's folder, and settings whose value is a text."""
    columns = {file: says.split() for file, says in entries()["columns"].items()}
    agree("files of the district's folder", COLUMNS, columns)
    rows = []
    for file, (known, _) in COLUMNS.items():
        agree(file, known, columns[file])
        rows.append([code(file), ", ".join(map(code, known)), "what the district enters of its schools"])
    agree("settings", _SETTINGS, entries()["settings"])
    for file, kind in _SETTINGS.items():
        says = entries()["settings"][file]
        texts = text_settings(kind)
        named = [name for names in says.values() for name in names]
        agree(file, texts, named)
        rows += [[code(file), ", ".join(map(code, names)), what] for what, names in says.items()]
    return table(["file", "entered there", "what it is"], rows)


def out() -> str:
    """What leaves the district, and to whom."""
    looked_at = ", ".join(
        code(str(target["host"])) for target in agent.DEFAULT_TARGETS if target["host"] != "gateway"
    )
    rows = [
        [
            f"{entry['to']} ({looked_at} by default)" if "web sites" in entry["to"] else entry["to"],
            entry["what"],
            entry["when"],
        ]
        for entry in entries()["out"]
    ]
    return table(["to whom", "what", "when"], rows)


# --- what the program has -------------------------------------------------------------------------------


def journal_tables() -> Tables:
    """The tables of a journal that this program makes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        open_journal(path)
        with closing(sqlite3.connect(path)) as db:
            return _tables(db)


def spool_tables() -> Tables:
    """The tables of a spool that this program makes."""
    with closing(sqlite3.connect(":memory:")) as db:
        for migration in migrations.MIGRATIONS:
            migration(db)
        return _tables(db)


def text_settings(kind: type[msgspec.Struct]) -> list[str]:
    """The settings that are no number and no yes or no: what a text may hold has to be told."""
    return [name for name, hint, _ in fields(kind) if hint not in _NUMBERS and not _bounded_number(hint)]


def agree(what: str, has: Iterable[str], tells: Iterable[str]) -> None:
    """The program has exactly what the map tells. Raises LookupError that names the difference."""
    has, tells = set(has), set(tells)
    if untold := sorted(has - tells):
        raise LookupError(f"{_FILE.name}, {what}: kept, and not told: {', '.join(untold)}")
    if gone := sorted(tells - has):
        raise LookupError(f"{_FILE.name}, {what}: told, and not there: {', '.join(gone)}")


def _bounded_number(hint: Any) -> bool:  # noqa: ANN401 - types are values here
    return getattr(hint, "__origin__", None) in _NUMBERS


def _tables(db: sqlite3.Connection) -> Tables:
    names = db.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    ).fetchall()
    return {name: tuple(row[1] for row in db.execute(f"PRAGMA table_info({name})")) for (name,) in names}


def _stored(where: str, has: Tables) -> str:
    told: dict[str, list[str]] = {}
    rows = []
    for entry in entries()[where]:
        here = dict(line.split(" ", 1) for line in entry["tables"])
        told |= {name: columns.split() for name, columns in here.items()}
        rows.append([entry["what"], entry["why"], ", ".join(map(code, here)), *_ends(entry)])
    agree(f"tables of the {where}", has, told)
    for name, columns in has.items():
        agree(f"{where}, table {name}", columns, told[name])
    return table(["what", "why", "tables", "how long", "who sees it"], rows)


def _ends(entry: Mapping[str, str]) -> list[str]:
    """How long it is kept, and who sees it."""
    return [retention.lines()[entry["long"]].long, entries()["who"][entry["who"]]]


def _is_place(home: collector.Home, name: str, member: object) -> bool:
    return (
        isinstance(member, property)
        and name not in {"demo", "clock"}
        and isinstance(getattr(home, name), Path)
    )


_HOPS = {name(number) for number in range(2, MOST_HOPS + 1) for name in (hop_address, hop_rtt_ms)}


def _numbers(metrics: Iterable[str]) -> Iterator[str]:
    """Names of metrics; of the routers on a way those of the first stand for all."""
    for name in metrics:
        if name not in _HOPS:
            more = f" to `{name.replace('hop01', f'hop{MOST_HOPS}')}`" if name.startswith("hop01") else ""
            yield code(name) + more


def _about(metrics: Iterable[str]) -> str:
    """What of it could be about people or shows a place in the network."""
    found = {name for name in metrics if name in catalogue.OF_PEOPLE}
    told = [
        f"{code(name)} counts people's devices: shown from the threshold on (ten)" for name in sorted(found)
    ]
    if any(catalogue.METRICS[name].kind == "address" for name in metrics):
        told.append("addresses of routers, none of a device that people hold")
    return "; ".join(told) or "no"
