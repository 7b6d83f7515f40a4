"""What to look at on a box, in sentences: from what it said last, and from what the journal knows of it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from collector.questions.reached import Gateway
from collector.questions.sight import GONE, local, look_of, sight_of
from collector.store.reads import BoxState, Reads
from firstbell import district as districts
from firstbell.catalogue import PROBES
from firstbell.district import District, Seat
from firstbell.ladder import Sign
from firstbell.readiness import words
from firstbell.readiness.words import NBSP
from firstbell.report import ClockQuality, LimitedBy, Report, Status, Stored

FULL_PCT = 50.0
CATCHING_UP = 500
"""So many reports wait after about an hour and a half without a line."""
LEAST_FREE_MIB = 500.0
LOW_PCT = 20.0
"""A battery this low, off the charger, is empty soon: a judgement."""
NEVER = "Never called: is it plugged in, and does its name stand in agent.toml?"
_MOST_NAMED = 3
_TESTS = tuple(probe.name for probe in PROBES.values() if probe.heavy)


class OnLine(NamedTuple):
    """The line on which a box stands: what is bought of it, and the most that other boxes saw of it last."""

    bought_mbps: float | None
    others_mbps: float


def of_talking(
    newest: Mapping[str, Report],
    state: BoxState | None,
    lost_why: str,
    newest_version: str,
    line: OnLine,
) -> list[str]:
    """Everything about a box that talks, the worst first; empty if there is nothing to do."""
    found = [
        *_two(state),
        *_lost(state, lost_why),
        *_spool(newest),
        *_power(newest),
        *_clock(newest),
        *_version(newest, newest_version),
        *_card(newest),
        *_narrow(newest, line),
        *_radio(newest),
    ]
    return [sentence for sentence in found if sentence]


def of_way(
    reads: Reads, newest: Sequence[Stored], district: District, seat: Seat, as_of_ns: int
) -> list[str]:
    """What its own last looks at its way say, as its room's page has it; empty if it gets through."""
    if not seat.school or all(stored.report.status is Status.OK for stored in newest):
        return []
    sight = sight_of(reads, seat, newest, as_of_ns)
    look = look_of(sight)
    zone = districts.zone(districts.school_of(district, seat.school).tz)
    for sign, what, since_ns in (
        (look.internet, "reach the internet", sight.cut.since_ns if sight.cut else None),
        (look.wifi, "get in by its Wi-Fi", sight.wifi_failed_ns),
    ):
        if sign is Sign.BAD and since_ns is not None:
            since = words.since(local(since_ns, zone), local(as_of_ns, zone))
            return [f"Doesn\u2019t {what} since {since}: see its room."]
    return []


def of_silent(
    newest: Mapping[str, Report],
    gateway: Gateway,
    talking: Sequence[str],
    district: District,
    seat: Seat | None,
    as_of_ns: int,
) -> list[str]:
    """What a silence means, and what the box said before it."""
    found = []
    if gateway.answers:
        found.append("The gateway answers: the school is fine.")
    elif talking:
        more = len(talking) - _MOST_NAMED
        named = [*talking[:_MOST_NAMED], *([f"{more} more"] if more > 0 else [])]
        found.append(f"{words.listed(named)} of the same school {'talks' if len(talking) == 1 else 'talk'}.")
    elif gateway.answers is False and gateway.since_ns is not None and seat:
        zone = districts.zone(districts.school_of(district, seat.school).tz)
        since = words.since(local(gateway.since_ns, zone), local(as_of_ns, zone))
        found.append(f"Its gateway doesn\u2019t answer either since {since}. Power or the line, not our box.")
    elif seat and seat.school and not districts.school_of(district, seat.school).gateway:
        found.append(
            "Enter its school\u2019s gateway in schools.csv, to tell its silence from the school\u2019s."
        )
    if _on(newest, "power", "undervoltage_now", "undervoltage_since_boot"):
        found.append("Its voltage dipped before it stopped: look at its power brick.")
    return found


def version_of(newest: Mapping[str, Report]) -> str:
    """The program's version, as the box said last; empty if it never did."""
    value = newest["box"].readings.get("agent_version") if "box" in newest else None
    return value if isinstance(value, str) else ""


def number(version: str) -> tuple[int, ...]:
    """A version in an order: 0.10.0 comes after 0.9.1; what is no number comes first."""
    return tuple(int(part) if part.isascii() and part.isdigit() else -1 for part in version.split("."))


