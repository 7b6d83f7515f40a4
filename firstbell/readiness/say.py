"""Answers about a line as sentences in planners' words. Whatever is compared is told apart in print."""

from datetime import date
from typing import NamedTuple

from firstbell.readiness import attribution, words
from firstbell.readiness.links.answer import Side
from firstbell.readiness.proof import Bound, Progress
from firstbell.readiness.sizing import Factor, Need
from firstbell.readiness.verdict import State, label

BOX = "the box itself saw no more"
LIMITS = {
    attribution.BEHIND: "a line behind it may have been the limit",
    attribution.BEFORE: "seen through the schools' own lines only",
}
"""Why a line may carry more than was seen."""


class Called(NamedTuple):
    """What a line is called: as a link, in a table, in a sentence; who buys it, and what needs it.

    `sharers` is how many schools share it; of 0 it is `buyer`'s own.
    """

    link: str
    name: str
    carrier: str
    buyer: str
    teaching: str
    sharers: int = 0

    def bought(self, what: str) -> str:
        """Who buys `what` of it; of several lines that a district buys, which one."""
        if not self.sharers:
            return f"{self.buyer} buys {what}"
        return f"{self.carrier[0].upper()}{self.carrier[1:]} is bought at {what}"

    @property
    def nobody_entered(self) -> str:
        """What is not known while nobody entered what is bought."""
        return f"at what {self.carrier} is bought" if self.sharers else f"what {self.buyer} buys"


def on_paper(state: State, fall: int | None, bought_mbps: float | None, need: Need, called: Called) -> str:
    """On paper, not measured: just short. Lincoln High buys 1,000 Mbit/s; 1:1 flex needs 1,030 today."""
    answer, model = label(state, fall), called.teaching
    head = f"On paper, not measured: {answer[0].lower()}{answer[1:]}."
    if bought_mbps is None:
        needs, _ = _needs(need, state, fall, model, bought_mbps)
        return f"{head} Nobody has entered {called.nobody_entered}{_way(need)}; {needs}."
    needs, have = _needs(need, state, fall, model, bought_mbps)
    return f"{head} {called.bought(f'{words.mbit(have)}{_way(need)}')}; {needs}."


def measured(
    state: State, fall: int | None, have: Bound, need: Need, called: Called, limit: str, *, in_class: bool
) -> str:
    """The answer, what the line carries and how often, and what is needed; `in_class`: what is left over.

    `limit` says why more than this may be there; empty if it may not.
    """
    needs, number = _needs(need, state, fall, called.teaching, have.mbps, bound=True)
    carries = (
        f"even in class {called.carrier} has at least {words.mbit(number)} left over{_way(need)}"
        if in_class
        else f"{called.carrier} carries at least {words.mbit(number)}{_way(need)}"
    )
    limit = f" ({limit})" if limit else ""
    met = need.horizon if state is State.READY_THROUGH else need.today
    within = ", within what measuring can be off by" if state.ready and have.mbps < met else ""
    answer = label(state, fall, at_least=have.at_least)
    return f"{answer}: {carries} about {words.odds(have.share)}{limit}; {needs}{within}."


def _needs(
    need: Need, state: State, fall: int | None, model: str, have_mbps: float | None, *, bound: bool = False
) -> tuple[str, str]:
    """`1:1 flex needs 1,030 today and 2,020 in fall 2029`, and the text of what is compared with it."""
    then = fall if state.ready and fall is not None and fall > need.first_fall else None
    values = [need.today, *([need.mbps[then - need.first_fall]] if then else [])]
    if bound:
        texts = words.apart(*values, bound=have_mbps)
    else:
        texts = words.apart(*values, *(() if have_mbps is None else (have_mbps,)))
    later = f" and {texts[1]} in {words.fall(then)}" if then else ""
    return f"{model} needs {texts[0]} today{later}", texts[-1]


def _way(need: Need) -> str:
    return "" if need.direction == "down" else " upwards"


