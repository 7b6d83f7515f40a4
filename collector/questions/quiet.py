"""Quiet times: which hold, which are to come, and what somebody means who orders one."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

import msgspec

from collector.questions.ask import QuestionError
from collector.registry import Folder
from collector.store.quiets import Ordered
from collector.store.reads import Reads
from firstbell import district as districts
from firstbell import quiet as quiets
from firstbell.district import NS, District, School
from firstbell.quiet import LONGEST_S, WHY_CHARS, Order
from firstbell.readiness import words

USUAL_S = 2 * 3600
"""How long a quiet time lasts that somebody begins now and says nothing more of."""
_DURATION = re.compile(r"(\d{1,5}) ?(min|m|h|d)\Z")
_SECONDS = {"m": 60, "min": 60, "h": 3600, "d": 86_400}
_HOURS_CHARS = len("HH:MM")


class QuietTime(msgspec.Struct, frozen=True, kw_only=True):
    """One quiet time. `number` is what ends it; None for one that stands in district.toml.

    `since` and `until` are local times of its schools; `school` is empty where it is for all.
    """

    number: int | None
    since: str
    until: str
    where: str
    school: str
    why: str
    holds: bool


class QuietTimes(msgspec.Struct, frozen=True, kw_only=True):
    """Those that hold or are to come."""

    as_of_ns: int
    sentence: str
    times: tuple[QuietTime, ...]
    simulated: bool = False


def ask(reads: Reads, folder: Folder, as_of_ns: int) -> QuietTimes:
    """Every quiet time that holds somewhere or is to come."""
    district = folder.district
    times = (
        *(_ordered(district, order, as_of_ns) for order in standing(reads, district, as_of_ns)),
        *_written(district, as_of_ns),
    )
    return QuietTimes(
        as_of_ns=as_of_ns,
        sentence=_sentence(times),
        times=times,
        simulated=district.settings.simulated,
    )


def standing(reads: Reads, district: District, as_of_ns: int) -> list[Order]:
    """The orders that are not over everywhere."""
    return [
        order
        for order in reads.quiet_times(as_of_ns)
        if not all(quiets.is_over(order, school, as_of_ns) for school in _of(district, order))
    ]


def holding(reads: Reads, district: District, as_of_ns: int, school: str = "") -> list[int]:
    """The numbers of the orders that hold now; of those at one school and everywhere, with `school`."""
    return [
        order.number
        for order in standing(reads, district, as_of_ns)
        if any(quiets.holds(order, each, as_of_ns) for each in _of(district, order))
        and (not school or order.school in {"", school})
    ]


def from_now(
    district: District, at_ns: int, *, seconds: int = USUAL_S, school: str = "", why: str = ""
) -> Ordered:
    """A quiet time that begins now. Raises QuestionError."""
    now_s = at_ns // NS
    return _checked(
        Ordered(now_s, now_s + seconds, local=False, school=school_named(district, school), why=why)
    )


def between(district: District, text: str, at_ns: int, *, school: str = "", why: str = "") -> Ordered:
    """A quiet time `FROM..TO`, by the schools' own clocks. Raises QuestionError.

    Each end is a day and a time (`2026-12-07T08:00`), a day (all of it), or a time of today.
    """
    begins, dots, ends = (part.strip() for part in text.partition(".."))
    today = districts.local(_clock(district, school), at_ns).date()
    if not (dots and begins and ends):
        raise QuestionError(
            f"{text!r} is no stretch of time: write FROM..TO, as {today}T08:00..{today}T12:00"
        )
    since, until = _moment(begins, today, last=False), _moment(ends, today, last=True)
    found = Ordered(
        _as_utc(since), _as_utc(until), local=True, school=school_named(district, school), why=why
    )
    if quiets.is_over(_order(found), _clock(district, found.school), at_ns):
        raise QuestionError(f"{text}: that is over already")
    return _checked(found)


def seconds_of(text: str) -> int:
    """How long `2h`, `45m` or `1d` is. Raises QuestionError."""
    match = _DURATION.match(text.strip())
    if match is None:
        raise QuestionError(f"{text!r} is no stretch of time: write 45m, 2h or 1d")
    return int(match[1]) * _SECONDS[match[2]]


def _checked(ordered: Ordered) -> Ordered:
    if ordered.until_s <= ordered.since_s:
        raise QuestionError("a quiet time ends after it begins")
    if ordered.until_s - ordered.since_s > LONGEST_S:
        raise QuestionError("a quiet time lasts a year at most; longer ones stand in district.toml")
    if len(ordered.why) > WHY_CHARS or not ordered.why.isprintable():
        raise QuestionError(f"the reason is one line of up to {WHY_CHARS} characters")
    return ordered


def _moment(text: str, today: date, *, last: bool) -> datetime:
    """A local time as people write it; a day alone is its beginning, or with `last` its end."""
    try:
        if len(text) <= _HOURS_CHARS:
            return datetime.combine(today, time.fromisoformat(text.zfill(_HOURS_CHARS)))
        found = datetime.fromisoformat(text.replace(" ", "T"))
    except ValueError as error:
        raise QuestionError(f"{text!r} is no time: write 2026-12-07T08:00, 2026-12-07, or 08:00") from error
    if found.tzinfo:
        raise QuestionError(f"{text!r}: a local time of the schools, without a zone")
    whole_day = len(text) == len("2026-12-07")
    return found + timedelta(days=1) if whole_day and last else found


def _as_utc(at: datetime) -> int:
    return int(at.replace(tzinfo=UTC).timestamp())


def school_named(district: District, asked: str) -> str:
    """The id of the school that is meant; empty for all. Raises QuestionError."""
    if not asked:
        return ""
    try:
        return districts.find_school(district, asked).id
    except LookupError as error:
        raise QuestionError(str(error)) from error


def _clock(district: District, school: str) -> School:
    """Whose clock shows the order's times."""
    if school:
        return districts.school_of(district, school_named(district, school))
    plain = School(id="", name="", students=0, tz=district.settings.tz or districts.DEFAULT_TZ)
    return district.schools[0] if district.schools else plain


