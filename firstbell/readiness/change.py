"""What would change an answer: more of the line, fewer people, more checks, a better place for the box."""

from itertools import count, islice
from typing import Literal

import msgspec

from firstbell.readiness import attribution, sizing, whatif, words
from firstbell.readiness.links.answer import LinkAnswer, Side
from firstbell.readiness.links.line import Asked
from firstbell.readiness.verdict import State, enough

_LOOK_AHEAD_YEARS = 40

HUB = "A box at the hub, on the shared line itself, would tell which line is the limit."


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that would change the answer; `mbps` and `people` where it is a matter of a number.

    `order_mbps` is the size of line to order, the next one up that is sold.
    """

    kind: Literal["line", "seller", "people", "box", "checks", "folder", "time", "outages", "wifi", "other"]
    sentence: str
    link: str = ""
    mbps: float | None = None
    order_mbps: int | None = None
    people: int | None = None


def changes(asked: Asked, link: LinkAnswer) -> tuple[Change, ...]:
    """What would change a line's answer, in the order in which to think of it."""
    if asked.line is None:
        return (Change(kind="folder", sentence="Enter the school's line to the internet in circuits.csv."),)
    side = next(side for side in link.sides if side.measured == link.measured)
    state = link.measured.state
    if asked.whole:
        return (Change(kind="box", sentence=HUB, link=link.link),)
    if state is State.NOT_MEASURED:
        return _to_measure(asked, side)
    if state is State.READY_THROUGH:
        return _later(asked, side)
    return _to_be_ready(asked, side)


def of_other(link: LinkAnswer) -> tuple[Change, ...]:
    """What would change the answer of a link that is no line."""
    said = {
        "availability": ("outages", f"Ask whoever runs the line about its outages: {link.note}."),
        "wifi": ("wifi", f"Look at the Wi-Fi first: {link.note}."),
        "responsiveness": ("other", "Find out what fills the line in class: pages wait behind it."),
        "power": ("other", "Replace the batteries that don't last, or charge at noon."),
    }
    if link.link not in said:
        return ()
    kind, sentence = said[link.link]
    return (msgspec.convert({"kind": kind, "sentence": sentence, "link": link.link}, Change),)


def _to_measure(asked: Asked, side: Side) -> tuple[Change, ...]:
    progress = side.progress
    link = asked.called.link
    if side.measured.have is not None or progress.limited > progress.checks:
        beyond = (
            {point.check.limit for point in asked.line.proved(side.direction).quiet} if asked.line else set()
        )
        if beyond & {attribution.BEHIND, attribution.BEFORE}:
            return (Change(kind="box", sentence=HUB, link=link),)
        sentence = "A box that is faster, or on a faster port, would see more."
        return (Change(kind="box", sentence=sentence, link=link),)
    if progress.place_missing:
        sentence = "A box on a cable, or one in a second place, would settle it."
        return (Change(kind="box", sentence=sentence, link=link),)
    if progress.answer_on:
        left = words.count(max(1, progress.checks_wanted - progress.checks), "more check")
        sentence = f"{left} outside class; the box makes up to four on each school day."
        return (Change(kind="checks", sentence=sentence, link=link),)
    return (Change(kind="box", sentence="Give a box a place on this line in seats.csv.", link=link),)


def _to_be_ready(asked: Asked, side: Side) -> tuple[Change, ...]:
    need, called = side.need, asked.called
    found = []
    if whatif.falls_short_of_paper(side, asked.numbers.tolerance.value):
        bought, have = words.apart(side.paper.have or 0.0, bound=side.measured.have)
        sentence = (
            f"Ask whoever sells {called.carrier} why it carries {have} of the {words.mbit(bought)} bought."
        )
        found.append(Change(kind="seller", sentence=sentence, link=called.link))
    found.append(_line(asked, side))
    carried = whatif.people_today(side, asked.people)
    if side.measured.state.short and carried:
        until = whatif.people_through(side, asked.people)
        then = f", and about {words.number(until)} through {words.fall(need.last_fall)}" if until else ""
        sentence = (
            f"Until then, begin with fewer: today's line carries about {words.number(carried)} people "
            f"who are taught this way{then}."
        )
        found.append(Change(kind="people", people=carried, sentence=sentence, link=called.link))
    if side.measured.at_least:
        sentence = "A box on a faster port would see whether more is there."
        found.append(Change(kind="box", sentence=sentence, link=called.link))
    return tuple(found)


def _line(asked: Asked, side: Side) -> Change:
    way = "" if side.direction == "down" else " upwards"
    size = whatif.order(side)
    return Change(
        kind="line",
        link=asked.called.link,
        mbps=side.need.horizon,
        order_mbps=size,
        sentence=f"Order {words.mbit(f'{size:,}')}{way} for {asked.called.carrier}: one that carries "
        f"{words.number(side.need.horizon)} is ready through {words.fall(side.need.last_fall)}.",
    )


def _later(asked: Asked, side: Side) -> tuple[Change, ...]:
    """What stops it first, and when, if it grows on."""
    need, have = side.need, side.measured.have or 0.0
    growth, tolerance = asked.numbers.growth.value, asked.numbers.tolerance.value
    for year in islice(count(1), _LOOK_AHEAD_YEARS):
        if not enough(have, sizing.grown(need.horizon, growth, year), tolerance):
            fall = words.fall(need.last_fall + year)
            when = f"not be short before {fall}" if side.measured.at_least else f"first be short in {fall}"
            sentence = f"At {round(100 * growth)} % growth a year the line would {when}."
            return (Change(kind="time", sentence=sentence, link=asked.called.link),)
    return ()
