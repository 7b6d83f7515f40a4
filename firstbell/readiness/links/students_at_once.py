"""How many students the line carries at once: classes that a box played over it, not reckoned but tried.

The newest few tests count, each by what it carried; the middle one is the answer, the outer edges say how
sure that is. Where something else than the line ended a test, it carried "at least" so many. One student of
the test asks what a person online is reckoned to ask (students.toml, models.toml): both are counted alike.
"""

import math
from datetime import date
from typing import NamedTuple

from firstbell.readiness import words
from firstbell.readiness.classes import Played, Trial
from firstbell.readiness.links.answer import LinkAnswer, sourced
from firstbell.readiness.models import Model, Number, Numbers
from firstbell.readiness.verdict import State, Verdict, enough, grade_steps, label
from firstbell.report import Segment

LINK = "students"
NAME = "Students at once"
NEWEST = 3
"""So many tests speak for today: one a week, so the last three weeks'."""
_ROUNDING = 1e-9


class Carried(NamedTuple):
    """What the newest tests of one part of the way say together.

    `students` are carried at once, `low` to `high` is how sure that is (`high` None: nothing gave); `days` on
    which they were seen, `left_out` why others don't count.
    """

    students: int
    low: int
    high: int | None
    at_least: bool
    segment: Segment
    days: tuple[date, ...]
    trials: tuple[Trial, ...]
    left_out: tuple[str, ...]


class Reach(NamedTuple):
    """So many students of a school are carried: today, and at the horizon."""

    today: int
    then: int


class Class(NamedTuple):
    """Whom a way of teaching puts on the line at once: so many `online` of all `students`."""

    students: int
    online: int
    working: str


def look(played: Played) -> Carried | None:
    """What a school's tests say; None without any that counts.

    Of two parts of the way the one that carries less is the answer: what it does not carry, nothing behind
    it gets to see.
    """
    parts = [
        _of_part(tuple(trial for trial in played.trials if trial.segment is segment)[-NEWEST:], played)
        for segment in (Segment.INTERNET, Segment.WAN)
    ]
    known = [part for part in parts if part is not None]
    return min(known, key=lambda part: (part.at_least, part.students), default=None)


