"""Panels of seven kinds, each in one way: what boards are made of.

Grafana's SDK is imported here, in `dashboards.changes` and in `dashboards.frame` alone, at build time. A
panel's size is width and height on a grid of 24 columns.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from grafana_foundation_sdk.builders import barchart, common, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as shared
from grafana_foundation_sdk.models import dashboard

from dashboards import Json, changes
from dashboards.influxql import DATASOURCE, Query
from dashboards.looks import Column, Property, Row
from dashboards.palette import ALL_PLAIN, Step

LATELY = "1h"
"""How far back the latest is looked for of what is said every five minutes: who said nothing isn't shown."""
STANDING = "90d"
"""The same of answers, which are written when they change and once a school day; summers are long."""

MOST_TILES = 500
"""More schools than any district that buys its own lines; by itself Grafana stops at 25."""

Panel = dashboard.Panel
Size = tuple[int, int]


class InfluxQL(Dataquery):
    """What the SDK lacks, a query to InfluxDB. `alias` names series; without one the answer is a table."""

    def __init__(self, query: Query, alias: str = "") -> None:
        self.query, self.alias = query, alias

    def to_json(self) -> Json:
        """As a panel's target has it; its name says which query it is."""
        made: Json = {
            "refId": self.query.name,
            "datasource": {"type": DATASOURCE, "uid": self.query.db},
            "rawQuery": True,
            "query": self.query.text,
            "resultFormat": "time_series" if self.alias else "table",
        }
        return made | ({"alias": self.alias} if self.alias else {})


class Series(NamedTuple):
    """Lines of a trend: a query, how each is called ($tag_x, $col), and how all of them look."""

    query: Query
    alias: str
    look: Sequence[Property] = ()


def numbers(
    title: str, says: str, query: Query, unit: str, steps: Sequence[Step], *, size: Size,
    look: Sequence[Property] = (), since: str = "", link: Row | None = None,
) -> Panel:  # fmt: skip
    """One number, large, on the colour that it deserves."""
    made = _stat(values=False).build()
    made.targets = [InfluxQL(query)]
    made.transformations = [changes.only([Column(query.columns[-1])], [query])]
    return _finish(made, title, says, unit, steps, size, since, [*look, *_linked(link)])


def tiles(
    title: str, says: str, query: Query, value: str, unit: str, sort: Sequence[str], *, size: Size,
    steps: Sequence[Step] = ALL_PLAIN, look: Sequence[Property] = (), since: str = "",
    link: Row | None = None,
) -> Panel:  # fmt: skip
    """A tile for each row, in the order of `sort`: the number `value` in its colour, under the row's `name`.

    It is the only number that is left, and so makes the tiles; the tag `school` is left for the link.
    """
    made = _stat(values=True).build()
    made.targets = [InfluxQL(query)]
    made.transformations = [
        *changes.ordered(sort),
        changes.organized([Column(c) for c in ("school", "name", value)], query),
    ]
    shown = [("displayName", "${__data.fields.name}"), *look, *_linked(link)]
    finished = _finish(made, title, says, unit, steps, size, since, shown)
    _defaults(finished).no_value = "Not known"
    return finished


def rows(
    title: str, says: str, query: Query, columns: Sequence[Column], sort: Sequence[str] = (), *, size: Size,
    since: str = "",
) -> Panel:  # fmt: skip
    """A table, sorted by the columns of the query in `sort` (a minus before a name: the largest first)."""
    built = table.Panel().show_header(True).cell_height(shared.TableCellHeight.SM)
    made = built.build()
    _overrides(made).extend(_of_columns(columns))
    made.targets = [InfluxQL(query)]
    made.transformations = [*changes.ordered(sort), changes.organized(columns, query)]
    return _finish(made, title, says, "none", ALL_PLAIN, size, since, ())


def trend(
    title: str, says: str, series: Sequence[Series], unit: str, *, size: Size, steps: Sequence[Step] = (),
    since: str = "", low: float | None = 0, dots: bool = False,
) -> Panel:  # fmt: skip
    """Lines over time (dots where each point is a test by itself), with the targets that `steps` draw."""
    built = (
        timeseries.Panel()
        .line_width(0 if dots else 1)
        .fill_opacity(0)
        .point_size(6)
        .show_points(shared.VisibilityMode.ALWAYS if dots else shared.VisibilityMode.NEVER)
        .span_nulls(3_600_000 * 24)
        .legend(_legend())
        .tooltip(common.VizTooltipOptions().mode(shared.TooltipDisplayMode.MULTI))
    )
    if steps:
        built.thresholds_style(
            common.GraphThresholdsStyleConfig().mode(shared.GraphThresholdsStyleMode.DASHED)
        )
    made = built.build()
    _overrides(made).extend(_override("byFrameRefID", one.query.name, one.look) for one in series if one.look)
    made.targets = [InfluxQL(one.query, one.alias) for one in series]
    finished = _finish(made, title, says, unit, steps or ALL_PLAIN, size, since, ())
    _defaults(finished).min_val = low
    return finished


