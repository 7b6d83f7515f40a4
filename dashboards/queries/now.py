"""How every school stands at this moment, and what befell it lately."""

from dashboards.influxql import DISTRICT, FRESH, SCHOOL, Query, latest
from firstbell.copies import SCHOOL_NOW, WHOLE_SCHOOL

SCHOOLS_NOW = latest(
    "schools_now",
    SCHOOL_NOW,
    "name label up since_s>since_ms down_s lost_yesterday_min worst_period worst_period_min "
    "silent_boxes boxes quiet quiet_why state_rank",
    by="school",
    where=f"{SCHOOL} AND {FRESH}",
)


def _of_latest(name: str, how: str, field: str) -> Query:
    """One number over all schools, of the last that each said."""
    inner = (
        f'SELECT LAST("{field}") AS "{field}" FROM "school_now" WHERE {SCHOOL} AND {FRESH} AND $timeFilter '
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

STANDS = '"duration_s" > 0'
"""What was said once and turned out not to have been (a backlog filled it) has no length any more."""

OUTAGES = Query(
    "outages",
    'SELECT "school", "subject", "duration_s", "class_min", "open", "text" FROM "outage" '
    f"WHERE {SCHOOL} AND {STANDS} AND $timeFilter ORDER BY time DESC LIMIT 50",
    ("school", "subject", "duration_s", "class_min", "open", "text"),
)

CHANGES = Query(
    "changes",
    'SELECT "school", "subject", "name", "was", "label", "sentence" FROM "verdict" '
    f'WHERE {SCHOOL} AND "plan" = true AND "changed" = true AND $timeFilter ORDER BY time DESC LIMIT 50',
    ("school", "subject", "name", "was", "label", "sentence"),
)


def _marks(name: str, where: str, quiet_where: str) -> tuple[Query, Query, Query]:
    """Answers that changed, outages, quiet times: a text, the school, and the end where it is a stretch."""
    whole = f'"subject" = \'{WHOLE_SCHOOL}\' AND "plan" = true AND "changed" = true'
    return (
        Query(
            f"changed_{name}",
            f'SELECT "sentence", "school" FROM "verdict" WHERE {where} AND {whole} AND $timeFilter',
            ("sentence", "school"),
        ),
        _stretches(f"outages_{name}", "outage", "end_ns", where),
        _stretches(f"quiet_{name}", "quiet", "until_ns", quiet_where),
    )


def _stretches(name: str, measurement: str, end: str, where: str) -> Query:
    """Grafana wants a stretch's end in milliseconds."""
    text = (
        f'SELECT "text", "school", "{end}" / 1000000 AS "end_ms" FROM "{measurement}" '
        f"WHERE {where} AND {STANDS} AND $timeFilter"
    )
    return Query(name, text, ("text", "school", "end_ms"))


_OR_NONE = f'{DISTRICT} AND "school" =~ /^($school|)$/'
"""The whole district's quiet times name no school."""
CHANGED, OUTAGES_MARKED, QUIET = SCHOOL_MARKS = _marks("of_school", SCHOOL, _OR_NONE)
CHANGED_ALL, OUTAGES_ALL, QUIET_ALL = DISTRICT_MARKS = _marks("of_district", DISTRICT, DISTRICT)
