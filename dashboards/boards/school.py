"""One school: its chain of links, throughput against targets by period, students at once, evidence."""

from collections.abc import Sequence

from dashboards import palette
from dashboards.boards.now import AWAY
from dashboards.boards.week import AGAINST, ENGINES
from dashboards.frame import DISTRICT, ONE_SCHOOL, Board, Section
from dashboards.influxql import Query
from dashboards.looks import (
    TO_CASE_PAGE,
    Column,
    coloured,
    dashed,
    filled,
    gauge,
    links,
    said,
    tinted,
    wrapped,
)
from dashboards.palette import ALL_PLAIN, ANY_IS_BAD, BAD, FOR_NOW, GOOD, NEED, PLAIN, RATIO, SHORT, UNKNOWN
from dashboards.panels import LATELY, STANDING, Panel, Series, bars, numbers, rows, tiles, trend
from dashboards.queries import now, school
from dashboards.targets import MODELS

_MBPS = "Mbits"
_ENDS = palette.words(
    {
        "ok": ("Measured", GOOD),
        "failed": ("Failed", BAD),
        "timeout": ("Took too long", BAD),
        "skipped": ("Left out", UNKNOWN),
        "nothing": ("Nothing to measure", UNKNOWN),
    }
)
_BOX_WAS_LIMIT = palette.if_so("the box was the limit", SHORT)
_WAYS_OF_TEACHING = palette.words({model: (name, PLAIN) for model, name in MODELS.items()})


def _by_period(title: str, says: str, queries: Sequence[Query], need: Query | None) -> Panel:
    return bars(
        title, f"The median of what the school's tests reached in each period{says}.", queries,
        (Column("period"), *AGAINST), _MBPS, size=(12, 8), need=need,
    )  # fmt: skip


_TOP = Section(
    "",
    (
        tiles(
            "Can it teach as it plans to?",
            "The answer over all links for the way of teaching that the school plans.",
            now.SCHOOLS_NOW, "state_rank", "none", ("state_rank",), size=(8, 4), since=LATELY,
            look=said(palette.ranks()),
        ),
        numbers(
            "Down for",
            "How long it has been without internet; Up means that it is not.",
            now.LONGEST_DOWN, "s", ANY_IS_BAD, size=(4, 4), since=LATELY,
            look=said(palette.words({"0": ("Up", GOOD)})),
        ),
        numbers(
            "Class lost on the last school day", "Minutes of class without internet on that day.",
            now.LOST_YESTERDAY, "m", ANY_IS_BAD, size=(4, 4), since=LATELY,
        ),
        numbers(
            "Silent boxes", "Boxes of this school that measure nothing.",
            now.SILENT_BOXES, "none", ANY_IS_BAD, size=(4, 4), since=LATELY,
        ),
        numbers(
            "Students needed at once", "Students online at once, as the school plans to teach.",
            school.STUDENTS_NEED, "none", ALL_PLAIN, size=(4, 4), since=STANDING,
        ),
    ),
)  # fmt: skip

_CHAIN = Section(
    "The chain of links, the weakest first",
    (
        rows(
            "In one sentence",
            "The answer as it can be read aloud.",
            school.ANSWER,
            (
                Column("label", "Answer", "string", 220, filled(palette.labels())),
                Column("sentence", "In words", "string", 0, wrapped()),
            ),
            size=(24, 3), since=STANDING,
        ),
        rows(
            "Links",
            "Each link of the chain for the planned way of teaching: what is there, what is needed, and why.",
            school.CHAIN,
            (
                Column("name", "Link", "string", 190),
                Column("label", "Answer", "string", 200, filled(palette.labels())),
                Column("ratio", "There, of what is needed", "percentunit", 190, gauge(RATIO, 2)),
                Column("have", "There", "none", 90),
                Column("need", "Needed", "none", 90),
                Column("need_then", "At the horizon", "none", 120),
                Column("counted_in", "Unit", "string", 110),
                Column("weakest", "Weakest", "bool", 90, filled(palette.if_so("Weakest", SHORT))),
                Column("sentence", "In words", "string", 0, wrapped()),
                Column("circuit", "Line", "string", 130, links(TO_CASE_PAGE)),
            ),
            ("state_rank", "ratio"),
            size=(16, 10), since=STANDING,
        ),
        rows(
            "Other ways of teaching",
            "The same school for every way of teaching; its plan is marked.",
            school.OTHER_WAYS,
            (
                Column("model", "Way of teaching", "string", 0, said(_WAYS_OF_TEACHING)),
                Column("label", "Answer", "string", 200, filled(palette.labels())),
                Column("plan", "Plan", "bool", 80, filled(palette.if_so("Planned", FOR_NOW))),
            ),
            ("-plan", "-state_rank"),
            size=(8, 10), since=STANDING,
        ),
    ),
)  # fmt: skip

