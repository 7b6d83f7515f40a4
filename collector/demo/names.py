"""What is invented in a simulated district: names, sizes, bells. No such place is meant."""

from datetime import time
from typing import NamedTuple

from collector.demo.town import Bells, Grade

DISTRICT = "Maple Valley"
TZ = "America/Chicago"


class Sort(NamedTuple):
    """What the schools of a grade have in common.

    `students` are the smallest and the largest. `need_mbps` is what a line must bring for each person there
    to teach as `model` says, typed in by hand from docs/models.md: the town's lines are bought by it.
    `use_mbps` is what a person takes today in the busiest hour, before anybody teaches that way.
    """

    students: tuple[int, int]
    model: str
    need_mbps: float
    use_mbps: float
    bells: Bells


def _bells(*at: str) -> Bells:
    times = [time.fromisoformat(one) for one in at]
    return Bells(tuple(zip(times[::2], times[1::2], strict=True)))


SORTS: dict[Grade, Sort] = {
    "elementary": Sort(
        (260, 480),
        "station_rotation",
        0.34,
        0.10,
        _bells("08:00", "09:30", "09:45", "11:15", "12:00", "13:20", "13:30", "14:40"),
    ),
    "middle": Sort(
        (480, 720),
        "individual_rotation",
        0.51,
        0.16,
        _bells("07:50", "08:55", "09:00", "10:05", "10:10", "11:15", "11:50", "12:55", "13:00", "14:05"),
    ),
    "high": Sort(
        (840, 1150),
        "flex",
        0.87,
        0.22,
        _bells("07:40", "08:50", "08:57", "10:07", "10:14", "11:24", "12:04", "13:14", "13:21", "14:31"),
    ),
}

SCHOOLS: tuple[tuple[str, Grade], ...] = (
    ("Lincoln High", "high"),
    ("Riverside Middle", "middle"),
    ("Millpond Elementary", "elementary"),
    ("Birchwood Elementary", "elementary"),
    ("Ridgeline High", "high"),
    ("Northgate Middle", "middle"),
    ("Fairview Elementary", "elementary"),
    ("Harbor Street Elementary", "elementary"),
    ("Highland Elementary", "elementary"),
    ("Quarry Hill Elementary", "elementary"),
    ("East High", "high"),
    ("Prairie Middle", "middle"),
    ("Sunset Elementary", "elementary"),
    ("Hillcrest Middle", "middle"),
    ("Valley View Elementary", "elementary"),
    ("Eastgate Elementary", "elementary"),
    ("Cedar Creek Middle", "middle"),
    ("Maple Valley High", "high"),
    ("Summit High", "high"),
    ("Career and Technical High", "high"),
    ("Westfield Middle", "middle"),
    ("Lakeview Middle", "middle"),
    ("Oak Ridge Middle", "middle"),
    ("Brookside Elementary", "elementary"),
    ("Clearwater Elementary", "elementary"),
    ("Cottonwood Elementary", "elementary"),
    ("Elm Street Elementary", "elementary"),
    ("Fox Hollow Elementary", "elementary"),
    ("Garden Park Elementary", "elementary"),
    ("Juniper Elementary", "elementary"),
    ("Maple Grove Elementary", "elementary"),
    ("Meadowbrook Elementary", "elementary"),
    ("Mill Creek Elementary", "elementary"),
    ("Orchard Elementary", "elementary"),
    ("Pine Ridge Elementary", "elementary"),
    ("Springfield Elementary", "elementary"),
    ("Stone Bridge Elementary", "elementary"),
    ("Stony Brook Elementary", "elementary"),
    ("Sycamore Elementary", "elementary"),
    ("Willow Bend Elementary", "elementary"),
)
"""Schools with a story come first, so that a small town has stories too."""

NORTH = (
    "Northgate Middle",
    "Highland Elementary",
    "Quarry Hill Elementary",
    "Stony Brook Elementary",
    "Westfield Middle",
)
EAST = (
    "East High",
    "Eastgate Elementary",
    "Harbor Street Elementary",
    "Sunset Elementary",
    "Lakeview Middle",
    "Clearwater Elementary",
    "Sycamore Elementary",
)
"""Schools that share a line to the district's own, by its side of the town."""
WANDERED = (
    "Lincoln High",
    "Riverside Middle",
    "Riverside Middle",
    "Ridgeline High",
    "Northgate Middle",
    "Summit High",
    "Maple Valley High",
    "East High",
    "Lakeview Middle",
    "Westfield Middle",
)
"""Where the boxes that wander go round, one each."""
CLOSETS = ("main closet", "library", "office")


def school_id(name: str) -> str:
    """The school's id: its name in lower case with dashes."""
    return name.lower().replace(" ", "-")
