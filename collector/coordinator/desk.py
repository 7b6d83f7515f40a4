"""The coordinator without its thread: a box's word comes in, the answer goes out.

What it decides is on the disk before anybody hears of it. One thread owns a desk.
"""

import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Protocol

from collector.clock import Clock
from collector.coordinator import bells, places, rules
from collector.coordinator.book import KEPT_DAYS, OVER_S, Asked, Book, Out
from collector.coordinator.rules import Case, No
from collector.coordinator.running import Ends, Figures, Running, short
from collector.store.errors import StoreError
from collector.store.leases import Kept
from firstbell.district import NS, District
from firstbell.lease import Ask, FromBox, Grant, Refuse, Renew, ToBox
from firstbell.quiet import Order

log = logging.getLogger(__name__)

JOURNAL_AGAIN_S = 600.0
_MOST_ANSWERS = 5_000
_EPOCH = date(1970, 1, 1)


class Store(Ends, Protocol):
    """Where leases are kept: `collector.store.leases`. All raise StoreError."""

    def grant(self, lease: Kept, /) -> None:
        """Keep a new lease; it is on the disk when this returns."""

    def any(self) -> bool:
        """Whether there ever was a lease."""

    def known(self, agent: str, nonce: str, /) -> bool:
        """Whether a box's question was granted once."""

    def since(self, day: str, /) -> list[Kept]:
        """Every lease of that local day and later, in order."""

    def orders(self, at_ns: int, /) -> list[Order]:
        """The quiet times that somebody ordered."""

    def suspended(self) -> dict[str, str]:
        """The boxes whose name two of them use, each with the reason."""


class Signer(Protocol):
    """Whoever signs tickets: `tickets.Tickets`."""

    @property
    def first(self) -> bool:
        """Whether nothing was signed before this start, by anybody."""

    def issue(
        self, agent: str, kind: str, targets: tuple[str, ...], bounds: tuple[int, float], now_ns: int, /
    ) -> dict[str, str]:
        """A ticket for each target, within these bounds (bytes, seconds) of each."""


