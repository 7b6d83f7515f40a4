"""One school: its chain of links, its lines by period, its students at once, and what all of it rests on."""

from dashboards.influxql import SCHOOL, TESTS, Query, latest
from firstbell.copies import VERDICT, WHOLE_SCHOOL

ANSWER = latest(
    "answer",
    VERDICT,
    "label sentence state_rank",
    by="school",
    where=f'{SCHOOL} AND "subject" = \'{WHOLE_SCHOOL}\' AND "plan" = true',
)

CHAIN = latest(
    "chain",
    VERDICT,
    "name label have need need_then counted_in ratio sentence weakest state_rank",
    by="subject circuit",
    where=f'{SCHOOL} AND "subject" != \'{WHOLE_SCHOOL}\' AND "plan" = true',
)

OTHER_WAYS = latest(
    "other_ways",
    VERDICT,
    "label sentence plan state_rank",
    by="model",
    where=f"{SCHOOL} AND \"subject\" = '{WHOLE_SCHOOL}'",
)


def _by_period(name: str, tests: str, field: str, called: str) -> Query:
    """The median of a field in each period."""
    text = (
        f'SELECT MEDIAN("{field}") AS "{called}" FROM "{tests}" WHERE {SCHOOL} AND $timeFilter '
        'GROUP BY "period"'
    )
    return Query(name, text, ("period", called))


DOWN_AT_REFERENCE = _by_period("down_at_reference", "throughput", "down_mbps", "reference")
DOWN_IN_PUBLIC = _by_period("down_in_public", "internet", "down_mbps", "public")
UP_AT_REFERENCE = _by_period("up_at_reference", "throughput", "up_mbps", "reference")
UP_IN_PUBLIC = _by_period("up_in_public", "internet", "up_mbps", "public")
REPLIES_BY_PERIOD = _by_period("replies_by_period", "throughput", "rpm_short", "replies")


def _target(name: str, subject: str) -> Query:
    return latest(
        name,
        VERDICT,
        "need",
        by="school",
        where=f'{SCHOOL} AND "subject" =~ /^{subject}$/ AND "plan" = true',
    )


INTERNET_NEED = _target("internet_need", "internet")
STUDENTS_NEED = _target("students_need", "students.*")


def _need_over_time(name: str, subject: str) -> Query:
    text = (
        f'SELECT LAST("need") AS "need" FROM "verdict" WHERE {SCHOOL} AND "subject" =~ /^{subject}$/ '
        'AND "plan" = true AND $timeFilter GROUP BY time($__interval) fill(none)'
    )
    return Query(name, text, ("need",))


NEED_OVER_TIME = _need_over_time("need_over_time", "internet")
STUDENTS_OVER_TIME = _need_over_time("students_over_time", "students.*")

EVERY_TEST = Query(
    "every_test",
    f'SELECT MEAN("down_mbps") AS "down", MEAN("up_mbps") AS "up" FROM {TESTS} '
    f'WHERE {SCHOOL} AND $timeFilter GROUP BY time($__interval), "engine" fill(none)',
    ("engine", "down", "up"),
)

STUDENTS_AT_ONCE = Query(
    "students_at_once",
    'SELECT LAST("students_ok") AS "students_ok", LAST("students_ok_low") AS "students_ok_low", '
    'LAST("students_ok_high") AS "students_ok_high" FROM "capacity" '
    f"WHERE {SCHOOL} AND $timeFilter GROUP BY time($__interval) fill(none)",
    ("students_ok", "students_ok_low", "students_ok_high"),
)

GAVE_FIRST = Query(
    "gave_first",
    'SELECT "circuit", "room", "students_ok", "students_at_least", "gave_first", "generator_limited" '
    f'FROM "capacity" WHERE {SCHOOL} AND "status" = \'ok\' AND $timeFilter ORDER BY time DESC LIMIT 10',
    ("circuit", "room", "students_ok", "students_at_least", "gave_first", "generator_limited"),
)

EVIDENCE = Query(
    "evidence",
    'SELECT COUNT("seq") AS "tests", MEDIAN("down_mbps") AS "down_mbps", MEDIAN("up_mbps") AS "up_mbps", '
    f'MEAN("cross_traffic_pct") AS "cross_traffic_pct" FROM {TESTS} '
    f'WHERE {SCHOOL} AND $timeFilter GROUP BY "agent", "engine", "medium", "status"',
    ("agent", "engine", "medium", "status", "tests", "down_mbps", "up_mbps", "cross_traffic_pct"),
)

REASONS = Query(
    "reasons",
    f'SELECT "agent", "engine", "status", "reason", "limited_by" FROM {TESTS} '
    f"WHERE {SCHOOL} AND \"status\" != 'ok' AND $timeFilter ORDER BY time DESC LIMIT 20",
    ("agent", "engine", "status", "reason", "limited_by"),
)
