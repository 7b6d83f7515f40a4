"""Runs one probe once and says how it ended: nothing that a probe does is silence.

A probe runs in a thread of its own with a deadline. A thread can't be stopped from outside: one that hangs
is told as a timeout, and its probe is skipped until the thread has ended after all. A heavy test holds its
lease as long as its thread lives, hung or not, because so long it may load the line.
"""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import msgspec

from agent.machine.machine import Machine
from agent.probes.base import Measure, NothingHereError, ProbeFailedError
from firstbell.catalogue import PROBES
from firstbell.lease import Lease, Refusal
from firstbell.report import REASON_CHARS, Draft, Finding, Mark, Stamp, Status, finding_complaint

DEADLINE_S = 30.0
"""For a cheap probe that has no other."""
AFTER_S = 15.0
"""What a heavy test may take for each target beyond its lease's seconds, to start and to sum up."""
_DAY_S = 86_400.0

PutOff = Callable[[float], bool]

_LATER = Finding(status=Status.SKIPPED, reason="put off")

_log = logging.getLogger(__name__)


class Leases(Protocol):
    """Who grants leave to load the line: the box's own gate."""

    def ask(self, kind: str, stamp: Stamp, *, forced: bool = False) -> Lease | Refusal:
        """A lease for one test of this kind, or why not."""

    def stop(self, lease: Lease) -> threading.Event:
        """Set when the test must end at once."""

    def settle(self, lease: Lease, bytes_used: int | None, seconds: float) -> None:
        """The test has ended, and used this much; None if nobody knows."""


class Runner:
    """Runs the probes in `measures`, by their names in the catalogue. Any thread may call it.

    `deadlines` are in seconds, for probes that want another than `DEADLINE_S`, or, if heavy, than their
    lease's seconds and `AFTER_S`. Each probe has a memory of its own; a heavy one finds there what it may
    use of each target (`max_bytes`, `max_seconds`), its `tickets` by target, an event `stop` that ends it at
    once, and `known_mbps`: what each target's line carried when it was last tested. Raises KeyError for a
    name that the catalogue doesn't know.
    """

    def __init__(
        self,
        machine: Machine,
        measures: Mapping[str, Measure],
        gate: Leases,
        *,
        deadlines: Mapping[str, float] | None = None,
    ) -> None:
        self._machine, self._measures, self._gate = machine, measures, gate
        self._deadlines = deadlines or {}
        self._heavy = {name for name in measures if PROBES[name].heavy}
        self._memories: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        self._lock = threading.Lock()
        self._attempts: dict[str, _Attempt] = {}
        self.known_mbps: dict[str, float] = {}
        """What each target's line carried towards this machine when it was last tested."""

    def run(self, name: str, *, forced: bool = False, put_off: PutOff = lambda _: False) -> list[Draft]:
        """Run the probe `name` once: one draft a finding, at least one, all stamped at the start.

        `forced` says that a person asked for it now: a heavy test may then overdraw the day's budget, and
        is no evidence. `put_off` is asked whether a test that may not run now can come again after so many
        seconds: if it can, there is nothing to tell yet, and no draft. Raises KeyError for a probe that this
        runner doesn't have.
        """
        measure, clock = self._measures[name], self._machine.clock
        stamp, began = clock.stamp(), clock.monotonic()
        if name in self._heavy:
            findings = _guarded(name, partial(self._load, name, measure, stamp, put_off, forced=forced))
            if findings == [_LATER]:
                return []
        else:
            findings = self._look(name, measure)
        # A laptop can sleep for days in the middle of a probe; no report may say that it took so long.
        duration_s = min(clock.monotonic() - began, _DAY_S)
        marks = (Mark.UNLEASED,) if forced and name in self._heavy else ()
        return [_draft(finding, marks, name, stamp, duration_s) for finding in findings]

    def _look(self, name: str, measure: Measure) -> list[Finding]:
        attempt = _Attempt(name, partial(measure, self._machine, self._memories[name]))
        with self._lock:
            before = self._attempts.get(name)
            if before and before.is_alive():
                return [Finding(status=Status.SKIPPED, reason="the run before has not ended")]
            self._attempts[name] = attempt
            attempt.start()
        return attempt.findings(self._deadlines.get(name, DEADLINE_S))

    def _load(
        self, name: str, measure: Measure, stamp: Stamp, put_off: PutOff, *, forced: bool
    ) -> list[Finding]:
        answer = self._gate.ask(name, stamp, forced=forced)
        if isinstance(answer, Refusal):
            if answer.again_s is not None and put_off(answer.again_s):
                return [_LATER]
            return [Finding(status=Status.SKIPPED, reason=answer.reason)]
        attempt = _Attempt(name, partial(self._leased, measure, answer))
        attempt.start()
        seconds = (answer.max_seconds + AFTER_S) * max(1, len(answer.targets))
        findings = attempt.findings(self._deadlines.get(name, seconds))
        self._learn(findings)
        return findings

    def _leased(self, measure: Measure, lease: Lease) -> Sequence[Finding]:
        memory, began = self._memories[lease.kind], self._machine.clock.monotonic()
        memory.update(
            max_bytes=lease.max_bytes,
            max_seconds=lease.max_seconds,
            tickets=lease.tickets,
            stop=self._gate.stop(lease),
            known_mbps=self.known_mbps,
        )
        used: int | None = None
        try:
            found = measure(self._machine, memory)
            # What was called back in the middle has used the line; how much of it nobody has counted.
            used = None if memory["stop"].is_set() else _bytes_used(found)
        except NothingHereError:
            used = 0
            raise
        else:
            return found
        finally:
            self._gate.settle(lease, used, self._machine.clock.monotonic() - began)

    def _learn(self, findings: Sequence[Finding]) -> None:
        for finding in findings:
            mbps = finding.readings.get("down_mbps")
            if finding.status is Status.OK and isinstance(mbps, int | float):
                self.known_mbps[finding.target] = float(mbps)


