"""May this box test now? Each rule says why not, or nothing; the first that objects is heard.

A decision reads and changes nothing: whoever asks for it (`desk`) does what follows.
"""

import calendar as months
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Literal, NamedTuple

from collector.coordinator import bells
from collector.coordinator.bells import EDGE_S, Stretch
from collector.coordinator.book import Asked, Book, Charge, is_weekly
from collector.coordinator.places import Place
from firstbell import quiet as quiets
from firstbell.catalogue import PROBES
from firstbell.district import NS, District, School
from firstbell.district_settings import Budget
from firstbell.lease import Ask
from firstbell.quiet import Order
from firstbell.readiness import words

Kind = Literal[
    "kind", "clone", "start", "quiet", "budget", "class", "edge", "period", "busy", "turn", "journal"
]
KINDS: tuple[Kind, ...] = (
    "kind", "clone", "start", "quiet", "budget", "class", "edge", "period", "busy", "turn", "journal",
)  # fmt: skip
"""What a refusal may be for."""

WAITED_FOR = 2 / 3
"""Of a period, the part in which a box that had less is waited for although it has not asked yet."""
AGAIN_S = 60.0
WEEKLY_SHARE = 0.25
"""Of a budget, what is for weekly tests: they are longer than others, and must not eat what is theirs."""
_SAME_S = 1.0
"""Shares nearer to each other than this are the same."""


class No(NamedTuple):
    """Not now: what for, in words, and when it is worth asking again (None: not in this period)."""

    kind: Kind
    reason: str
    again_s: float | None = None


class Case(NamedTuple):
    """One box's question, and all that the answer depends on.

    `suspended` says why the box counts for nothing, "" if it does; `wait_s` how long nothing is granted yet
    after a start.
    """

    agent: str
    ask: Ask
    at_ns: int
    district: District
    orders: Sequence[Order]
    place: Place
    stretch: Stretch
    book: Book
    suspended: str = ""
    wait_s: float = 0.0

    @property
    def charge(self) -> Charge:
        """All that the test may use, of all its targets together."""
        return Charge(self.ask.max_seconds, self.ask.max_bytes).times(len(self.ask.targets))

    @property
    def weekly(self) -> bool:
        """Whether its kind runs once a week."""
        return is_weekly(self.ask.kind)

    @property
    def budget(self) -> Budget:
        """The district's budget of each site."""
        return self.district.settings.budget

    def until_s(self, at_ns: float) -> float:
        """Seconds from now until then."""
        return max(1.0, (at_ns - self.at_ns) / NS)


def decide(case: Case) -> No | None:
    """Why the box may not test now; None if it may."""
    return next((no for rule in RULES if (no := rule(case))), None)


def known_kind(case: Case) -> No | None:
    """Only heavy tests that the catalogue knows are granted."""
    probe = PROBES.get(case.ask.kind)
    return None if probe and probe.heavy else No("kind", "the district knows no heavy test of that kind")


def not_a_clone(case: Case) -> No | None:
    """Nothing for a name that two boxes use: it could be granted to one and used by both."""
    return No("clone", f"two boxes call themselves {case.agent}") if case.suspended else None


JUST_STARTED = "the collector has just started, and a test from before may still run"


def not_just_started(case: Case) -> No | None:
    """What was granted before a start may still run, whatever the journal knows of it."""
    if case.wait_s <= 0:
        return None
    return No("start", JUST_STARTED, case.wait_s)


def not_quiet(case: Case) -> No | None:
    """No line of a school in its quiet time is loaded, by whomever."""
    found = why_quiet(case.place.schools, case.district, case.orders, case.at_ns)
    return No("quiet", found[0], case.until_s(found[1] * NS)) if found else None


def why_quiet(
    schools: Sequence[School], district: District, orders: Sequence[Order], at_ns: int
) -> tuple[str, float] | None:
    """The quiet time that keeps a test on these schools' lines from running, and when it ends.

    A box that stands nowhere may stand at any of them: it keeps the quiet times of all.
    """
    for school in schools:
        quiet = quiets.at_school(district, orders, school, at_ns)
        if quiet:
            until = f"{words.weekday(quiet.until)}, {words.clock(quiet.until)}"
            why = f" ({quiet.why})" if quiet.why else ""
            return f"it is a quiet time at {school.name} until {until}{why}", quiets.ends_s(quiet, school)
    return None


def not_in_class(case: Case) -> No | None:
    """A weekly test takes minutes: it comes only in hours without class, at all schools on its lines."""
    if not case.weekly:
        return None
    for school in case.place.schools:
        if bells.stretch_at(school, case.at_ns).lessons:
            ends_ns = bells.lessons_end_ns(school, case.at_ns)
            again_s = case.until_s(ends_ns + EDGE_S * NS)
            return No("class", f"there is class at {school.name}; this test waits until it ends", again_s)
    return None