def _of(district: District, order: Order) -> Sequence[School]:
    """The schools that keep it; the district's clock where there are none."""
    found = [school for school in district.schools if order.school in {"", school.id}]
    return found or [_clock(district, "")]


def _order(ordered: Ordered) -> Order:
    return Order(number=0, since_s=ordered.since_s, until_s=ordered.until_s, local=ordered.local)


def _ordered(district: District, order: Order, as_of_ns: int) -> QuietTime:
    schools = _of(district, order)
    zone = UTC if order.local else districts.zone(schools[0].tz)
    return QuietTime(
        number=order.number,
        since=_said(datetime.fromtimestamp(order.since_s, zone)),
        until=_said(datetime.fromtimestamp(order.until_s, zone)),
        where=schools[0].name if order.school else "all schools",
        school=order.school,
        why=order.why,
        holds=any(quiets.holds(order, school, as_of_ns) for school in schools),
    )


def _written(district: District, as_of_ns: int) -> list[QuietTime]:
    found = []
    for quiet in district.settings.quiet:
        schools = [each for each in district.schools if not quiet.schools or each.id in quiet.schools]
        nows = [districts.local(school, as_of_ns).replace(tzinfo=None) for school in schools]
        if any(now < quiet.until for now in nows):
            found.append(
                QuietTime(
                    number=None,
                    since=_said(quiet.since),
                    until=_said(quiet.until),
                    where=words.listed([each.name for each in schools]) if quiet.schools else "all schools",
                    school=quiet.schools[0] if len(quiet.schools) == 1 else "",
                    why=quiet.why,
                    holds=any(quiet.since <= now < quiet.until for now in nows),
                )
            )
    return found


def _said(at: datetime) -> str:
    return at.replace(tzinfo=None).isoformat(timespec="minutes")


def _sentence(times: Sequence[QuietTime]) -> str:
    now = [each for each in times if each.holds]
    if not times:
        return "No quiet time holds, and none is to come."
    if not now:
        return f"No quiet time holds now; {words.count(len(times), 'quiet time')} to come."
    hold = "holds" if len(now) == 1 else "hold"
    return f"{words.count(len(now), 'quiet time')} {hold} now: no line there is loaded."
