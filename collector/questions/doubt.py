"""When nobody can say whose word a box's is: two boxes have its name, and nobody has decided yet.

What either says is no evidence: not of the line, not of the rooms, not of whether the school was up. The
box's own page says that nothing of it counts.
"""

from collections.abc import Mapping, Sequence

from collector.store.port import Evidence
from collector.store.reads import Box, Suspension
from firstbell.district import NS

Doubts = Mapping[str, Sequence[tuple[int, int | None]]]
"""Of each doubtful box from when until when (not included; None: still), in nanoseconds since 1970 UTC."""
_HOUR_NS = 3600 * NS


def spans(reads: Evidence, facts_until: int) -> Doubts:
    """The doubtful times of all boxes: from the earlier of the two starts until somebody decided.

    What was found or decided after the report `facts_until` is not known yet.
    """
    found: dict[str, list[tuple[int, int | None]]] = {}
    for doubt in reads.suspensions():
        if doubt.since_arrival <= facts_until:
            decided = (doubt.decided_arrival or 0) <= facts_until
            until_ns = doubt.decided_ns if decided else None
            found.setdefault(doubt.agent, []).append((_begin_ns(doubt), until_ns))
    return found


def _begin_ns(doubt: Suspension) -> int:
    """The hour in which the earlier of the two starts was; 0 where a start did not say when it was."""
    begin_ns = min(doubt.since_ns, doubt.begin_ns or 0)
    return begin_ns - begin_ns % _HOUR_NS


def without(boxes: Sequence[Box], doubts: Doubts) -> list[Box]:
    """The boxes' times, less those in which it is doubtful whose word it is; every time must have an end."""
    found: list[Box] = []
    for agent, from_ns, to_ns in boxes:
        pieces = [(from_ns, to_ns or 0)]
        for begin, end in doubts.get(agent, ()):
            until = (to_ns or 0) if end is None else end
            pieces = [
                piece
                for a, b in pieces
                for piece in ((a, min(b, begin)), (max(a, until), b))
                if piece[0] < piece[1]
            ]
        found += [(agent, begin, end) for begin, end in pieces]
    return found


def holds(agent: str, at_ns: int, doubts: Doubts) -> bool:
    """Whether it is doubtful whose word it is that was said at that moment."""
    return any(begin <= at_ns and (end is None or at_ns < end) for begin, end in doubts.get(agent, ()))
