"""What lies in the tree for Grafana, read as Grafana would, and every question that it asks of a database."""

import importlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from dashboards import lint, places, queries

read_yaml = importlib.import_module("yaml").safe_load
"""Another's parser; it has no types."""
BOARDS = places.boards()


class Asked(NamedTuple):
    """A question, who asks it, and the columns of the answer that the asker speaks of."""

    where: str
    query: str
    db: str
    columns: frozenset[str]


def document(name: str) -> Any:
    """A provisioning file, by another's parser."""
    return read_yaml((places.HERE / places.PROVISIONING / name).read_text(encoding="utf-8"))


def rules() -> list[dict[str, Any]]:
    """Every alert rule."""
    return [rule for group in document("alerting/firstbell.yaml")["groups"] for rule in group["rules"]]


def asked() -> Iterator[Asked]:
    """Every question of every panel, mark, variable and alert."""
    for board in BOARDS:
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                yield _of_panel(board, panel, target)
        for mark in board["annotations"]["list"]:
            target = mark["target"]
            shown = {target[key] for key in ("textColumn", "tagsColumn", "timeEndColumn")} - {""}
            yield _asked(f"{board['uid']}, marks, {mark['name']}", target, shown)
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                where = f"{board['uid']}, ${variable['name']}"
                yield Asked(where, variable["query"], variable["datasource"]["uid"], frozenset({"value"}))
    for rule in rules():
        target = rule["data"][0]["model"]
        labels = {name for name in _columns(target) if f".Labels.{name} " in rule["annotations"]["summary"]}
        yield _asked(f"alert, {rule['title']}", target, labels)


def _of_panel(board: dict[str, Any], panel: dict[str, Any], target: dict[str, Any]) -> Asked:
    """A table speaks of columns by name, a trend of tags in what it calls its lines."""
    named = lint.columns_named(panel) & {"Time", *_columns(target)}
    alias = target.get("alias", "").replace(",", " ").split()
    tags = {word.removeprefix("$tag_") for word in alias if word.startswith("$tag_")}
    return _asked(f"{board['uid']}, {panel['title']}, {target['refId']}", target, named - {"Time"} | tags)


def _asked(where: str, target: dict[str, Any], columns: set[str]) -> Asked:
    return Asked(where, target["query"], target["datasource"]["uid"], frozenset(columns))


def _columns(target: dict[str, Any]) -> tuple[str, ...]:
    return queries.all_queries()[target["refId"]].columns
