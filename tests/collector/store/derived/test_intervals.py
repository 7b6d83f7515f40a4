"""Intervals say when a line was down and when a box was silent, by what is here."""

import pytest
from msgspec.structs import replace

from collector.store.derived.looks import TOGETHER_MS, Told, hour_of
from firstbell.report import ClockQuality, Status
from tests.collector.store.derived.life import (
    ALONE,
    ALWAYS,
    CUT,
    DEAF,
    LINE,
    MINUTE_NS,
    ONLINE,
    SITE,
    at,
    look,
    looks,
    send_all,
    told,
)
from tests.collector.workbench import BOX, NOW_NS, Bench


def test_a_line_is_down_from_the_first_look_that_failed_to_the_next_that_did_not(bench: Bench) -> None:
    """Ten minutes without any site while the gateway answers, five without either."""
    send_all(
        bench,
        looks(range(20), ONLINE)
        + looks(range(20, 30), LINE)
        + looks(range(30, 50), ONLINE)
        + looks(range(50, 55), SITE)
        + looks(range(55, 60), ONLINE),
    )
    found = bench.reads.outages(ALWAYS, 0, at(60))
    assert told(found) == [("line_down", 20, 30), ("site_down", 50, 55)]
    assert [(each.looks, each.open) for each in found] == [(10, False), (5, False)]
    assert told(bench.reads.outages(ALWAYS, at(25), at(52))) == [("line_down", 25, 30), ("site_down", 50, 52)]
    assert bench.reads.outages([("nobody", 0, None)], 0, at(60)) == []


def test_an_outage_that_goes_on_is_open(bench: Bench) -> None:
    """It reaches to the moment of the question while the box goes on saying so."""
    send_all(bench, looks(range(5), ONLINE) + looks(range(5, 9), LINE))
    (outage,) = bench.reads.outages(ALWAYS, 0, at(9.5))
    assert told([outage]) == [("line_down", 5, 9.5)]
    assert outage.open


def test_an_outage_across_midnight_and_hours_is_one(bench: Bench) -> None:
    """No edge of a clock cuts it, and its looks are counted once."""
    send_all(bench, looks(range(5), ONLINE) + looks(range(5, 1500), LINE) + looks(range(1500, 1503), ONLINE))
    found = bench.reads.outages(ALWAYS, 0, at(1503))
    assert told(found) == [("line_down", 5, 1500)]
    assert found[0].looks == 1495


@pytest.mark.parametrize(("ahead", "outages"), [(4, [("line_down", 20, 30)]), (6, [])])
def test_what_is_said_of_a_time_to_come_counts_for_nothing(
    bench: Bench, ahead: int, outages: list[tuple[str, float, float]]
) -> None:
    """A clock that runs ahead by more than five minutes tells of no outage: it was at another time."""
    send_all(bench, looks(range(10), ONLINE))
    for n in range(10, 40):
        bench.clock.wall_ns = at(n - ahead)
        rows = look(n, LINE if 20 <= n < 30 else ONLINE)
        assert bench.send(31 + (n - 10) * 3, rows).held
    assert told(bench.reads.outages(ALWAYS, 0, at(40))) == outages


def test_a_box_whose_gateway_answered_before_its_first_site_did_tells_of_outages(bench: Bench) -> None:
    """A first day without internet and with a gateway ends no search for the first look that was online."""
    later = [*looks(range(1500, 1505), ONLINE), *looks(range(1505, 1510), LINE), *look(1510, ONLINE)]
    send_all(bench, [*looks(range(3), LINE), *later])
    assert told(bench.reads.outages(ALWAYS, 0, at(1511))) == [("line_down", 1505, 1510)]


def test_reports_half_a_minute_apart_are_two_looks() -> None:
    """Those that come sooner after the first are one."""
    rows = [
        Told(probe="latency", at_ns=ms * 1_000_000, status=Status.OK, clock=ClockQuality.NTP)
        for ms in (0, TOGETHER_MS - 1, TOGETHER_MS)
    ]
    assert hour_of(0, 1, rows).heard == (0, TOGETHER_MS)


def test_online_is_from_look_to_look(bench: Bench) -> None:
    """It ends with the last look that saw the internet, before what saw otherwise and before silence."""
    send_all(bench, looks(range(10), ONLINE) + looks(range(10, 12), LINE) + looks(range(12, 20), ONLINE))
    assert [(begin, round(end, 3)) for _, begin, end in told(bench.reads.online(ALWAYS, 0, at(60)))] == [
        (0, 9),
        (12, 19),
    ]
    assert bench.reads.online(ALWAYS, at(9.5), at(11)) == []


def test_what_silence_follows_ends_one_look_later(bench: Bench) -> None:
    """Nobody knows what a line did while its box said nothing: it was seen down for a minute more."""
    send_all(bench, looks(range(10), ONLINE) + looks(range(10, 12), LINE) + looks(range(40, 50), ONLINE))
    assert told(bench.reads.outages(ALWAYS, 0, at(50))) == [("line_down", 10, 12)]
    assert told(bench.reads.silences(ALWAYS, 0, at(50))) == [("silent", 12, 40)]
    assert told(bench.reads.watched(ALWAYS, 0, at(50))) == [("watched", 0, 12), ("watched", 40, 50)]


@pytest.mark.parametrize(("missed", "silent"), [(2, False), (3, True)])
def test_silence_begins_after_three_looks_that_did_not_come(
    bench: Bench, missed: int, *, silent: bool
) -> None:
    """Two may get lost; the third is silence, from the first on."""
    send_all(bench, looks(range(10), ONLINE) + looks(range(10 + missed, 20 + missed), ONLINE))
    found = told(bench.reads.silences(ALWAYS, 0, at(20 + missed)))
    assert found == ([("silent", 10, 10 + missed)] if silent else [])


