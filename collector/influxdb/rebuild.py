"""`firstbell influx rebuild`: the copy made anew from the journal, beside the one in use."""

import msgspec

from collector.config import Home, InfluxSettings
from collector.influxdb.connection import ROLLUPS, SINK, server
from collector.influxdb.ship import alone, shipper_to, source_of, way
from collector.registry import Folder
from collector.sinks import setup
from collector.sinks.influx import END_OF_TIME, Server
from collector.sinks.shipping import Progress
from collector.sinks.standing import Placed
from collector.store.journal import Journal
from collector.store.outbox import DAY_NS, Outbox
from collector.store.reads import Reads


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """What was made anew; `in_place` because the bucket holds `others`, too."""

    shipped: int
    aside: int
    in_place: bool
    others: tuple[str, ...]


def rebuild(
    home: Home, settings: InfluxSettings, journal: Journal, folder: Folder, progress: Progress
) -> Rebuilt:
    """Make the copy in InfluxDB anew, from the journal. Raises InfluxError, StoreError, SettingsError.

    In the spare bucket, which then takes the place of the other at once; a collector that runs waits
    meanwhile, and goes on with that. Where others are in the bucket, in place: what is this district's is
    taken away, and shipped again. Hours and days are taken away and made anew, too; those before the
    journal's first report nobody could make again, so they stay.
    """
    with alone(home):
        done = _rebuild(home, settings, journal, folder, progress)
    _copies_again(home, settings, journal, folder)
    return done


def _rebuild(
    home: Home, settings: InfluxSettings, journal: Journal, folder: Folder, progress: Progress
) -> Rebuilt:
    to, reads = server(home, settings), Reads(journal)
    placed = Placed(folder.district, settings.district)
    setup.finish_swap(to, settings.bucket, settings.spare)
    ours = {placed.placed_as, _shipped_as(journal) or placed.placed_as}
    others = sorted(to.districts(settings.bucket) - ours)
    mine = not others and all(setup.is_ours(to, name) for name in (settings.bucket, settings.spare))
    outbox = Outbox(journal, f"{SINK} anew" if mine else SINK)
    try:
        found = to.bucket(settings.spare if mine else settings.bucket)
        # Before it is taken away, because this may be broken off in between: then all goes out anew.
        outbox.begin(found.id, folder.district.digest, placed.placed_as)
        for tags in [{}] if mine else [{"district": name} for name in sorted(ours)]:
            to.clear(found.id, tags)
        source = source_of(settings, journal, reads, lambda: folder, home.clock, outbox)
        state = shipper_to(settings, source, to, found).catch_up(progress)
        aside = outbox.asides()
        if mine:
            setup.swap(to, settings.bucket, settings.spare)
            active = Outbox(journal, SINK)
            active.take_over(outbox.sink)
            active.close()
            to.clear(to.bucket(settings.spare).id, {})
        _sums_from_the_beginning(settings, journal, to, placed, ours)
        return Rebuilt(shipped=state.shipped, aside=aside, in_place=not mine, others=tuple(others))
    finally:
        outbox.close()
        reads.close()
        to.close()


def _shipped_as(journal: Journal) -> str:
    """The name that points bear which were shipped; the folder may have another one by now."""
    outbox = Outbox(journal, SINK)
    state = outbox.state()
    outbox.close()
    return state.placed_as if state else ""


def _sums_from_the_beginning(
    settings: InfluxSettings, journal: Journal, to: Server, placed: Placed, ours: set[str]
) -> None:
    """Take hours and days away: whatever ships next makes them anew, by a cursor that begins again."""
    hourly, found = Outbox(journal, ROLLUPS), to.bucket(settings.rollups)
    try:
        state = hourly.state()  # which may lag: hours bear the name that the district had ten minutes ago
        hourly.begin(found.id, placed.district.digest, placed.placed_as)
        since_ns = hourly.first_day() * DAY_NS
    finally:
        hourly.close()
    for name in sorted({*ours, state.placed_as} if state and state.placed_as else ours):
        to.delete(found.id, since_ns, END_OF_TIME, {"district": name})


def _copies_again(home: Home, settings: InfluxSettings, journal: Journal, folder: Folder) -> None:
    """Write copies for boards into the bucket that was made anew, and all hours and days."""
    outbox, reads = Outbox(journal, SINK), Reads(journal)
    try:
        made = way(home, settings, journal, reads, lambda: folder, home.clock, outbox)
        try:
            made.catch_up()
        finally:
            made.close()
    finally:
        outbox.close()
        reads.close()
