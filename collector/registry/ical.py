"""The door to iCal files: text to events, each turn of a series by itself.

What comes out depends on the text alone, never on the day on which it is read. Started as a program it
reads a file from stdin and writes an `Answer`, so that no file can cost the collector its time or memory.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

import icalendar
import msgspec
import recurring_ical_events

from firstbell.folder_ical import Event

MOST_EVENTS = 20_000
MOST_YEARS = 15
_AFTER = timedelta(days=400)
"""So long after the last event that the file names its series go on: a year, and some days."""
_TOO_FAST = {"SECONDLY", "MINUTELY", "HOURLY"}
_NOT_SURE = {"CANCELLED", "TENTATIVE"}
_PARTS_OF_A_DAY = ("BYHOUR", "BYMINUTE", "BYSECOND")
MOST_MEMORY = 500_000_000
"""Bytes that the program may take, where the system knows such a bound."""
_DAY = timedelta(days=1)
_OFTEN = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
"""What the libraries raise at files that are none; all of it means that the file can't be read."""


class Answer(msgspec.Struct, frozen=True):
    """What the program says of a file: its events, or why there are none."""

    events: tuple[Event, ...] = ()
    trouble: str = ""


def read(text: str) -> list[Event]:
    """The events in `text`. Raises ValueError with what is wrong with it, in one sentence."""
    try:
        return list(_events(text))
    except _TroubleError:
        raise
    except _OFTEN as error:
        said = " ".join(str(error).split())[:120]
        raise ValueError(f"is no iCal file that can be read: {said}") from error


class _TroubleError(ValueError):
    """A file that could be read, and should not be."""


def _events(text: str) -> Iterator[Event]:
    found = icalendar.Calendar.from_ical(text)
    events = [event for event in found.walk("VEVENT") if isinstance(event, icalendar.Event)]
    if not events:
        return
    rules = [rule for event in events for rule in event.rrules]
    if any(map(_is_too_fast, rules)):
        raise _TroubleError("has an event that comes more than once a day: is this the right file?")
    starts = [_day(event.start) for event in events]
    ends = [_day(until) for rule in rules for until in rule.get("UNTIL", [])]
    first, last = min(starts), max([*starts, *ends]) + _AFTER
    if last - first > timedelta(days=366 * MOST_YEARS):
        raise _TroubleError(f"reaches over more than {MOST_YEARS} years: is this the right file?")
    turns = recurring_ical_events.of(found).between(
        datetime.combine(first - _DAY, time(), UTC), datetime.combine(last, time(), UTC)
    )
    if len(turns) > MOST_EVENTS:
        raise _TroubleError(f"holds more than {MOST_EVENTS} events: is this the right file?")
    for turn in turns:
        if isinstance(turn, icalendar.Event) and str(turn.get("STATUS", "")).upper() not in _NOT_SURE:
            yield _event(turn)


def _is_too_fast(rule: icalendar.vRecur) -> bool:
    """Whether an event with this rule may come more than once a day."""
    often = any(len(rule.get(part, [])) > 1 for part in _PARTS_OF_A_DAY)
    return often or bool(_TOO_FAST & {str(part).upper() for part in rule.get("FREQ", [])})


def _event(turn: icalendar.Event) -> Event:
    start, end = turn.start, turn.end
    name = str(turn.get("SUMMARY", ""))
    categories = tuple(str(category) for category in turn.categories)
    if isinstance(start, datetime):
        # In UTC it means the same wherever it is read.
        at = start.astimezone(UTC) if start.tzinfo else start
        return Event(start.date(), start.date(), name, categories, at)
    # The end of whole days is the first day after them.
    return Event(start, max(start, _day(end) - _DAY), name, categories)


def _day(at: date | datetime) -> date:
    return at.date() if isinstance(at, datetime) else at


def main() -> None:
    """Read the file on stdin and say what it holds."""
    try:
        _bound_memory()
        answer = Answer(tuple(read(sys.stdin.buffer.read().decode())))
    except ValueError as error:
        answer = Answer(trouble=str(error))
    sys.stdout.buffer.write(msgspec.msgpack.encode(answer))


def _bound_memory() -> None:
    try:
        import resource  # noqa: PLC0415 - no such module on Windows
    except ImportError:
        return
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    bound = MOST_MEMORY if most == resource.RLIM_INFINITY else min(MOST_MEMORY, most)
    resource.setrlimit(resource.RLIMIT_AS, (bound, most))


if __name__ == "__main__":
    main()
