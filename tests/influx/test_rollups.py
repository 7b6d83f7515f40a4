"""Hourly and daily sums are what InfluxDB's own functions make of the reports beside them."""

from collections.abc import Mapping
from typing import Any

import pytest

from firstbell import copies
from firstbell.catalogue import PROBES
from tests.influx.town import Town
from tests.support.influx_oracle import reports

HOUR_NS, DAY_NS = 3600 * 10**9, 86_400 * 10**9
CASES = [
    ("latency", "rtt_p95_ms"),
    ("host", "cpu_busy_pct"),
    ("internet", "down_mbps"),
    ("wifi_air", "busy_pct"),
    ("box", "spool_reports"),
]
Sums = Mapping[tuple[str, str, int], dict[str, Any]]


def by_influx(town: Town, probe: str, metric: str, span: str) -> Sums:
    """The same sums by InfluxQL, from reports whose time is known."""
    rows = town.server.query(
        f'SELECT count("{metric}"), mean("{metric}"), min("{metric}"), max("{metric}") FROM "{probe}" '
        f"WHERE clock <> 'bounded' GROUP BY agent, target, time({span}) fill(none)",
        "verified",
    )
    return {(row["agent"], row["target"], row["time"]): row for row in rows}


def ours(town: Town, probe: str, span: str) -> Sums:
    """The sums that were shipped."""
    rows = town.server.query(f'SELECT * FROM "{copies.rollup(probe, span)}"', town.settings.rollups)
    return {(row["agent"], row.get("target") or "", row["time"]): row for row in rows}


@pytest.mark.parametrize("span", copies.SPANS)
@pytest.mark.parametrize(("probe", "metric"), CASES)
def test_sums_are_what_influxql_makes_of_the_reports(town: Town, probe: str, metric: str, span: str) -> None:
    """Of each box, target and hour or day: count, mean, least and most, of cheap and of heavy probes."""
    found, theirs = ours(town, probe, span), by_influx(town, probe, metric, span)
    told = {key: row for key, row in found.items() if row.get(f"count_{metric}") is not None}
    assert theirs
    assert told.keys() == theirs.keys()
    for key, row in theirs.items():
        mine = told[key]
        assert mine[f"count_{metric}"] == row["count"]
        assert (mine[f"min_{metric}"], mine[f"max_{metric}"]) == (row["min"], row["max"])
        assert mine[f"mean_{metric}"] == pytest.approx(row["mean"], rel=1e-9)


def test_every_report_is_counted_once_by_how_it_ended(town: Town) -> None:
    """The status counts of all hours, and of all days, add up to the reports whose time is known."""
    for probe in PROBES:
        rows = town.server.query(f"SELECT count(seq) FROM \"{probe}\" WHERE clock <> 'bounded'", "verified")
        reports = sum(row["count"] for row in rows)
        for span in copies.SPANS:
            counted = sum(
                row.get(name) or 0
                for row in ours(town, probe, span).values()
                for name in copies.STATUS_COUNTS
            )
            assert counted == reports, (probe, span)


def test_only_what_the_vocabulary_names_is_shipped(town: Town) -> None:
    """Measurements, tags and fields of the sums are those that boards may count on."""
    named = dict(copies.rollups())
    for row in town.server.query("SHOW FIELD KEYS", town.settings.rollups):
        assert row["fieldKey"] in named[row["name"]], row
        kind = named[row["name"]][row["fieldKey"]]
        assert row["fieldType"] == {"float": "float", "int": "integer"}[kind], row
    for row in town.server.query("SHOW TAG KEYS", town.settings.rollups):
        assert row["tagKey"] in copies.ROLLUP_TAGS


def test_counts_of_people_s_devices_below_the_threshold_are_in_no_sum(town: Town) -> None:
    """An hour or a day with fewer devices than the district shows, or none, says nothing of how many there were."""
    least = town.folder.district.settings.thresholds.count
    told = [one.told.get("readings", {}).get("ap_stations") for one in reports(town.home.journal)]
    counted = [number for number in told if number is not None]
    assert 0 in counted
    assert any(0 < number < least for number in counted)
    rows = [row for span in copies.SPANS for row in ours(town, "wifi_air", span).values()]
    shown = [row["min_ap_stations"] for row in rows if row.get("min_ap_stations") is not None]
    assert shown
    assert min(shown) >= least
    hidden = [row for row in rows if row.get("min_ap_stations") is None]
    assert hidden
    for row in hidden:
        assert not [name for name in row if name.endswith("_ap_stations") and row[name] is not None]