def box_limited(have: Bound, need: Need, called: Called, limit: str) -> str:
    """Too little was seen, but not because of this line."""
    needs, number = words.apart(need.today, bound=have.mbps)
    return (
        f"Not measured enough yet: {called.carrier} carries at least {words.mbit(number)}{_way(need)}, "
        f"but {limit}; {called.teaching} needs {needs} today."
    )


def too_few(progress: Progress, changed: date | None, stopped: str = "") -> str:
    """Not measured enough yet: 4 of 10 checks, answer about 15 December; or why no date may be promised."""
    since = f" since the line was changed on {words.day(changed)}" if changed else ""
    return f"Not measured enough yet: {_so_far(progress)}{since}{stopped or _prospect(progress)}."


def _so_far(progress: Progress) -> str:
    text = f"{progress.checks} of {words.count(progress.checks_wanted, 'check')}"
    if progress.checks >= progress.checks_wanted and progress.days < progress.days_wanted:
        text += f", on {progress.days} of {words.count(progress.days_wanted, 'day')}"
    if progress.checks >= progress.checks_wanted and progress.times < progress.times_wanted:
        text += f", at {progress.times} of {words.count(progress.times_wanted, 'time')} of day"
    return text


def _prospect(progress: Progress) -> str:
    if progress.answer_on:
        return f", answer about {words.day(progress.answer_on)}"
    if progress.place_missing:
        return ", all over Wi-Fi in one place"
    if progress.limited:
        return f"; in {progress.limited} more the box itself was the limit"
    return ""


def left_over(have: Bound | None, progress: Progress, *, certain: bool, settle: bool) -> str:
    """What is left over in class, beside the answer and never mixed into it."""
    if have is None:
        return f"Left over in class: not measured enough yet, {_so_far(progress)}."
    number = words.mbit(words.number(have.mbps, at_least=True))
    text = f"In class at least {number} are left over beside today's use, about {words.odds(have.share)}"
    if certain:
        return f"{text}. That alone covers the whole need: the answer is certain."
    if settle:
        return f"{text}. That is far below the need; reading the line's use would settle the answer."
    return f"{text}."


def worst(have: Bound, limit: str) -> str:
    """What many checks say of the worst times; `limit` is why more may be there."""
    limit = f" ({limit})" if have.at_least else ""
    number = words.mbit(words.number(have.mbps, at_least=True))
    return f"At least {number} about {words.odds(have.share)}{limit}."


def proof(have: Bound, framing: float, seen: int) -> str:
    """How the number came about, for whoever asks; technicians' words are allowed here.

    `seen` are all checks outside class in that direction, also those that can't speak about this number.
    """
    payload = words.worked(have.mbps / framing)
    lower = (
        f"Of {words.count(have.checks, 'check')} outside class that can speak about this speed {have.below} "
        f"lay lower; up to {have.rank - 1} may, at 95 % confidence."
    )
    silent = seen - have.checks
    more = f" {silent} more saw less and were limited by something else: they say nothing about it."
    return (
        f"{payload} Mbit/s of payload {words.TIMES} {words.exact(framing)} for the frames around it "
        f"= {words.worked(have.mbps)} Mbit/s of line. {lower}{more if silent else ''}"
    )


def working(side: Side) -> list[str]:
    """How one side of a line's answer came about: the need, its sources, the checks, what is left over."""
    way = {"down": "Down", "up": "Up"}[side.direction]
    return [
        f"{way}, need today: {side.need.working}",
        *(_source(factor) for factor in side.need.factors),
        *filter(None, [side.working, side.worst_sentence, side.left_over.sentence]),
    ]


def _source(factor: Factor) -> str:
    unit = f" {factor.unit}" if factor.unit else ""
    year = f", {factor.year}" if factor.year else ""
    judged = " (a judgement)" if factor.judgement else ""
    return f"{factor.name} {factor.value:g}{unit}: {factor.source}{year}{judged}"
