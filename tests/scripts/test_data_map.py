"""The data map is complete by construction: whatever is added to the program and not told stops the page."""

import sqlite3
from collections.abc import Callable

import msgspec
import pytest

from collector import config as collector
from collector.store import migrations
from firstbell import catalogue, folder, points
from firstbell.report import Report
from scripts.pages import data_map, retention


def altered(statement: str) -> Callable[[sqlite3.Connection], None]:
    """A migration of the next format."""

    def alter(db: sqlite3.Connection) -> None:
        db.execute(statement)

    return alter


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("CREATE TABLE diaries (day TEXT) STRICT", "kept, and not told: diaries"),
        ("ALTER TABLE agents ADD COLUMN owner TEXT", "journal, table agents: kept, and not told: owner"),
        ("ALTER TABLE quiet_times DROP COLUMN why", "journal, table quiet_times: told, and not there: why"),
    ],
)
def test_a_table_or_a_column_that_is_not_told_stops_the_page(
    monkeypatch: pytest.MonkeyPatch, statement: str, told: str
) -> None:
    """It is a journal of the next format that is looked at, and not a list."""
    more = (*migrations.MIGRATIONS, altered(statement))
    monkeypatch.setattr(migrations, "MIGRATIONS", more)
    monkeypatch.setattr(migrations, "SCHEMA", len(more))
    with pytest.raises(LookupError, match=told):
        data_map.journal()


def test_a_tag_that_is_not_told_stops_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tags of InfluxDB are those of the one mapping."""
    monkeypatch.setattr(points, "TAGS", (*points.TAGS, "teacher"))
    with pytest.raises(LookupError, match="tags: kept, and not told: teacher"):
        data_map.tags()


def test_a_probe_that_is_not_told_stops_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """And so does one that is gone."""
    fewer = {name: probe for name, probe in catalogue.PROBES.items() if name != "power"}
    monkeypatch.setattr(catalogue, "PROBES", fewer)
    with pytest.raises(LookupError, match="probes: told, and not there: power"):
        data_map.measured()


def test_a_setting_that_is_a_text_has_to_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number has not: it says nothing of anybody."""
    nosy = msgspec.defstruct("Nosy", [("owner", str, ""), ("many", int, 1), ("on", bool, True)], frozen=True)
    wider = msgspec.defstruct(
        "Settings", [("nosy", nosy, nosy())], bases=(collector.Settings,), frozen=True, kw_only=True
    )
    assert data_map.text_settings(nosy) == ["owner"]
    monkeypatch.setitem(data_map._SETTINGS, "collector.toml", wider)
    with pytest.raises(LookupError, match=r"collector\.toml: kept, and not told: nosy\.owner"):
        data_map.entered()


def test_a_column_of_the_districts_folder_has_to_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever people may enter stands in the map."""
    known, needed = folder.COLUMNS["seats.csv"]
    monkeypatch.setitem(folder.COLUMNS, "seats.csv", ((*known, "student"), needed))
    with pytest.raises(LookupError, match=r"seats\.csv: kept, and not told: student"):
        data_map.entered()


def test_counts_of_people_are_marked() -> None:
    """The one number that is about people's devices, and the addresses, are said to be that."""
    lines = {line.split("|")[1].strip(): line for line in data_map.measured().splitlines()}
    assert "shown from the threshold on" in lines["`wifi_air`"]
    assert "addresses of routers" in lines["`path`"]
    assert lines["`latency`"].rstrip("| ").endswith("no")


def test_how_long_follows_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A default that changes changes the page."""
    assert "reports and copies 90 days, hours 730 days, days 1,826 days" in retention.retention()
    shorter = msgspec.defstruct(
        "InfluxSettings",
        [("raw_days", int, 30)],
        bases=(collector.InfluxSettings,),
        frozen=True,
        kw_only=True,
    )
    monkeypatch.setattr(retention, "InfluxSettings", shorter)
    assert "reports and copies 30 days" in retention.retention()


def test_what_a_report_holds_has_to_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside readings a report has no field that could name anybody: who adds one looks at the map first."""
    wider = msgspec.defstruct("Report", [("pupil", str, "")], bases=(Report,), frozen=True, kw_only=True)
    monkeypatch.setattr(data_map, "Report", wider)
    with pytest.raises(LookupError, match="report: kept, and not told: pupil"):
        data_map.reported()