_LINE = Section(
    "Throughput against targets",
    (
        _by_period(
            "Down by period",
            "; the line is today's need",
            (school.DOWN_AT_REFERENCE, school.DOWN_IN_PUBLIC),
            school.INTERNET_NEED,
        ),
        _by_period("Up by period", "", (school.UP_AT_REFERENCE, school.UP_IN_PUBLIC), None),
        trend(
            "Every test",
            "Throughput of every test, both ways, and what the school needs of its line today (dashed).",
            (
                Series(school.EVERY_TEST, "$col, $tag_engine"),
                Series(school.NEED_OVER_TIME, "needed", dashed(NEED)),
            ),
            _MBPS, size=(12, 9), dots=True,
        ),
        bars(
            "Replies under load by period",
            "Round trips a minute while the line is loaded, the median in each period.",
            (school.REPLIES_BY_PERIOD,),
            (Column("period"), Column("replies", "Round trips", look=coloured(PLAIN))), "rpm",
            size=(12, 9), steps=palette.REPLIES,
        ),
    ),
)  # fmt: skip

_STUDENTS = Section(
    "Students at once",
    (
        trend(
            "Students carried at once",
            "Played students that the line carried, with the bounds of each test; dashed is the need.",
            (
                Series(school.STUDENTS_AT_ONCE, "$col"),
                Series(school.STUDENTS_OVER_TIME, "needed", dashed(NEED)),
            ),
            "none", size=(12, 9), since="60d", dots=True,
        ),
        rows(
            "What gave first",
            "Each class played over the line: how many it carried, and what gave first.",
            school.GAVE_FIRST,
            (
                Column("Time", "When", "dateTimeAsLocal", 160),
                Column("circuit", "Line", "string", 160),
                Column("room", "Room", "string", 100),
                Column("students_ok", "Students", "none", 90),
                Column("students_at_least", "More?", "bool", 110, said(palette.if_so("perhaps more", PLAIN))),
                Column("gave_first", "Gave first", "string", 110),
                Column("generator_limited", "Box", "bool", 0, said(_BOX_WAS_LIMIT)),
            ),
            size=(12, 9), since="60d",
        ),
    ),
)  # fmt: skip

_EVIDENCE = Section(
    "What it rests on",
    (
        rows(
            "Tests by box",
            "How many throughput tests each box made, how they ended, and what they found.",
            school.EVIDENCE,
            (
                Column("agent", "Box", "string"),
                Column("engine", "Against", "string", 150, said(ENGINES)),
                Column("medium", "By", "string", 80),
                Column("status", "Ended", "string", 150, said(_ENDS)),
                Column("tests", "Tests", "none", 80),
                Column("down_mbps", "Median down", _MBPS, 120),
                Column("up_mbps", "Median up", _MBPS, 120),
                Column("cross_traffic_pct", "Others' traffic", "percent", 120),
            ),
            ("-tests",),
            size=(12, 9), since="30d",
        ),
        rows(
            "Tests that gave nothing, and why",
            "Tests that failed or were left out, in the words of the box.",
            school.REASONS,
            (
                Column("Time", "When", "dateTimeAsLocal", 160),
                Column("agent", "Box", "string", 150),
                Column("engine", "Against", "string", 150, said(ENGINES)),
                Column("status", "Ended", "string", 120, said(_ENDS)),
                Column("reason", "Why", "string", 0, wrapped()),
                Column("limited_by", "Limit", "string", 100),
            ),
            ("-Time",),
            size=(12, 9), since="30d",
        ),
        rows(
            "Outages, the latest first",
            "What was away, for how long, and how many minutes of class that took.",
            now.OUTAGES,
            (
                Column("Time", "Began", "dateTimeAsLocal", 160),
                Column("subject", "What", "string", 190, said(AWAY)),
                Column("duration_s", "How long", "s", 110),
                Column("class_min", "Class lost", "m", 110, tinted(ANY_IS_BAD)),
                Column("text", "In words", "string", 0, wrapped()),
            ),
            size=(24, 8), since="30d",
        ),
    ),
)  # fmt: skip

BOARD = Board(
    "firstbell-school",
    "One school",
    "One school's chain of links, its lines against its targets by period, students at once, and evidence.",
    "7d",
    (DISTRICT, ONE_SCHOOL),
    (_TOP, _CHAIN, _LINE, _STUDENTS, _EVIDENCE),
    page="/schools/$school",
)