def bars(
    title: str, says: str, queries: Sequence[Query], columns: Sequence[Column], unit: str, *, size: Size,
    need: Query | None = None, steps: Sequence[Step] = (), since: str = "",
) -> Panel:  # fmt: skip
    """Bars over the words of the first of `columns`, by which several queries are joined; one of each other.

    The last column of `need` is drawn as a line across.
    """
    over, *drawn = columns
    made = _bars(lines=bool(need or steps)).x_field(over.title or over.name).build()
    _overrides(made).extend(_of_columns(drawn))
    made.targets = [InfluxQL(query) for query in (*queries, *([need] if need else []))]
    made.transformations = [
        *([changes.across(need)] if need else []),
        changes.only(columns, queries),
        *([changes.joined(over.name)] if len(queries) > 1 else []),
        *changes.ordered([over.name]),
        changes.organized(columns),
    ]
    finished = _finish(made, title, says, unit, steps or ALL_PLAIN, size, since, ())
    _defaults(finished).min_val = 0
    return finished


def timeline(title: str, says: str, series: Series, unit: str, *, size: Size, since: str = "") -> Panel:
    """A band for each series that changes its colour with its state."""
    built = (
        statetimeline.Panel()
        .merge_values(True)
        .show_value(shared.VisibilityMode.NEVER)
        .row_height(0.8)
        .line_width(0)
        .fill_opacity(80)
        .legend(_legend())
    )
    made = built.build()
    made.targets = [InfluxQL(series.query, series.alias)]
    return _finish(made, title, says, unit, ALL_PLAIN, size, since, series.look)


def _bars(*, lines: bool) -> barchart.Panel:
    drawn = shared.GraphThresholdsStyleMode.DASHED if lines else shared.GraphThresholdsStyleMode.OFF
    return (
        barchart.Panel()
        .orientation(shared.VizOrientation.VERTICAL)
        .show_value(shared.VisibilityMode.AUTO)
        .bar_width(0.8)
        .group_width(0.7)
        .fill_opacity(80)
        .line_width(1)
        .x_tick_label_max_length(20)
        .thresholds_style(common.GraphThresholdsStyleConfig().mode(drawn))
        .legend(_legend())
        .tooltip(common.VizTooltipOptions().mode(shared.TooltipDisplayMode.MULTI))
    )


def _stat(*, values: bool) -> stat.Panel:
    reduced = (
        common.ReduceDataOptions().values(values).limit(MOST_TILES).calcs([] if values else ["lastNotNull"])
    )
    named = shared.BigValueTextMode.VALUE_AND_NAME if values else shared.BigValueTextMode.VALUE
    return (
        stat.Panel()
        .reduce_options(reduced)
        .text_mode(named)
        .color_mode(shared.BigValueColorMode.BACKGROUND)
        .graph_mode(shared.BigValueGraphMode.NONE)
        .justify_mode(shared.BigValueJustifyMode.AUTO)
    )


def _legend() -> common.VizLegendOptions:
    made = common.VizLegendOptions().show_legend(True)
    return made.display_mode(shared.LegendDisplayMode.LIST).placement(shared.LegendPlacement.BOTTOM)


def _finish(
    panel: Panel, title: str, says: str, unit: str, steps: Sequence[Step], size: Size, since: str,
    look: Sequence[Property],
) -> Panel:  # fmt: skip
    panel.title, panel.description = title, says
    panel.datasource = shared.DataSourceRef(DATASOURCE, _database(panel))
    panel.grid_pos = dashboard.GridPos(w=size[0], h=size[1])
    if since:
        panel.time_from, panel.hide_time_override = since, since in (LATELY, STANDING)
    fields = _defaults(panel)
    fields.unit = unit
    fields.thresholds = dashboard.ThresholdsConfig(
        dashboard.ThresholdsMode.ABSOLUTE, [dashboard.Threshold(step.at, step.colour) for step in steps]
    )
    if look:
        _overrides(panel).append(_override("byRegexp", "/.*/", look))
    return panel


def _database(panel: Panel) -> str:
    """Where the panel's first query goes."""
    first = (panel.targets or [])[0]
    assert isinstance(first, InfluxQL)
    return first.query.db


def _defaults(panel: Panel) -> dashboard.FieldConfig:
    panel.field_config = panel.field_config or dashboard.FieldConfigSource()
    panel.field_config.defaults = panel.field_config.defaults or dashboard.FieldConfig()
    return panel.field_config.defaults


def _overrides(panel: Panel) -> list[dashboard.DashboardFieldConfigSourceOverrides]:
    panel.field_config = panel.field_config or dashboard.FieldConfigSource()
    panel.field_config.overrides = panel.field_config.overrides or []
    return panel.field_config.overrides


def _of_columns(columns: Sequence[Column]) -> Iterator[dashboard.DashboardFieldConfigSourceOverrides]:
    """How each column looks, under the title that it has by then."""
    for column in columns:
        look = _looks(column)
        if look:
            yield _override("byName", column.title or column.name, look)


def _override(how: str, what: str, look: Sequence[Property]) -> dashboard.DashboardFieldConfigSourceOverrides:
    return dashboard.DashboardFieldConfigSourceOverrides(
        matcher=dashboard.MatcherConfig(how, what),
        properties=[dashboard.DynamicConfigValue(name, value) for name, value in look],
    )


def _looks(column: Column) -> list[Property]:
    if not column.title:
        return [("custom.hidden", True)]
    unit = [("unit", column.unit)] if column.unit else []
    width = [("custom.width", column.width)] if column.width else []
    return [*unit, *width, *column.look]


def _linked(link: Row | None) -> list[Property]:
    return [("links", [link.json()])] if link else []
