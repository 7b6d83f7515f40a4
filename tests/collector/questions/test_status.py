"""What is shown of the boxes' newest measurements, as they came."""

import re

import msgspec
import pytest

from collector.cli.status import result, text
from collector.questions import status
from collector.questions.used import Taken
from collector.store.reads import BoxState
from firstbell import catalogue
from firstbell.report import ClockQuality, LimitedBy, Report, Status, Stored


def test_a_count_of_peoples_devices_is_not_shown_as_it_came() -> None:
    """Four devices in a room can be four children: the count stays in the journal, the air's fullness is shown."""
    report = Report(
        probe="wifi_air",
        status=Status.OK,
        target="wifi",
        readings={"busy_pct": 31.0, "ap_busy_pct": 40.0, "ap_stations": 4},
        at_ns=1_780_000_000 * status.NS,
        duration_s=0.1,
        clock=ClockQuality.NTP,
    )
    shown = status.measurement(Stored("lincoln-1", "0" * 16, 1, 1, report.at_ns, report))
    assert shown.readings == {"busy_pct": 31.0, "ap_busy_pct": 40.0}
    assert b"ap_stations" not in msgspec.json.encode(shown)


def test_what_limited_a_heavy_test_stands_before_its_figures() -> None:
    """94 Mbit/s that the box's own port allowed say nothing of the line: that is read before the figure."""
    report = Report(
        probe="throughput",
        status=Status.OK,
        target="hub",
        readings={"down_mbps": 94.1},
        limited_by=LimitedBy.PORT,
        at_ns=1_780_000_000 * status.NS,
        duration_s=9.0,
        clock=ClockQuality.NTP,
    )
    shown = status.measurement(Stored("lincoln-1", "0" * 16, 1, 1, report.at_ns, report))
    assert result(shown) == "limited_by port, down_mbps 94.1"
    assert msgspec.to_builtins(shown)["limited_by"] == "port"


def test_every_count_of_people_is_a_metric() -> None:
    """A name that nobody reports would hide nothing."""
    assert set(catalogue.METRICS) >= catalogue.OF_PEOPLE


def box_with(waiting: int, at_ns: int) -> status.BoxStatus:
    """What is told of a box that spoke of its spool at that moment."""
    report = Report(
        probe="box",
        status=Status.OK,
        readings={"spool_reports": waiting},
        at_ns=at_ns,
        duration_s=0.1,
        clock=ClockQuality.NTP,
    )
    state = BoxState("lincoln-1", at_ns, at_ns, 1, "", 1, 0, 0, 0)
    return status._box(state, [Stored("lincoln-1", "0" * 16, 1, 1, at_ns, report)], Taken())


@pytest.mark.parametrize(
    ("waiting", "minutes", "shown"),
    [
        (6, 0, "6"),
        (6, 4, "6, 4 min ago"),
        (0, 4, "0"),
        (0, 40, "0, 40 min ago"),
        (1200, 130, "1,200, 2 h ago"),
    ],
)
def test_what_waits_is_shown_with_its_age(waiting: int, minutes: int, shown: str) -> None:
    """A box speaks of its spool each five minutes: six that waited then need not wait now."""
    at_ns = 1_780_000_000 * status.NS
    box, now_ns = box_with(waiting, at_ns), at_ns + minutes * 60 * status.NS
    assert box.waiting_at_ns == at_ns
    answer = status.DistrictStatus(reports=1, quarantined=0, quarantine_dropped=0, boxes=(box,))
    (row,) = [line for line in text(answer, now_ns).splitlines() if line.startswith("lincoln-1  ")]
    cells = re.split(r"\s{2,}", row)
    assert cells[4] == shown
