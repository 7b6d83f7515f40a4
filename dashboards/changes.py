"""What a panel does with its answer before it is drawn: Grafana's transformations."""

from collections.abc import Sequence

from grafana_foundation_sdk.models import dashboard

from dashboards.influxql import Query
from dashboards.looks import Column

Change = dashboard.DataTransformerConfig


def ordered(names: Sequence[str]) -> list[Change]:
    """One sorting by several columns is several stable ones, the last being by the first."""
    return [
        Change("sortBy", options={"sort": [{"field": name.removeprefix("-"), "desc": name.startswith("-")}]})
        for name in reversed(names)
    ]


def organized(query: Query, columns: Sequence[Column]) -> Change:
    """Order and titles of the columns; the query's others, and the time if nobody wants it, are left out."""
    names = [column.name for column in columns]
    options = {
        "indexByName": {name: index for index, name in enumerate(names)},
        "renameByName": {column.name: column.title for column in columns if column.title},
        "excludeByName": {name: True for name in ("Time", *query.columns) if name not in names},
    }
    return Change("organize", options=options)


def without(names: Sequence[str]) -> Change:
    """Some columns are left out, and all others stay as they are."""
    return Change("organize", options={"excludeByName": dict.fromkeys(names, True)})


def turned(query: Query) -> Change:
    """A query's first column downwards, its second to the right, its third inside."""
    over, each, value = query.columns
    return Change("groupingToMatrix", options={"rowField": over, "columnField": each, "valueField": value})


def across(need: Query) -> Change:
    """The need as a threshold of all numbers of the other query."""
    field = {"fieldName": need.columns[-1], "handlerKey": "threshold1"}
    others = [{"fieldName": name, "handlerKey": "__ignore"} for name in ("Time", *need.columns[:-1])]
    options = {
        "configRefId": need.name,
        "applyTo": {"id": "byType", "options": "number"},
        "mappings": [field, *others],
    }
    return Change("configFromData", options=options)
