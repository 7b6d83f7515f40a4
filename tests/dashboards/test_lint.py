"""Our own rules for boards: each planted mistake is seen, and said."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from dashboards import build, lint, subset, vocabulary, yaml
from tests.dashboards.shipped import BOARDS, document, read_yaml

Json = dict[str, Any]


def planted(change: Callable[[Json, Json], None]) -> str:
    """What is said of the first board and the rules after a change of both."""
    boards, rules = copy.deepcopy(BOARDS), document("alerting/firstbell.yaml")
    change(next(board for board in boards if board["uid"] == "firstbell-now"), rules)
    return "\n".join(lint.complaints(boards, rules))


def panel(board: Json) -> Json:
    """The first panel of a board."""
    return board["panels"][0]  # type: ignore[no-any-return]


def rule(rules: Json) -> Json:
    """The first rule."""
    return rules["groups"][0]["rules"][0]  # type: ignore[no-any-return]


def turned(board: Json, **options: Any) -> None:
    """One more transformation of the first panel."""
    panel(board)["transformations"].append({"id": "any", "options": options})


def drawn(board: Json, **override: Any) -> None:
    """One more override of the first panel."""
    panel(board)["fieldConfig"]["overrides"].append(override)


def elsewhere(board: Json, _: Json) -> None:
    """The first panel and its query go to the other data source, which there is."""
    panel(board)["datasource"].update(uid="firstbell_rollups")
    panel(board)["targets"][0]["datasource"].update(uid="firstbell_rollups")


def said_more(asker: Json) -> None:
    """A query with a word that only one of the InfluxDBs knows."""
    asker["query"] += " SLIMIT 1"


NAME = {"id": "byName", "options": "x"}
SLIPS: dict[str, Callable[[Json, Json], None]] = {
    "two boards have the uid": lambda board, _: board.update(uid="firstbell-wifi"),
    "its uid is not": lambda board, _: board.update(uid="Now!"),
    f"{'a' * 31}: its uid is not": lambda board, _: board.update(uid="firstbell-" + "a" * 31),
    "another format": lambda board, _: board.update(schemaVersion=43),
    "it has no title, or no description": lambda board, _: board.update(description=""),
    "longest: it has no title, or no description": lambda board, _: panel(board).update(description=""),
    "firstbell-now: 1: it has no title": lambda board, _: panel(board).update(title=""),
    "two panels have the title": lambda board, _: panel(board).update(title="Silent boxes"),
    "two panels have the id": lambda board, _: panel(board).update(id=2),
    "overlap": lambda board, _: panel(board)["gridPos"].update(w=7),
    "longest and Schools, the worst first overlap": lambda board, _: panel(board)["gridPos"].update(h=5),
    "not inside the 24 columns": lambda board, _: panel(board)["gridPos"].update(x=20),
    "school day is not inside": lambda board, _: board["panels"][1]["gridPos"].update(x=-1),
    "Weakest answer is not inside": lambda board, _: board["panels"][2]["gridPos"].update(y=-1),
    "Silent boxes is not inside": lambda board, _: board["panels"][3]["gridPos"].update(h=0),
    "None is no unit": lambda board, _: panel(board)["fieldConfig"]["defaults"].pop("unit"),
    "furlong is no unit": lambda board, _: panel(board)["fieldConfig"]["defaults"].update(unit="furlong"),
    "stone is no unit": lambda board, _: drawn(
        board, matcher=NAME, properties=[{"id": "unit", "value": "stone"}]
    ),
    "an override of nothing": lambda board, _: drawn(board, properties=[{"id": "min", "value": 0}]),
    "or without a change": lambda board, _: drawn(board, matcher=NAME, properties=[]),
    "it asks nothing": lambda board, _: panel(board).update(targets=[]),
    "no named query": lambda board, _: panel(board)["targets"][0].update(query="SELECT 1"),
    "says SLIMIT": lambda board, _: said_more(panel(board)["targets"][0]),
    "goes to firstbell_rollups, not to firstbell": elsewhere,
    "another data source": lambda board, _: panel(board)["datasource"].update(uid="other"),
    "other is no database of ours": lambda board, _: panel(board)["targets"][0].update(
        datasource={"type": "influxdb", "uid": "other"}
    ),
    "returns a column wrong": lambda board, _: panel(board)["transformations"][0]["options"].update(
        indexByName={"wrong": 0}
    ),
    "returns a column sorted": lambda board, _: turned(board, sort=[{"field": "sorted"}]),
    "returns a column mapped": lambda board, _: turned(board, mappings=[{"fieldName": "mapped"}]),
    "returns a column joined": lambda board, _: turned(board, byField="joined"),
    "returns a column renamed": lambda board, _: turned(board, renameByName={"renamed": "x"}),
    "returns a column left": lambda board, _: turned(board, excludeByName={"left": True}),
    "it uses $room, which it does not have": lambda board, _: panel(board).update(title="In $room"),
    "it has $spare, which nothing uses": lambda board, _: board["templating"]["list"].append(
        {"name": "spare", "type": "constant"}
    ),
    "firstbell-now: begins with DROP": lambda board, _: board["templating"]["list"][0].update(query="DROP"),
    "no measurement skool": lambda board, _: board["templating"]["list"][0].update(
        query='SHOW TAG VALUES FROM "skool" WITH KEY = "district"'
    ),
    "leads to firstbell-none": lambda board, _: board["links"].append({"url": "/d/firstbell-none?x"}),
    "no page of First Bell": lambda board, _: board["links"].append({"url": "${firstbell}/skool/$school"}),
    "its query returns no end": lambda board, _: board["annotations"]["list"][0]["target"].update(
        timeEndColumn="end"
    ),
    "Answers that changed: says SLIMIT": lambda board, _: said_more(
        board["annotations"]["list"][0]["target"]
    ),
    "the query worst_answer is used nowhere": lambda board, _: board["panels"][2].update(targets=[]),
    "two rules have the uid": lambda _, rules: rule(rules).update(uid="firstbell-set-aside"),
    "two rules have the title": lambda _, rules: rule(rules).update(title="Answer fell"),
    "longer than 40": lambda _, rules: rule(rules).update(uid="firstbell-" + "a" * 40),
    "a dollar sign": lambda _, rules: rule(rules)["annotations"].update(summary="$x"),
    "no board has the panel": lambda _, rules: rule(rules).update(panelId=999),
    "what to do": lambda _, rules: rule(rules)["annotations"].update(runbook_url="docs"),
    "it doesn't say what is wrong": lambda _, rules: rule(rules)["annotations"].update(summary=""),
    "class: says SLIMIT": lambda _, rules: said_more(rule(rules)["data"][0]["model"]),
    "two data sources": lambda _, rules: rule(rules)["data"][0].update(datasourceUid="firstbell_rollups"),
    "none of its steps": lambda _, rules: rule(rules)["data"][1]["model"].update(expression="Z"),
    "its condition": lambda _, rules: rule(rules).update(condition="last"),
}


@pytest.mark.parametrize("said", SLIPS)
def test_a_planted_mistake_is_seen(said: str) -> None:
    """Each rule of ours sees the mistake that it is there for."""
    assert said in planted(SLIPS[said])


def test_nothing_is_said_of_what_is_right() -> None:
    """Boards and rules as they lie here pass."""
    assert planted(lambda _board, _rules: None) == ""


def test_a_build_with_a_mistake_makes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake stops the build, with every complaint."""
    boards, rules = build.made()
    boards[0]["title"] = boards[1]["description"] = ""
    monkeypatch.setattr(build, "made", lambda: (boards, rules))
    with pytest.raises(lint.LintError) as error:
        build.files()
    assert len(error.value.complaints) == 2


