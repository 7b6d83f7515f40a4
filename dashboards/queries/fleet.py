"""The boxes themselves, and whether this database holds all that the collector holds."""

from dashboards.influxql import DISTRICT, FRESH, SCHOOL, Query, latest
from firstbell.copies import BOX_NOW, ROLLUPS, SINK, STATUS_COUNTS, rollup

BOXES = latest(
    "boxes",
    BOX_NOW,
    "silent silent_s last_seen_s>last_seen_ms waiting missing lost refused starts reports two_boxes version",
    by="agent school room",
    where=SCHOOL,
)

BEHIND = latest("behind", SINK, "behind_reports", by="district", where=f"{DISTRICT} AND {FRESH}")
ASIDE = latest("aside", SINK, "aside_reports", by="district", where=f"{DISTRICT} AND {FRESH}")
JOURNAL = latest("journal", SINK, "journal_reports", by="district", where=f"{DISTRICT} AND {FRESH}")

SINK_BEHIND = Query(
    "sink_behind",
    f'SELECT MAX("behind_reports") AS "behind_reports" FROM "sink" WHERE {DISTRICT} AND $timeFilter '
    "GROUP BY time($__interval) fill(none)",
    ("behind_reports",),
)

WAITING = Query(
    "waiting",
    f'SELECT MAX("waiting") AS "waiting" FROM "box_now" WHERE {SCHOOL} AND $timeFilter '
    'GROUP BY time($__interval), "agent" fill(none)',
    ("agent", "waiting"),
)

SILENT_OVER_TIME = Query(
    "silent_over_time",
    'SELECT SUM("silent_boxes") AS "silent_boxes" FROM '
    f'(SELECT LAST("silent_boxes") AS "silent_boxes" FROM "school_now" WHERE {SCHOOL} AND $timeFilter '
    'GROUP BY time($__interval), "school" fill(none)) WHERE $timeFilter '
    "GROUP BY time($__interval) fill(none)",
    ("silent_boxes",),
)

HOSTS = Query(
    "hosts",
    'SELECT MEAN("cpu_busy_pct") AS "cpu_busy_pct", MAX("memory_used_pct") AS "memory_used_pct", '
    'LAST("disk_free_mib") AS "disk_free_mib", MAX("temperature_c") AS "temperature_c", '
    'LAST("uptime_s") AS "uptime_s" FROM "host" '
    f'WHERE {SCHOOL} AND $timeFilter GROUP BY "school", "agent"',
    ("school", "agent", "cpu_busy_pct", "memory_used_pct", "disk_free_mib", "temperature_c", "uptime_s"),
)

SPOOLS = Query(
    "spools",
    'SELECT MAX("spool_used_pct") AS "spool_used_pct" FROM "box" '
    f'WHERE {SCHOOL} AND $timeFilter GROUP BY time($__interval), "agent" fill(none)',
    ("agent", "spool_used_pct"),
)


def _ended(name: str, *probes: str) -> Query:
    """How reports of some probes ended, by hour."""
    hours = ", ".join(f'"{rollup(probe, "1h")}"' for probe in probes)
    wanted = ", ".join(f'SUM("{count}") AS "{count.removeprefix("count_")}"' for count in STATUS_COUNTS)
    text = (
        f"SELECT {wanted} FROM {hours} WHERE {SCHOOL} AND $timeFilter GROUP BY time($__interval) fill(none)"
    )
    return Query(name, text, tuple(count.removeprefix("count_") for count in STATUS_COUNTS), ROLLUPS)


ENDED_LATENCY = _ended("ended_latency", "latency")
ENDED_THROUGHPUT = _ended("ended_throughput", "throughput", "internet")
