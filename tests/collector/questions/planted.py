"""A small district on disk and its boxes' speed tests in a real journal, so many Mbit/s each."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from collector import registry
from collector.registry import Folder
from firstbell.catalogue import Reading
from firstbell.report import LimitedBy, Medium, Opening, Report, Segment
from tests.collector.workbench import NOW_NS, Bench, report

NOW = datetime.fromtimestamp(NOW_NS / 1e9, UTC)
"""A Monday, 12:53."""
FRAMING = 1538 / 1448


def write(
    path: Path,
    schools: dict[str, int],
    bought: dict[str, float | str],
    *,
    seats: tuple[str, ...] | None = None,
    settings: str = "",
    since: str = "",
) -> Folder:
    """A folder of schools (id to students) with a line each (id `line-<school>`), and a box `box-<school>`."""
    path.mkdir(exist_ok=True)
    (path / "district.toml").write_text(f'name = "Maple Valley"\ntz = "UTC"\n{settings}', encoding="utf-8")
    rows = [f"{key},{key.replace('-', ' ').title()},{students}" for key, students in schools.items()]
    (path / "schools.csv").write_text("\n".join(["id,name,students", *rows, ""]), encoding="utf-8")
    rows = [f"line-{key},internet,{mbps},{since},{key}" for key, mbps in bought.items()]
    (path / "circuits.csv").write_text(
        "\n".join(["id,kind,down_mbps,since,schools", *rows, ""]), encoding="utf-8"
    )
    rows = [f"box-{key},{key},line-{key}" for key in (schools if seats is None else seats)]
    (path / "seats.csv").write_text("\n".join(["agent,school,circuit", *rows, ""]), encoding="utf-8")
    return registry.read(path)


def check(at: datetime, mbps: float, **changes: object) -> Report:
    """A good test by a wired box that saw the line's own limit, `mbps` as contracts count."""
    good = msgspec.structs.replace(
        report(probe="internet", target="internet", at_ns=int(at.timestamp()) * 10**9),
        segment=Segment.INTERNET,
        medium=Medium.WIRED,
        limited_by=LimitedBy.LINE,
        readings={"down_mbps": mbps / FRAMING, "bytes_received": 400_000_000, "bytes_sent": 100_000_000},
    )
    return msgspec.structs.replace(good, **changes)


def trace(at: datetime, *routers: tuple[str, float], **changes: object) -> Report:
    """A trace over a cable to the site; each router with its address (empty: silent) and round trip in ms.

    Of the last, the target, a box doesn't tell the address.
    """
    readings: dict[str, Reading] = {"hops": len(routers)}
    for number, (address, rtt_ms) in enumerate(routers, start=1):
        if address:
            readings[f"hop{number:02}_rtt_ms"] = rtt_ms
        if address and number < len(routers):
            readings[f"hop{number:02}_address"] = address
    good = msgspec.structs.replace(
        report(probe="path", target="site", at_ns=int(at.timestamp()) * 10**9),
        segment=Segment.INTERNET,
        medium=Medium.WIRED,
        readings=readings,
    )
    return msgspec.structs.replace(good, **changes)


def days_before(most: int) -> list[datetime]:
    """The school days among so many days before now, the oldest first, at midnight."""
    found = [NOW - timedelta(days=day) for day in range(most, 0, -1)]
    return [day.replace(hour=0, minute=7) for day in found if day.weekday() < 5]


def quiet(mbps: float, days: int = 7, **changes: object) -> list[Report]:
    """Three tests outside class on each school day."""
    return [
        check(day.replace(hour=hour), mbps, **changes) for day in days_before(days) for hour in (3, 6, 20)
    ]


def send(bench: Bench, school: str, tests: list[Report]) -> None:
    """All of a school's box, as one start of it."""
    opening = Opening(predecessor=None, last_seq=0, ended="first")
    first = report(probe="box", target="", opening=opening, at_ns=NOW_NS - 10**16)
    assert bench.send(1, [first, *tests], agent=f"box-{school}", epoch=epoch_of(school)).refused == ()


def epoch_of(school: str) -> str:
    """The name of that start."""
    return f"{sum(map(ord, school)):016x}"