@pytest.mark.parametrize(
    ("influxql", "said"),
    [
        ('SELECT INTEGRAL("x") FROM "y" WHERE $timeFilter', "calls INTEGRAL()"),
        ('SELECT HOLT_WINTERS(MEAN("x"), 1, 2) FROM "y" WHERE $timeFilter', "calls HOLT_WINTERS()"),
        ('SELECT derivative("x", 1s) FROM "y" WHERE $timeFilter', "calls DERIVATIVE()"),
        ('SELECT "x" FROM "y" WHERE $timeFilter GROUP BY "z" SLIMIT 1', "says SLIMIT"),
        ('SELECT "x" INTO "z" FROM "y" WHERE $timeFilter', "says INTO"),
        ('SELECT "x" FROM "y" WHERE $timeFilter tz(\'Europe/Berlin\')', "calls TZ()"),
        ('SELECT x FROM "y" WHERE $timeFilter', "says X"),
        ('SELECT * FROM "y" WHERE $timeFilter', "selects *"),
        ('SELECT COUNT(*) FROM "y" WHERE $timeFilter', "selects *"),
        ('SELECT "x" FROM "y"', "asks for all time"),
        ("SHOW SERIES", "begins with SHOW"),
        ('DROP DATABASE "x"', "begins with DROP"),
        (
            'SELECT MAX("x") FROM (SELECT MAX("x") FROM (SELECT "x" FROM "y" WHERE $timeFilter))',
            "more than one level",
        ),
    ],
)
def test_only_the_subset_is_spoken(influxql: str, said: str) -> None:
    """What one of the three InfluxDBs lacks is refused."""
    assert any(said in complaint for complaint in subset.complaints(influxql))


def test_only_names_of_the_catalogue_are_asked() -> None:
    """A name is looked for where it is asked: in a subquery, under an alias, in the other database."""
    complaints = vocabulary.complaints
    assert [*complaints('SELECT LAST("rtt") AS "rtt" FROM "latency"', "firstbell")] == ["latency has no rtt"]
    inner = 'SELECT SUM("a") AS "a" FROM (SELECT LAST("a") AS "a" FROM "sink" WHERE $timeFilter GROUP BY "district")'
    assert [*complaints(inner, "firstbell")] == ["sink has no a"]
    fine = inner.replace('LAST("a")', 'LAST("aside_reports")')
    assert [*complaints(fine, "firstbell")] == []
    assert next(complaints(fine, "firstbell_rollups")) == "firstbell_rollups has no measurement sink"


def test_yaml_is_read_as_it_was_meant() -> None:
    """What our few lines write another's parser reads as the same."""
    written: dict[str, Any] = {
        "empty": [],
        "none": None,
        "flag": True,
        "text": 'a "quoted": # text\nof two lines',
        "list": [1, "2", {"a": {"b": [{"c": 1.5, "d": []}]}}, [3, 4]],
    }
    loaded = read_yaml(yaml.dump(written, "a comment"))
    assert loaded == written
