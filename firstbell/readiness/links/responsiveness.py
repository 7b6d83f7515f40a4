"""How fast pages react when everybody works: round trips to the internet in class, as replies a minute.

Replies a minute = 60,000 / the round trip in ms; its 95th percentile, averaged over an hour in class, by the
box of the school that waited least. Hours in which nobody works never give a pass: they only tell how long
the way itself takes. Where class adds less than 60 ms to that, pages wait for the distance and not for the
line, and that is enough as well. (Internet-Draft on responsiveness; facts: targets.md 6)
"""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from firstbell import stats
from firstbell.readiness import proof, words
from firstbell.readiness.links.answer import LinkAnswer, counted, sourced
from firstbell.readiness.models import Numbers

NAME = "How fast pages react when everybody works"
_MS_A_MINUTE = 60_000
_USUAL = 0.5


class Hour(NamedTuple):
    """One hour of one box: the mean of its looks' 95th percentiles to the nearest site, in ms."""

    day: date
    hour_ns: int
    in_class: bool
    rtt_ms: float


class Replies(NamedTuple):
    """What was seen: the hours and days in class, the delay in them, and what the way itself takes.

    `class_ms` is what three of four hours in class stay below; `quiet_ms` the median hour outside of it,
    None where none was seen.
    """

    hours: int
    days: int
    class_ms: float
    quiet_ms: float | None


def look(hours: Iterable[Hour], numbers: Numbers) -> Replies | None:
    """What a school's hours say; None without any in class."""
    best: dict[int, Hour] = {}
    for hour in hours:
        if hour.rtt_ms > 0 and (hour.hour_ns not in best or hour.rtt_ms < best[hour.hour_ns].rtt_ms):
            best[hour.hour_ns] = hour
    lessons = [hour for hour in best.values() if hour.in_class]
    quiet = [hour.rtt_ms for hour in best.values() if not hour.in_class]
    if not lessons:
        return None
    return Replies(
        hours=len(lessons),
        days=len({hour.day for hour in lessons}),
        class_ms=stats.nearest_rank([hour.rtt_ms for hour in lessons], 1 - proof.usual_share(numbers)),
        quiet_ms=stats.nearest_rank(quiet, _USUAL) if quiet else None,
    )


def judge(seen: Replies, people: int, fall: int, numbers: Numbers) -> LinkAnswer:
    """The link's answer; `fall` is the last that was asked for."""
    need, wanted, days = numbers.replies.value, int(numbers.checks.value), int(numbers.days.value)
    enough = seen.hours >= wanted and seen.days >= days
    so_far = f"{seen.hours} of {words.count(wanted, 'hour')} in class"
    so_far += f", on {seen.days} of {words.count(days, 'day')}"
    have = replies(seen, need)
    return counted(
        link="responsiveness",
        name=NAME,
        counted_in="replies a minute",
        people=people,
        have=have if enough else None,
        need=need,
        fall=fall,
        just_short=numbers.replies_poor.value / need,
        sentence=f"in class a page's request is answered within {words.number(seen.class_ms)}{words.NBSP}ms "
        f"about {words.odds(proof.usual_share(numbers))}",
        note="" if enough else so_far,
        working=_working(seen, numbers),
    )


def replies(seen: Replies, need: float) -> float:
    """Replies a minute in class; as many as are needed where class adds little to what the way takes."""
    found = _MS_A_MINUTE / seen.class_ms
    if seen.quiet_ms is None:
        return found
    added = max(seen.class_ms - seen.quiet_ms, _MS_A_MINUTE / need * 1e-3)
    return max(found, min(need, _MS_A_MINUTE / added))


def _working(seen: Replies, numbers: Numbers) -> tuple[str, ...]:
    need, poor = numbers.replies, numbers.replies_poor
    by = f"{words.count(seen.hours, 'hour')} on {words.count(seen.days, 'day')}"
    found = words.worked(_MS_A_MINUTE / seen.class_ms)
    quiet = "" if seen.quiet_ms is None else f" Outside class it takes {words.worked(seen.quiet_ms)} ms."
    return (
        f"60,000 / {words.worked(seen.class_ms)} ms = {found} replies a minute, by {by} in class.{quiet}",
        f"Need {need.value:g}, or less than 60 ms added in class: {sourced(need)}.",
        f"Poor below {poor.value:g}: {sourced(poor)}.",
    )
