"""What a group of students saw of a line in a few seconds, and whether that was good enough: no sockets here.

A group is watched from when it has settled. Its video is good if no more than a few pieces came when the
player had run dry, and if as much arrives as is asked for: what falls behind now is what players run dry of
later, and seconds are too short to wait for that. Pages, uploads and round trips have their limits.
(facts: measurement.md 5)
"""

from collections.abc import Sequence
from typing import NamedTuple

from firstbell.readiness.students import Student
from firstbell.stats import nearest_rank

VIDEO, PAGES, UPLOADS, TRIPS, CONNECTIONS = "video", "pages", "uploads", "round trips", "connections"

HARD_LATE = 0.1
"""Of the pieces due so far: beyond it there is nothing more to learn by going on."""
HARD_PIECES = 10
HARD_RTT_MS = 500.0
LAST_TRIPS = 5
SILENT_MS = 2000.0
"""A round trip that takes longer has failed."""
MOST_FAILURES = 3
"""Round trips that failed one after another, or connections that broke: as many are a hard sign."""
_P95 = 0.95
_MBIT = 8e-6


class Deed:
    """One thing that a student does: `due_s` is when it must have ended, if there is such a moment."""

    __slots__ = ("began_s", "due_s", "ended_s", "kind")

    def __init__(self, kind: str, began_s: float, due_s: float | None = None) -> None:
        self.kind, self.began_s, self.due_s = kind, began_s, due_s
        self.ended_s: float | None = None

    def late(self, now_s: float) -> bool:
        """Whether it came too late, or is missing by now."""
        return self.due_s is not None and (now_s if self.ended_s is None else self.ended_s) > self.due_s

    def took_s(self, now_s: float) -> float:
        """How long it took, or has taken so far."""
        return (now_s if self.ended_s is None else self.ended_s) - self.began_s


class Watched(NamedTuple):
    """What was seen of `students` from `since_s` to `until_s`.

    `owed` are looks at the bytes that had been asked for and not come, with their moments; `trips_ms` round
    trips, those without an answer as long as they have taken; `idle_ms` the idle line's median.
    """

    students: int
    since_s: float
    until_s: float
    deeds: Sequence[Deed]
    owed: Sequence[tuple[float, int]]
    trips_ms: Sequence[float]
    idle_ms: float
    broken: int


class Quality(NamedTuple):
    """How good it was. `worst` says how far the worst of its parts is up to its limit (1: just there)."""

    video_late_pct: float | None
    page_p95_ms: float | None
    upload_p95_ms: float | None
    rtt_p50_ms: float | None
    gave: str
    worst: float

    @property
    def good(self) -> bool:
        """Whether all was within its limits."""
        return self.worst <= 1.0


def hard_sign(seen: Watched) -> str:
    """What says already that it can't be good; "" if nothing does."""
    if seen.broken >= MOST_FAILURES:
        return CONNECTIONS
    last = seen.trips_ms[-LAST_TRIPS:]
    if len(last) == LAST_TRIPS and nearest_rank(last, 0.5) > HARD_RTT_MS:
        return TRIPS
    if len(last) >= MOST_FAILURES and min(last[-MOST_FAILURES:]) > SILENT_MS:
        return TRIPS
    pieces = _due(seen)
    late = sum(deed.late(seen.until_s) for deed in pieces)
    return VIDEO if len(pieces) >= HARD_PIECES and late > HARD_LATE * len(pieces) else ""


def judge(seen: Watched, student: Student) -> Quality:
    """How good it was, as far as it has come."""
    pieces = _due(seen)
    late = sum(deed.late(seen.until_s) for deed in pieces) / len(pieces) if pieces else None
    page_s, upload_s = (_p95_s(seen, kind, limit) for kind, limit in _limits(student))
    rtt_ms = nearest_rank(seen.trips_ms, 0.5) if seen.trips_ms else None
    added_ms = None if rtt_ms is None else rtt_ms - seen.idle_ms
    parts = {
        VIDEO: max(_share(late, student.late_share.value), behind(seen, student)),
        PAGES: _share(page_s, student.page_limit_s.value),
        UPLOADS: _share(upload_s, student.upload_limit_s.value),
        TRIPS: _share(added_ms, student.added_rtt_ms.value),
        CONNECTIONS: seen.broken / MOST_FAILURES * 2,
    }
    gave = max(parts, key=lambda part: parts[part])
    return Quality(
        video_late_pct=None if late is None else 100 * late,
        page_p95_ms=None if page_s is None else 1000 * page_s,
        upload_p95_ms=None if upload_s is None else 1000 * upload_s,
        rtt_p50_ms=rtt_ms,
        gave=gave,
        worst=parts[gave],
    )


def behind(seen: Watched, student: Student) -> float:
    """By how much less arrives than is asked for, as a share of what may be missing.

    The first third of the time is compared with the last. What is owed swings with every piece and page; over
    the length of a piece the former evens out, and half a page may be owed more at the end.
    """
    window_s = max(student.piece_s.value, (seen.until_s - seen.since_s) / 3)
    apart_s = seen.until_s - seen.since_s - window_s
    if apart_s <= 0:
        return 0.0
    first = [owed for at_s, owed in seen.owed if seen.since_s <= at_s < seen.since_s + window_s]
    last = [owed for at_s, owed in seen.owed if seen.until_s - window_s <= at_s <= seen.until_s]
    if not first or not last:
        return 0.0
    grown_mbps = (sum(last) / len(last) - sum(first) / len(first)) * _MBIT / apart_s
    may_mbps = student.drain_share.value * seen.students * student.down_mbps
    return max(0.0, grown_mbps) / (may_mbps + student.page_bytes.value / 2 * _MBIT / apart_s)


def _limits(student: Student) -> tuple[tuple[str, float], ...]:
    return (PAGES, student.page_limit_s.value), (UPLOADS, student.upload_limit_s.value)


def _due(seen: Watched) -> list[Deed]:
    """The pieces of video that had to be there in this time."""
    return [
        deed for deed in seen.deeds if deed.due_s is not None and seen.since_s <= deed.due_s <= seen.until_s
    ]


def _p95_s(seen: Watched, kind: str, limit_s: float) -> float | None:
    """Of those that ended in this time, and those that should have."""
    took = [
        deed.took_s(seen.until_s)
        for deed in seen.deeds
        if deed.kind == kind
        and (deed.ended_s or seen.until_s) >= seen.since_s
        # What is still under way says something only once it takes too long.
        and (deed.ended_s is not None or deed.took_s(seen.until_s) > limit_s)
    ]
    return nearest_rank(took, _P95) if took else None


def _share(value: float | None, limit: float) -> float:
    return 0.0 if value is None else max(0.0, value) / limit
