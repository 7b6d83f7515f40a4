"""Tables of probes, metrics, and the words of a report, from the catalogue; and the collector's figures."""

import math
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from collector import registry
from collector.clock import SystemClock
from collector.coordinator.coordinator import Coordinator
from collector.coordinator.desk import Desk
from collector.coordinator.tickets import Tickets
from collector.intake import Intake
from collector.mqtt import Address, Link
from collector.store.journal import open_journal
from collector.store.leases import Leases
from collector.store.outbox import INFLUX, Outbox
from collector.store.reads import Reads
from collector.store.writer import Writer
from collector.web.health import Parts
from collector.web.metrics import registry_of
from firstbell import catalogue
from firstbell.catalogue import ProbeSpec
from firstbell.metrics import MOST_HOPS, Metric, hop_address
from firstbell.report import ClockQuality, LimitedBy, Mark, Medium, Segment, Status
from scripts.pages.markdown import code, table
from scripts.pages.meanings import meanings

UNITS = {
    "mbps": "Mbit/s",
    "ms": "ms",
    "pct": "%",
    "mib": "MiB",
    "s": "s",
    "c": "°C",
    "bytes": "bytes",
    "reports": "reports",
    "dbm": "dBm",
    "mhz": "MHz",
    "networks": "networks",
    "frames": "frames",
    "beacons": "beacons",
    "streams": "streams",
    "stations": "devices",
    "batteries": "batteries",
    "cycles": "cycles",
    "w": "W",
    "wh": "Wh",
}
"""What the ends of metric names stand for."""
WITHOUT_A_UNIT = {
    "http_status",
    "server",
    "agent_version",
    "wifi_generation",
    "battery_status",
    "down_limited_by",
    "up_limited_by",
    "down_stopped_by",
    "up_stopped_by",
    "students_at_least",
    "gave_first",
    "generator_limited",
    "profile",
    *map(hop_address, range(1, MOST_HOPS + 1)),
}
_HOP = re.compile(r"hop\d\d_")
_FIRST_HOP, _LAST_HOP = "hop01", f"hop{MOST_HOPS:02}"
COUNTS = {
    "echoes_sent": "echoes",
    "bytes_received": "bytes",
    "bytes_sent": "bytes",
    "server_bytes_sent": "bytes",
    "server_bytes_received": "bytes",
    "rpm_short": "round trips/min",
    "students_ok": "students",
    "students_ok_low": "students",
    "students_ok_high": "students",
    "steps": "steps",
    "hops": "routers",
}

LOADS = {False: "no", True: "yes: a lease, within the box's own ceilings"}
LABELS: dict[str, type[StrEnum]] = {
    "status": Status,
    "segment": Segment,
    "medium": Medium,
    "limited_by": LimitedBy,
    "marks": Mark,
    "clock": ClockQuality,
}


def probes() -> str:
    """One line a probe."""
    where = _where()
    rows = [
        [code(spec.name), spec.meaning, rhythm(spec), LOADS[spec.heavy], where[spec.name]]
        for spec in catalogue.PROBES.values()
    ]
    return table(["probe", "what", "how often", "loads the line", "works"], rows)


def probes_short() -> str:
    """One line a probe, with its units, for the README."""
    where = _where()
    rows = [
        [
            code(spec.name),
            spec.meaning,
            ", ".join(_units_of(spec)),
            "yes" if spec.heavy else "no",
            where[spec.name],
        ]
        for spec in catalogue.PROBES.values()
    ]
    return table(["probe", "what", "units", "loads the line?", "works"], rows)


def metrics() -> str:
    """One line a metric; the routers of a way are twenty times the same two, and have a line together."""
    rows = [
        [
            f"{code(metric.name)} to {code(metric.name.replace(_FIRST_HOP, _LAST_HOP))}"
            if metric.name.startswith(_FIRST_HOP)
            else code(metric.name),
            unit_of(metric),
            _bounds(metric),
            metric.meaning,
            ", ".join(code(spec.name) for spec in catalogue.PROBES.values() if metric.name in spec.metrics),
        ]
        for metric in catalogue.METRICS.values()
        if metric.name.startswith(_FIRST_HOP) or not _HOP.match(metric.name)
    ]
    return table(["metric", "unit", "can be", "meaning", "of the probe"], rows)


def words() -> str:
    """The words that a report is labelled with."""
    rows = []
    for label, kind in LABELS.items():
        says = meanings(f"label {label}", kind)
        rows += [[code(label), code(value), says[value]] for value in kind]
    return table(["label", "value", "meaning"], rows)


def figures() -> str:
    """The collector's own figures for Prometheus, as it names them at `/metrics`."""
    rows = []
    with tempfile.TemporaryDirectory() as folder, _parts(Path(folder)) as parts:
        parts.intake.take("", b"", 0)  # what is counted by a label has none before the first
        for family in registry_of(parts).collect():
            labels = {key for sample in family.samples for key in sample.labels}
            name = f"{family.name}_total" if family.type == "counter" else family.name
            rows.append([code(name), family.type, ", ".join(sorted(labels)), family.documentation])
    return table(["figure", "kind", "labels", "meaning"], rows)


def rhythm(spec: ProbeSpec) -> str:
    """How often a probe runs by default."""
    if spec.heavy and spec.once_in == "week":
        return "once a week around school, at random"
    if spec.heavy:
        return "once in each of a day's eight periods, at random"
    return "every minute" if spec.every_s == 60 else f"every {spec.every_s / 60:g} minutes"  # noqa: PLR2004


def unit_of(metric: Metric) -> str:
    """The unit that the name of a metric ends in."""
    if metric.name in WITHOUT_A_UNIT or metric.kind == "bool":
        return ""
    return COUNTS.get(metric.name) or UNITS[metric.name.rsplit("_", maxsplit=1)[-1]]


def _units_of(spec: ProbeSpec) -> list[str]:
    return list(dict.fromkeys(filter(None, (unit_of(catalogue.METRICS[name]) for name in spec.metrics))))


def _where() -> dict[str, str]:
    return meanings("where probes work", catalogue.PROBES)


def _bounds(metric: Metric) -> str:
    if metric.kind == "text":
        return f"text, at most {catalogue.TEXT_CHARS} characters"
    if metric.kind == "address":
        return "an IP address"
    if metric.kind == "bool":
        return "true or false"
    whole = "whole, " if metric.kind == "int" else ""
    high = "" if metric.high == math.inf else f" to {metric.high:,.0f}"
    return f"{whole}{metric.low:,.0f}{high}"


@contextmanager
def _parts(folder: Path) -> Iterator[Parts]:
    """A collector at rest, to read the names of its figures from."""
    clock = SystemClock()
    journal = open_journal(folder / "journal.db")
    writer = Writer(journal, clock)
    intake = Intake(writer, clock, journal.id)
    link = Link(Address("127.0.0.1", 1), intake, clock, journal.id)
    leases = Leases(journal)
    desk = Desk(leases, lambda: registry.EMPTY.district, clock, Tickets(folder))
    reads = Reads(journal)
    outbox = Outbox(journal, INFLUX)
    outbox.begin("a bucket", "", "")
    try:
        yield Parts(
            writer=writer,
            intake=intake,
            reads=reads,
            link=link,
            clock=clock,
            folder=folder,
            folder_now=lambda: registry.EMPTY,
            folder_trouble=str,
            targets=registry.targets(),
            coordinator=Coordinator(desk, clock),
            influx_trouble=str,
        )
    finally:
        leases.close()
        outbox.close()
        reads.close()