def not_at_the_edge(case: Case) -> No | None:
    """The whole test lies between the first and the last five minutes of a period: people come and go."""
    found = bells.at_the_edge(case.stretch, case.at_ns, case.charge.seconds)
    return No("edge", found[0], case.until_s(found[1])) if found else None


def once_a_period(case: Case) -> No | None:
    """At most one granted test of a kind for each box and period."""
    if not case.book.has_done(case.agent, case.ask.kind, case.stretch.begin_ns):
        return None
    return No("period", "this box has had its test in this period")


def line_free(case: Case) -> No | None:
    """One heavy test at a time for each line, building, access point and box."""
    other = case.book.holder(case.place.loads)
    if other is None:
        return None
    ends_ns = other.granted_ns + other.charge.seconds * NS
    again_s = max(AGAIN_S / 4, min(case.until_s(ends_ns), other.charge.seconds))
    return No("busy", "another test is loading the line", again_s)


def within_budget(case: Case) -> No | None:
    """What the site has left in this period, this day and this month covers all that the test may use."""
    if limits(case.budget) is None:
        return No("budget", "the district has no heavy tests")
    for name, left in _left(case):
        if not left.covers(case.charge):
            return No("budget", f"the {name}'s budget of this place does not cover the test")
    return None


def its_turn(case: Case) -> No | None:
    """Who has had less of the line for such tests this week goes first, if there is not enough for all.

    A box is waited for if it was told to come again, or asked in the period before this one; the latter only
    for two thirds of a period, so that a box which has fallen silent keeps nobody from testing.
    """
    left = dict(_left(case))["period"]
    needed = case.charge
    for charge in _ahead(case):
        needed = needed.plus(charge)
        if not left.covers(needed):
            return No("turn", "others here have had less of the line this week", _turn_again_s(case))
    return None


RULES: tuple[Callable[[Case], No | None], ...] = (
    known_kind,
    not_a_clone,
    not_just_started,
    not_quiet,
    not_in_class,
    not_at_the_edge,
    once_a_period,
    line_free,
    within_budget,
    its_turn,
)
"""In this order. What a test that runs may give back of the budget is known when its line is free."""


def limits(budget: Budget) -> tuple[Charge, Charge] | None:
    """The budget of a day and of a month; None where one of the numbers is 0."""
    day, month = (
        Charge(budget.day_seconds, budget.day_bytes),
        Charge(budget.month_seconds, budget.month_bytes),
    )
    return None if day.nothing or month.nothing else (day, month)


def _left(case: Case) -> Iterator[tuple[str, Charge]]:
    """What is left until the end of this period by the day's budget, and by the month's.

    Both grow evenly from period to period, and what was left over stays: so the morning can't eat what is the
    afternoon's, nor the first week the last one's. Weekly tests have a share of their own; it grows by days.
    """
    site, today, weekly = case.place.site, case.stretch.day, case.weekly
    share = WEEKLY_SHARE if weekly else 1 - WEEKLY_SHARE
    day, month = (limit.times(share) for limit in limits(case.budget) or (Charge(), Charge()))
    so_far = 1.0 if weekly else case.stretch.turn / case.stretch.turns
    yield "period", _less(day.times(so_far), case.book.used(site, today, weekly=weekly))
    date_ = date.fromisoformat(today)
    days = (date_.day - 1 + so_far) / months.monthrange(date_.year, date_.month)[1]
    yield "month", _less(month.times(days), case.book.used_in_month(site, today, weekly=weekly))


def _less(all_of_it: Charge, used: Charge) -> Charge:
    return Charge(all_of_it.seconds - used.seconds, all_of_it.bytes - used.bytes)


def _ahead(case: Case) -> Iterator[Charge]:
    """What those may need who come before this box."""
    mine = case.book.share(case.agent, case.ask.kind, case.stretch.day)
    early = case.at_ns < _two_thirds_ns(case.stretch)
    for agent, asked in case.book.askers(case.place.site, case.ask.kind):
        if agent == case.agent or not _is_waited_for(case, asked, early=early):
            continue
        if case.book.has_done(agent, asked.kind, case.stretch.begin_ns):
            continue
        if case.book.share(agent, asked.kind, case.stretch.day) < mine - _SAME_S:
            yield asked.charge


def _is_waited_for(case: Case, asked: Asked, *, early: bool) -> bool:
    if asked.stretch_ns == case.stretch.begin_ns:
        return asked.waiting
    return early and asked.stretch_ns >= case.stretch.before_ns


def _two_thirds_ns(stretch: Stretch) -> float:
    return stretch.begin_ns + WAITED_FOR * (stretch.end_ns - stretch.begin_ns)


def _turn_again_s(case: Case) -> float | None:
    """When those who had less have had their chance; later, as long as there is time."""
    later_ns = max(_two_thirds_ns(case.stretch), case.at_ns + AGAIN_S * NS)
    last_ns = case.stretch.end_ns - (EDGE_S + case.charge.seconds) * NS
    return case.until_s(later_ns) if later_ns <= last_ns else None
