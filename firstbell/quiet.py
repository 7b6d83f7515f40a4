"""Quiet times: those that `district.toml` names, and those that somebody ordered since.

While one holds nothing heavy loads a line of its schools; cheap checks go on.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from firstbell import district as districts
from firstbell.calendar import NS
from firstbell.district import District, School

WHY_CHARS = 200
LONGEST_S = 366 * 86_400
"""No ordered quiet time lasts longer: a slip of the keyboard must not end all tests for good."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A quiet time that somebody ordered, at one school or (`school` empty) at all.

    `since_s` and `until_s` (not included) are seconds since 1970 UTC. With `local` they are what each
    school's own clock shows, read as if it stood in UTC.
    """

    number: int
    since_s: int
    until_s: int
    local: bool = False
    school: str = ""
    why: str = ""


class Quiet(NamedTuple):
    """A quiet time that holds at a school: until when (the school's local time), and why.

    `number` is the order's; None for one of `district.toml`.
    """

    until: datetime
    why: str
    number: int | None


def at_school(district: District, orders: Sequence[Order], school: School, at_ns: int) -> Quiet | None:
    """The quiet time that holds at the school, of several the one that lasts longest."""
    found = [
        Quiet(_until(order, school), order.why, order.number)
        for order in orders
        if order.school in {"", school.id} and holds(order, school, at_ns)
    ]
    if written := districts.quiet_at(district, school, at_ns):
        found.append(Quiet(written.until, written.why, None))
    return max(found, key=lambda quiet: quiet.until, default=None)


def holds(order: Order, school: School, at_ns: int) -> bool:
    """Whether the order holds by the school's clock at that moment."""
    return order.since_s <= _clock_s(order, school, at_ns) < order.until_s


def is_over(order: Order, school: School, at_ns: int) -> bool:
    """Whether its end has passed by the school's clock."""
    return _clock_s(order, school, at_ns) >= order.until_s


def ends_s(quiet: Quiet, school: School) -> float:
    """When it ends, in seconds since 1970 UTC."""
    return quiet.until.replace(tzinfo=districts.zone(school.tz)).timestamp()


def _clock_s(order: Order, school: School, at_ns: int) -> int:
    if not order.local:
        return at_ns // NS
    return int(districts.local(school, at_ns).replace(tzinfo=UTC).timestamp())


def _until(order: Order, school: School) -> datetime:
    zone = UTC if order.local else districts.zone(school.tz)
    return datetime.fromtimestamp(order.until_s, zone).replace(tzinfo=None)
