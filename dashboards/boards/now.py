"""Can every school teach at first bell?"""

from dashboards import Json, palette
from dashboards.frame import DISTRICT, SCHOOLS, Board, Section
from dashboards.looks import TO_SCHOOL, TO_SCHOOL_PAGE, Column, filled, links, said, tinted, wrapped
from dashboards.palette import ALL_PLAIN, ANY_IS_BAD, BAD, GOOD, PLAIN, UNKNOWN
from dashboards.panels import LATELY, Series, numbers, rows, tiles, timeline, trend
from dashboards.queries import fleet, now

WORST_FIRST = ("-down_s", "state_rank", "-lost_yesterday_min")


def _down(**words: str) -> list[Json]:
    """Nought is up; any more is down, in these words or as the time that it took."""
    down = {"from": 0.001, "to": 1e12, "result": {"color": BAD, "index": 1, **words}}
    return [*palette.words({"0": ("Up", GOOD)}), {"type": "range", "options": down}]


DOWN, DOWN_OR_UP = _down(), _down(text="Down")
AWAY = palette.words(
    {
        "line_down": ("Line down", BAD),
        "site_down": ("School's network down", BAD),
        "silent": ("Box silent", UNKNOWN),
        "unreachable": ("School unreachable", BAD),
    }
)
"""What an outage was, in words."""

_TOP = Section(
    "",
    (
        numbers(
            "Down now, the longest",
            "How long the school that is longest without internet has been so; Up means that all are up.",
            now.LONGEST_DOWN, "s", ANY_IS_BAD, size=(6, 4), since=LATELY, look=said(DOWN),
        ),
        numbers(
            "Class lost on the last school day",
            "Minutes of class without internet on the last finished school day, all schools together.",
            now.LOST_YESTERDAY, "m", ANY_IS_BAD, size=(6, 4), since=LATELY,
        ),
        numbers(
            "Weakest answer",
            "The worst answer that any school has for the way it plans to teach.",
            now.WORST_ANSWER, "none", ALL_PLAIN, size=(6, 4), since=LATELY, look=said(palette.ranks()),
        ),
        numbers(
            "Silent boxes",
            "Boxes that measure nothing. A silent box is no outage of its school, but nobody looks there.",
            now.SILENT_BOXES, "none", ANY_IS_BAD, size=(6, 4), since=LATELY,
        ),
    ),
)  # fmt: skip

_SCHOOLS = Section(
    "Schools, the worst first",
    (
        tiles(
            "Up or down",
            "A tile for each school: Up, or how long it has been without internet; the longest down first.",
            now.SCHOOLS_NOW, "down_s", "s", WORST_FIRST,
            size=(12, 8), since=LATELY, steps=ANY_IS_BAD, look=said(DOWN), link=TO_SCHOOL,
        ),
        tiles(
            "Can it teach as it plans to?",
            "A tile for each school with its answer over all links; the weakest first.",
            now.SCHOOLS_NOW, "state_rank", "none", ("state_rank", "-lost_yesterday_min"),
            size=(12, 8), since=LATELY, look=said(palette.ranks()), link=TO_SCHOOL,
        ),
        rows(
            "Each school",
            "Up or down and since when, what the last school day lost, silent boxes, and quiet times.",
            now.SCHOOLS_NOW,
            (
                Column("name", "School", look=links(TO_SCHOOL, TO_SCHOOL_PAGE)),
                Column("up", "Now", "bool", 80, filled(palette.yes_no(("Up", GOOD), ("Down", BAD)))),
                Column("down_s", "Down for", "s", 110, said(palette.words({"0": palette.BLANK}))),
                Column("since_ms", "Since", "dateTimeFromNow", 150),
                Column("label", "Answer", "string", 210, filled(palette.labels())),
                Column("lost_yesterday_min", "Class lost", "m", 110, tinted(ANY_IS_BAD)),
                Column("worst_period", "Worst period", "string", 140),
                Column("worst_period_min", "Lost in it", "m", 100),
                Column("silent_boxes", "Silent", "none", 80, tinted(ANY_IS_BAD)),
                Column("boxes", "Boxes", "none", 80),
                Column("quiet", "Quiet", "bool", 80, filled(palette.if_so("Quiet", PLAIN))),
                Column("quiet_why", "Why quiet", "string"),
                Column("school"),
            ),
            WORST_FIRST,
            size=(24, 10), since=LATELY,
        ),
    ),
)  # fmt: skip

_LATELY = Section(
    "What befell them",
    (
        timeline(
            "Up and down",
            "Each school over time: green while it reached the internet, red while it did not.",
            Series(now.UP_AND_DOWN, "$tag_school", said(DOWN_OR_UP)), "s", size=(12, 9),
        ),
        trend(
            "Silent boxes over time",
            "Boxes that measured nothing, all schools together.",
            (Series(fleet.SILENT_OVER_TIME, "silent boxes"),), "none", size=(12, 9),
        ),
        rows(
            "Outages, the latest first",
            "What was away, for how long, and how many minutes of class that took.",
            now.OUTAGES,
            (
                Column("Time", "Began", "dateTimeAsLocal", 160),
                Column("school", "School", "string", 150, links(TO_SCHOOL, TO_SCHOOL_PAGE)),
                Column("subject", "What", "string", 170, said(AWAY)),
                Column("duration_s", "How long", "s", 100),
                Column("class_min", "Class lost", "m", 100, tinted(ANY_IS_BAD)),
                Column("open", "Still", "bool", 80, filled(palette.yes_no(("Goes on", BAD), ("Over", GOOD)))),
                Column("text", "In words", "string", 0, wrapped()),
            ),
            size=(12, 10), since="7d",
        ),
        rows(
            "Answers that changed, the latest first",
            "Links and schools whose answer for the planned way of teaching became another one.",
            now.CHANGES,
            (
                Column("Time", "When", "dateTimeAsLocal", 160),
                Column("school", "School", "string", 150, links(TO_SCHOOL, TO_SCHOOL_PAGE)),
                Column("name", "Of", "string", 170),
                Column("was", "Was", "string", 170, filled(palette.labels())),
                Column("label", "Is", "string", 170, filled(palette.labels())),
                Column("sentence", "In words", "string", 0, wrapped()),
            ),
            size=(12, 10), since="30d",
        ),
    ),
)  # fmt: skip

BOARD = Board(
    "firstbell-now",
    "Can every school teach at first bell?",
    "Every school of the district, the worst first: up or down, what class lost, and where nobody looks.",
    "24h",
    (DISTRICT, SCHOOLS),
    (_TOP, _SCHOOLS, _LATELY),
    refresh="1m",
)
