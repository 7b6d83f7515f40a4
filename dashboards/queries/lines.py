"""What lines carry, quiet and in class, against contract and need."""

from dashboards.influxql import CIRCUIT, DISTRICT, TESTS, Query, latest
from firstbell.catalogue import PROBES
from firstbell.copies import LINE, ROLLUPS, rollup

LINES = latest(
    "lines",
    LINE,
    "name state_rank contract_mbps carries_mbps left_over_mbps need_mbps need_then_mbps "
    "at_least checks schools",
    by="circuit subject",
    where=CIRCUIT,
)


def _one_way(name: str, way: str) -> Query:
    return latest(
        name,
        LINE,
        "name contract_mbps carries_mbps left_over_mbps need_mbps",
        by="circuit",
        where=f"{CIRCUIT} AND \"subject\" = '{way}'",
    )


LINES_DOWN = _one_way("lines_down", "down")
LINES_UP = _one_way("lines_up", "up")


def _checks(name: str, field: str) -> Query:
    text = (
        f'SELECT MEAN("{field}") AS "{field}" FROM {TESTS} WHERE {CIRCUIT} AND $timeFilter '
        'GROUP BY time($__interval), "circuit", "engine" fill(none)'
    )
    return Query(name, text, ("circuit", "engine", field))


CHECKS_DOWN = _checks("checks_down", "down_mbps")
CHECKS_UP = _checks("checks_up", "up_mbps")


def _need(name: str, way: str) -> Query:
    text = (
        f'SELECT LAST("need_mbps") AS "need_mbps" FROM "line" WHERE {CIRCUIT} AND "subject" = \'{way}\' '
        'AND $timeFilter GROUP BY time($__interval), "circuit" fill(none)'
    )
    return Query(name, text, ("circuit", "need_mbps"))


NEED_DOWN = _need("need_down", "down")
NEED_UP = _need("need_up", "up")

BUSIEST = Query(
    "busiest",
    'SELECT MEDIAN("down_mbps") AS "median_down", MIN("down_mbps") AS "least_down", '
    'MEDIAN("up_mbps") AS "median_up", MIN("up_mbps") AS "least_up", COUNT("down_mbps") AS "checks" '
    f'FROM {TESTS} WHERE {CIRCUIT} AND $timeFilter GROUP BY "circuit", "period", "engine"',
    ("circuit", "period", "engine", "median_down", "least_down", "median_up", "least_up", "checks"),
)

SLOWEST_REPLIES = Query(
    "slowest_replies",
    'SELECT PERCENTILE("rtt_p95_ms", 95) AS "rtt_p95_ms", MEAN("loss_pct") AS "loss_pct" FROM "latency" '
    f'WHERE {CIRCUIT} AND "segment" = \'internet\' AND $timeFilter GROUP BY "circuit", "period"',
    ("circuit", "period", "rtt_p95_ms", "loss_pct"),
)


def _year(name: str, way: str) -> Query:
    field = f"{way}_mbps"
    text = (
        f'SELECT MIN("min_{field}") AS "least", MEAN("mean_{field}") AS "mean", MAX("max_{field}") AS "most" '
        f'FROM "{rollup("throughput", "1d")}", "{rollup("internet", "1d")}" WHERE {CIRCUIT} AND $timeFilter '
        'GROUP BY time($__interval), "circuit" fill(none)'
    )
    return Query(name, text, ("circuit", "least", "mean", "most"), ROLLUPS)


YEAR_DOWN = _year("year_down", "down")
YEAR_UP = _year("year_up", "up")

LINE_USE = "line_use"
"""The probe that will say how full a line is: once the catalogue has it, its row appears."""


def line_use() -> Query | None:
    """How full each line is; None until there is a source of it."""
    if LINE_USE not in PROBES:
        return None
    text = (
        'SELECT MEAN("down_mbps") AS "down_mbps", MEAN("up_mbps") AS "up_mbps" '
        f'FROM "{LINE_USE}" WHERE {DISTRICT} AND "circuit" =~ /^$circuit$/ AND $timeFilter '
        'GROUP BY time($__interval), "circuit" fill(none)'
    )
    return Query(LINE_USE, text, ("circuit", "down_mbps", "up_mbps"))
