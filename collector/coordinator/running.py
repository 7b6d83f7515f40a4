"""The leases that are out: renewed, settled, called back, or over because nothing was heard of them.

Ends are judged on the monotonic clock, so that a step of the other one frees no line too early.
"""

import logging
import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from collector.clock import Clock
from collector.coordinator.book import OVER_S, Asked, Book, Charge, Out
from collector.coordinator.rules import KINDS
from collector.store.errors import StoreError
from collector.store.leases import How, Kept
from firstbell.district import NS
from firstbell.lease import Renewed, Revoke, Settle, ToBox
from firstbell.report import REASON_CHARS

log = logging.getLogger(__name__)

LONGER_S = 30.0
"""How much longer than all that it may use a lease can be renewed: a test has a beginning and an end."""
_MOST_ENDED = 5_000
_OVERCHARGE = 4
"""A box may say that it used more than it might, up to so many times as much."""

Told = tuple[int | None, float | None]
"""What a box says that it used, in bytes and seconds; None where it said nothing."""


class Ends(Protocol):
    """Where the end of a lease is kept. Raises StoreError."""

    def end(self, lease: str, ended_ns: int, how: How, used: Told, /) -> None:
        """Keep how a lease ended, and what its box says that it used."""


class Figures:
    """What was decided since the start; written by one thread, read by any."""

    def __init__(self) -> None:
        self.grants = 0
        self.refusals: dict[str, int] = dict.fromkeys(KINDS, 0)
        self.revoked = 0
        self.lapsed = 0
        self.settled = 0
        self.out = 0
        """Leases that may load a line now."""


class _Time(NamedTuple):
    """When a lease is over unless it is renewed, and when in any case, on the monotonic clock."""

    over_s: float
    last_s: float
    recalled: str = ""
    """Why it was called back; "" while it may go on."""


class _Ended(NamedTuple):
    """A lease that is over, what was counted for it, and whether its box told that."""

    lease: Out
    counted: Charge
    told: bool


