"""The box at work: what is due is measured, what is measured is stored, and the uplink takes it from there.

The main thread waits for what is due and hands it to two workers, one for cheap probes and one for heavy
ones, so that a speed test never delays the next look at the gateway.
"""

import logging
import queue
import threading
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import firstbell
from agent.config import Settings
from agent.gate import Gate, Targets
from agent.load import moment
from agent.machine.light import Sign, sign_of
from agent.machine.machine import Machine
from agent.machine.routes import default_interface, medium
from agent.probes.base import Measure
from agent.probes.settings import PLATFORM_TESTS
from agent.runner import Runner
from agent.schedule import Schedule
from agent.spool import Spool
from agent.spool.schema import DiskFullError, SpoolFullError, SpoolWriteError
from agent.uplink.leases import Leases
from agent.uplink.progress import Progress
from agent.uplink.sender import Line, Sender
from firstbell import catalogue
from firstbell.catalogue import ProbeSpec
from firstbell.report import Finding, Segment, Status

log = logging.getLogger(__name__)

STALLED_S = 900.0
"""Without any progress for so long the program ends, to be started again by whoever minds it."""
_WORK_ENDS_S = 5.0


class Box:
    """Everything that runs. Built and taken down by `running`."""

    def __init__(
        self,
        settings: Settings,
        machine: Machine,
        spool: Spool,
        line: Line,
        progress: Progress,
        measures: Mapping[str, Measure],
        last_resort: threading.Timer,
        held: Callable[[bool], object] = lambda _held: None,
    ) -> None:
        clock, tz = machine.clock, zone(settings)
        self.progress, self._line = progress, line
        self._clock, self._spool, self._last_resort = clock, spool, last_resort
        self._wake = threading.Event()
        self._nudged = threading.Event()
        self._leases = Leases(
            settings.box.name, line.publish, clock, machine.random, lambda: _medium(machine)
        )
        gate = Gate(
            settings.ceilings,
            spool,
            tz,
            fill=spool.fill,
            metered=lambda: settings.box.metered or moment.metered(machine, default_interface(machine.files)),
            busy=self._busy_word,
            targets=_targets(settings),
            most_tests={server.name: PLATFORM_TESTS for server in settings.servers if server.on_platform},
            coordinator=self._leases if settings.lease.by == "coordinator" else None,
            held=held,
        )
        self._machine = machine
        self._runner = Runner(machine, {**measures, "box": self._say_of_itself}, gate)
        self._schedule = Schedule(
            _specs(settings, {*measures, "box"}),
            machine.random,
            tz,
            clock.monotonic(),
            first_now=settings.probes.first_now,
        )
        self._planning = threading.Lock()
        """Over the schedule: the main thread asks it, and the heavy worker puts tests off."""
        self._due: dict[bool, queue.Queue[str]] = {heavy: queue.Queue(8) for heavy in (False, True)}
        self.sender = Sender(
            settings.box.name,
            spool,
            line,
            clock,
            machine.random,
            self.progress,
            self._nudge,
            self._leases.hear,
            ask_time_after_s=settings.clock.ask_time_after_s,
        )

    def run(self, stop: threading.Event, moves: Callable[[], None] = lambda: None) -> bool:
        """Measure until `stop` is set, or until nothing moves any more; whether it was told to stop.

        Each second or so in which it goes on `moves` is called, for whoever minds this process.
        """
        workers = [
            threading.Thread(target=self._work, args=(heavy,), name=f"work-{name}", daemon=True)
            for heavy, name in ((False, "light"), (True, "heavy"))
        ]
        for worker in workers:
            worker.start()
        self.sender.start()
        while not stop.is_set() and not self._stalled(workers):
            moves()
            if self._nudged.is_set():
                self._nudged.clear()
                with self._planning:
                    self._schedule.nudge(self._clock.monotonic())
            self._hand_out()
            with self._planning:
                wait_s = self._schedule.wait(self._clock.monotonic(), self._clock.stamp())
            self._wake.wait(min(1.0, wait_s))
            self._wake.clear()
        if not stop.is_set():
            # Whatever hangs may hang the way out too. The spool can do without a farewell.
            self._last_resort.start()
        for due in self._due.values():
            with suppress(queue.Full):
                due.put_nowait("")
        for worker in workers:
            worker.join(_WORK_ENDS_S)
        self.sender.stop()
        return stop.is_set()

    def sign(self) -> Sign | None:
        """What the light on the box is to say; None for nothing new."""
        return sign_of(self.progress.answered_s(), self.progress.running_s(), self._line.trouble)

    def _hand_out(self) -> None:
        with self._planning:
            due = self._schedule.due(self._clock.monotonic(), self._clock.stamp())
        for name in due:
            try:
                self._due[catalogue.PROBES[name].heavy].put_nowait(name)
            except queue.Full:
                log.warning("%s is due and the one before it has not ended: skipped", name)

    def _work(self, heavy: bool) -> None:
        while name := self._due[heavy].get():
            try:
                if drafts := self._runner.run(name, put_off=partial(self._put_off, name)):
                    self._spool.put(drafts)
                self.progress.note("stored")
                self.sender.wake()
            except SpoolWriteError as error:
                if isinstance(error, DiskFullError | SpoolFullError):
                    # A new start is no cure for want of space: what waits goes on leaving.
                    self.progress.note("stored")
                log.error("%s was measured and could not be stored: %s", name, error)  # noqa: TRY400 - said

    def _put_off(self, name: str, after_s: float) -> bool:
        with self._planning:
            return self._schedule.put_off(name, after_s, self._clock.stamp())

    def _busy_word(self) -> str:
        known_mbps = max(self._runner.known_mbps.values(), default=0.0)
        interface = default_interface(self._machine.files)
        return moment.busy(self._machine, interface, known_mbps, threading.Event().wait)

    def _say_of_itself(self, _machine: Machine, _memory: dict[str, Any]) -> Sequence[Finding]:
        return [
            Finding(
                status=Status.OK,
                readings={
                    "agent_version": firstbell.__version__,
                    "spool_reports": self._spool.waiting(),
                    "spool_used_pct": round(100 * self._spool.fill(), 1),
                },
            )
        ]

    def _nudge(self) -> None:
        self._nudged.set()
        self._wake.set()

    def _stalled(self, workers: Sequence[threading.Thread]) -> bool:
        """Whether nothing was stored, answered or tried for long, or the sender hangs: a new start helps."""
        dead = [worker.name for worker in workers if not worker.is_alive()]
        if dead or not self.sender.alive():
            log.critical("a thread is dead (%s); ending, to be started again", ", ".join(dead) or "sender")
            return True
        idle_s = self.progress.idle_s()
        if idle_s > STALLED_S:
            log.critical("nothing has moved for %.0f s; ending, to be started again", idle_s)
            return True
        return False


