"""Summers: times in which schools stand dark, and nobody is to be called because a box is silent.

Somebody says so; the calendar isn't asked, for a box is unplugged when the floors are waxed and not when a
term ends. A summer changes what is called silent and whom an alert wakes. It changes no answer: those go by
the school's calendar.
"""

from collections.abc import Iterable
from datetime import date, timedelta

import msgspec

from firstbell import district as districts
from firstbell.district import NS, School

LONGEST_DAYS = 200
"""No summer is said to be longer: a slip of the keyboard must not keep alerts quiet for good."""
UNPLUGGED_NS = 86_400 * NS
"""Boxes are unplugged, and then somebody says that it is summer: within a day of it."""


class Summer(msgspec.Struct, frozen=True, kw_only=True):
    """A summer at one school, or (`school` empty) at all.

    It holds from `since_ns` (1970 UTC) until `back`, the local day on which the boxes are expected (None:
    nobody said, so for LONGEST_DAYS), or until somebody ended it at `ended_ns`.
    """

    number: int
    since_ns: int
    back: date | None = None
    school: str = ""
    ended_ns: int | None = None


def over_on(summer: Summer, school: School) -> date:
    """The local day on which it is over by itself: when boxes are expected, or after LONGEST_DAYS."""
    return summer.back or districts.local(school, summer.since_ns).date() + timedelta(days=LONGEST_DAYS)


def holds(summer: Summer, school: School, at_ns: int) -> bool:
    """Whether it is summer there at that moment."""
    if summer.school not in {"", school.id} or at_ns < summer.since_ns:
        return False
    if summer.ended_ns is not None and at_ns >= summer.ended_ns:
        return False
    return districts.local(school, at_ns).date() < over_on(summer, school)


def excuses(summer: Summer, silent_ns: int | None) -> bool:
    """Whether a silence since `silent_ns` (None: it is none) may be for that summer.

    What was silent a day and more before it began was not unplugged for it, and is looked for as ever.
    """
    return silent_ns is None or silent_ns >= summer.since_ns - UNPLUGGED_NS


def at_school(summers: Iterable[Summer], school: School, at_ns: int) -> Summer | None:
    """The summer that holds at the school; of several the one that lasts longest."""
    found = [summer for summer in summers if holds(summer, school, at_ns)]
    return max(found, key=lambda summer: over_on(summer, school), default=None)


def last_at(summers: Iterable[Summer], school: School, at_ns: int) -> Summer | None:
    """The summer that began last at the school, over or not; None if none began by then."""
    found = [each for each in summers if each.school in {"", school.id} and each.since_ns <= at_ns]
    return max(found, key=lambda summer: (summer.since_ns, summer.number), default=None)
