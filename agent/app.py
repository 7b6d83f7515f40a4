"""The one constructor of the box: doors, probes, spool, gate, schedule, uplink, and their threads.

The main thread waits for what is due and hands it to two workers, one for cheap probes and one for heavy
ones, so that a speed test never delays the next look at the gateway. What a probe finds goes into the
spool; the uplink takes it from there.
"""

import logging
import os
import queue
import ssl
import threading
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, TypedDict
from zoneinfo import ZoneInfo

import firstbell
from agent import config
from agent.config import Settings
from agent.gate import Gate
from agent.machine.machine import Machine
from agent.probes import PROBES
from agent.probes.base import Measure
from agent.probes.settings import ProbeSettings
from agent.runner import Runner
from agent.schedule import Schedule
from agent.spool import Spool, look
from agent.spool.schema import SpoolError, SpoolWriteError
from agent.uplink.mqtt import Broker, MqttLine
from agent.uplink.progress import Progress
from agent.uplink.sender import Sender
from firstbell import catalogue
from firstbell.catalogue import ProbeSpec
from firstbell.report import Draft, Finding, Status
from firstbell.settings import SettingsError

log = logging.getLogger(__name__)

TROUBLES = (SpoolError,)
"""What a user can mend: said in words, never as a traceback."""

STALLED_S = 900.0
"""Without any progress for so long the program ends, to be started again by whoever minds it."""
_WORK_ENDS_S = 5.0
_END_ANYHOW_S = 20.0
_CONNECT_S = 5.0


class Box:
    """Everything that runs. Built and taken down by `running`."""

    def __init__(
        self,
        settings: Settings,
        machine: Machine,
        spool: Spool,
        line: MqttLine,
        progress: Progress,
        measures: Mapping[str, Measure],
        last_resort: threading.Timer,
    ) -> None:
        clock, tz = machine.clock, _zone(settings)
        self.progress = progress
        self._clock, self._spool, self._last_resort = clock, spool, last_resort
        self._wake = threading.Event()
        self._nudged = threading.Event()
        gate = Gate(settings.ceilings, spool, tz, fill=spool.fill, metered=lambda: settings.box.metered)
        self._runner = Runner(machine, {**measures, "box": self._say_of_itself}, gate)
        self._schedule = Schedule(
            _specs(settings, {*measures, "box"}),
            machine.random,
            tz,
            clock.monotonic(),
            first_now=settings.probes.first_now,
        )
        self._due: dict[bool, queue.Queue[str]] = {heavy: queue.Queue(8) for heavy in (False, True)}
        self.sender = Sender(
            settings.box.name,
            spool,
            line,
            clock,
            machine.random,
            self.progress,
            self._nudge,
            ask_time_after_s=settings.clock.ask_time_after_s,
        )

    def run(self, stop: threading.Event) -> bool:
        """Measure until `stop` is set, or until nothing moves any more; whether it was told to stop."""
        workers = [
            threading.Thread(target=self._work, args=(heavy,), name=f"work-{name}", daemon=True)
            for heavy, name in ((False, "light"), (True, "heavy"))
        ]
        for worker in workers:
            worker.start()
        self.sender.start()
        while not stop.is_set() and not self._stalled(workers):
            if self._nudged.is_set():
                self._nudged.clear()
                self._schedule.nudge(self._clock.monotonic())
            self._hand_out()
            self._wake.wait(min(1.0, self._schedule.wait(self._clock.monotonic(), self._clock.stamp())))
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

    def _hand_out(self) -> None:
        for name in self._schedule.due(self._clock.monotonic(), self._clock.stamp()):
            try:
                self._due[catalogue.PROBES[name].heavy].put_nowait(name)
            except queue.Full:
                log.warning("%s is due and the one before it has not ended: skipped", name)

    def _work(self, heavy: bool) -> None:
        while name := self._due[heavy].get():
            try:
                self._spool.put(self._runner.run(name))
                self.progress.note("stored")
                self.sender.wake()
            except SpoolWriteError as error:
                log.error("%s was measured and could not be stored: %s", name, error)  # noqa: TRY400 - said

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
        """Whether nothing was stored, answered or even tried for long: then a new start is the cure."""
        dead = [worker.name for worker in workers if not worker.is_alive()]
        if dead or not self.sender.alive():
            log.critical("a thread is dead (%s); ending, to be started again", ", ".join(dead) or "sender")
            return True
        idle_s = self.progress.idle_s()
        if idle_s > STALLED_S:
            log.critical("nothing has moved for %.0f s; ending, to be started again", idle_s)
            return True
        return False


