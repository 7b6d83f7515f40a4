"""Week against contract: what each line carries, quiet and in class, against what is bought and needed."""

from collections.abc import Sequence

from dashboards import palette
from dashboards.frame import CIRCUITS, DISTRICT, Board, Section
from dashboards.influxql import Query
from dashboards.looks import TO_CASE_PAGE, Column, coloured, dashed, filled, links, said, tinted
from dashboards.palette import CHECKS, CONTRACT, FOR_NOW, GOOD, NEED, PLAIN
from dashboards.panels import STANDING, Panel, Series, bars, rows, trend
from dashboards.queries import lines, now

_WAYS = palette.words({"down": ("Down", PLAIN), "up": ("Up", PLAIN)})
_MBPS = "Mbits"
ENGINES = palette.words(
    {
        "own": ("Reference server", PLAIN),
        "iperf3": ("iperf3 server", PLAIN),
        "librespeed": ("LibreSpeed server", PLAIN),
        "ndt7": ("M-Lab", PLAIN),
        "speedtest": ("Public test server", PLAIN),
    }
)
"""What a test was made against."""
AGAINST = (
    Column("reference", "Reference server", look=coloured(PLAIN)),
    Column("public", "Public test server", look=coloured(FOR_NOW)),
)
"""Both kinds of throughput test side by side."""


def _against(title: str, says: str, query: Query) -> Panel:
    return bars(
        title,
        f"What is bought, what the line carries when quiet, what class has left of it, what is needed{says}.",
        (query,),
        (
            Column("name"),
            Column("contract_mbps", "Bought", look=coloured(CONTRACT)),
            Column("carries_mbps", "Carries when quiet", look=coloured(PLAIN)),
            Column("left_over_mbps", "Left in class", look=coloured(GOOD)),
            Column("need_mbps", "Needed", look=coloured(NEED)),
        ),
        _MBPS, size=(12, 9), since=STANDING,
    )  # fmt: skip


def _checks(title: str, checks: Query, need: Query) -> Panel:
    return trend(
        title,
        "Each check of each line, and what its schools need of it today (dashed).",
        (Series(checks, "$tag_circuit, $tag_engine"), Series(need, "$tag_circuit needs", dashed(NEED))),
        _MBPS, size=(12, 9), dots=True,
    )  # fmt: skip


def _year(title: str, query: Query) -> Panel:
    return trend(
        title,
        "The least, the mean and the most of each day's checks, over a year.",
        (Series(query, "$tag_circuit, $col, $m"),), _MBPS, size=(12, 9), since="365d",
    )  # fmt: skip


_LINES = Section(
    "",
    (
        rows(
            "Every line, the worst first",
            "What each line carries when quiet and what class has left of it, against contract and need.",
            lines.LINES,
            (
                Column("name", "Line", "string", 200, links(TO_CASE_PAGE)),
                Column("subject", "Way", "string", 70, said(_WAYS)),
                Column("state_rank", "Answer", "none", 200, filled(palette.ranks())),
                Column("contract_mbps", "Bought", _MBPS, 110),
                Column("carries_mbps", "Carries when quiet", _MBPS, 160),
                Column("at_least", "More?", "bool", 90, said(palette.if_so("or more", PLAIN))),
                Column("left_over_mbps", "Left in class", _MBPS, 130),
                Column("need_mbps", "Needed today", _MBPS, 130),
                Column("need_then_mbps", "Needed at the horizon", _MBPS, 180),
                Column("checks", "Checks", "none", 90, tinted(CHECKS)),
                Column("schools", "Schools", "none", 90),
                Column("circuit"),
            ),
            ("state_rank", "left_over_mbps"),
            size=(24, 10), since=STANDING,
        ),
        _against("Down: bought, carried, left, needed", "", lines.LINES_DOWN),
        _against(
            "Up: bought, carried, left, needed",
            "; only where what schools plan asks for upload",
            lines.LINES_UP,
        ),
    ),
)  # fmt: skip

_WEEK = Section(
    "The week",
    (
        _checks("Every check, down", lines.CHECKS_DOWN, lines.NEED_DOWN),
        _checks("Every check, up", lines.CHECKS_UP, lines.NEED_UP),
        rows(
            "Busiest periods: least left over first",
            "What was left of each line in each period of the week, median and least.",
            lines.BUSIEST,
            (
                Column("circuit", "Line", "string", 0, links(TO_CASE_PAGE)),
                Column("period", "Period", "string", 150),
                Column("engine", "Against", "string", 150, said(ENGINES)),
                Column("median_down", "Median down", _MBPS, 120),
                Column("least_down", "Least down", _MBPS, 120),
                Column("median_up", "Median up", _MBPS, 120),
                Column("least_up", "Least up", _MBPS, 120),
                Column("checks", "Checks", "none", 80),
            ),
            ("median_down",),
            size=(14, 10),
        ),
        rows(
            "Slowest periods: longest round trips first",
            "How long the internet took to answer in each period (95th percentile), and what was lost.",
            lines.SLOWEST_REPLIES,
            (
                Column("circuit", "Line", "string", 0, links(TO_CASE_PAGE)),
                Column("period", "Period", "string", 150),
                Column("rtt_p95_ms", "Round trip", "ms", 110),
                Column("loss_pct", "Lost", "percent", 90),
            ),
            ("-rtt_p95_ms",),
            size=(10, 10),
        ),
    ),
)  # fmt: skip

_YEAR = Section(
    "The year", (_year("Down, day by day", lines.YEAR_DOWN), _year("Up, day by day", lines.YEAR_UP))
)


def _use() -> Sequence[Section]:
    """How full the lines are: a row that there is only once a probe of the catalogue says it."""
    query = lines.line_use()
    if query is None:
        return ()
    says = "What goes over each line at each moment, whoever uses it."
    full = trend("Use", says, (Series(query, "$tag_circuit $col"),), _MBPS, size=(24, 9))
    return (Section("How full the lines are", (full,)),)


def board() -> Board:
    """The board; with a row for line use where there is a source of it."""
    return Board(
        "firstbell-week",
        "Week against contract",
        "What each line carries when quiet and what class has left of it, against contract and need.",
        "7d",
        (DISTRICT, CIRCUITS),
        (_LINES, *_use(), _WEEK, _YEAR),
        marks=now.DISTRICT_MARKS,
    )
