"""Nothing is sent with a time that nobody vouches for, and a false server fools nobody."""

from collections.abc import Callable
from pathlib import Path

from agent.spool import Spool
from firstbell import wire
from firstbell.report import ClockQuality
from tests.agent.uplink.conftest import ASK_AFTER_S, Uplink
from tests.support.clocks import NOON_NS, HandClock
from tests.support.spools import draft, numbers, spool_at

TEN_YEARS_S = 10 * 365 * 86_400


def test_nothing_is_sent_before_the_time_was_checked(uplink: Uplink) -> None:
    """At each connection the state asks for the time, and reports wait for the answer, for 10 s at most."""
    uplink.collector.tells_time = False
    uplink.put(5)
    uplink.run(9)
    assert [message.verb for message in uplink.line.sent] == ["state"]
    assert uplink.line.sent[0].retain
    state = wire.read_state(uplink.line.sent[0].payload)
    assert (state.alive, state.epoch, state.spool_reports) == (True, uplink.spool.epoch, 6)
    assert len(state.nonce) == 16
    uplink.run(3)
    assert uplink.drained()
    assert {report.clock for report in uplink.collector.reports().values()} == {ClockQuality.NTP}


def test_each_connection_asks_anew(uplink: Uplink) -> None:
    """A nonce is never used twice, and an answer to an old one is not believed."""
    uplink.run(2)
    uplink.line.down()
    uplink.run(2)
    uplink.line.up()
    uplink.collector.deaf = True
    uplink.run(1)
    states = [wire.read_state(message.payload) for message in uplink.line.sent if message.verb == "state"]
    assert len({state.nonce for state in states}) == 2
    uplink.hears(now_ns=NOON_NS + TEN_YEARS_S * 10**9, nonce=states[0].nonce)
    uplink.run(1)
    collector = uplink.spool.boots()[0].collector
    assert collector is not None
    assert collector.wall_ns < NOON_NS + 3600 * 10**9


def test_without_ntp_the_collectors_time_is_used_after_ten_minutes(
    tmp_path: Path, clock: HandClock, joined: Callable[[HandClock, Spool], Uplink]
) -> None:
    """A box in 1970 waits for NTP for ten minutes of its boot, then sends with the collector's time."""
    clock.reboot(wall_ns=0)
    with spool_at(tmp_path / "spool.db", clock) as spool:
        uplink = joined(clock, spool)
        uplink.line.up()
        spool.put([draft(clock, 1)])
        truth = clock.true_ns
        uplink.run(ASK_AFTER_S - 30, step_s=1.0)
        assert uplink.collector.stored == {}
        uplink.run(60, step_s=1.0)
        report = uplink.collector.reports()[spool.epoch, 2]
        assert report.clock is ClockQuality.COLLECTOR
        assert abs(report.at_ns - truth) <= report.clock_error_ms * 1e6
        # Asked and answered within two steps of a second: half of it, and what a quartz may do in ten minutes.
        assert report.clock_error_ms < 1000 + 60


def test_ntp_that_comes_late_is_preferred(
    tmp_path: Path, clock: HandClock, joined: Callable[[HandClock, Spool], Uplink]
) -> None:
    """Within the ten minutes NTP may still come, and then vouches for everything since the boot."""
    clock.reboot(wall_ns=0)
    with spool_at(tmp_path / "spool.db", clock) as spool:
        uplink = joined(clock, spool)
        uplink.line.up()
        uplink.put(1, 1)
        truth = clock.true_ns
        uplink.run(120, step_s=1.0)
        clock.sync()
        spool.put([draft(clock, 2)])
        uplink.run(20)
        report = uplink.collector.reports()[spool.epoch, 2]
        assert (report.at_ns, report.clock) == (truth, ClockQuality.NTP)


def test_a_false_server_that_says_2036_fools_nobody(
    tmp_path: Path, clock: HandClock, joined: Callable[[HandClock, Spool], Uplink]
) -> None:
    """NTP ten years ahead, the collector not: every report is sent with its true time, quality collector."""
    clock.sync(wrong_s=TEN_YEARS_S)
    with spool_at(tmp_path / "spool.db", clock) as spool:
        uplink = joined(clock, spool)
        uplink.line.up()
        truths = {}
        for number in range(5):
            clock.advance(60)
            spool.put([draft(clock, number)])
            truths[number] = clock.true_ns
        uplink.run(20, until=uplink.drained)
        for report in uplink.collector.reports().values():
            assert report.clock is ClockQuality.COLLECTOR
            for number in numbers([report]):
                assert abs(report.at_ns - truths[number]) <= report.clock_error_ms * 1e6 < 10**9


def test_a_clock_that_goes_astray_while_connected_is_noticed(uplink: Uplink) -> None:
    """Each answer carries the time: an hour's difference makes the box ask again before it goes on."""
    uplink.collector.tells_time = False
    uplink.put(1)
    uplink.run(15, until=uplink.drained)
    uplink.collector.tells_time = True
    uplink.clock.wrong_ns = 3600 * 10**9
    uplink.put(1, 1)
    uplink.run(5)
    uplink.put(1, 2)
    uplink.run(60)
    last = uplink.collector.reports()[uplink.spool.epoch, 4]
    assert last.clock is ClockQuality.COLLECTOR
    assert abs(last.at_ns - uplink.clock.true_ns) < 65 * 10**9
