"""What would change an answer: more of the line, fewer people, more checks, a better place for the box."""

from itertools import count, islice
from typing import Literal

import msgspec

from firstbell.readiness import attribution, sizing, whatif, words
from firstbell.readiness.links.answer import LinkAnswer, Side
from firstbell.readiness.links.line import Asked
from firstbell.readiness.links.students_at_once import Reach
from firstbell.readiness.verdict import State, enough

_LOOK_AHEAD_YEARS = 40

HUB = "On the shared line itself it would tell which line is the limit."
_PLACE = "Give the box a better place."

Kind = Literal["line", "seller", "people", "box", "checks", "folder", "time", "outages", "wifi", "other"]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that would change the answer: what to do in a few words, and what comes of it.

    `mbps` and `people` where it is a matter of a number; `order_mbps` is the size of line to order, the next
    one up that is sold.
    """

    kind: Kind
    title: str
    sentence: str
    link: str = ""
    mbps: float | None = None
    order_mbps: int | None = None
    people: int | None = None


def changes(asked: Asked, link: LinkAnswer, tried: Reach | None = None) -> tuple[Change, ...]:
    """What would change a line's answer, in the order in which to think of it.

    `tried`: how many students of the school it carries, where a class was played over it.
    """
    if asked.line is None:
        sentence = "Enter the school's line to the internet in circuits.csv."
        return (Change(kind="folder", title="Complete the district's folder.", sentence=sentence),)
    side = next(side for side in link.sides if side.measured == link.measured)
    state = link.measured.state
    if asked.whole:
        return (Change(kind="box", title="Put a box at the hub.", sentence=HUB, link=link.link),)
    if state is State.NOT_MEASURED:
        return (_to_measure(asked, side),)
    if state is State.READY_THROUGH:
        return _later(asked, side)
    return _to_be_ready(asked, side, tried)


_OTHERS: dict[str, tuple[Kind, str]] = {
    "students": ("other", "Find out what gives first: the tests say it."),
    "availability": ("outages", "Ask whoever runs the line about its outages."),
    "wifi": ("wifi", "Look at the Wi-Fi first."),
    "responsiveness": ("other", "Find out what fills the line in class: pages wait behind it."),
    "power": ("other", "Replace the batteries that don't last, or charge at noon."),
}


def of_other(link: LinkAnswer) -> tuple[Change, ...]:
    """What would change the answer of a link that is no line."""
    if link.link not in _OTHERS:
        return ()
    kind, title = _OTHERS[link.link]
    note = f"{link.note[:1].upper()}{link.note[1:]}." if link.note else link.measured.sentence
    return (Change(kind=kind, title=title, sentence=note, link=link.link),)


def _to_measure(asked: Asked, side: Side) -> Change:
    progress, link = side.progress, asked.called.link
    if side.measured.have is not None or progress.limited > progress.checks:
        proved = asked.line.proved(side.direction) if asked.line else None
        limits = {point.check.limit for point in proved.quiet} if proved else set()
        if limits & {attribution.BEHIND, attribution.BEFORE}:
            return Change(kind="box", title="Put a box at the hub.", sentence=HUB, link=link)
        sentence = "One that is faster, or on a faster port, would see more."
        return Change(kind="box", title=_PLACE, sentence=sentence, link=link)
    if asked.line and asked.line.has_box and asked.line.stopped:
        stopped = asked.line.stopped
        return Change(kind="box", title=stopped.title, sentence=stopped.sentence, link=link)
    if progress.place_missing:
        sentence = "A box on a cable, or one in a second place, would settle it."
        return Change(kind="box", title=_PLACE, sentence=sentence, link=link)
    if asked.line and asked.line.has_box:
        left = words.count(max(1, progress.checks_wanted - progress.checks), "more check")
        sentence = (
            f"{left} outside class; the box makes up to four on each school day."
            if progress.answer_on
            else "None is due soon: see whether the calendar has school days ahead."
        )
        return Change(kind="checks", title="Wait for more checks.", sentence=sentence, link=link)
    sentence = "No box that calls stands there: give one a place on this line in seats.csv."
    return Change(kind="box", title=f"Put a box on {asked.called.carrier}.", sentence=sentence, link=link)


def _to_be_ready(asked: Asked, side: Side, tried: Reach | None) -> tuple[Change, ...]:
    need, called = side.need, asked.called
    found = []
    if whatif.falls_short_of_paper(side, asked.numbers.tolerance.value):
        bought, have = words.apart(side.paper.have or 0.0, bound=side.measured.have)
        title = f"Ask whoever sells {called.carrier} why it carries so little."
        sentence = f"Of the {words.mbit(bought)} that are bought, {have} are all that is proved."
        found.append(Change(kind="seller", title=title, sentence=sentence, link=called.link))
    # Who buys enough already and only isn't seen to get it needs a better look, not a larger line.
    unseen = side.measured.at_least and (side.paper.have or 0.0) >= need.horizon
    if not unseen:
        found.append(_line(asked, side))
    if side.measured.state.short:
        # What was tried says nothing of the way up, see `outranked`.
        found += _fewer(asked, side, tried if side.direction == "down" else None)
    if side.measured.at_least:
        sentence = "A box on a faster port would see whether more is there."
        found.append(Change(kind="box", title=_PLACE, sentence=sentence, link=called.link))
    return tuple(found)


def _fewer(asked: Asked, side: Side, tried: Reach | None) -> list[Change]:
    """Begin with those whom the line carries: by the class that was played over it, else by its speed."""
    called = asked.called
    if tried:
        carried, until = tried
        who, how = "students", ", by the class that was played over it"
    else:
        carried, until = whatif.people_today(side, asked.people), whatif.people_through(side, asked.people)
        who, how = f"of the {called.sharers} schools' people" if called.sharers else "people", ""
    if not carried:
        return []
    then = f", about {words.number(until)} through {words.fall(side.need.last_fall)}" if until else ""
    title = f"Until then, begin with fewer {'students' if tried else 'people'}."
    sentence = f"Today's line carries about {words.number(carried)} {who} who are taught this way{then}{how}."
    return [Change(kind="people", title=title, people=carried, sentence=sentence, link=called.link)]


def _line(asked: Asked, side: Side) -> Change:
    way = "" if side.direction == "down" else " upwards"
    size = whatif.order(side)
    return Change(
        kind="line",
        link=asked.called.link,
        mbps=side.need.horizon,
        order_mbps=size,
        title=f"Order {words.mbit(f'{size:,}')}{way} for {asked.called.carrier}.",
        sentence=f"One that carries {words.mbit(words.number(side.need.horizon))}{way} is ready through "
        f"{words.fall(side.need.last_fall)}.",
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
            return (
                Change(kind="time", title="This stops it first.", sentence=sentence, link=asked.called.link),
            )
    return ()
