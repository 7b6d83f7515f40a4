"""How well this machine hangs on its access point: signal, rates, repetitions. One finding a radio."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from agent.machine.machine import Machine
from agent.probes.base import Measure, credible
from agent.probes.radios import Radio, ask, radios
from agent.probes.settings import ProbeSettings
from agent.readers import iw
from firstbell.catalogue import Reading
from firstbell.report import Finding, Medium, Status

FIRST = "first look: no counts yet"


class _Look(NamedTuple):
    """What the next look takes differences to. The address stays in memory."""

    address: str
    station: iw.Station | None


def probe(_settings: ProbeSettings) -> Measure:
    """The probe `wifi_link`."""

    def measure(machine: Machine, memory: dict[str, Any]) -> Sequence[Finding]:
        found = radios(machine, memory)
        looks: dict[str, _Look] = memory.setdefault("looks", {})
        return [_finding(machine, radio, looks) for radio in found.in_use] + found.missed

    return measure


def _finding(machine: Machine, radio: Radio, looks: dict[str, _Look]) -> Finding:
    if radio.link is None:
        # The look before is kept: back on another access point is a change all the same.
        status = Status.NOTHING if radio.off else Status.FAILED
        return Finding(status=status, reason=radio.trouble, target=radio.label, medium=Medium.WIFI)
    look = _Look(radio.link.address, _station(machine, radio.interface.name, radio.link.address))
    before = looks.get(radio.label)
    looks[radio.label] = look
    counts, trouble = _since(before, look)
    return Finding(
        status=Status.OK,
        reason=trouble,
        target=radio.label,
        medium=Medium.WIFI,
        readings=credible(_standing(radio, radio.link, look.station)) | credible(counts),
    )


def _station(machine: Machine, name: str, address: str) -> iw.Station | None:
    """The driver's counts for the access point; by another address (Wi-Fi 7) if there is but one."""
    stations = iw.stations(ask(machine, "dev", name, "station", "dump"))
    same = [station for station in stations if station.address == address]
    return next(iter(same), stations[0] if len(stations) == 1 else None)


def _standing(radio: Radio, link: iw.Link, station: iw.Station | None) -> dict[str, Reading | None]:
    """What needs no look before this one."""
    received = link.received or (station.received if station else None)
    sent = link.sent or (station.sent if station else None)
    generations = [rate.generation for rate in (sent, received) if rate and rate.generation]
    averaged = station.signal_dbm if station else None
    return {
        "signal_dbm": averaged if averaged is not None else link.signal_dbm,
        "rx_rate_mbps": received.mbps if received else None,
        "tx_rate_mbps": sent.mbps if sent else None,
        "expected_mbps": station.expected_mbps if station else None,
        "frequency_mhz": link.frequency_mhz or radio.interface.frequency_mhz,
        "width_mhz": radio.interface.width_mhz,
        "wifi_generation": max(generations, default=None),
        "spatial_streams": sent.streams if sent else None,
        "connected_s": float(station.connected_s) if station and station.connected_s is not None else None,
    }


def _since(before: _Look | None, look: _Look) -> tuple[dict[str, Reading | None], str]:
    """What was counted since the look before, and why nothing was."""
    if before is None:
        return {}, FIRST
    counts: dict[str, Reading | None] = {"ap_changed": before.address != look.address}
    if before.address != look.address:
        return counts, "another access point than at the look before: no counts"
    then, now = before.station, look.station
    if then is None or now is None:
        return counts, "the driver tells no counts"
    if _began_anew(then, now):
        return counts, "the counts began anew since the look before"
    frames, retries, failed, lost = (
        _difference(getattr(then, name), getattr(now, name))
        for name in ("frames", "retries", "failed", "lost_beacons")
    )
    counts |= {
        "tx_frames": frames,
        # Of all transmissions, the first ones too: repetitions per frame can be more than all.
        "tx_retry_pct": _share(retries, frames, retries),
        "tx_failed_pct": _share(failed, frames),
        "lost_beacons": lost,
    }
    return counts, "" if frames is not None else "the driver tells no counts"


def _began_anew(then: iw.Station, now: iw.Station) -> bool:
    """Whether any count, or the time connected, stands lower than before."""
    return any(
        (_difference(getattr(then, name), getattr(now, name)) or 0) < 0
        for name in ("frames", "retries", "failed", "lost_beacons", "connected_s")
    )


def _difference(then: int | None, now: int | None) -> int | None:
    return now - then if now is not None and then is not None else None


def _share(part: int | None, *whole: int | None) -> float | None:
    """In percent; None without anything to take a share of."""
    total = sum(count for count in whole if count is not None)
    return min(100.0, 100 * part / total) if part is not None and None not in whole and total > 0 else None
