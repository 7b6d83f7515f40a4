"""The collector's figures for Prometheus, read when they are asked for."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from collector.coordinator.coordinator import Coordinator
from collector.store.reads import Counts
from collector.store.writer import COMMIT_BOUNDS_S, Figures
from collector.web.health import LinkState, Parts, behind_of, counts_of


class Exposition(Collector):
    """All figures, as families; no state of its own."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def collect(self) -> Iterator[Metric]:
        """Read every figure once."""
        writer, intake, reads, link, *_ = self._parts
        coordinator = self._parts.coordinator
        counts = counts_of(reads)
        yield from _of_writer(writer.figures)
        yield _gauge("waiting_reports", "reports that wait for the writer", writer.depth)
        yield _gauge("journal_writable", "1 while the journal takes reports", not writer.complaint())
        yield _gauge("journal_readable", "1 while the journal answers", counts is not None)
        yield _labelled("messages", "messages by what was wrong with them", "result", intake.messages)
        versions = len(intake.unknown_versions)
        yield _gauge(
            "boxes_unknown_version", "boxes whose reports wait for an upgrade of the collector", versions
        )
        yield from _of_link(link)
        if coordinator:
            yield from _of_leases(coordinator)
        if letters := self._parts.letters:
            outcomes = {"taken": letters.taken, "refused": letters.refused}
            yield _labelled("letters", "messages of boxes that came by HTTPS requests", "result", outcomes)
            yield _gauge("boxes_by_requests", "boxes that came by HTTPS requests lately", letters.here())
        if counts:
            yield from _of_journal(counts)
        behind = behind_of(reads)
        if behind is not None:
            yield _gauge("influx_behind_reports", "reports that are not in InfluxDB yet", behind)
        if trouble := self._parts.influx_trouble:
            yield _gauge("influx_working", "0 while InfluxDB does not take what it is sent", not trouble())


def registry_of(parts: Parts) -> CollectorRegistry:
    """A registry of the collector's own; nothing global is in it."""
    registry = CollectorRegistry()
    registry.register(Exposition(parts))
    return registry


def text_of(registry: CollectorRegistry) -> bytes:
    """The figures in Prometheus' text format."""
    return generate_latest(registry)


def _of_writer(figures: Figures) -> Iterator[Metric]:
    outcomes = {
        "held": figures.held,
        "repeated": figures.repeated,
        "refused": figures.refused,
        "later": figures.later,
    }
    yield _labelled("reports", "reports by what became of them", "outcome", outcomes)
    total, buckets = 0, []
    for bound, count in zip((*map(str, COMMIT_BOUNDS_S), "+Inf"), figures.commit_counts, strict=True):
        total += count
        buckets.append((bound, float(total)))
    yield HistogramMetricFamily(
        "firstbell_commit_seconds",
        "time from taking a group of reports to having it on the disk",
        buckets=buckets,
        sum_value=figures.commit_seconds,
    )


def _of_link(link: LinkState) -> Iterator[Metric]:
    yield _gauge("broker_connected", "1 while the broker lets the collector hear the boxes", link.connected)
    counts = {
        "received": link.received,
        "acknowledged": link.acknowledged,
        "outlived": link.outlived,
        "answered": link.answered,
        "unsaid": link.unsaid,
        "oversized": link.oversized,
    }
    yield _labelled("mqtt_messages", "messages over MQTT by what was done", "step", counts)
    yield CounterMetricFamily("firstbell_mqtt_rebuilt", "dead network threads replaced", link.rebuilt)


def _of_leases(coordinator: Coordinator) -> Iterator[Metric]:
    figures = coordinator.desk.figures
    yield _gauge("leases_open", "heavy tests that may load a line now", figures.out)
    yield CounterMetricFamily("firstbell_lease_grants", "heavy tests that were granted", figures.grants)
    yield _labelled("lease_refusals", "heavy tests that were refused, by why", "reason", figures.refusals)
    ends = {"settled": figures.settled, "revoked": figures.revoked, "lapsed": figures.lapsed}
    yield _labelled("lease_ends", "granted tests by how they ended; revoked: called back", "end", ends)
    unheard = coordinator.unheard
    yield CounterMetricFamily("firstbell_lease_unheard", "words about leases that were not heard", unheard)


def _of_journal(counts: Counts) -> Iterator[Metric]:
    yield _gauge("boxes", "boxes that ever reported", counts.boxes)
    yield _gauge("boxes_suspended", "boxes whose name two of them use", counts.suspended)
    yield _gauge("journal_reports", "reports in the journal", counts.reports)
    yield _gauge("missing_reports", "reports that should be here and that nobody owned up to", counts.missing)
    yield _gauge("underived_reports", "reports that are not in hours and days yet", counts.underived)
    yield _gauge("lost_reports", "reports that boxes say they had to give up", counts.lost)
    yield _gauge("quarantine_rows", "things set aside", counts.quarantine.rows)
    yield _gauge("quarantine_bytes", "bytes of things set aside", counts.quarantine.bytes)
    dropped = counts.quarantine.dropped
    yield CounterMetricFamily("firstbell_quarantine_dropped", "things set aside that had to go", dropped)


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"firstbell_{name}", meaning, float(value))


def _labelled(name: str, meaning: str, label: str, values: dict[str, int]) -> Metric:
    family = CounterMetricFamily(f"firstbell_{name}", meaning, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
