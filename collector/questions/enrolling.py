"""Which boxes wait to be let in, who came with a copied card, and who was shut out."""

from contextlib import closing

import msgspec

from collector.questions import box_words
from collector.store import identities
from collector.store.errors import told
from collector.store.identities import Enrolment
from collector.store.journal import Journal
from firstbell import district as districts
from firstbell.district import District
from firstbell.enrolment import fingerprint


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """A box that came with a card. `key` are the first 64 bits of its key, as the box itself shows them.

    `place` is where the district wants it, "" if nobody said; `came_ns` when it came, ns since 1970 UTC;
    `doubled` how often another machine came with a copy of its card.
    """

    number: int
    agent: str
    place: str
    key: str
    came_ns: int
    doubled: int


class Enrolling(msgspec.Struct, frozen=True, kw_only=True):
    """Boxes that `wait` for somebody's word, those let in of whose card a copy came, and those shut out."""

    wait: tuple[Came, ...] = ()
    copied: tuple[Came, ...] = ()
    shut_out: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.wait or self.copied or self.shut_out)


def ask(journal: Journal | None, district: District, now_ns: int) -> Enrolling:
    """All of it; nothing where there is no journal to ask. Raises StoreError."""
    if journal is None:
        return Enrolling()
    with told("who waits can't be read"), closing(journal.reader()) as db:
        cards, out = identities.enrolments(db), identities.shut_out(db)
    came = [card for card in cards if card.key is not None]
    newest = {card.agent: card.number for card in came}
    return Enrolling(
        wait=tuple(_came(card, district, now_ns) for card in came if card.decided_ns is None),
        copied=tuple(
            _came(card, district, now_ns)
            for card in came
            if card.let_in and card.doubled and card.number == newest[card.agent]
        ),
        shut_out=tuple(sorted(out)),
    )


def _came(card: Enrolment, district: District, now_ns: int) -> Came:
    seat = districts.whereabouts(district, card.agent, now_ns)
    return Came(
        number=card.number,
        agent=card.agent,
        place=box_words.place(district, seat) if seat else "",
        key=fingerprint(card.key or b""),
        came_ns=card.claimed_ns or 0,
        doubled=card.doubled,
    )
