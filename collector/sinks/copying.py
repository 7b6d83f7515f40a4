"""Writes what boards show beside reports: copies of verdicts and states, and how far the sink itself is.

They may be lost and made again: none of them is in any cursor.
"""

from collections.abc import Sequence
from typing import Protocol

from collector.sinks import influx, pieces
from collector.sinks.influx import Server
from collector.sinks.standing import Bucket, Source
from firstbell.copies import SINK
from firstbell.points import Point, tag_text


class Makes(Protocol):
    """What makes copies (`collector.questions.boards`)."""

    def points(self, store: str, placed_as: str, as_of_ns: int) -> Sequence[Point]:
        """Those that are due at that moment, in that store and under that name."""

    def written(self) -> None:
        """What was made last is there: from now on only what differs from it is due."""


class Copier:
    """Writes copies into the bucket of reports. For one thread."""

    def __init__(self, source: Source, server: Server, bucket: Bucket, makes: Makes) -> None:
        self._outbox, self._server, self._bucket = source.outbox, server, bucket
        self._makes, self._folder_now, self._clock = makes, source.folder_now, source.clock

    def write(self) -> int:
        """Write what is due; how many points. Raises InfluxError, StoreError."""
        name, now_ns = self._folder_now().placed_as, self._clock.now_ns()
        points = [*self._makes.points(self._bucket.store, name, now_ns), self._own(name, now_ns)]
        good = influx.good_line(tag_text(name), now_ns)
        went = pieces.put(self._server, self._bucket, points, good, now_ns)
        self._makes.written()
        return went

    def _own(self, district: str, now_ns: int) -> Point:
        """How far the sink is."""
        state, newest = self._outbox.state(), self._outbox.newest()
        fields = {
            "behind_reports": newest - (state.arrival if state else 0),
            "aside_reports": self._outbox.asides(),
            "days_again": self._outbox.days_left(),
            "journal_reports": newest,
        }
        return Point(SINK.name, {"district": tag_text(district)}, dict(fields), now_ns)
