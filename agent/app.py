"""The one constructor of the box: doors, probes, spool and uplink; `agent.box` works with them."""

import logging
import os
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import NotRequired, TypedDict

from agent import config
from agent.box import Box
from agent.config import BrokerSettings, Settings
from agent.gate import Gate
from agent.machine import marks
from agent.machine.machine import Machine
from agent.probes import PROBES
from agent.probes.base import Measure
from agent.probes.settings import ProbeSettings
from agent.runner import Runner
from agent.spool import Spool, look
from agent.spool.schema import SpoolError
from agent.uplink.mqtt import Broker, MqttLine
from agent.uplink.progress import Progress
from firstbell.report import Draft
from firstbell.settings import SettingsError

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
    path, broker = _spool_path(settings, folder), settings.broker
    line = MqttLine(_broker(settings, folder), settings.box.name, machine.random)
    trouble = line.try_out(_CONNECT_S)
    says = f"{broker.host}:{broker.port} " + (f"can't be used: {trouble}" if trouble else "lets this box in")
    reached = Finished(ok=not trouble, says=says)
    return {
        "settings": Finished(ok=True, says=f"{len(settings.targets)} targets, box {settings.box.name}"),
        "name": _name_word(settings),
        "spool": _spool_word(path),
        "clock": Finished(
            ok=True,
            says="NTP holds it" if stamp.synchronised else "no NTP: the collector will be asked for the time",
        ),
        "broker": reached,
    }


def buildable(settings: Settings, folder: Path) -> Path:
    """See that everything is there that a start needs, and start nothing; where the spool lies.

    Raises SettingsError.
    """
    _broker(settings, folder)
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


def _shown(folder: Path, broker: BrokerSettings) -> tuple[str | None, str | None]:
    """The paths of the box's own certificate and its key. Raises SettingsError if they can't be shown."""
    if not broker.cert_file:
        return None, None
    certificate, key = folder / broker.cert_file, folder / broker.key_file
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password="")
    except OSError as error:
        why = error.strerror or error
        raise SettingsError(str(certificate), [f"broker.cert_file, key_file can't be used: {why}"]) from error
    return str(certificate), str(key)


def _broker(settings: Settings, folder: Path) -> Broker:
    broker = settings.broker
    certificate, key = _shown(folder, broker)
    return Broker(
        host=broker.host,
        port=broker.port,
        username=broker.username,
        password=config.secret(folder, broker.password_file),
        tls=bool(broker.ca_file),
        ca_file=_ca_file(folder, broker.ca_file),
        cert_file=certificate,
        key_file=key,
        reconnect_s=broker.reconnect_s,
    )
