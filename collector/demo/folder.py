"""The town's district folder: what a technician would have entered of it. Tables by name, as texts."""

import csv
import io
from collections.abc import Iterable, Sequence

from collector.demo.town import Stay, Town


def contents(town: Town) -> dict[str, str]:
    """The folder's files by name."""
    return {
        "district.toml": _settings(town),
        "schools.csv": _table(
            ("id", "name", "students", "staff"),
            ((site.id, site.name, site.students, site.staff) for site in town.sites),
        ),
        "circuits.csv": _table(("id", "kind", "down_mbps", "up_mbps", "since", "schools"), _circuits(town)),
        "seats.csv": _table(("agent", "school", "room", "circuit", "since", "medium"), _seats(town)),
    }


def _settings(town: Town) -> str:
    return f'# Made by `firstbell demo`, seed {town.seed}.\nname = "{town.name}"\ntz = "{town.tz}"\n'


def _circuits(town: Town) -> Iterable[Sequence[object]]:
    for site in town.sites:
        line = town.line(site.line)
        bought = f"{line.bought_mbps:.0f}"
        yield line.id, "internet", bought, bought, line.since or "", site.id


def _seats(town: Town) -> Iterable[Sequence[object]]:
    mediums = {box.agent: "wifi" if box.wifi else "wired" for box in town.boxes}
    for stay in town.stays:
        if stay.agent not in town.unplaced and stay.school:
            yield _seat(stay, mediums)


def _seat(stay: Stay, mediums: dict[str, str]) -> Sequence[object]:
    return stay.agent, stay.school, stay.room, stay.line, stay.since or "", mediums[stay.agent]


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue()
