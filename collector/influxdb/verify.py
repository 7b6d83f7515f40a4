"""InfluxDB as a second witness: for `firstbell influx verify`, and `ask --from influx`."""

from collector import registry
from collector.config import Home, InfluxSettings
from collector.influxdb.connection import SINK, server
from collector.questions import verify as verifying
from collector.questions.verify import Bounds, Verified
from collector.registry import Folder
from collector.sinks.answers import StoppedError
from collector.sinks.reading import InfluxEvidence
from collector.sinks.standing import Placed
from collector.store.journal import Journal
from collector.store.outbox import DAY_NS, Outbox, Shipped
from collector.store.reads import Reads
from firstbell import district as districts


def too_short(settings: InfluxSettings, folder: Folder, now_ns: int) -> str:
    """Why verdicts can't be told from what the bucket keeps; "" where they can.

    They look back on 30 school days, which after a summer are more days than the bucket may keep.
    """
    days = int(registry.targets().numbers.window_school_days.value)
    oldest_ns = now_ns - settings.raw_days * DAY_NS
    for school in folder.district.schools:
        today = districts.local(school, now_ns).date()
        if districts.midnight_ns(school, districts.window_begins(school, today, days)) < oldest_ns:
            return (
                f"InfluxDB keeps {settings.raw_days} days, and the last {days} school days of {school.name} "
                "began before that: ask the journal, or let it keep more (raw_days under [influx], then "
                "`firstbell influx setup` and `rebuild`)"
            )
    return ""


def evidence(
    home: Home,
    settings: InfluxSettings,
    outbox: Outbox,
    folder: Folder,
    facts_until: int | None = None,
) -> tuple[InfluxEvidence, Shipped]:
    """The second reader, and how far the bucket is. Raises SettingsError, StoppedError."""
    state = outbox.state()
    if state is None or not state.store:
        raise StoppedError("nothing was shipped yet: `firstbell influx ship` does, or a collector that runs")
    placed = Placed(folder.district, settings.district)
    if (state.folder, state.placed_as) != (folder.district.digest, placed.placed_as) or outbox.days_left():
        raise StoppedError(
            "the folder was changed since reports were shipped last: `firstbell influx ship` brings it there"
        )
    known = state.arrival if facts_until is None else min(facts_until, state.arrival)
    return InfluxEvidence(server(home, settings), settings.bucket, state.placed_as, known), state


def verify(
    home: Home, settings: InfluxSettings, journal: Journal, folder: Folder, progress: verifying.Progress
) -> Verified:
    """Compare the bucket with the journal. Raises StoreError, InfluxError, SettingsError."""
    outbox, reads = Outbox(journal, SINK), Reads(journal)
    try:
        copy, state = evidence(home, settings, outbox, folder)
        now_ns = home.clock.now_ns()
        today = now_ns // DAY_NS
        placer = Placed(folder.district, settings.district).placer()
        bounds = Bounds(max(outbox.first_day(), today - settings.raw_days + 1), today + 1)
        return verifying.verify(
            outbox,
            state,
            reads,
            copy,
            placer,
            folder,
            registry.targets(),
            bounds,
            now_ns,
            progress,
            without_verdicts=too_short(settings, folder, now_ns),
        )
    finally:
        outbox.close()
        reads.close()