def test_silence_that_nothing_has_ended_is_open(bench: Bench) -> None:
    """It lasts until the moment of the question, and what is asked within it is silent whole."""
    send_all(bench, looks(range(10), ONLINE))
    (silence,) = bench.reads.silences(ALWAYS, 0, at(3000))
    assert told([silence]) == [("silent", 10, 3000)]
    assert silence.open
    assert told(bench.reads.silences(ALWAYS, at(1000), at(2000))) == [("silent", 1000, 2000)]
    assert bench.reads.silences(ALWAYS, 0, at(12)) == []


def test_a_window_that_ends_early_in_a_silence_knows_what_came_later(bench: Bench) -> None:
    """A minute after the last word a silence can't be told; when it was long, it can."""
    send_all(bench, looks(range(10), ONLINE) + looks(range(5000, 5010), ONLINE))
    assert told(bench.reads.silences(ALWAYS, 0, at(11))) == [("silent", 10, 11)]


def test_looks_that_come_a_little_late_are_no_silence(bench: Bench) -> None:
    """Two are lost and the third is some seconds late: that is not three that did not come."""
    send_all(bench, looks(range(10), ONLINE) + look(12.3, ONLINE) + looks(range(13, 20), ONLINE))
    assert bench.reads.silences(ALWAYS, 0, at(20)) == []


def test_a_slow_box_is_not_silent_between_its_looks(bench: Bench) -> None:
    """A box that looks every ten minutes is silent when three of those did not come."""
    send_all(bench, looks(range(0, 200, 10), ONLINE) + looks(range(300, 400, 10), ONLINE))
    assert told(bench.reads.silences(ALWAYS, 0, at(400))) == [("silent", 200, 300)]


def test_a_gateway_that_never_answers_accuses_nobody(bench: Bench) -> None:
    """Where the gateway is always deaf, sites that fail are the line's fault; else the building's."""
    send_all(bench, looks(range(5), DEAF) + looks(range(5, 8), SITE) + looks(range(8, 10), DEAF))
    assert told(bench.reads.outages(ALWAYS, 0, at(10))) == [("line_down", 5, 8)]


@pytest.mark.parametrize(("saw", "kind"), [(CUT, "site_down"), (ALONE, "line_down")])
def test_no_gateway_at_all_is_the_site_and_nobody_asked_is_the_line(
    bench: Bench, saw: str, kind: str
) -> None:
    """A box without a network never reached the line."""
    send_all(bench, looks(range(5), ONLINE) + looks(range(5, 8), saw) + looks(range(8, 10), ONLINE))
    assert told(bench.reads.outages(ALWAYS, 0, at(10))) == [(kind, 5, 8)]


def test_a_box_that_was_never_online_tells_of_no_outage(bench: Bench) -> None:
    """A closed switch port looks like a dead line from the first day on."""
    send_all(bench, looks(range(50), LINE))
    assert bench.reads.outages(ALWAYS, 0, at(50)) == []
    send_all(bench, looks(range(50, 60), ONLINE) + looks(range(60, 62), LINE), first=151)
    assert told(bench.reads.outages(ALWAYS, 0, at(62))) == [("line_down", 60, 62)]


def test_guessed_times_and_other_probes_make_no_outage(bench: Bench) -> None:
    """A bounded clock counts for nothing; a report of any probe breaks a silence."""
    guessed = [report for n in range(20, 30) for report in look(n, LINE, clock=ClockQuality.BOUNDED)]
    other = [replace(look(n, ONLINE)[0], probe="box") for n in range(20, 40)]
    send_all(bench, looks(range(20), ONLINE) + guessed + other)
    assert bench.reads.outages(ALWAYS, 0, at(40)) == []
    assert told(bench.reads.silences(ALWAYS, 0, at(60))) == [("silent", 40, 60)]


def test_a_box_counts_within_its_own_dates(bench: Bench) -> None:
    """It stood elsewhere before and after: only that time is asked of it."""
    send_all(bench, looks(range(20), ONLINE) + looks(range(20, 40), LINE))
    assert told(bench.reads.outages([(BOX, at(25), at(30))], 0, at(60))) == [("line_down", 25, 30)]


def test_an_hour_is_summed(bench: Bench) -> None:
    """Counts by status; count, least, most and sum of each number."""
    minutes = range(-NOW_NS % (60 * MINUTE_NS) // MINUTE_NS, 60)
    send_all(bench, looks(minutes, ONLINE) + looks(range(60, 62), LINE))
    end_ns = at(100)
    hours = [each for each in bench.reads.rollups(ALWAYS, "latency", 0, end_ns) if each.target == "google"]
    assert sum(sum(hour.statuses.values()) for hour in hours) == len(minutes) + 2
    stored = bench.reads.tests(ALWAYS, "latency")
    for hour in hours:
        rows = [
            row.report
            for row in stored
            if row.report.target == "google" and 0 <= row.report.at_ns - hour.hour_ns < 60 * MINUTE_NS
        ]
        values = [float(row.readings["rtt_p50_ms"]) for row in rows if row.readings]
        sums = hour.metrics["rtt_p50_ms"]
        assert (sums.count, sums.least, sums.most) == (len(values), min(values), max(values))
        assert sums.total == pytest.approx(sum(values))
        assert sums.mean == pytest.approx(sum(values) / len(values))
