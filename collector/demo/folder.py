"""The town's district folder: what a technician would have entered of it. Tables by name, as texts."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import timedelta

from collector.demo.build import INTERNET
from collector.demo.names import SORTS
from collector.demo.town import Bells, Town

_SILENT_AFTER_S = 5_400
"""The demo's looks are thinned to one in thirty minutes at night: three of them make a silence."""
_TERM = timedelta(days=75)
FILES = ("district.toml", "schools.csv", "circuits.csv", "rooms.csv", "seats.csv")
"""The names of the folder's files, which are all that is thrown away with a demo."""


def contents(town: Town) -> dict[str, str]:
    """The folder's files by name."""
    return {
        "district.toml": _settings(town),
        "schools.csv": _table(
            ("id", "name", "students", "staff", "calendar", "gateway", "model"),
            (
                (site.id, site.name, site.students, site.staff, site.grade, gateway_of(n), site.model)
                for n, site in enumerate(town.sites)
            ),
        ),
        "circuits.csv": _table(
            ("id", "kind", "parent", "down_mbps", "up_mbps", "since", "schools"), _circuits(town)
        ),
        "rooms.csv": _table(
            ("school", "room", "name", "seats", "access_points"),
            (
                (site.id, room.name, f"Room {room.name}", room.seats, room.access_point)
                for site in town.sites
                for room in site.rooms
            ),
        ),
        "seats.csv": _table(("agent", "school", "room", "circuit", "since", "medium"), _seats(town)),
    }


def gateway_of(number: int) -> str:
    """The gateway of the school with this place in the list: an address that is kept for examples."""
    return f"198.51.100.{number + 1}"


def _settings(town: Town) -> str:
    first, last = town.days[0] - _TERM, town.days[-1] + 2 * _TERM
    lines = [
        f"# Made by `firstbell demo`, seed {town.seed}: nobody measured anything of this anywhere.",
        f'name = "{town.name}"',
        f'tz = "{town.tz}"',
        "simulated = true",
        "",
        "[thresholds]",
        f"silent_after_s = {_SILENT_AFTER_S}",
    ]
    for grade in sorted({site.grade for site in town.sites}):
        lines += [
            "",
            f"[calendars.{grade}]",
            f'terms = ["{first} to {last}"]',
            f"holidays = [{', '.join(_quoted(f'{day} teachers at work') for day in town.closed)}]",
            "",
            f"[calendars.{grade}.bells]",
            f"regular = [{', '.join(_quoted(period) for period in _periods(SORTS[grade].bells))}]",
        ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return f'"{text}"'


def _periods(bells: Bells) -> Iterable[str]:
    for number, (begin, end) in enumerate(bells.periods, 1):
        yield f"{begin:%H:%M}-{end:%H:%M} class period {number}"


def _circuits(town: Town) -> Iterable[Sequence[object]]:
    own = {site.line: site.id for site in town.sites}
    for line in town.lines:
        kind = "internet" if line.id == INTERNET else "wan"
        bought = f"{line.bought_mbps:.0f}"
        yield line.id, kind, line.parent, bought, bought, line.since or "", own.get(line.id, "")


def _seats(town: Town) -> Iterable[Sequence[object]]:
    wireless = {box.agent for box in town.boxes if box.wifi}
    for stay in town.stays:
        if stay.agent not in town.unplaced:
            yield (
                stay.agent,
                stay.school,
                stay.room,
                stay.line,
                stay.since or town.days[0],
                "wifi" if stay.agent in wireless and not stay.cable else "wired",
            )


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue()
