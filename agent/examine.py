"""`firstbell-agent doctor`: from settings or a card to what is looked at, and to an answer."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from agent import app, config, enrol, lines
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

    `took_s` is how long it took to look; `certified` is false for a box that has no certificate yet.
    """

    took_s: float
    certified: bool
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


CARD = Path("card") / "card.toml"
"""Where a box that was deployed has its card, seen from its settings' folder."""


class Meant(NamedTuple):
    """What is to be examined.

    `certified` is false for a box that has no certificate yet; `proxy` is the one on its card.
    """

    ways: Ways
    settings: Settings | None
    certified: bool
    proxy: str = ""


def meant(path: Path, card: Path | None) -> Meant:
    """What is examined with settings in `path`, where there are any, and the card that was named.

    A card goes before settings; a box that was not let in yet has only its card. Raises SettingsError.
    """
    settings = config.read(path) if path.exists() or card is None else None
    folder = path.absolute().parent
    ways = of_settings(settings, folder) if settings else None
    certified = bool(settings and _certified(settings, folder))
    if card is None and not certified and (folder / CARD).exists():
        card = folder / CARD
    if card is None and settings and not certified:
        named = folder / settings.broker.cert_file
        raise SettingsError(str(named), [f"this box has no certificate yet, and no card in {folder / CARD}"])
    proxy = ""
    if card is not None:
        given = enrol.read(card)
        proxy, of = given.proxy, of_card(given, card.absolute().parent)
        ways = msgspec.structs.replace(of, pages=ways.pages) if ways else of
    assert ways
    return Meant(ways, settings, certified, proxy)


def _certified(settings: Settings, folder: Path) -> bool:
    """Whether the certificate that the settings name is there; a box that shows none needs none."""
    named = settings.broker.cert_file
    return not named or (folder / named).exists()


def examine(what: Meant, folder: Path, tell: Callable[[str], None]) -> Examination:
    """Look, and judge. `tell` hears the name of each look that has ended. Raises SettingsError."""
    checked: dict[str, Finished] = {}
    ways, settings = what.ways, what.settings

    def check() -> dict[str, str]:
        assert settings
        checked.update(app.check(settings, folder))
        return {way: _trouble(checked[way]) for way in saying.WAYS if way in checked}

    machine = Machine.real()
    began_s = machine.clock.monotonic()
    told = settings.uplink if settings else UplinkSettings()
    proxy = lines.proxy(told, folder, ways.collector, what.proxy) if ways.collector else None
    try:
        seen = looks.look(ways, machine, proxy, check if settings and what.certified else None, tell)
    except OSError as error:
        raise SettingsError(ways.ca_file or "TLS", [f"can't be used: {error.strerror or error}"]) from error
    took_s = machine.clock.monotonic() - began_s
    return Examination(
        took_s=took_s, certified=what.certified, checked=checked, seen=seen, diagnosis=judge(seen)
    )


def _trouble(said: Finished) -> str:
    """What `check` says is wrong with a way; with another one that is good it only doubts."""
    return "" if said["ok"] and not said.get("doubts") else said["says"]
