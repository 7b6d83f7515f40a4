"""Power: whether batteries last to the last bell, and whether the boxes' own supplies hold."""

from dashboards.influxql import SCHOOL, Query, latest
from firstbell.copies import VERDICT

POWER_ANSWERS = latest(
    "power_answers",
    VERDICT,
    "label have need counted_in sentence state_rank",
    by="school",
    where=f'{SCHOOL} AND "subject" = \'power\' AND "plan" = true',
)

BATTERIES = Query(
    "batteries",
    'SELECT LAST("health_pct") AS "health_pct", LAST("battery_pct") AS "battery_pct", '
    'LAST("battery_full_wh") AS "battery_full_wh", LAST("battery_design_wh") AS "battery_design_wh", '
    'LAST("cycles") AS "cycles", LAST("battery_status") AS "battery_status" FROM "power" '
    f'WHERE {SCHOOL} AND "status" = \'ok\' AND $timeFilter GROUP BY "school", "agent"',
    (
        "school",
        "agent",
        "health_pct",
        "battery_pct",
        "battery_full_wh",
        "battery_design_wh",
        "cycles",
        "battery_status",
    ),
)

CHARGE = Query(
    "charge",
    f'SELECT MEAN("battery_pct") AS "battery_pct" FROM "power" WHERE {SCHOOL} AND $timeFilter '
    'GROUP BY time($__interval), "school", "agent" fill(none)',
    ("school", "agent", "battery_pct"),
)

DRAW = Query(
    "draw",
    f'SELECT MEAN("power_w") AS "power_w" FROM "power" WHERE {SCHOOL} AND $timeFilter '
    'GROUP BY time($__interval), "school", "agent" fill(none)',
    ("school", "agent", "power_w"),
)

SUPPLIES = Query(
    "supplies",
    'SELECT LAST("undervoltage_now") AS "undervoltage_now", '
    'LAST("undervoltage_since_boot") AS "undervoltage_since_boot", LAST("capped_now") AS "capped_now", '
    'LAST("throttled_now") AS "throttled_now", LAST("hot_now") AS "hot_now" FROM "power" '
    f'WHERE {SCHOOL} AND "status" = \'ok\' AND $timeFilter GROUP BY "school", "agent"',
    (
        "school",
        "agent",
        "undervoltage_now",
        "undervoltage_since_boot",
        "capped_now",
        "throttled_now",
        "hot_now",
    ),
)

UNDERVOLTAGE = Query(
    "undervoltage",
    'SELECT COUNT("undervoltage_now") AS "looks" FROM "power" '
    f'WHERE {SCHOOL} AND "undervoltage_now" = true AND $timeFilter '
    'GROUP BY time($__interval), "school", "agent" fill(none)',
    ("school", "agent", "looks"),
)

TEMPERATURE = Query(
    "temperature",
    f'SELECT MAX("temperature_c") AS "temperature_c" FROM "host" WHERE {SCHOOL} AND $timeFilter '
    'GROUP BY time($__interval), "school", "agent" fill(none)',
    ("school", "agent", "temperature_c"),
)