def _targets(settings: Settings) -> dict[str, Targets]:
    """What each kind of heavy test loads, with its segment."""
    return {
        "internet": {"internet": Segment.INTERNET},
        "throughput": {server.name: server.segment for server in settings.servers},
        "capacity": {server.name: server.segment for server in settings.servers if server.capacity},
    }


def _medium(machine: Machine) -> str:
    return medium(machine.files, default_interface(machine.files)) or ""


def _specs(settings: Settings, able: Container[str]) -> list[ProbeSpec]:
    """The catalogue's lines of the probes that this box has and that are on, in the settings' rhythm.

    A heavy test without anything to test against is off.
    """
    every_s, loads = settings.probes.every_s, _targets(settings)
    return [
        spec._replace(every_s=every_s.get(spec.name, spec.every_s))
        for spec in catalogue.PROBES.values()
        if spec.name in able and spec.name not in settings.probes.off and loads.get(spec.name) != {}
    ]


def zone(settings: Settings) -> tzinfo:
    """The place's time zone: the settings', else the machine's."""
    if settings.box.timezone:
        return ZoneInfo(settings.box.timezone)
    try:
        # The machine's zone with its summers and winters; its offset alone would be off half the year.
        with Path("/etc/localtime").open("rb") as rules:
            return ZoneInfo.from_file(rules)
    except (OSError, ValueError):
        return datetime.now(UTC).astimezone().tzinfo or UTC  # noqa: TID251 - the offset, not the time
