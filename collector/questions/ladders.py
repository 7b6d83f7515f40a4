"""The steps that a device in the room takes, with what each showed and when: by Wi-Fi and by cable."""

from collections.abc import Sequence
from datetime import tzinfo
from typing import Literal

import msgspec

from collector.questions.sight import Sight, air_of, by_name, local, wifi_of, wifi_went
from collector.registry import targets
from firstbell.ladder import Sign
from firstbell.readiness import words
from firstbell.readiness.words import NBSP
from firstbell.report import Report, Segment, Status

Step = Literal["good", "bad", "off"]

NOT_REACHED = "not reached"
NOT_MEASURED = "not measured"
_CLASS_SITE_STATUS = 400


class Rung(msgspec.Struct, frozen=True, kw_only=True):
    """One step. `state` is off where it was not reached or is not measured; `at_ns` is when it was tried."""

    name: str
    state: Step
    value: str
    at_ns: int | None = None


class Ladder(msgspec.Struct, frozen=True, kw_only=True):
    """The steps of one way in, as the box `box` took them; since `silent_ns` it has said nothing more."""

    kind: Literal["wifi", "cable"]
    box: str
    rungs: tuple[Rung, ...]
    silent_ns: int | None = None


def of(sight: Sight, since_ns: int | None, zone: tzinfo) -> list[Ladder]:
    """Both ladders of a box, where it has them. `since_ns` is since when what fails has failed."""
    down = f"not since {since(since_ns, sight, zone)}" if since_ns else "no answer"
    wifi = _wifi(sight, down) if sight.of("wifi_link") else ()
    path = [*_feet(sight), *_path(sight, down)]
    if sight.by_wifi:
        return [_ladder(sight, "wifi", [*wifi, *path])]
    return [*([_ladder(sight, "wifi", wifi)] if wifi else []), _ladder(sight, "cable", path)]


def _ladder(sight: Sight, kind: Literal["wifi", "cable"], rungs: Sequence[Rung]) -> Ladder:
    climbed = _reached(rungs)
    if kind == "wifi" and (air := _air(sight)):
        # Full air lets through what is behind it, only slowly: it hides no later step.
        climbed.insert(1, air)
    if sight.silent_ns is not None:
        # What it saw before it fell silent is no tick of now.
        climbed = [msgspec.structs.replace(rung, state="off") for rung in climbed]
    return Ladder(kind=kind, box=sight.agent, rungs=tuple(climbed), silent_ns=sight.silent_ns)


def since(at_ns: int, sight: Sight, zone: tzinfo) -> str:
    """`7:31`, or with its day."""
    return words.since(local(at_ns, zone), local(sight.as_of_ns, zone))


def _reached(rungs: Sequence[Rung]) -> list[Rung]:
    """What nobody could try behind a step that fails was not reached."""
    found: list[Rung] = []
    for rung in rungs:
        stuck = any(before.state == "bad" for before in found)
        untried = rung.state == "off" or (rung.state == "bad" and stuck)
        found.append(Rung(name=rung.name, state="off", value=NOT_REACHED) if stuck and untried else rung)
    return found


def _wifi(sight: Sight, down: str) -> tuple[Rung, ...]:
    report = wifi_of(sight)
    if report is None or report.status in {Status.NOTHING, Status.SKIPPED}:
        why = report.reason if report else NOT_MEASURED
        return (Rung(name="Joined", state="off", value=why),)
    if wifi_went(report) is Sign.UNKNOWN:
        return (Rung(name="Joined", state="off", value=report.reason, at_ns=report.at_ns),)
    if report.status is not Status.OK:
        return (Rung(name="Joined", state="bad", value=report.reason or down, at_ns=report.at_ns),)
    signal = report.readings.get("signal_dbm")
    value = f"{signal:g}{NBSP}dBm".replace("-", "\u2212") if isinstance(signal, int | float) else "yes"
    return (Rung(name="Joined", state="good", value=value, at_ns=report.at_ns),)


def _air(sight: Sight) -> Rung | None:
    """How full the channel is; more than a class can share is no good step, though a box gets through."""
    seen = air_of(sight)
    if seen is None:
        return None
    busy, at_ns = seen
    return Rung(name="Air", state="bad" if is_full(busy) else "good", value=percent(busy), at_ns=at_ns)


def is_full(busy: float) -> bool:
    """Whether so busy a channel leaves too little for a class."""
    return busy > targets().numbers.air_busy.value


def percent(share: float) -> str:
    """`91 % busy`."""
    return f"{100 * share:.0f}{NBSP}% busy"


def _feet(sight: Sight) -> list[Rung]:
    """Power, and the cable where it has one."""
    power = next(iter(sight.of("power")), None)
    rungs = [_power(power)] if power and power.status is not Status.NOTHING else [_unmeasured("Power")]
    if sight.by_wifi:
        return rungs
    host = next(iter(sight.of("host")), None)
    speed = host.readings.get("port_speed_mbps") if host else None
    if host is None or speed is None:
        return [*rungs, _unmeasured("Cable")]
    state: Step = "good" if speed else "bad"
    value = f"{speed:,}{NBSP}Mbit/s" if speed else "no link"
    return [*rungs, Rung(name="Cable", state=state, value=value, at_ns=host.at_ns)]


