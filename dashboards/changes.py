"""What a panel does with its answer before it is drawn: Grafana's transformations."""

from collections.abc import Sequence

from grafana_foundation_sdk.models import dashboard

from dashboards import Json
from dashboards.influxql import Query
from dashboards.looks import Column
from dashboards.palette import NEED

Change = dashboard.DataTransformerConfig


def ordered(names: Sequence[str]) -> list[Change]:
    """One sorting by several columns is several stable ones, the last being by the first."""
    return [
        Change("sortBy", options={"sort": [{"field": name.removeprefix("-"), "desc": name.startswith("-")}]})
        for name in reversed(names)
    ]


def organized(columns: Sequence[Column], *queries: Query) -> Change:
    """Order and titles of the columns; others of the queries, and the time, are left out."""
    titles = {
        "indexByName": {column.name: index for index, column in enumerate(columns)},
        "renameByName": {column.name: column.title for column in columns if column.title},
    }
    return Change("organize", options={**titles, **_left_out(columns, queries)} if queries else titles)


def only(columns: Sequence[Column], queries: Sequence[Query]) -> Change:
    """No other column of the queries is left, nor the time."""
    return Change("organize", options=_left_out(columns, queries))


def joined(name: str) -> Change:
    """The answers of several queries side by side, by a column that they share."""
    return Change("joinByField", options={"byField": name, "mode": "outer"})


def _left_out(columns: Sequence[Column], queries: Sequence[Query]) -> Json:
    wanted = {column.name for column in columns}
    there = ["Time", *(name for query in queries for name in query.columns)]
    return {"excludeByName": {name: True for name in there if name not in wanted}}


def across(need: Query) -> Change:
    """The need as a threshold of all numbers of the other query."""
    drawn = {"threshold": {"color": NEED}}
    field = {"fieldName": need.columns[-1], "handlerKey": "threshold1", "handlerArguments": drawn}
    others = [{"fieldName": name, "handlerKey": "__ignore"} for name in ("Time", *need.columns[:-1])]
    options = {
        "configRefId": need.name,
        "applyTo": {"id": "byType", "options": "number"},
        "mappings": [field, *others],
    }
    return Change("configFromData", options=options)