class _Attempt(threading.Thread):
    """One run of a probe; a daemon, so that one that hangs does not keep the program from ending."""

    def __init__(self, name: str, act: Callable[[], Sequence[Finding]]) -> None:
        super().__init__(name=f"probe-{name}", daemon=True)
        self._probe, self._act = name, act
        self._findings: list[Finding] | None = None

    def run(self) -> None:
        self._findings = _guarded(self._probe, self._act)

    def findings(self, deadline_s: float) -> list[Finding]:
        """What it found, or that it found nothing until the deadline; what comes later is dropped."""
        self.join(deadline_s)
        if self._findings is not None:
            return self._findings
        if not self.is_alive():
            return [Finding(status=Status.FAILED, reason="it ended without a word")]
        _log.warning("%s has not ended after %g s", self._probe, deadline_s)
        return [Finding(status=Status.TIMEOUT, reason=f"no end after {deadline_s:g} s")]


def _guarded(name: str, act: Callable[[], Sequence[Finding]]) -> list[Finding]:
    """What `act` found, checked, or how it failed."""
    try:
        findings = [_checked(name, finding) for finding in act()]
    except NothingHereError as nothing:
        return [Finding(status=Status.NOTHING, reason=_said(nothing.reason))]
    except ProbeFailedError as failed:
        return [Finding(status=Status.FAILED, reason=_said(failed.reason))]
    except Exception as fault:  # noqa: BLE001 - the one place: a probe may fail in any way, and it is told
        _log.exception("%s failed in a way that nobody foresaw", name)
        # The type alone: the text of a foreign exception may hold addresses and names.
        kind = type(fault).__name__
        return [Finding(status=Status.FAILED, reason=_said(f"unexpected {kind}, see the log of this box"))]
    return findings or [Finding(status=Status.FAILED, reason="it found nothing to say")]


def _checked(name: str, finding: Finding) -> Finding:
    """`finding`, or, when it can't be true, that it failed so: the collector would refuse it."""
    if finding.reason:
        finding = msgspec.structs.replace(finding, reason=_said(finding.reason))
    trouble = finding_complaint(finding)
    if trouble is None:
        return finding
    _log.warning("%s: impossible reading: %s", name, trouble)
    failed = msgspec.structs.replace(
        finding,
        status=Status.FAILED,
        reason=_said(f"impossible reading: {trouble}"),
        limited_by=None,
        readings={},
    )
    return (
        failed if finding_complaint(failed) is None else msgspec.structs.replace(failed, target="", engine="")
    )


def _said(reason: str) -> str:
    """`reason` in a form that a report may carry: one printable line that is not too long."""
    line = "".join(char if char.isprintable() else " " for char in reason)
    return " ".join(line.split())[:REASON_CHARS] or "no reason given"


def _bytes_used(findings: Sequence[Finding]) -> int | None:
    """Bytes of the line that a test used, both ways; None unless each target's finding says its own."""
    loaded = [f.readings for f in findings if f.status not in (Status.NOTHING, Status.SKIPPED)]
    counts = [readings.get(way) for readings in loaded for way in ("bytes_received", "bytes_sent")]
    known = [count for count in counts if isinstance(count, int) and count >= 0]
    return sum(known) if findings and len(known) == len(counts) else None


def _draft(finding: Finding, marks: tuple[Mark, ...], probe: str, stamp: Stamp, duration_s: float) -> Draft:
    fields = msgspec.structs.asdict(finding) | {"marks": finding.marks + marks}
    return Draft(**fields, probe=probe, stamp=stamp, duration_s=duration_s)