def _of_part(trials: tuple[Trial, ...], played: Played) -> Carried | None:
    if not trials:
        return None
    exact = [trial for trial in trials if not trial.at_least]
    if exact:
        least = min(trial.ok for trial in exact)
        # One that says "at least" can only raise the answer.
        told = sorted(trial.ok for trial in trials if not trial.at_least or trial.ok >= least)
        students, at_least = told[(len(told) - 1) // 2], False
    else:
        students, at_least = max(trial.ok for trial in trials), True
    edges = [trial.high for trial in exact if trial.high is not None]
    return Carried(
        students=students,
        low=min(trial.low for trial in exact) if exact else students,
        high=max(edges) if edges else None,
        at_least=at_least,
        segment=trials[0].segment,
        days=tuple(dict.fromkeys(trial.day for trial in trials)),
        trials=trials,
        left_out=tuple(f"Left out: {count} ({reason.words})." for reason, count in played.left_out),
    )


def class_of(students: int, model: Model, numbers: Numbers) -> Class:
    """Those online at once in the busiest hour, as students of the test."""
    rate, usual = model.rate_mbps or numbers.rate_mbps, numbers.rate_mbps
    share = model.onsite_share.value * model.online_share.value * rate.value / usual.value
    online = math.ceil(students * share - _ROUNDING)
    parts = [
        f"{words.count(students, 'student')}",
        f"{words.exact(model.onsite_share.value)} on site",
        f"{words.exact(model.online_share.value)} online at once",
    ]
    if model.rate_mbps:
        parts.append(f"{words.exact(rate.value)} / {words.exact(usual.value)} Mbit/s each")
    return Class(students, online, f"{f' {words.TIMES} '.join(parts)} = {online:,} at once")


def judge(
    seen: Carried, students: int, model: Model, people: int, falls: tuple[int, int], numbers: Numbers
) -> LinkAnswer:
    """The link's answer for one way of teaching, from the first to the last of `falls`."""
    group = class_of(students, model, numbers)
    growth = 1 + numbers.growth.value
    steps = [group.online * growth**years for years in range(falls[1] - falls[0] + 1)]
    state, fall = _state(seen, group, steps, falls[0], numbers)
    text = label(state, fall, at_least=seen.at_least)
    note = _note(seen, students, numbers)
    return LinkAnswer(
        link=LINK,
        name=NAME,
        counted_in="students of a usual class",
        people=people,
        measured=Verdict(
            state=state,
            label=text,
            sentence=_sentence(seen, group, model, text)
            if state is not State.NOT_MEASURED
            else f"{NAME}: {note}.",
            need=group.online,
            have=seen.students,
            at_least=seen.at_least,
            ratio=seen.students / group.online,
            fall=fall,
        ),
        have=seen.students,
        at_least=seen.at_least,
        need=group.online,
        need_then=steps[-1],
        note=note,
        working=_working(seen, group, numbers),
    )


def carries(seen: Carried, students: int) -> str:
    """`carries about 410 of 1,080 students at once`, as it follows what carries them."""
    if seen.students >= students:
        return f"carries all {words.count(students, 'student')} at once"
    number = words.number(seen.students, at_least=True)
    about = "at least" if seen.at_least else "about"
    return f"carries {about} {number} of {words.count(students, 'student')} at once"


def told(seen: Carried | None, students: int, model: Model, numbers: Numbers) -> str:
    """The line carries about 410 of 1,080 students at once today (...): enough for 1:1 flex, which needs ...

    What is needed stands beside it always: 180 of 300 is plenty where 99 of them are online at once.
    """
    if seen is None or not students:
        return ""
    line = "The line" if seen.segment is Segment.INTERNET else "The line to the district"
    group = class_of(students, model, numbers)
    needs = f"needs {group.online:,} of them at once"
    if group.online > students:
        needs = f"asks for as much as {group.online:,} usual students at once"
    carried = enough(seen.students, group.online)
    rest = f"{'enough' if carried else 'too few'} for {model.name}, which {needs}"
    if not _settled(seen, group, numbers):
        rest = f"{model.name} {needs}"
    return f"{line} {carries(seen, students)} today ({_when(seen)}): {rest}."


def reach(seen: Carried | None, students: int, model: Model, years: int, numbers: Numbers) -> Reach | None:
    """How many students it carries who are taught this way; None if that was not tried enough."""
    group = class_of(students, model, numbers)
    if seen is None or not group.online or not _settled(seen, group, numbers):
        return None
    each = group.online / students
    then = each * (1 + numbers.growth.value) ** years
    return Reach(*(min(students, int(seen.students / share + _ROUNDING)) for share in (each, then)))


def _settled(seen: Carried, group: Class, numbers: Numbers) -> bool:
    """Whether enough was tried to say that it is enough, or too few."""
    tried = len(seen.days) >= numbers.class_tests.value
    return tried and (not seen.at_least or enough(seen.students, group.online))


def _state(
    seen: Carried, group: Class, steps: list[float], first_fall: int, numbers: Numbers
) -> tuple[State, int | None]:
    if not _settled(seen, group, numbers):
        return State.NOT_MEASURED, None
    return grade_steps(seen.students, steps, first_fall, numbers.just_short.value)


def _note(seen: Carried, students: int, numbers: Numbers) -> str:
    """Carries about 410 of 1,080 students at once."""
    wanted = int(numbers.class_tests.value)
    so_far = f"; {len(seen.days)} of {words.count(wanted, 'test')}" if len(seen.days) < wanted else ""
    return f"{carries(seen, students)}{so_far}"


def _when(seen: Carried) -> str:
    return f"tried on {words.listed([words.day(day) for day in seen.days])}"


def _sentence(seen: Carried, group: Class, model: Model, text: str) -> str:
    line = "the line" if seen.segment is Segment.INTERNET else "the line to the district"
    needs = f"{model.name} has {group.online:,} of them online at once"
    return f"{text}: {line} {carries(seen, group.students)}, {_when(seen)}; {needs}."


_HOW = (
    "A box plays a class over the line: each student watches a lesson in small pieces, opens pages, hands "
    "things in. More and more of them, until something is too slow; the edge is tried again. "
    "On lines of known speed it found up to 9 % more than they have room for."
)
_LIMITS = {
    "cap": "the test's own ceiling",
    "probe": "the box, which could play no more",
    "port": "the box's port",
    "wifi": "the box's Wi-Fi",
    "server": "the server",
    "cross_traffic": "what else the box did",
    "line_busy": "what else was on the line",
}


def _working(seen: Carried, group: Class, numbers: Numbers) -> tuple[str, ...]:
    tests: Number = numbers.class_tests
    return (
        f"Need: {group.working}.",
        _HOW,
        *(_trial(trial) for trial in seen.trials),
        f"An answer takes {words.count(int(tests.value), 'test')}: {sourced(tests)}.",
        *seen.left_out,
    )


def _trial(trial: Trial) -> str:
    """12 November: 410 carried; every try was good up to 405, some not from 420 on; video gave first."""
    each = f"{words.exact(round(trial.student_mbps, 2))} Mbit/s each"
    told = f"{words.day(trial.day)}: {'at least ' if trial.at_least else ''}{trial.ok:,} carried at {each}"
    if trial.high is not None:
        told += f"; every try was good up to {trial.low:,}, some not from {trial.high:,} on"
    if trial.gave and trial.high is not None:
        told += f"; what gave first: {trial.gave}"
    if trial.at_least:
        told += f"; what ended it: {_LIMITS.get(trial.limit, 'not known')}"
    return f"{told}."
