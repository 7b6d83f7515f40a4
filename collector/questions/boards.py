"""Everything that boards show beside reports: copies of verdicts, of states and of events, as points.

Nothing reads them back. What was said once and turned out not to have been (a backlog fills a silence) is
taken back by a point without length at the same place.
"""

from collections.abc import Callable, Mapping
from itertools import chain

from collector.questions import board_now, board_past
from collector.questions.board_verdicts import Verdicts
from collector.registry import Folder
from collector.store.reads import Reads
from firstbell.catalogue import Reading
from firstbell.copies import OUTAGE, QUIET
from firstbell.district import NS
from firstbell.points import Placer, Point
from firstbell.readiness.models import Targets

_PAST_NS = 35 * 86_400 * NS
"""So far back events are looked at: what began before that stays as it was said last."""

Place = tuple[str, frozenset[tuple[str, str]], int]


class Boards:
    """Makes the points that are due. For one thread."""

    def __init__(self, reads: Reads, folder_now: Callable[[], Folder], targets: Targets) -> None:
        self._reads, self._folder_now, self._targets = reads, folder_now, targets
        self._verdicts = Verdicts()
        self._events: dict[Place, Point] = {}
        self._next = self._verdicts, self._events
        self._where = ("", "")

    def points(self, store: str, placed_as: str, as_of_ns: int) -> list[Point]:
        """What is to be written now into that store, under that name of the district. Raises StoreError."""
        if self._where != (store, placed_as):  # nothing of what was written elsewhere is there
            self._where = store, placed_as
            self._verdicts, self._events = Verdicts(), {}
        folder = self._folder_now()
        if not folder.district.schools:
            return []
        placer = Placer(folder.district, placed_as)
        verdicts = self._verdicts.copy()
        due = list(verdicts.due(self._reads, folder, self._targets, placer.name, as_of_ns))
        events = self._events_of(folder, placer.name, as_of_ns)
        self._next = verdicts, events
        now = board_now.points(self._reads, folder, self._targets, placer, as_of_ns)
        return [*due, *now, *self._news(events, as_of_ns)]

    def written(self) -> None:
        """What was made last is there. Until this is said it is made anew at each time, changes and all."""
        self._verdicts, self._events = self._next

    def _events_of(self, folder: Folder, district: str, as_of_ns: int) -> dict[Place, Point]:
        since_ns = as_of_ns - _PAST_NS
        made = chain(
            board_past.outages(self._reads, folder, district, since_ns, as_of_ns),
            board_past.quiet_times(self._reads, folder, district, since_ns),
        )
        return {_place(point): point for point in made if point.at_ns > since_ns}

    def _news(self, events: Mapping[Place, Point], as_of_ns: int) -> list[Point]:
        """The events that are others than those that were written, and those that turned out to be none."""
        gone = [
            _taken_back(point)
            for place, point in self._events.items()
            if place not in events and point.at_ns > as_of_ns - _PAST_NS
        ]
        return [*gone, *(point for place, point in events.items() if self._events.get(place) != point)]


def _place(point: Point) -> Place:
    return point.measurement, frozenset(point.tags.items()), point.at_ns


def _taken_back(point: Point) -> Point:
    fields: dict[str, Reading] = {**point.fields, "duration_s": 0.0, "text": ""}
    if point.measurement == OUTAGE.name:
        fields |= {"class_min": 0.0, "open": False, "end_ns": point.at_ns}
    if point.measurement == QUIET.name:
        fields["until_ns"] = point.at_ns
    return point._replace(fields=fields)
