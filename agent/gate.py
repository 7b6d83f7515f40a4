"""May I load the line now? Within ceilings that stand in the box's own file, and if the coordinator agrees.

Nothing that arrives over a network raises a ceiling. A test is charged to its day's budget in full when it
is granted, and what it did not use is given back when it ends: a kill in between gives nothing back. The
coordinator, who knows what else loads the line, is asked last; if nobody answers, the test does not run.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Protocol

import msgspec

from firstbell.lease import Lease, Refusal
from firstbell.report import PLAUSIBLE_NS, Stamp

MOST_SECONDS = 600.0
MOST_BYTES = 5_000_000_000
MOST_DAY_BYTES = 50_000_000_000
"""No settings file raises a ceiling above these: a slip of the keyboard must not fill a school's line."""

FULL = 0.8
"""From this share of the spool on, heavy tests stop, so that what is left holds the cheap facts."""

BUSY_S = 300.0
"""A line that is busy is looked at again after so long."""

Targets = Mapping[str, str]
"""What a test loads: its targets, and the segment of each ("" where nobody said)."""

_DAY_NS = 86_400 * 10**9
_MB = 1e6

_log = logging.getLogger(__name__)


class Ceiling(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one test may use at most. Raises ValueError beyond `MOST_SECONDS` or `MOST_BYTES`, or at 0."""

    max_seconds: float = 30
    max_bytes: int = 500_000_000

    def __post_init__(self) -> None:
        if not 0 < self.max_seconds <= MOST_SECONDS:
            raise ValueError(f"max_seconds must be above 0 and at most {MOST_SECONDS:.0f}")
        if not 0 < self.max_bytes <= MOST_BYTES:
            raise ValueError(f"max_bytes must be above 0 and at most {MOST_BYTES}")


class CapacityCeiling(Ceiling, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same for a capacity test, which takes longer by default."""

    max_seconds: float = 180
    max_bytes: int = 1_000_000_000


class Ceilings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The box's ceilings for each kind of heavy test, and for all tests of a day together, in bytes.

    Raises ValueError when the day's is beyond `MOST_DAY_BYTES` or below 0; 0 means no heavy tests.
    """

    throughput: Ceiling = Ceiling()
    internet: Ceiling = Ceiling()
    capacity: CapacityCeiling = CapacityCeiling()
    day_bytes: int = 4_000_000_000

    def __post_init__(self) -> None:
        if not 0 <= self.day_bytes <= MOST_DAY_BYTES:
            raise ValueError(f"day_bytes must be from 0 to {MOST_DAY_BYTES}")

    def of(self, kind: str) -> Ceiling | None:
        """The ceiling of a test of this kind; None if it has none, and so may never run."""
        kinds = {"throughput": self.throughput, "internet": self.internet, "capacity": self.capacity}
        return kinds.get(kind)


class Ledger(Protocol):
    """Where the bytes of a day are counted, durably: the spool."""

    def used_bytes(self, day: str, /) -> int:
        """Bytes charged to `day` so far."""

    def add_used(self, day: str, amount: int, /) -> None:
        """Charge `amount` bytes to `day`, or give back a negative one; durable when it returns."""


class Coordinator(Protocol):
    """Whoever knows what else loads the line: `agent.uplink.leases` asks it."""

    def ask(self, wanted: Lease, targets: Targets, /) -> Lease | Refusal:
        """Leave for what is wanted, or for less of it, or why not; waits for the answer."""

    def stop(self, lease: Lease, /) -> threading.Event:
        """Set once the lease is over before its time: called back, or not renewed."""

    def settle(self, lease: Lease, bytes_used: int | None, seconds: float, /) -> None:
        """The test has ended."""


class Gate:
    """Grants one lease at a time, across threads.

    `fill` is the share of the spool in use, `metered` whether the connection is paid by the byte, `busy` why
    the line can't be tested at this moment ("" if it can), `tz` where the box stands: its budget's day is
    the local one. `targets` are what each kind of test loads (a kind without any has one, its own name), and
    `most_tests` how often a day some of them may be asked at most. Without a `coordinator` the box grants
    itself what its file allows. `held` is told when a test takes the line, and when the line is free again.
    """

    def __init__(
        self,
        ceilings: Ceilings,
        ledger: Ledger,
        tz: tzinfo,
        *,
        fill: Callable[[], float],
        metered: Callable[[], bool],
        busy: Callable[[], str] = lambda: "",
        targets: Mapping[str, Targets] | None = None,
        most_tests: Mapping[str, int] | None = None,
        coordinator: Coordinator | None = None,
        held: Callable[[bool], object] = lambda _held: None,
    ) -> None:
        self._ceilings, self._ledger, self._tz = ceilings, ledger, tz
        self._fill, self._metered, self._busy = fill, metered, busy
        self._targets, self._coordinator, self._held = targets or {}, coordinator, held
        self._most_tests = most_tests or {}
        self._lock = threading.Lock()
        self._wanted: Lease | None = None
        """What holds the line: wanted at first, then granted."""
        self._granted: Lease | None = None
        self._charged, self._day = 0, ""

    def ask(self, kind: str, stamp: Stamp, *, forced: bool = False) -> Lease | Refusal:
        """A lease for one test, charged in full, or why not. It holds the line until it is settled.

        With `forced` (a person asked for this test) neither the day's budget nor the coordinator refuses,
        all else does.
        """
        wanted = self._charge(kind, stamp, forced=forced)
        if isinstance(wanted, Refusal):
            return wanted
        answer: Lease | Refusal = Refusal("the test could not be asked for")
        try:
            answer = self._allowed(wanted, forced=forced)
        finally:
            if isinstance(answer, Refusal):
                self._end(0)
        if isinstance(answer, Lease):
            self._granted = answer
        return answer

    def stop(self, lease: Lease) -> threading.Event:
        """Set when the test must end at once, before its time."""
        return self._coordinator.stop(lease) if self._coordinator and lease.id else threading.Event()

    def settle(self, lease: Lease, bytes_used: int | None, seconds: float = 0.0) -> None:
        """End a lease and give back what it did not use; nothing when that is not known (None).

        A test that used more than it might is charged for it. `seconds` is how long it loaded the line.
        Raises ValueError for any lease but the one that holds the line, so that none is given back twice.
        """
        with self._lock:
            if lease is not self._granted:
                raise ValueError("this lease does not hold the line")
            self._granted = None
        if bytes_used is not None and bytes_used > self._charged:
            _log.warning("%s used %d bytes, above its ceiling of %d", lease.kind, bytes_used, self._charged)
        if self._coordinator and lease.id:
            self._coordinator.settle(lease, bytes_used, seconds)
        self._end(bytes_used)

    def _charge(self, kind: str, stamp: Stamp, *, forced: bool) -> Lease | Refusal:
        """Take the line and pay for the test in full, if nothing here speaks against it."""
        with self._lock:
            ceiling = self._ceilings.of(kind)
            if ceiling is None:
                return Refusal(f"no ceiling is set for tests of the kind {kind}")
            targets = tuple(self._loads(kind))
            needed = ceiling.max_bytes * len(targets)
            day = self._bucket(stamp)
            refusal = self._obstacle() or (None if forced else self._overdraft(day, needed))
            if refusal := refusal or self._asked_enough(day, targets):
                return Refusal(refusal)
            for target in self._most_tests.keys() & set(targets):
                self._ledger.add_used(_asked_on(day, target), 1)
            self._ledger.add_used(day, needed)
            self._day, self._charged = day, needed
            self._wanted = Lease(
                kind=kind, max_bytes=ceiling.max_bytes, max_seconds=ceiling.max_seconds, targets=targets
            )
            self._held(True)
            return self._wanted

    def _allowed(self, wanted: Lease, *, forced: bool) -> Lease | Refusal:
        """What the moment and the coordinator say to it. Without the lock: both take their time."""
        if forced:
            return wanted
        if busy := self._busy():
            return Refusal(busy, again_s=BUSY_S)
        if self._coordinator is None:
            return wanted
        answer = self._coordinator.ask(wanted, self._loads(wanted.kind))
        if isinstance(answer, Refusal):
            return answer
        return msgspec.structs.replace(
            answer,
            kind=wanted.kind,
            targets=wanted.targets,
            max_bytes=min(answer.max_bytes, wanted.max_bytes),
            max_seconds=min(answer.max_seconds, wanted.max_seconds),
        )

    def _end(self, bytes_used: int | None) -> None:
        """The line is free again; give back what was paid and not used."""
        with self._lock:
            self._wanted = None
            self._held(False)
            if bytes_used is not None:
                self._ledger.add_used(self._day, bytes_used - self._charged)

    def _loads(self, kind: str) -> Targets:
        return self._targets.get(kind) or {kind: ""}

    def _obstacle(self) -> str | None:
        if self._wanted:
            return f"another heavy test is running: {self._wanted.kind}"
        fill = self._fill()
        if fill >= FULL:
            return f"the spool is {fill:.0%} full: heavy tests wait until it has drained"
        if self._metered():
            return "the connection is metered"
        return None

    def _asked_enough(self, day: str, targets: Sequence[str]) -> str | None:
        for target, most in self._most_tests.items():
            if target in targets and self._ledger.used_bytes(_asked_on(day, target)) >= most:
                return f"{target} was asked {most} times today, which is as often as it may be"
        return None

    def _overdraft(self, day: str, needed: int) -> str | None:
        used, budget = self._ledger.used_bytes(day), self._ceilings.day_bytes
        if used + needed <= budget:
            return None
        return (
            f"the day's budget of {budget / _MB:.0f} MB does not cover it: "
            f"{used / _MB:.0f} MB are used, this test may use {needed / _MB:.0f} MB"
        )

    def _bucket(self, stamp: Stamp) -> str:
        if stamp.synchronised:
            return datetime.fromtimestamp(stamp.wall_ns / 1e9, self._tz).date().isoformat()
        # Nobody vouches for the date. One that can be is still the best bucket: a laptop whose system never
        # says whether its clock is right goes on testing tomorrow, and many boots of a day share its budget.
        # One that can't be (1970) gives days of uptime, which boots share too: starting anew opens no budget.
        if stamp.wall_ns >= PLAUSIBLE_NS:
            return "unsure-" + datetime.fromtimestamp(stamp.wall_ns / 1e9, self._tz).date().isoformat()
        return f"unknown-{stamp.boottime_ns // _DAY_NS}"


def _asked_on(day: str, target: str) -> str:
    """Where the ledger counts how often a target was asked on a day."""
    return f"{day} {target}"