def _power(report: Report) -> Rung:
    """Steady, or what is wrong with it."""
    said = report.readings
    if report.status is not Status.OK:
        return Rung(name="Power", state="off", value=report.reason, at_ns=report.at_ns)
    if said.get("undervoltage_now"):
        return Rung(name="Power", state="bad", value="voltage too low", at_ns=report.at_ns)
    charge = said.get("battery_pct")
    if said.get("plugged_in") is False and isinstance(charge, int | float):
        value = f"battery at {charge:.0f}{NBSP}%"
    else:
        value = "dipped since its start" if said.get("undervoltage_since_boot") else "steady"
    return Rung(name="Power", state="good", value=value, at_ns=report.at_ns)


def _path(sight: Sight, down: str) -> list[Rung]:
    """Address, gateway, names, and what lies beyond."""
    looks = sight.of("latency")
    near = [report for report in looks if report.segment is Segment.SITE]
    wan = [report for report in looks if report.segment is Segment.WAN]
    far = [report for report in looks if report.segment is Segment.INTERNET]
    filters = [report for report in far if "filter" in report.target]
    sites = [report for report in far if _site(report) and report not in filters]
    plain = [report for report in far if report not in filters] or far
    rungs = [_address(near), _echo("Gateway", near, down), _names(looks, down)]
    if wan:
        rungs.append(_echo("District", wan, down))
    if filters:
        rungs.append(_echo("Filter", filters, down))
    rungs.append(_echo("Internet", plain, down))
    if sites or rungs[-1].state == "bad":
        rungs.append(_sites(sites, down) if sites else _unmeasured("Class sites"))
    return rungs


def _address(near: Sequence[Report]) -> Rung:
    lost = [report for report in near if report.status is Status.NOTHING]
    if lost:
        return Rung(name="Address", state="bad", value="none", at_ns=lost[0].at_ns)
    tried = [report for report in near if report.status is not Status.SKIPPED]
    if not tried:
        return _unmeasured("Address")
    return Rung(name="Address", state="good", value="has one", at_ns=tried[0].at_ns)


def _echo(name: str, looks: Sequence[Report], down: str) -> Rung:
    """The quickest of the targets that answer; what fails where none does."""
    good = [report for report in looks if report.status is Status.OK]
    if good:
        best = min(good, key=lambda report: _ms(report, "rtt_p50_ms", "http_ms") or 0.0)
        return Rung(name=name, state="good", value=_shown(best, "rtt_p50_ms", "http_ms"), at_ns=best.at_ns)
    failed = [report for report in looks if report.status in {Status.FAILED, Status.TIMEOUT}]
    if failed:
        return Rung(name=name, state="bad", value=down, at_ns=failed[-1].at_ns)
    return _unmeasured(name)


def _names(looks: Sequence[Report], down: str) -> Rung:
    took = [report for report in looks if "dns_ms" in report.readings]
    if took:
        slowest = max(took, key=lambda report: _ms(report, "dns_ms") or 0.0)
        return Rung(name="Names (DNS)", state="good", value=_shown(slowest, "dns_ms"), at_ns=slowest.at_ns)
    failed = [report for report in looks if by_name(report)]
    if failed:
        return Rung(name="Names (DNS)", state="bad", value=down, at_ns=failed[0].at_ns)
    return _unmeasured("Names (DNS)")


def _sites(sites: Sequence[Report], down: str) -> Rung:
    """Pages that a class opens: the slowest, or which of them fail."""
    failed = [report for report in sites if not _opens(report)]
    at_ns = max(report.at_ns for report in sites)
    if len(failed) == len(sites):
        return Rung(name="Class sites", state="bad", value=down, at_ns=at_ns)
    if failed:
        who = words.listed([report.target for report in failed])
        return Rung(name="Class sites", state="bad", value=f"not {who}", at_ns=at_ns)
    slowest = max(sites, key=lambda report: _ms(report, "http_ms") or 0.0)
    return Rung(name="Class sites", state="good", value=_shown(slowest, "http_ms"), at_ns=slowest.at_ns)


def _site(report: Report) -> bool:
    """Whether a page of it is asked for; one that fails says so in its reason."""
    return "http_ms" in report.readings or report.reason.startswith("page:")


def _opens(report: Report) -> bool:
    status = report.readings.get("http_status")
    return "http_ms" in report.readings and not (isinstance(status, int) and status >= _CLASS_SITE_STATUS)


def _ms(report: Report, *names: str) -> float | None:
    for name in names:
        value = report.readings.get(name)
        if isinstance(value, int | float):
            return float(value)
    return None


def _shown(report: Report, *names: str) -> str:
    value = _ms(report, *names)
    return "answers" if value is None else milliseconds(value)


def milliseconds(value: float) -> str:
    """`31 ms`, `0.8 ms`: exact enough for whoever looks for a fault."""
    return f"{value:,.0f}{NBSP}ms" if value >= 10 else f"{value:.1f}{NBSP}ms"  # noqa: PLR2004


def _unmeasured(name: str) -> Rung:
    return Rung(name=name, state="off", value=NOT_MEASURED)
