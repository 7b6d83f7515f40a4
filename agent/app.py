"""The one constructor of the box: doors, probes, spool and uplink; `agent.box` works with them."""

import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import NotRequired, TypedDict

from agent import lines
from agent.box import Box
from agent.config import Settings
from agent.gate import Gate
from agent.machine import marks
from agent.machine.machine import Machine
from agent.probes import PROBES
from agent.probes.base import Measure
from agent.probes.settings import ProbeSettings
from agent.runner import Runner
from agent.spool import Spool, look
from agent.spool.schema import SpoolError
from agent.uplink import ladder
from agent.uplink.progress import Progress
from firstbell.report import Draft

log = logging.getLogger(__name__)

TROUBLES = (SpoolError,)
"""What a user can mend: said in words, never as a traceback."""

_END_ANYHOW_S = 20.0
_CONNECT_S = 5.0


@contextmanager
def running(settings: Settings, folder: Path, measures: Mapping[str, Measure] | None = None) -> Iterator[Box]:
    """The box with its spool open; `folder` is where its settings lie, `measures` other probes.

    Raises SettingsError or SpoolError.
    """
    machine = Machine.real()
    progress = Progress(machine.clock)
    line = lines.ladder(settings, folder, machine, _spool_path(settings, folder).parent)
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
        mark = marks.testing(_spool_path(settings, folder))
        yield Box(settings, machine, spool, line, progress, measures, last_resort, mark.hold)
    finally:
        spool.close()
        last_resort.cancel()


def once(settings: Settings, probe: str) -> list[Draft]:
    """What `probe` finds now; a heavy one within the box's ceilings. Nothing is kept or sent."""
    gate = Gate(settings.ceilings, _NoLedger(), UTC, fill=lambda: 0.0, metered=lambda: settings.box.metered)
    runner = Runner(Machine.real(), _measures(settings, Path()), gate)
    return runner.run(probe, forced=True)


class Finished(TypedDict):
    """One line of `check`. What `doubts` may be right, and keeps nothing from working that is known."""

    ok: bool
    says: str
    doubts: NotRequired[bool]


def check(settings: Settings, folder: Path) -> dict[str, Finished]:
    """What stands between this box and the collector, looked at from here; changes nothing.

    Raises SettingsError where a file that the settings name can't be used.
    """
    machine = Machine.real()
    stamp = machine.clock.stamp()
    path = _spool_path(settings, folder)
    ways = _ways(settings, folder, machine)
    return {
        "settings": Finished(ok=True, says=f"{len(settings.targets)} targets, box {settings.box.name}"),
        "name": _name_word(settings),
        "spool": _spool_word(path),
        "clock": Finished(
            ok=True,
            says="NTP holds it" if stamp.synchronised else "no NTP: the collector will be asked for the time",
        ),
        **ways,
    }


def _ways(settings: Settings, folder: Path, machine: Machine) -> dict[str, Finished]:
    """Each way to the collector, tried: one is enough. Which of several carried last stands at their end."""
    makes = lines.makes(settings, folder, machine)
    troubles = {name: make().try_out(_CONNECT_S) for name, make in makes.items()}
    enough = not all(troubles.values())
    broker = settings.broker
    places = dict.fromkeys(makes, settings.uplink.collector) | {"mqtt": f"{broker.host}:{broker.port}"}
    found: dict[str, Finished] = {}
    for name, trouble in troubles.items():
        says = f"{places[name]} " + (f"can't be used: {trouble}" if trouble else "lets this box in")
        key = "broker" if name == "mqtt" else name
        found[key] = Finished(ok=enough, says=says)
        if trouble and enough:
            found[key]["doubts"] = True
    if len(makes) > 1:
        kept = ladder.remembered(_spool_path(settings, folder).parent / lines.KEPT)
        found["uplink"] = Finished(
            ok=True, says=f"reports went by {ladder.WORDS[kept]} last" if kept else "nothing was sent yet"
        )
    return found


def buildable(settings: Settings, folder: Path) -> Path:
    """See that everything is there that a start needs, and start nothing; where the spool lies.

    Raises SettingsError.
    """
    lines.makes(settings, folder, Machine.real())
    _measures(settings, folder)
    return _spool_path(settings, folder)


def spool_summary(settings: Settings, folder: Path) -> look.Summary:
    """What stands in the box's spool, also while the box runs. Raises SpoolError."""
    return look.read(_spool_path(settings, folder))


class _NoLedger:
    """Nobody counts what a person asks for by hand."""

    def used_bytes(self, _day: str, /) -> int:
        return 0

    def add_used(self, _day: str, _amount: int, /) -> None:
        pass


def _name_word(settings: Settings) -> Finished:
    """Brokers drop in silence what a name may not say: nothing but the two names tells it beforehand."""
    name, user = settings.box.name, settings.broker.username
    if user in {"", name}:
        return Finished(ok=True, says=f"{name} to the district" + (" and to the broker" if user else ""))
    return Finished(
        ok=True,
        doubts=True,
        says=f"the box is {name} and logs in as {user}: a broker that lets each user write under its own "
        "name alone, as the README's does, drops all of its reports without a word",
    )


def _spool_word(path: Path) -> Finished:
    folder = path.parent
    if not folder.is_dir():
        return Finished(ok=False, says=f"{path} can't be made: there is no folder {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        return Finished(ok=False, says=f"{path} can't be used: nothing can be written in {folder}")
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


def _spool_path(settings: Settings, folder: Path) -> Path:
    return folder / settings.box.spool