class Desk:
    """Grants, refuses, renews, calls back.

    What `store` holds from before is taken over at the start, and nothing is granted for as long as a lease
    may live of which it knows nothing: also on a new journal, for the old one may have been lost. Where not
    even a lease's ticket could have been signed, nobody waits. Raises StoreError at its making.
    """

    def __init__(
        self,
        store: Store,
        district: Callable[[], District],
        clock: Clock,
        signer: Signer,
        name: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self.figures = Figures()
        self._store, self._district, self._clock = store, district, clock
        self._signer, self._name = signer, name
        self._book = Book()
        self._running = Running(store, clock, self._book, self.figures)
        self._answers: OrderedDict[tuple[str, str], Grant | Refuse] = OrderedDict()
        self._suspended: dict[str, str] = {}
        self._orders: Sequence[Order] = ()
        self._swept = ""
        self._running.recall(store.since(_day(clock.now_ns(), -KEPT_DAYS)))
        self._opens_s = clock.monotonic() + (OVER_S if store.any() or not signer.first else 0.0)

    def hear(self, agent: str, message: FromBox) -> ToBox | None:
        """Take a word of the box `agent`; what is to be said to it."""
        if isinstance(message, Ask):
            return self._asked(agent, message)
        if isinstance(message, Renew):
            return self._running.renew(agent, message.lease)
        self._running.settle(agent, message)
        return None

    def look(self) -> list[tuple[str, ToBox]]:
        """End what is over, and call back what may not go on; what is to be said to whom."""
        try:
            self._read()
        except StoreError as error:
            log.warning("quiet times can't be read: %s", error)
        self._sweep()
        return self._running.look(self._why_stop)

    def _asked(self, agent: str, ask: Ask) -> ToBox:
        """The answer to a question; the same one to the same question."""
        key = agent, ask.nonce
        if key not in self._answers:
            self._answers[key] = self._answer(agent, ask)
            while len(self._answers) > _MOST_ANSWERS:
                self._answers.popitem(last=False)
        return self._answers[key]

    def _answer(self, agent: str, ask: Ask) -> Grant | Refuse:
        try:
            self._read()
            case = self._case(agent, ask)
            no = self._decide(case)
            if no is None:
                return self._grant(case)
        except StoreError as error:
            log.warning("no lease: %s", error)
            no = No("journal", "the collector's journal takes nothing", JOURNAL_AGAIN_S)
        self.figures.refusals[no.kind] += 1
        return Refuse(nonce=ask.nonce, reason=short(no.reason), again_s=no.again_s)

    def _decide(self, case: Case) -> No | None:
        """Why not, if not; and note who asked, for whom others may have to wait."""
        asked = Asked(case.stretch.begin_ns, case.ask.kind, case.charge, waiting=False)
        no = rules.decide(case)
        if no is None and self._store.known(case.agent, case.ask.nonce):
            no = No("start", "this was answered before")
        waiting = no is not None and no.again_s is not None and _is_in_time(case, no.again_s)
        self._book.ask(case.place.site, case.agent, asked._replace(waiting=waiting))
        return no

    def _case(self, agent: str, ask: Ask) -> Case:
        now_ns, district = self._clock.now_ns(), self._district()
        place = places.place(district, agent, ask.segments, ask.targets, ask.medium, now_ns)
        return Case(
            agent=agent,
            ask=ask,
            at_ns=now_ns,
            district=district,
            orders=self._orders,
            place=place,
            stretch=bells.stretch_at(place.clock, now_ns),
            book=self._book,
            suspended=self._suspended.get(agent, ""),
            wait_s=self._opens_s - self._clock.monotonic(),
        )

    def _grant(self, case: Case) -> Grant:
        """Keep a lease, then say it."""
        ask, name = case.ask, self._name()
        kept = Kept(
            lease=name,
            agent=case.agent,
            nonce=ask.nonce,
            kind=ask.kind,
            site=case.place.site,
            day=case.stretch.day,
            stretch_ns=case.stretch.begin_ns,
            loads=tuple(sorted(case.place.loads)),
            targets=ask.targets,
            max_bytes=ask.max_bytes,
            max_seconds=ask.max_seconds,
            granted_ns=case.at_ns,
        )
        self._store.grant(kept)
        self._running.open(kept)
        bounds = ask.max_bytes, ask.max_seconds
        return Grant(
            nonce=ask.nonce,
            lease=name,
            max_bytes=ask.max_bytes,
            max_seconds=ask.max_seconds,
            tickets=self._signer.issue(case.agent, ask.kind, ask.targets, bounds, case.at_ns),
        )

    def _why_stop(self, lease: Out) -> str:
        """Why a lease that is out must not go on; "" if it may."""
        if lease.agent in self._suspended:
            return "two boxes have this name"
        now_ns, district = self._clock.now_ns(), self._district()
        schools = places.schools_on(district, lease.loads, now_ns)
        quiet = rules.why_quiet(schools, district, self._orders, now_ns)
        return quiet[0] if quiet else ""

    def _read(self) -> None:
        """What may have changed by another process's hand."""
        self._orders = self._store.orders(self._clock.now_ns())
        self._suspended = self._store.suspended()

    def _sweep(self) -> None:
        """Once a day forget the sums of long ago."""
        today = _day(self._clock.now_ns(), 0)
        if today != self._swept:
            self._swept = today
            self._book.forget_before(_day(self._clock.now_ns(), -KEPT_DAYS))


def _is_in_time(case: Case, again_s: float) -> bool:
    """Whether a box that comes again then comes in this period."""
    return case.at_ns + again_s * NS < case.stretch.end_ns - bells.EDGE_S * NS


def _day(at_ns: int, days: int) -> str:
    """The day in UTC, so many days later."""
    return (_EPOCH + timedelta(at_ns // (86_400 * NS) + days)).isoformat()
