"""How every school stands at this moment, and what befell it lately."""

from dashboards.influxql import DISTRICT, SCHOOL, Query, latest
from firstbell.copies import SCHOOL_NOW, WHOLE_SCHOOL

SCHOOLS_NOW = latest(
    "schools_now",
    SCHOOL_NOW,
    "name label up since_s down_s lost_yesterday_min worst_period worst_period_min "
    "silent_boxes boxes quiet quiet_why state_rank",
    by="school",
    where=SCHOOL,
)


def _of_latest(name: str, how: str, field: str) -> Query:
    """One number over all schools, of the last that each said."""
    inner = (
        f'SELECT LAST("{field}") AS "{field}" FROM "school_now" WHERE {SCHOOL} AND $timeFilter '
        'GROUP BY "school"'
    )
    return Query(name, f'SELECT {how}("{field}") AS "{field}" FROM ({inner})', (field,))


LONGEST_DOWN = _of_latest("longest_down", "MAX", "down_s")
LOST_YESTERDAY = _of_latest("lost_yesterday", "SUM", "lost_yesterday_min")
SILENT_BOXES = _of_latest("silent_boxes", "SUM", "silent_boxes")
WORST_ANSWER = _of_latest("worst_answer", "MIN", "state_rank")

UP_AND_DOWN = Query(
    "up_and_down",
    f'SELECT MAX("down_s") AS "down_s" FROM "school_now" WHERE {SCHOOL} AND $timeFilter '
    'GROUP BY time($__interval), "school" fill(none)',
    ("school", "down_s"),
)

OUTAGES = Query(
    "outages",
    'SELECT "school", "subject", "duration_s", "class_min", "open", "text" FROM "outage" '
    f"WHERE {SCHOOL} AND $timeFilter ORDER BY time DESC LIMIT 50",
    ("school", "subject", "duration_s", "class_min", "open", "text"),
)

CHANGES = Query(
    "changes",
    'SELECT "school", "subject", "name", "was", "label", "sentence" FROM "verdict" '
    f'WHERE {SCHOOL} AND "plan" = true AND "changed" = true AND $timeFilter ORDER BY time DESC LIMIT 50',
    ("school", "subject", "name", "was", "label", "sentence"),
)

MARKED_CHANGES = Query(
    "marked_changes",
    'SELECT "label", "school", "sentence" FROM "verdict" '
    f"WHERE {SCHOOL} AND \"subject\" = '{WHOLE_SCHOOL}' AND \"plan\" = true AND \"changed\" = true "
    "AND $timeFilter",
    ("label", "school", "sentence"),
)

MARKED_OUTAGES = Query(
    "marked_outages",
    f'SELECT "text", "school", "end_ns" / 1000000 AS "end_ms" FROM "outage" WHERE {SCHOOL} AND $timeFilter',
    ("text", "school", "end_ms"),
)

MARKED_QUIET = Query(
    "marked_quiet",
    'SELECT "text", "school", "until_ns" / 1000000 AS "end_ms" FROM "quiet" '
    f'WHERE {DISTRICT} AND "school" =~ /^($school|)$/ AND $timeFilter',
    ("text", "school", "end_ms"),
)
