"""What is shown of the boxes' newest measurements, as they came."""

import msgspec

from collector.questions import status
from firstbell import catalogue
from firstbell.report import ClockQuality, Report, Status, Stored


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


def test_every_count_of_people_is_a_metric() -> None:
    """A name that nobody reports would hide nothing."""
    assert set(catalogue.METRICS) >= catalogue.OF_PEOPLE
