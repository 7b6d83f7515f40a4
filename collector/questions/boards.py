"""Everything that boards show beside reports: copies of verdicts, of states and of events, as points.

Nothing reads them back. What was said once and turned out not to have been (a backlog fills a silence) is
taken back by a point without length at the same place. The journal keeps what was said last, so that a start
of the collector hides no change.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from itertools import chain

import msgspec

from collector.questions import board_now, board_past
from collector.questions.board_verdicts import Key, Said, Verdicts
from collector.registry import Folder
from collector.store.copied import Copied
from collector.store.errors import StoreError
from collector.store.reads import Reads
from firstbell.catalogue import Reading
from firstbell.copies import OUTAGE, QUIET
from firstbell.district import NS
from firstbell.points import Placer, Point
from firstbell.readiness.models import Targets

_PAST_NS = 35 * 86_400 * NS
"""So far back events are looked at: what began before that stays as it was said last."""

log = logging.getLogger(__name__)

Place = tuple[str, frozenset[tuple[str, str]], int]
_KEY, _SAID = msgspec.json.Decoder(Key), msgspec.json.Decoder(Said)
_EVENT = msgspec.json.Decoder(tuple[str, dict[str, str], int])


class Boards:
    """Makes the points that are due. For one thread."""

    def __init__(
        self, reads: Reads, copied: Copied, folder_now: Callable[[], Folder], targets: Targets
    ) -> None:
        self._reads, self._copied = reads, copied
        self._folder_now, self._targets = folder_now, targets
        self._verdicts = Verdicts()
        self._events: dict[Place, Point] = {}
        self._next = self._verdicts, self._events
        self._where = ("", "")
        self._kept: dict[str, str] = {}

    def points(self, store: str, placed_as: str, as_of_ns: int) -> list[Point]:
        """What is to be written now into that store, under that name of the district. Raises StoreError."""
        self._look_up(store, placed_as)
        self._next = self._verdicts, self._events
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

    def _look_up(self, store: str, placed_as: str) -> None:
        """Take what the journal says was told there, where that is another than what was noted from here.

        As at a start, after a rename, in another store; and where a command has told something meanwhile.
        """
        kept = self._copied.of(store, placed_as)
        if self._where != (store, placed_as) or kept != self._kept:
            self._verdicts, self._events = _remembered(kept)
            self._where, self._kept = (store, placed_as), kept

    def written(self) -> None:
        """What was made last is there. Until this is said it is made anew at each time, changes and all.

        A journal that takes no note of it is tried again at the next time: it is written all the same.
        """
        self._verdicts, self._events = self._next
        words = _words(self._verdicts, self._events)
        changed = {place: said for place, said in words.items() if self._kept.get(place) != said}
        gone = dict.fromkeys(self._kept.keys() - words.keys())
        if changed or gone:
            try:
                self._copied.note(*self._where, {**changed, **gone})
            except StoreError as error:
                log.warning("%s", error)
            else:
                self._kept = words

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


def _words(verdicts: Verdicts, events: Iterable[Place]) -> dict[str, str]:
    """What was said, for the journal; an event stands there by its place alone."""
    words = {_text(key): _text(said) for key, said in verdicts.said.items()}
    return words | {_text((name, dict(sorted(tags)), at_ns)): "" for name, tags, at_ns in events}


def _remembered(words: Mapping[str, str]) -> tuple[Verdicts, dict[Place, Point]]:
    """The same the other way; nothing where another First Bell wrote it.

    An event without its fields is like none that is made: it is written again.
    """
    try:
        said = {_KEY.decode(place): _SAID.decode(said) for place, said in words.items() if said}
        events = [_EVENT.decode(place) for place, said in words.items() if not said]
    except msgspec.DecodeError:
        return Verdicts(), {}
    points = [Point(name, tags, {}, at_ns) for name, tags, at_ns in events]
    return Verdicts(said), {_place(point): point for point in points}


def _text(what: object) -> str:
    return msgspec.json.encode(what).decode()


def _place(point: Point) -> Place:
    return point.measurement, frozenset(point.tags.items()), point.at_ns


def _taken_back(point: Point) -> Point:
    fields: dict[str, Reading] = {**point.fields, "duration_s": 0.0, "text": ""}
    if point.measurement == OUTAGE.name:
        fields |= {"class_min": 0.0, "open": False, "end_ns": point.at_ns}
    if point.measurement == QUIET.name:
        fields["until_ns"] = point.at_ns
    return point._replace(fields=fields)
