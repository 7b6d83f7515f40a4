"""`firstbell-agent doctor`: from settings or a card to what is looked at, and to an answer."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from agent import app, lines
from agent.app import Finished
from agent.config import Settings, UplinkSettings
from agent.doctor import looks, saying
from agent.doctor.judge import Diagnosis, judge
from agent.doctor.seen import Page, Seen, Ways
from agent.enrol import Card
from agent.machine.machine import Machine
from firstbell.settings import SettingsError


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """The answer: what `firstbell-agent check` says (nothing before there are settings), seen, and judged.

    `took_s` is how long it took to look.
    """

    took_s: float
    checked: dict[str, Finished]
    seen: Seen
    diagnosis: Diagnosis

    @property
    def good(self) -> bool:
        """Whether reports can go."""
        return self.diagnosis.reports_can_go


def of_card(card: Card, folder: Path) -> Ways:
    """What a box will need that has this card; `folder` is the card's."""
    return Ways(
        broker=card.broker,
        broker_port=card.broker_port,
        collector=card.collector,
        ca_file=str(folder / card.authorities),
    )


def of_settings(settings: Settings, folder: Path) -> Ways:
    """What a box with these settings needs; `folder` is theirs."""
    broker = settings.broker
    return Ways(
        broker=broker.host,
        broker_port=broker.port,
        broker_tls=bool(broker.ca_file),
        collector=settings.uplink.collector,
        ca_file=str(folder / broker.ca_file) if broker.ca_file else None,
        pages=tuple(
            Page(url=target.url, status=target.status)
            for target in settings.targets
            if target.status and target.url.startswith("http://")
        ),
    )


def with_collector(ways: Ways, card: Ways) -> Ways:
    """The ways of settings which do not say where the collector is, as a card does."""
    return ways if ways.collector else msgspec.structs.replace(ways, collector=card.collector)


def examine(
    ways: Ways, settings: Settings | None, folder: Path, tell: Callable[[str], None], given: str = ""
) -> Examination:
    """Look, and judge. `tell` hears the name of each look that has ended; `given` is the proxy on the card.

    Raises SettingsError.
    """
    checked: dict[str, Finished] = {}
    known = settings

    def check() -> dict[str, str]:
        assert known
        checked.update(app.check(known, folder))
        return {way: _trouble(checked[way]) for way in saying.WAYS if way in checked}

    machine = Machine.real()
    began_s = machine.clock.monotonic()
    told = settings.uplink if settings else UplinkSettings()
    proxy = lines.proxy(told, folder, ways.collector, given) if ways.collector else None
    try:
        seen = looks.look(ways, machine, proxy, check if known else None, tell)
    except OSError as error:
        raise SettingsError(ways.ca_file or "TLS", [f"can't be used: {error.strerror or error}"]) from error
    took_s = machine.clock.monotonic() - began_s
    return Examination(took_s=took_s, checked=checked, seen=seen, diagnosis=judge(seen))


def _trouble(said: Finished) -> str:
    """What `check` says is wrong with a way; with another one that is good it only doubts."""
    return "" if said["ok"] and not said.get("doubts") else said["says"]
