"""A whole board: its panels on the grid, its variables, marks and links."""

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as shared
from grafana_foundation_sdk.models import dashboard

from dashboards import Json
from dashboards.influxql import DATASOURCE, Query
from dashboards.palette import BAD, PLAIN, UNKNOWN
from dashboards.panels import InfluxQL, Panel
from dashboards.queries import now, variables
from firstbell.copies import RAW

COLUMNS = 24
TAG = "firstbell"
"""The tag of all our boards, by which they find one another."""
PAGES = "http://127.0.0.1:8830"
"""Where First Bell's pages are, unless whoever puts the boards into a Grafana says so."""
ALL = ".*"


class Variable(NamedTuple):
    """What a board can be narrowed to; `several` may be chosen at once, and all at first."""

    name: str
    label: str
    query: Query
    several: bool


DISTRICT = Variable("district", "District", variables.DISTRICTS, several=False)
SCHOOLS = Variable("school", "Schools", variables.SCHOOLS, several=True)
ONE_SCHOOL = Variable("school", "School", variables.SCHOOLS, several=False)
CIRCUITS = Variable("circuit", "Lines", variables.CIRCUITS, several=True)


class Section(NamedTuple):
    """Panels under one heading, from left to right; the first section of a board may have none."""

    title: str
    panels: Sequence[Panel]


class Board(NamedTuple):
    """A board by its fixed `uid`; `since` is what it shows at first, `page` First Bell's page of the same."""

    uid: str
    title: str
    says: str
    since: str
    narrowed: Sequence[Variable]
    sections: Sequence[Section]
    marks: Sequence[Query] = now.SCHOOL_MARKS
    page: str = "/"
    refresh: str = "5m"


def render(board: Board) -> Json:
    """The board as Grafana's classic JSON."""
    made = (
        build.Dashboard(board.title)
        .uid(board.uid)
        .description(board.says)
        .tags([TAG])
        .time(f"now-{board.since}", "now")
        .refresh(board.refresh)
        .timezone("browser")
        .readonly()
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .variables([*map(_variable, board.narrowed), _pages()])
    ).build()
    made.panels = list(_placed(board.sections))
    made.links = _links(board.page)
    made.annotations = dashboard.AnnotationContainer(_marks(board.marks))
    read: Json = json.loads(json.dumps(made, cls=JSONEncoder))
    for placed in (*read["links"], *read["annotations"]["list"]):
        placed.pop("placement", None)  # in Grafana 12 it would hide them in a menu
    return read


def _placed(sections: Sequence[Section]) -> Iterator[dashboard.Panel | dashboard.RowPanel]:
    """Every panel with its place and a number of its own: from left to right, then down."""
    number, top = 0, 0
    for section in sections:
        if section.title:
            number += 1
            place = dashboard.GridPos(x=0, y=top, w=COLUMNS, h=1)
            yield dashboard.RowPanel(title=section.title, id_val=number, grid_pos=place)
            top += 1
        left = tallest = 0
        for panel in section.panels:
            number += 1
            assert panel.grid_pos
            if left + panel.grid_pos.w > COLUMNS:
                left, top, tallest = 0, top + tallest, 0
            panel.id_val = number
            panel.grid_pos.x, panel.grid_pos.y = left, top
            left, tallest = left + panel.grid_pos.w, max(tallest, panel.grid_pos.h)
            yield panel
        top += tallest


def _variable(variable: Variable) -> build.QueryVariable:
    made = (
        build.QueryVariable(variable.name)
        .label(variable.label)
        .datasource(shared.DataSourceRef(DATASOURCE, variable.query.db))
        .query(variable.query.text)
        .definition(variable.query.text)
        .refresh(dashboard.VariableRefresh.ON_DASHBOARD_LOAD)
        .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
        .multi(variable.several)
    )
    if variable.several:
        everything = dashboard.VariableOption(text="All", value="$__all", selected=True)
        made = made.include_all(True).all_value(ALL).current(everything)
    return made


def _pages() -> build.ConstantVariable:
    """First Bell's own address, for links."""
    return build.ConstantVariable("firstbell").label("First Bell's pages").value(PAGES)


def _links(page: str) -> list[dashboard.DashboardLink]:
    boards = dashboard.DashboardLink(
        "First Bell's boards", dashboard.DashboardLinkType.DASHBOARDS, "external link", tags=[TAG],
        include_vars=True, keep_time=True,
    )  # fmt: skip
    pages = dashboard.DashboardLink(
        "First Bell", dashboard.DashboardLinkType.LINK, "info", "How do you know? First Bell's own page",
        url=f"${{firstbell}}{page}", target_blank=True,
    )  # fmt: skip
    return [boards, pages]


class _Mark(InfluxQL):
    """A query whose rows are marks on all trends: text, tag, and the end if it is a stretch."""

    def to_json(self) -> Json:
        """As an annotation's target has it."""
        text, tags, end = (*self.query.columns, "")[:3]
        shown = {"textColumn": text, "tagsColumn": tags, "timeEndColumn": end, "titleColumn": ""}
        return {**super().to_json(), **shown, "queryType": "tags", "fromAnnotations": True}


_MARKS = (("Answers that changed", PLAIN), ("Outages", BAD), ("Quiet times", UNKNOWN))


def _marks(queries: Sequence[Query]) -> list[dashboard.AnnotationQuery]:
    ref = shared.DataSourceRef(DATASOURCE, RAW)
    return [
        dashboard.AnnotationQuery(name, ref, icon_color=colour, target=_Mark(query))
        for (name, colour), query in zip(_MARKS, queries, strict=True)
    ]