def _two(state: BoxState | None) -> list[str]:
    if not state or not state.suspended:
        return []
    said = f"Two boxes have this name ({state.suspended}): nothing that either says counts."
    return [f"{said} Give one another name, then: firstbell box accept {state.agent}"]


def _lost(state: BoxState | None, why: str) -> list[str]:
    if not state:
        return []
    reason = f": {why}" if why else ""
    return [
        f"{words.count(state.lost, 'report')} lost{reason}." if state.lost else "",
        f"{words.count(state.refused, 'report')} refused here: see firstbell quarantine."
        if state.refused
        else "",
    ]


def _spool(newest: Mapping[str, Report]) -> list[str]:
    used, waiting = _figure(newest, "box", "spool_used_pct"), _figure(newest, "box", "spool_reports")
    if used is not None and used >= FULL_PCT:
        return [f"Its spool is {used:.0f}{NBSP}% full: it can\u2019t send as fast as it measures."]
    if waiting is not None and waiting >= CATCHING_UP:
        return [f"Catching up: {waiting:,.0f} reports wait in its spool."]
    return []


def _power(newest: Mapping[str, Report]) -> list[str]:
    if _on(newest, "power", "undervoltage_now"):
        return ["Too little voltage now: look at its power brick and cable."]
    if _on(newest, "power", "undervoltage_since_boot"):
        return ["Its voltage has dipped since its start: look at its power brick."]
    if _on(newest, "power", "hot_now"):
        return ["It slows down because it is hot: give it air."]
    pct = _figure(newest, "power", "battery_pct")
    if pct is None or pct >= LOW_PCT or newest["power"].readings.get("plugged_in") is not False:
        return []
    return [f"Its battery is at {pct:.0f}{NBSP}% and it isn\u2019t plugged in: plug it in."]


def _clock(newest: Mapping[str, Report]) -> list[str]:
    last = max(newest.values(), key=lambda report: report.at_ns, default=None)
    if last is None or last.clock is ClockQuality.NTP:
        return []
    if last.clock is ClockQuality.COLLECTOR:
        return ["Its time server doesn\u2019t answer. Reports use our time meanwhile."]
    return ["It doesn\u2019t know the time: what it measures doesn\u2019t count until it does."]


def _version(newest: Mapping[str, Report], newest_version: str) -> list[str]:
    own = version_of(newest)
    if own and number(own) < number(newest_version):
        return [f"Old version {own}; others have {newest_version}."]
    return []


def _card(newest: Mapping[str, Report]) -> list[str]:
    free, unstored = _figure(newest, "host", "disk_free_mib"), _figure(newest, "box", "unstored_reports")
    return [
        f"Its card did not take {words.count(int(unstored), 'measurement')}: send a new one."
        if unstored
        else "",
        f"Its card has {free:,.0f}{NBSP}MiB left." if free is not None and free < LEAST_FREE_MIB else "",
    ]


def mbps_seen(newest: Mapping[str, Report]) -> float:
    """The most that its last tests of a line saw, in Mbit/s of payload; 0 without any."""
    return max((_figure(newest, probe, "down_mbps") or 0.0 for probe in _TESTS), default=0.0)


def _narrow(newest: Mapping[str, Report], line: OnLine) -> list[str]:
    """A box that can't see what its line may carry, unless another one there sees more than it."""
    bought, seen = line.bought_mbps, mbps_seen(newest)
    if bought is None or line.others_mbps > seen:
        return []
    speed = _figure(newest, "host", "port_speed_mbps")
    if speed and speed < bought:
        return [f"Its port agreed on {speed:,.0f}{NBSP}Mbit/s; its line has {bought:,.0f}."]
    if not any(newest[probe].limited_by is LimitedBy.PROBE for probe in _TESTS if probe in newest):
        return []
    limit = f"It sees no more than {words.number(seen, at_least=True)}{NBSP}Mbit/s, its own limit"
    return [f"{limit}; its line has {bought:,.0f}: put a faster machine there."]


def _radio(newest: Mapping[str, Report]) -> list[str]:
    link = newest.get("wifi_link")
    return ["Its Wi-Fi adapter is gone."] if link and GONE in link.reason else []


def _on(newest: Mapping[str, Report], probe: str, *names: str) -> bool:
    return probe in newest and any(newest[probe].readings.get(name) is True for name in names)


def _figure(newest: Mapping[str, Report], probe: str, name: str) -> float | None:
    value = newest[probe].readings.get(name) if probe in newest else None
    return float(value) if isinstance(value, int | float) else None