class Running:
    """The leases that may load a line now. One thread owns it."""

    def __init__(self, store: Ends, clock: Clock, book: Book, figures: Figures) -> None:
        self._store, self._clock = store, clock
        self._book, self._figures = book, figures
        self._times: dict[str, _Time] = {}
        self._ended: OrderedDict[str, _Ended] = OrderedDict()
        self._unwritten: OrderedDict[str, tuple[int, How, Told]] = OrderedDict()
        """Ends by lease that the journal has not taken yet; what was said last of a lease stands."""

    def recall(self, held: Sequence[Kept]) -> None:
        """Take over what the journal holds from before a start; what is out then may still run."""
        now_s, now_ns = self._clock.monotonic(), self._clock.now_ns()
        for kept in held:
            lease = _out(kept)
            used = None if kept.ended_ns is None else _counted(lease, (kept.bytes, kept.seconds), math.inf)
            self._book.recall(lease, used)
            # Who asked lately nobody wrote down; whoever tests here is taken to ask in this period, too.
            asked = Asked(now_ns, lease.kind, lease.charge, waiting=False)
            self._book.ask(lease.site, lease.agent, asked)
            if used is None:
                longest_s = lease.charge.seconds + LONGER_S
                left_s = longest_s - (now_ns - kept.granted_ns) / NS
                last_s = now_s + min(max(left_s, 0.0), longest_s)
                self._times[lease.lease] = _Time(now_s + OVER_S, last_s)
        self._figures.out = len(self._times)

    def open(self, kept: Kept) -> None:
        """A lease goes out, which is on the disk already."""
        lease, now_s = _out(kept), self._clock.monotonic()
        self._book.open(lease)
        self._times[lease.lease] = _Time(now_s + OVER_S, now_s + lease.charge.seconds + LONGER_S)
        self._figures.grants += 1
        self._figures.out = len(self._times)

    def renew(self, agent: str, name: str) -> ToBox | None:
        """A box still uses its lease; what is said to that."""
        lease, time = self._book.out.get(name), self._times.get(name)
        if lease is None or time is None:
            # Over for us, or never ours: whoever uses it must stop.
            return Revoke(lease=name, reason="the lease is over")
        if lease.agent != agent:
            log.warning("%s wants to renew a lease of %s", agent, lease.agent)
            return None
        if time.recalled:
            return Revoke(lease=name, reason=time.recalled)
        now_s = self._clock.monotonic()
        if now_s >= time.last_s:
            return self._call_back(name, _HAD_ITS_TIME)
        self._times[name] = time._replace(over_s=now_s + OVER_S)
        return Renewed(lease=name)

    def settle(self, agent: str, message: Settle) -> None:
        """A box is done with its lease; the line is free at once. One that comes late corrects the count."""
        out, before = self._book.out.get(message.lease), self._ended.get(message.lease)
        lease = out or (before.lease if before and not before.told else None)
        if lease is None:
            return
        if lease.agent != agent:
            log.warning("%s wants to settle a lease of %s", agent, lease.agent)
            return
        elapsed_s = max(0.0, (self._clock.now_ns() - lease.granted_ns) / NS)
        used = _counted(lease, (message.bytes, message.seconds), elapsed_s)
        counted = self._book.correct(lease, before.counted if before else lease.charge, used)
        self._figures.settled += 1
        told = None if message.bytes is None else used.bytes, used.seconds
        self._end(lease, "revoked" if self._is_recalled(lease) else "settled", counted, told)

    def look(self, why_stop: Callable[[Out], str]) -> list[tuple[str, ToBox]]:
        """End what is over, and call back what may not go on: `why_stop` says why. What to say to whom."""
        self._write_down()
        now_s = self._clock.monotonic()
        said: list[tuple[str, ToBox]] = []
        for name, time in list(self._times.items()):
            lease = self._book.out[name]
            if now_s >= time.over_s:
                self._lapse(lease, time)
            elif time.recalled:
                said.append((lease.agent, Revoke(lease=name, reason=time.recalled)))
            elif why := why_stop(lease) or (_HAD_ITS_TIME if now_s >= time.last_s else ""):
                said.append((lease.agent, self._call_back(name, why)))
        return said

    def _call_back(self, name: str, why: str) -> Revoke:
        """Its line counts as loaded until the box says that it is not, or the time is up."""
        self._times[name] = self._times[name]._replace(recalled=short(why))
        self._figures.revoked += 1
        return Revoke(lease=name, reason=short(why))

    def _is_recalled(self, lease: Out) -> bool:
        return lease.lease in self._times and bool(self._times[lease.lease].recalled)

    def _lapse(self, lease: Out, time: _Time) -> None:
        log.warning("nothing was heard of a test of %s in time: it is over", lease.agent)
        self._figures.lapsed += 1
        self._end(lease, "revoked" if time.recalled else "lapsed", lease.charge, None)

    def _end(self, lease: Out, how: How, counted: Charge, told: Told | None) -> None:
        """A lease is over: its line is free, whatever the journal says; that is written when it can be."""
        self._book.free(lease)
        self._times.pop(lease.lease, None)
        self._figures.out = len(self._times)
        self._ended[lease.lease] = _Ended(lease, counted, told is not None)
        while len(self._ended) > _MOST_ENDED:
            self._ended.popitem(last=False)
        self._unwritten[lease.lease] = self._clock.now_ns(), how, told or (None, None)
        self._write_down()

    def _write_down(self) -> None:
        """Write what waits to be written. Never raises: no lease may outlive its end for want of a line."""
        while self._unwritten:
            name, ended = next(iter(self._unwritten.items()))
            try:
                self._store.end(name, *ended)
            except StoreError as error:
                log.warning("the end of a lease waits to be written: %s", error)
                self._unwritten.move_to_end(name)  # if it is this one alone, the others need not wait for it
                while len(self._unwritten) > _MOST_ENDED:
                    self._unwritten.popitem(last=False)
                return
            except Exception:
                log.exception("the end of the lease %s can't be written, and is left out", name)
            del self._unwritten[name]


_HAD_ITS_TIME = "the test has had its time"


def short(text: str) -> str:
    """A reason as it may travel."""
    return "".join(c if c.isprintable() else " " for c in text)[:REASON_CHARS]


def _out(kept: Kept) -> Out:
    charge = Charge(kept.max_seconds, kept.max_bytes).times(len(kept.targets))
    return Out(
        lease=kept.lease,
        agent=kept.agent,
        nonce=kept.nonce,
        kind=kept.kind,
        site=kept.site,
        day=kept.day,
        stretch_ns=kept.stretch_ns,
        loads=frozenset(kept.loads),
        charge=charge,
        granted_ns=kept.granted_ns,
    )


def _counted(lease: Out, told: Told, elapsed_s: float) -> Charge:
    """What is counted for a lease: as the box told, in full where it did not, and never beyond belief."""
    used, seconds = told
    most_s = max(lease.charge.seconds, elapsed_s)
    counted_s = lease.charge.seconds if seconds is None else min(seconds, most_s)
    counted = lease.charge.bytes if used is None else min(used, _OVERCHARGE * lease.charge.bytes)
    return Charge(counted_s, counted)
