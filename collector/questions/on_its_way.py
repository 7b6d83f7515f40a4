"""Where a box is on its way from its card to its first report, and whether it was shut out, in a sentence."""

from collections.abc import Iterable

from collector.store.identities import Enrolment
from firstbell.district import NS
from firstbell.readiness import words

_DAY_NS = 86_400 * NS


def shut_out(agent: str) -> str:
    """What is said of a box of which nothing is taken."""
    return f"Shut out: nothing of it is taken. A mistake? firstbell box let-back {agent}"


def at_the_door(cards: Iterable[Enrolment], agent: str) -> str:
    """That it waits for somebody's word; empty if it doesn't."""
    for card in cards:
        if card.agent == agent and card.key is not None and card.decided_ns is None:
            let_in = f"firstbell box let-in {card.number}"
            return f"Waits at the door: let it in on the boxes\u2019 page, or: {let_in}"
    return ""


def before_its_first_report(cards: Iterable[Enrolment], agent: str, now_ns: int) -> str:
    """Where a box is that never called; empty in a district that has given no cards."""
    every = list(cards)
    if not every:
        return ""
    mine = [card for card in every if card.agent == agent]
    if waits := at_the_door(mine, agent):
        return waits
    if any(card.let_in and card.key is not None for card in mine):
        return (
            "Let in, and no report yet: it asks again within some minutes. If none comes: "
            "firstbell-agent doctor, there"
        )
    return _of_newest(mine[-1], now_ns) if mine else f"No card yet: firstbell box card {agent} --out FOLDER"


def _of_newest(card: Enrolment, now_ns: int) -> str:
    if card.key is not None:
        return (
            f"Kept out: its card {card.number} counts no more. A new one: "
            f"firstbell box card {card.agent} --out FOLDER"
        )
    if card.expires_ns <= now_ns:
        return f"Its card ended, and nobody used it: firstbell box card {card.agent} --out FOLDER"
    left = words.count((card.expires_ns - now_ns) // _DAY_NS + 1, "day")
    unused = f"Its card wasn\u2019t used yet, and is good for {left} more"
    return f"{unused}: is the box plugged in, and the card on it?"
