"""Wi-Fi, room by room: how full the air is, and how well boxes hang on their access points."""

from dashboards.influxql import SCHOOL, Query, latest
from firstbell.copies import VERDICT

WIFI_ANSWERS = latest(
    "wifi_answers",
    VERDICT,
    "label have need counted_in sentence state_rank",
    by="school",
    where=f'{SCHOOL} AND "subject" = \'wifi\' AND "plan" = true',
)

AIR_BY_ROOM = Query(
    "air_by_room",
    'SELECT PERCENTILE("busy_pct", 90) AS "busy_pct", MEAN("ap_busy_pct") AS "ap_busy_pct", '
    'MAX("ap_stations") AS "ap_stations", MAX("channel_networks") AS "channel_networks" FROM "wifi_air" '
    f'WHERE {SCHOOL} AND $timeFilter GROUP BY "school", "room"',
    ("school", "room", "busy_pct", "ap_busy_pct", "ap_stations", "channel_networks"),
)

LINK_BY_ROOM = Query(
    "link_by_room",
    'SELECT MEDIAN("signal_dbm") AS "signal_dbm", MEDIAN("expected_mbps") AS "expected_mbps", '
    'MEAN("tx_retry_pct") AS "tx_retry_pct", MEAN("tx_failed_pct") AS "tx_failed_pct", '
    'SUM("lost_beacons") AS "lost_beacons" FROM "wifi_link" '
    f'WHERE {SCHOOL} AND $timeFilter GROUP BY "school", "room"',
    ("school", "room", "signal_dbm", "expected_mbps", "tx_retry_pct", "tx_failed_pct", "lost_beacons"),
)


def _over_time(name: str, measurement: str, field: str) -> Query:
    text = (
        f'SELECT MEAN("{field}") AS "{field}" FROM "{measurement}" WHERE {SCHOOL} AND $timeFilter '
        'GROUP BY time($__interval), "school", "room" fill(none)'
    )
    return Query(name, text, ("school", "room", field))


AIR = _over_time("air", "wifi_air", "busy_pct")
SIGNAL = _over_time("signal", "wifi_link", "signal_dbm")
RETRIES = _over_time("retries", "wifi_link", "tx_retry_pct")

AIR_BY_PERIOD = Query(
    "air_by_period",
    f'SELECT PERCENTILE("busy_pct", 90) AS "busy_pct" FROM "wifi_air" WHERE {SCHOOL} AND $timeFilter '
    'GROUP BY "period"',
    ("period", "busy_pct"),
)

NETWORKS = Query(
    "networks",
    'SELECT MEAN("band_2ghz_networks") AS "2.4 GHz", MEAN("band_5ghz_networks") AS "5 GHz", '
    f'MEAN("band_6ghz_networks") AS "6 GHz" FROM "wifi_air" WHERE {SCHOOL} AND $timeFilter '
    "GROUP BY time($__interval) fill(none)",
    ("2.4 GHz", "5 GHz", "6 GHz"),
)


def _by_medium(name: str, tests: str, called: str) -> Query:
    text = (
        f'SELECT MEDIAN("down_mbps") AS "{called}" FROM "{tests}" WHERE {SCHOOL} AND $timeFilter '
        'GROUP BY "medium"'
    )
    return Query(name, text, ("medium", called))


BY_MEDIUM_AT_REFERENCE = _by_medium("by_medium_at_reference", "throughput", "reference")
BY_MEDIUM_IN_PUBLIC = _by_medium("by_medium_in_public", "internet", "public")
