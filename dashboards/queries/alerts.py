"""What the alert rules watch.

No variables, and no sign that a provisioning file would expand: time is asked for by `now()`. In summer
(`firstbell summer`) what is said of schools and of silent boxes brings no row, so nothing is called.
"""

from dashboards.influxql import Query
from dashboards.targets import BATTERY_HEALTH_PCT
from firstbell.copies import STATE_RANKS, WHOLE_SCHOOL

DOWN_IN_CLASS = Query(
    "down_in_class",
    'SELECT LAST("down_s") AS "down_s" FROM "school_now" '
    'WHERE "up" = false AND "in_class" = true AND "summer" = false AND time > now() - 7m '
    'GROUP BY "district", "school"',
    ("district", "school", "down_s"),
)

BOX_SILENT = Query(
    "box_silent",
    'SELECT "silent_s" FROM (SELECT LAST("silent_s") AS "silent_s", "summer" FROM "box_now" '
    'WHERE time > now() - 15m GROUP BY "district", "school", "agent") '
    'WHERE "summer" = false AND time > now() - 15m GROUP BY "district", "school", "agent"',
    ("district", "school", "agent", "silent_s"),
)

VERDICT_FELL = Query(
    "verdict_fell",
    'SELECT LAST("fall") AS "fall" FROM (SELECT "was_rank" - "state_rank" AS "fall" FROM "verdict" '
    f'WHERE "subject" = \'{WHOLE_SCHOOL}\' AND "plan" = true AND "changed" = true '
    f'AND "summer" = false AND "state_rank" < {STATE_RANKS["not_measured"]} AND time > now() - 1d '
    'GROUP BY "district", "school") WHERE time > now() - 1d GROUP BY "district", "school"',
    ("district", "school", "fall"),
)

LINE_BELOW_CONTRACT = Query(
    "line_below_contract",
    'SELECT "carries" / "bought" AS "share" FROM ('
    'SELECT LAST("carries_mbps") AS "carries", "contract_mbps" AS "bought", "summer" FROM "line" '
    'WHERE "at_least" = false AND time > now() - 7d GROUP BY "district", "circuit", "subject") '
    'WHERE "summer" = false AND time > now() - 7d GROUP BY "district", "circuit", "subject"',
    ("district", "circuit", "subject", "share"),
)

UNDERVOLTAGE_NOW = Query(
    "undervoltage_now",
    'SELECT COUNT("undervoltage_now") AS "looks" FROM "power" '
    'WHERE "undervoltage_now" = true AND time > now() - 1h GROUP BY "district", "school", "agent"',
    ("district", "school", "agent", "looks"),
)

BATTERY_WORN = Query(
    "battery_worn",
    f'SELECT COUNT("health") AS "batteries" FROM (SELECT LAST("health_pct") AS "health" FROM "power" '
    'WHERE time > now() - 7d GROUP BY "district", "school", "agent") '
    f'WHERE "health" < {BATTERY_HEALTH_PCT:g} GROUP BY "district", "school"',
    ("district", "school", "batteries"),
)

COLLECTOR_BEHIND = Query(
    "collector_behind",
    'SELECT LAST("behind_reports") AS "behind_reports" FROM "sink" WHERE time > now() - 15m '
    'GROUP BY "district"',
    ("district", "behind_reports"),
)

REPORTS_SET_ASIDE = Query(
    "reports_set_aside",
    'SELECT LAST("aside_reports") AS "aside_reports" FROM "sink" WHERE time > now() - 15m '
    'GROUP BY "district"',
    ("district", "aside_reports"),
)
