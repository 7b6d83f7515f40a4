"""The boards that lie in the tree: as their code makes them, and leading where they say."""

import re
from pathlib import Path
from typing import Any

import pytest

from dashboards import build, lint, places, provision, queries, targets, vocabulary
from dashboards.boards import all_boards
from dashboards.queries import lines
from firstbell import catalogue
from firstbell.copies import LINE, RAW, ROLLUPS
from firstbell.readiness.models import load
from tests.dashboards.shipped import BOARDS, document, rules
from tests.firstbell.readiness.town import TEXT

ROOT = Path(__file__).parents[2]
BY_UID = {board["uid"]: board for board in BOARDS}


def test_what_lies_here_is_what_code_makes() -> None:
    """Boards, rules and provisioning files are those that the code makes today, and none besides."""
    assert build.differing() == []


def test_what_differs_is_named_and_mended(tmp_path: Path) -> None:
    """A changed file, a missing one and one too many are named; writing mends all three."""
    build.write(tmp_path)
    (tmp_path / "generated" / "firstbell-now.json").write_text("{}")
    (tmp_path / "generated" / "firstbell-wifi.json").unlink()
    (tmp_path / "generated" / "of-old.json").write_text("{}")
    wanted = [f"generated/{name}.json" for name in ("firstbell-now", "firstbell-wifi", "of-old")]
    assert build.differing(tmp_path) == wanted == build.write(tmp_path)
    assert build.differing(tmp_path) == []


def test_the_boards_that_the_district_was_promised() -> None:
    """Six boards under fixed uids, the first question first."""
    assert [(board.uid, board.title) for board in all_boards()] == [
        ("firstbell-now", "Can every school teach at first bell?"),
        ("firstbell-week", "Week against contract"),
        ("firstbell-school", "One school"),
        ("firstbell-wifi", "Wi-Fi"),
        ("firstbell-power", "Power"),
        ("firstbell-fleet", "Fleet and data health"),
    ]


def test_the_worst_come_first() -> None:
    """Schools that are down come before all others, then the weakest answers."""
    (panel,) = (panel for panel in BY_UID["firstbell-now"]["panels"] if panel["title"] == "Each school")
    sorts = [step["options"]["sort"][0] for step in panel["transformations"] if step["id"] == "sortBy"]
    assert sorts[-1] == {"field": "down_s", "desc": True}
    assert sorts[-2] == {"field": "state_rank", "desc": False}


def test_thresholds_are_the_verdicts_own() -> None:
    """Lines and colours come from models.toml, as it is in the tree."""
    numbers = load(TEXT).numbers
    assert numbers.air_busy.value * 100 in _steps(_panel("firstbell-wifi", "Busy time by room"))
    assert numbers.battery_health.value * 100 in _gauges(
        _panel("firstbell-power", "Batteries, the most worn first")
    )
    replies = _steps(_panel("firstbell-school", "Replies under load by period"))
    assert replies == [None, numbers.replies_poor.value, numbers.replies.value]
    assert numbers.just_short.value in _gauges(_panel("firstbell-school", "Links"))
    (below,) = (rule for rule in rules() if rule["uid"] == "firstbell-below-contract")
    assert below["data"][2]["model"]["conditions"][0]["evaluator"]["params"] == [numbers.just_short.value]
    assert {model_id: model.name for model_id, model in load(TEXT).models.items()} == targets.MODELS


def test_a_row_for_line_use_waits_for_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no such row today; once the catalogue has the probe it is built, and passes our own rules."""
    assert lines.line_use() is None
    assert not any("full the lines" in panel["title"] for panel in BY_UID["firstbell-week"]["panels"])
    probe = catalogue.PROBES["internet"]._replace(name="line_use", metrics=("down_mbps", "up_mbps"))
    monkeypatch.setitem(catalogue.PROBES, "line_use", probe)
    vocabulary.names.cache_clear()
    boards, made = build.made()
    assert lint.complaints(boards, made) == []
    week = next(board for board in boards if board["uid"] == "firstbell-week")
    assert "How full the lines are" in [panel["title"] for panel in week["panels"]]
    monkeypatch.undo()
    vocabulary.names.cache_clear()


def test_boards_lead_to_pages_that_there_are() -> None:
    """Every page of First Bell to which a board may lead is a route of its web server."""
    sources = (ROOT / "collector" / "web").glob("*.py")
    routes = {
        route
        for source in sources
        for route in re.findall(r'Route\(f?"([^"]+)"', source.read_text(encoding="utf-8"))
    }
    assert set(lint.PAGES) <= routes


def test_both_data_sources_are_provisioned() -> None:
    """The uids that boards name are those of the data sources, which ask the databases of the same names."""
    made = document("datasources/firstbell.yaml")
    assert made == provision.datasources()
    assert {source["uid"]: source["jsonData"]["dbName"] for source in made["datasources"]} == {
        RAW: RAW,
        ROLLUPS: ROLLUPS,
    }
    assert document("dashboards/firstbell.yaml") == provision.providers()


def test_pages_are_led_to_where_they_are() -> None:
    """The address of First Bell's pages is one variable, and can be set to the district's own."""
    board = places.with_pages(BY_UID["firstbell-now"], "https://firstbell.example.org")
    (variable,) = (one for one in board["templating"]["list"] if one["name"] == "firstbell")
    assert variable["query"] == variable["current"]["value"] == "https://firstbell.example.org"
    assert {one["name"] for one in board["templating"]["list"]} == {"district", "school", "firstbell"}


def test_two_queries_never_share_a_name() -> None:
    """A name says one query; the second of one name is refused."""
    found = queries.all_queries()
    assert len({query.text for query in found.values()}) == len(found)
    assert LINE.name in found["lines"].text


def _panel(uid: str, title: str) -> dict[str, Any]:
    (panel,) = (panel for panel in BY_UID[uid]["panels"] if panel["title"] == title)
    return dict(panel)


def _steps(panel: dict[str, Any]) -> list[float | None]:
    return [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]


def _gauges(panel: dict[str, Any]) -> list[float | None]:
    return [
        step["value"]
        for override in panel["fieldConfig"]["overrides"]
        for value in override["properties"]
        if value["id"] == "thresholds"
        for step in value["value"]["steps"]
    ]


def test_every_alert_says_what_to_do() -> None:
    """A rule's runbook is a heading of the troubleshooting page, and every heading there is a rule's."""
    page, anchors = ROOT / places.RUNBOOK, set()
    for rule in rules():
        path, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert ROOT / path == page
        anchors.add(anchor)
    section = page.read_text(encoding="utf-8").partition("\n## Alerts\n")[2].partition("\n## ")[0]
    headings = {
        line[4:].lower().replace(" ", "-") for line in section.splitlines() if line.startswith("### ")
    }
    assert anchors == headings
