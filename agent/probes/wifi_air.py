"""How full the air is, without listening to anybody: what the driver, the access point and the last scan say.

Nothing is scanned for: a scan would take the radio off its channel for seconds. One finding a radio.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from agent.machine.machine import Machine
from agent.probes.base import Measure, credible
from agent.probes.radios import Radio, ask, radios
from agent.probes.settings import ProbeSettings
from agent.readers import iw
from firstbell.catalogue import Reading
from firstbell.report import Finding, Medium, Status

FIRST = "first look: no share of busy time yet"
_BUSY_255 = 255
_MOST_STATIONS = 512
"""More on one network than any access point takes; some tell their count with its two bytes swapped."""
_LONG_MS = 10_000
"""In so long a time even an empty school's channel has beacons: a busy time of zero is a driver's."""
_OLD_S = 300.0
"""What the access point said longer ago was told before, and would be told again as new."""
_5_GHZ_MHZ, _6_GHZ_MHZ, _TOP_MHZ = 4900, 5925, 7130


class _Look(NamedTuple):
    """The channel's counts at one moment, which the next run takes differences to."""

    at_s: float
    survey: iw.Survey | None


def probe(_settings: ProbeSettings) -> Measure:
    """The probe `wifi_air`."""

    def measure(machine: Machine, memory: dict[str, Any]) -> Sequence[Finding]:
        found = radios(machine, memory)
        looks: dict[str, _Look] = memory.setdefault("looks", {})
        return [_finding(machine, radio, looks) for radio in found.in_use] + found.missed

    return measure


def _finding(machine: Machine, radio: Radio, looks: dict[str, _Look]) -> Finding:
    networks = iw.networks(ask(machine, "dev", radio.interface.name, "scan", "dump"))
    if radio.link is None:
        looks.pop(radio.label, None)
        heard = credible(_heard(networks, None, None))
        status = Status.OK if heard else Status.NOTHING
        return Finding(
            status=status, reason=radio.trouble, target=radio.label, medium=Medium.WIFI, readings=heard
        )
    frequency = radio.link.frequency_mhz or radio.interface.frequency_mhz
    surveys = iw.surveys(ask(machine, "dev", radio.interface.name, "survey", "dump"))
    look = _Look(machine.clock.monotonic(), _of_channel(surveys, frequency))
    before = looks.get(radio.label)
    looks[radio.label] = look
    shares, trouble = _since(before, look)
    own = _own(networks, radio.link.address)
    readings = {
        **shares,
        "frequency_mhz": frequency,
        "noise_dbm": look.survey.noise_dbm if look.survey else None,
        **(_load(own) if own else {}),
        # Without its own among them, one of the others would be its own.
        **(_heard(networks, own, frequency) if own else {}),
    }
    return Finding(
        status=Status.OK,
        reason=trouble,
        target=radio.label,
        medium=Medium.WIFI,
        readings=credible(readings),
    )


def _of_channel(surveys: Sequence[iw.Survey], frequency: int | None) -> iw.Survey | None:
    """The survey of the channel in use; with several links at once the one of `frequency`."""
    used = [survey for survey in surveys if survey.in_use]
    same = [survey for survey in used if survey.frequency_mhz == frequency]
    return next(iter(same or used), None)


def _since(before: _Look | None, look: _Look) -> tuple[dict[str, Reading | None], str]:
    """Shares of the time since the look before, and why there are none."""
    now = look.survey
    if now is None or now.active_ms is None or now.busy_ms is None:
        return {}, "the driver doesn't count how long the channel is busy"
    then = before.survey if before else None
    if before is None or then is None or then.active_ms is None or then.busy_ms is None:
        return {}, FIRST
    if then.frequency_mhz != now.frequency_mhz:
        return {}, "another channel than at the look before: no share of busy time"
    active, busy = now.active_ms - then.active_ms, now.busy_ms - then.busy_ms
    if active < 0 or busy < 0:
        return {}, "the driver's counts began anew since the look before"
    if trouble := _impossible(active, busy, look.at_s - before.at_s):
        return {}, f"the driver's counts of busy time can't be right: {trouble}"
    return {
        "busy_pct": 100 * busy / active,
        "receive_pct": _part(then.receive_ms, now.receive_ms, active),
        "transmit_pct": _part(then.transmit_ms, now.transmit_ms, active),
        "watched_s": active / 1000,
    }, ""


def _impossible(active_ms: int, busy_ms: int, passed_s: float) -> str:
    """What can't be about these differences; empty if nothing."""
    if active_ms == 0:
        return "they stand still"
    if busy_ms > active_ms:
        return "busy for longer than it listened"
    if busy_ms == 0 and active_ms >= _LONG_MS:
        return "never busy at all"
    # Two calls of iw and a clock that is slewed: a tenth and a second are no contradiction.
    if active_ms > 1100 * passed_s + 1000:
        return "it listened for longer than passed"
    return ""


def _part(then_ms: int | None, now_ms: int | None, active_ms: int) -> float | None:
    if then_ms is None or now_ms is None or not 0 <= now_ms - then_ms <= active_ms:
        return None
    return 100 * (now_ms - then_ms) / active_ms


def _own(networks: Sequence[iw.Network], address: str) -> iw.Network | None:
    """The network this radio hangs on; a Wi-Fi 7 link has an address of its own, so the mark counts too."""
    same = [network for network in networks if network.address == address]
    marked = [network for network in networks if network.associated]
    return next(iter(same or marked), None)


def _load(own: iw.Network) -> dict[str, Reading | None]:
    """The access point's own word (BSS Load). Without it nothing: no age of what isn't there."""
    if (own.stations is None and own.busy_255 is None) or (own.age_s or 0.0) > _OLD_S:
        return {}
    believed = own.stations is not None and own.stations <= _MOST_STATIONS
    return {
        "ap_busy_pct": 100 * own.busy_255 / _BUSY_255 if own.busy_255 is not None else None,
        "ap_stations": own.stations if believed else None,
        "ap_load_age_s": own.age_s,
    }


def _heard(
    networks: Sequence[iw.Network], own: iw.Network | None, frequency: int | None
) -> dict[str, Reading | None]:
    """Counts of other networks; none if no other is known, for then nobody has scanned of late."""
    others = [network.frequency_mhz or 0 for network in networks if network is not own]
    if not others:
        return {}
    return {
        "channel_networks": others.count(frequency) if frequency else None,
        "band_2ghz_networks": sum(0 < mhz < _5_GHZ_MHZ for mhz in others),
        "band_5ghz_networks": sum(_5_GHZ_MHZ <= mhz < _6_GHZ_MHZ for mhz in others),
        "band_6ghz_networks": sum(_6_GHZ_MHZ <= mhz < _TOP_MHZ for mhz in others),
    }
