"""After a restore: which boxes have sent what they kept since the backup, and how much that was."""

import msgspec

from collector.store.reads import Reads
from collector.store.restored import KEPT_NS, Came
from firstbell.readiness.words import count

_SHOWN_NS = 2 * KEPT_NS
"""So long after a restore it is spoken of."""
_MOST_NAMED = 5


class Absent(msgspec.Struct, frozen=True, kw_only=True):
    """A box that has not sent everything yet. `missing` reports of it are known to be somewhere."""

    box: str
    heard: bool
    missing: int


class Returned(msgspec.Struct, frozen=True, kw_only=True):
    """How far boxes are after a restore: `back` of `boxes`, `again` reports, and those that are not back.

    `at_ns` is when it was restored, `taken_ns` of which moment the backup is. `too_old`: what boxes had sent
    more than seven days before the restore they keep no more, and it was not in the backup.
    """

    at_ns: int
    taken_ns: int
    boxes: int
    back: int
    again: int
    absent: tuple[Absent, ...]
    too_old: bool
    sentence: str


def ask(reads: Reads, now_ns: int, *, counted: bool = True) -> Returned | None:
    """How far they are; None where nothing was restored lately. Raises UnreadableError.

    Not `counted`, how many reports came again is left out, and the answer costs next to nothing.
    """
    found = reads.returned(counted=counted)
    if found is None or now_ns - found[0].at_ns > _SHOWN_NS:
        return None
    restored, came = found
    absent = tuple(
        Absent(box=each.agent, heard=each.heard, missing=each.missing) for each in came if not _is_back(each)
    )
    back, again = len(came) - len(absent), sum(each.again for each in came)
    return Returned(
        at_ns=restored.at_ns,
        taken_ns=restored.taken_ns,
        boxes=len(came),
        back=back,
        again=again,
        absent=absent,
        too_old=restored.at_ns - restored.taken_ns > KEPT_NS,
        sentence=_sentence(len(came), back, again if counted else None, absent),
    )


def _is_back(each: Came) -> bool:
    return each.heard and not each.missing


def _sentence(boxes: int, back: int, again: int | None, absent: tuple[Absent, ...]) -> str:
    verb = "has" if boxes == 1 else "have"
    came = "" if again is None else f": {count(again, 'report')} came again"
    whose = "it" if boxes == 1 else "they"
    said = f"{back:,} of {count(boxes, 'box', 'boxes')} {verb} sent what {whose} kept{came}."
    if not absent:
        return said
    names = ", ".join(f"{each.box} ({_why(each)})" for each in absent[:_MOST_NAMED])
    more = f" and {len(absent) - _MOST_NAMED} more" if len(absent) > _MOST_NAMED else ""
    return f"{said} Not yet: {names}{more}."


def _why(each: Absent) -> str:
    if each.missing:
        return f"{each.missing:,} of its reports are missing"
    return "nothing heard since"