@contextmanager
def running(settings: Settings, folder: Path, measures: Mapping[str, Measure] | None = None) -> Iterator[Box]:
    """The box with its spool open; `folder` is where its settings lie, `measures` other probes.

    Raises SettingsError or SpoolError.
    """
    machine = Machine.real()
    progress = Progress(machine.clock)
    line = MqttLine(_broker(settings, folder), settings.box.name, machine.random)
    spool = Spool.open(
        _spool_path(settings, folder),
        max_bytes=settings.box.spool_max_mb * 1_000_000,
        clock=machine.clock,
        random=machine.random,
    )
    last_resort = threading.Timer(_END_ANYHOW_S, os._exit, (1,))
    last_resort.daemon = True
    try:
        measures = measures or _measures(settings, folder)
        yield Box(settings, machine, spool, line, progress, measures, last_resort)
    finally:
        spool.close()
        last_resort.cancel()


def once(settings: Settings, probe: str) -> list[Draft]:
    """What `probe` finds now; a heavy one within the box's ceilings. Nothing is kept or sent."""
    gate = Gate(settings.ceilings, _NoLedger(), UTC, fill=lambda: 0.0, metered=lambda: settings.box.metered)
    runner = Runner(Machine.real(), _measures(settings, Path()), gate)
    return runner.run(probe, forced=True)


class Finished(TypedDict):
    """One line of `check`."""

    ok: bool
    says: str


def check(settings: Settings, folder: Path) -> dict[str, Finished]:
    """What stands between this box and the collector, looked at from here; changes nothing.

    Raises SettingsError where a file that the settings name can't be used.
    """
    machine = Machine.real()
    stamp = machine.clock.stamp()
    path, broker = _spool_path(settings, folder), settings.broker
    line = MqttLine(_broker(settings, folder), settings.box.name, machine.random)
    trouble = line.try_out(_CONNECT_S)
    says = f"{broker.host}:{broker.port} " + (f"can't be used: {trouble}" if trouble else "lets this box in")
    reached = Finished(ok=not trouble, says=says)
    return {
        "settings": Finished(ok=True, says=f"{len(settings.targets)} targets, box {settings.box.name}"),
        "spool": _spool_word(path),
        "clock": Finished(
            ok=True,
            says="NTP holds it" if stamp.synchronised else "no NTP: the collector will be asked for the time",
        ),
        "broker": reached,
    }


def spool_summary(settings: Settings, folder: Path) -> look.Summary:
    """What stands in the box's spool, also while the box runs. Raises SpoolError."""
    return look.read(_spool_path(settings, folder))


class _NoLedger:
    """Nobody counts what a person asks for by hand."""

    def used_bytes(self, _day: str, /) -> int:
        return 0

    def add_used(self, _day: str, _amount: int, /) -> None:
        pass


def _spool_word(path: Path) -> Finished:
    try:
        summary = look.read(path)
    except SpoolError as error:
        return Finished(ok=not path.exists(), says=str(error))
    return Finished(ok=True, says=f"reports that wait in {path}: {summary['waiting']}")


def _measures(settings: Settings, folder: Path) -> dict[str, Measure]:
    ceiling = settings.ceilings.internet
    told = ProbeSettings(
        targets=settings.targets,
        servers=settings.servers,
        spool_folder=str(_spool_path(settings, folder).parent),
        internet_max_bytes=ceiling.max_bytes,
        internet_max_seconds=ceiling.max_seconds,
        internet_secure=settings.internet.secure,
    )
    return {name: make(told) for name, make in PROBES.items()}


def _specs(settings: Settings, able: Container[str]) -> list[ProbeSpec]:
    """The catalogue's lines of the probes that this box has and that are on, in the settings' rhythm."""
    every_s = settings.probes.every_s
    return [
        spec._replace(every_s=every_s.get(spec.name, spec.every_s))
        for spec in catalogue.PROBES.values()
        if spec.name in able and spec.name not in settings.probes.off
    ]


def _zone(settings: Settings) -> tzinfo:
    """The place's time zone: the settings', else the machine's."""
    if settings.box.timezone:
        return ZoneInfo(settings.box.timezone)
    try:
        # The machine's zone with its summers and winters; its offset alone would be off half the year.
        with Path("/etc/localtime").open("rb") as rules:
            return ZoneInfo.from_file(rules)
    except (OSError, ValueError):
        return datetime.now(UTC).astimezone().tzinfo or UTC  # noqa: TID251 - the offset, not the time


def _spool_path(settings: Settings, folder: Path) -> Path:
    return folder / settings.box.spool


def _ca_file(folder: Path, name: str) -> str | None:
    """The path of the authority to believe. Raises SettingsError if it holds no certificate."""
    if not name:
        return None
    path = folder / name
    try:
        ssl.create_default_context(cafile=str(path))
    except OSError as error:
        raise SettingsError(str(path), [f"broker.ca_file can't be used: {error}"]) from error
    return str(path)


def _broker(settings: Settings, folder: Path) -> Broker:
    broker = settings.broker
    return Broker(
        host=broker.host,
        port=broker.port,
        username=broker.username,
        password=config.secret(folder, broker.password_file),
        tls=bool(broker.ca_file),
        ca_file=_ca_file(folder, broker.ca_file),
        reconnect_s=broker.reconnect_s,
    )
