"""How long a district folder of 1,000 schools and 10,000 rooms takes to load, and to be asked.

The folder is written to a real disk: a line from each school to one of ten hubs, a line from each hub to the
internet, ten rooms a school, a box that stood in two places, calendars of A and B days. Beside it stands a
peer in the same run: what it costs to read the same files with Python's csv alone.

    python -m benchmarks.district [--schools 1000] [--runs 10] [--json] [--save]
"""

import argparse
import csv
import statistics
import tempfile
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from pathlib import Path

from benchmarks import bench
from benchmarks.ask import timed
from benchmarks.bench import Figure
from collector import registry
from firstbell import district as districts
from firstbell.district import District

ROOMS = 10
HUBS = 10
DAYS = 90
_TOML = """name = "A state's largest"
tz = "America/Chicago"
[calendars.default]
terms = ["2026-08-17 to 2027-05-28"]
holidays = ["2026-09-07 Labor Day", "2026-11-25 to 2026-11-27 Thanksgiving"]
cycle = ["A", "B"]
[calendars.default.bells]
A = ["08:00-09:30 Block 1", "09:36-11:06 Block 3", "11:40-13:10 Block 5", "13:16-14:46 Block 7"]
B = ["08:00-09:30 Block 2", "09:36-11:06 Block 4", "11:40-13:10 Block 6", "13:16-14:46 Block 8"]
"""
_FIRST_DAY = date(2026, 9, 1)


def texts(schools: int) -> dict[str, str]:
    """The folder's files."""
    ids = [f"school-{n}" for n in range(schools)]
    hubs = [f"hub-{n},internet,,10000," for n in range(HUBS)]
    lines = [f"line-{n},wan,hub-{n % HUBS},1000,{school}" for n, school in enumerate(ids)]
    rooms = [f"{school},{n},Room {n},30,ap-{school}-{n // 2}" for school in ids for n in range(ROOMS)]
    seats = [f"box-{n},{school},0,line-{n},2026-08-15" for n, school in enumerate(ids)]
    moved = [f"box-{n},{school},1,line-{n},2026-10-15" for n, school in enumerate(ids)]
    return {
        "district.toml": _TOML,
        "schools.csv": _table(
            "id,name,students,staff", (f"{school},School {school},600,50" for school in ids)
        ),
        "circuits.csv": _table("id,kind,parent,down_mbps,schools", [*hubs, *lines]),
        "rooms.csv": _table("school,room,name,seats,access_points", rooms),
        "seats.csv": _table("agent,school,room,circuit,since", [*seats, *moved]),
    }


def _table(header: str, lines: Iterable[str]) -> str:
    return "\n".join([header, *lines]) + "\n"


def write(folder: Path, schools: int) -> None:
    """Write the folder's files."""
    for name, text in texts(schools).items():
        (folder / name).write_text(text, encoding="utf-8")


def read_plainly(folder: Path) -> Callable[[], int]:
    """The peer: each cell of the tables read, and nothing looked at."""

    def run() -> int:
        cells = 0
        for path in folder.glob("*.csv"):
            with path.open(encoding="utf-8", newline="") as file:
                cells += sum(len(row) for row in csv.DictReader(file))
        return cells

    return run


def paths(district: District) -> int:
    """The way of each school on one day, as a page of the district asks for it."""
    return sum(len(districts.path_of(district, school.id, _FIRST_DAY)) for school in district.schools)


def places(district: District) -> int:
    """Where each box stood on each of 90 days, and in which period: what a month's backlog costs."""
    noons = [
        districts.midnight_ns(district.schools[0], _FIRST_DAY + timedelta(days=n)) + 12 * 3600 * districts.NS
        for n in range(DAYS)
    ]
    known = 0
    for seat in district.seats[: len(district.schools)]:
        for at_ns in noons:
            placed = districts.place_of(district, seat.agent, at_ns)
            known += placed is not None
            districts.period_of(district.schools[0], at_ns)
    return known


def measure(folder: Path, schools: int, runs: int) -> list[Figure]:
    """Load the folder again and again, and ask it."""
    write(folder, schools)
    loaded = timed(lambda: registry.read(folder), runs)
    plain = timed(read_plainly(folder), runs)
    district = registry.read(folder).district
    (first,) = timed(lambda: paths(district), 1)
    asked = timed(lambda: places(district), 3)
    moments = schools * DAYS
    return [
        Figure("schools", schools, "schools"),
        Figure("rooms", len(district.rooms), "rooms"),
        Figure("loading the folder, median", statistics.median(loaded), "ms", "2000"),
        Figure("loading the folder, worst", max(loaded), "ms", "2000"),
        Figure("peer: the same cells read by csv alone", statistics.median(plain), "ms"),
        Figure("ours to the peer", statistics.median(loaded) / statistics.median(plain), "times"),
        Figure("the ways of all schools on a new day", first, "ms"),
        Figure("place and period of one report", 1000 * statistics.median(asked) / moments, "us"),
    ]


def main() -> None:
    """Measure and show."""
    parser = bench.options(__doc__ or "")
    parser.add_argument("--schools", type=int, default=1000, help="in the district (default 1000)")
    parser.add_argument("--runs", type=int, default=10, help="of the loading (default 10)")
    told: argparse.Namespace = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="firstbell-bench-") as folder:
        figures = measure(Path(folder), told.schools, told.runs)
    bench.show("district", figures, told)


if __name__ == "__main__":
    main()
