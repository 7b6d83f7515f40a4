"""A spool keeps to its bound: what goes first, and what is told of it."""

from pathlib import Path

import pytest

from agent.spool import Spool, schema
from agent.spool.schema import (
    SpoolFullError,
)
from firstbell.report import Report
from tests.support.clocks import HandClock
from tests.support.spools import (
    draft,
    drain,
    numbers,
    spool_at,
    waiting,
)


def fill_up(spool: Spool, clock: HandClock, bound: int, rounds: int) -> None:
    """Put `rounds` reports, one a second, and a word of the box each tenth."""
    for number in range(rounds):
        clock.advance(1)
        spool.put([draft(clock, number)])
        if number % 10 == 0:
            spool.put([draft(clock, number, probe="box")])
        assert spool.fill() * bound <= bound * 1.02 + 8 * 4096


def test_at_the_bound_the_oldest_go_and_are_counted_by_range(path: Path, clock: HandClock) -> None:
    """Every number is either waiting or in exactly one told range; what the box says of itself stays."""
    bound = 1 << 20
    with spool_at(path, clock, bound) as spool:
        fill_up(spool, clock, bound, 4000)
        found = waiting(spool, clock)
        lost = [
            (loss.epoch, seq)
            for report in found.values()
            for loss in report.losses
            for seq in range(loss.first, loss.last + 1)
        ]
        highest = max(seq for _, seq in found)
        assert sorted([*found, *lost]) == [(spool.epoch, seq) for seq in range(1, highest + 1)]
        assert len(found) == spool.waiting()
        assert sum(report.probe == "box" and not report.losses for report in found.values()) == 401
        kept = numbers(list(found.values()))
        assert kept == list(range(4000 - len(kept), 4000))
        assert 2000 < len(kept) < 4000
        assert spool.summary()["lost"] == len(lost)


def test_losing_is_rare(path: Path, clock: HandClock) -> None:
    """Room is made in steps of about 2 %, so that each report of losses stands for many."""
    with spool_at(path, clock, 1 << 20) as spool:
        for number in range(5000):
            spool.put([draft(clock, number)])
        losses = [report for report in waiting(spool, clock).values() if report.losses]
        assert spool.summary()["lost"] / len(losses) > 30


def test_what_the_collector_has_goes_before_what_it_has_not(path: Path, clock: HandClock) -> None:
    """Rows kept after they were held make room first: nothing is lost while there are any."""
    bound = 1 << 20
    with spool_at(path, clock, bound) as spool:
        for number in range(1000):
            spool.put([draft(clock, number)])
        drain(spool, clock)
        kept = spool.summary()["kept"]
        assert kept > 900
        for number in range(2000):
            spool.put([draft(clock, number)])
        assert spool.summary()["lost"] == 0
        assert spool.summary()["kept"] < kept
        assert spool.waiting() == 2000


def test_what_is_kept_leaves_room_for_heavy_tests(path: Path, clock: HandClock) -> None:
    """A drained spool is at most half full, however much the collector holds of it."""
    bound = 1 << 20
    with spool_at(path, clock, bound) as spool:
        for number in range(3200):
            spool.put([draft(clock, number)])
        assert spool.fill() > 0.8
        drain(spool, clock)
        spool.put([draft(clock, 1)])
        assert 0.3 < spool.fill() < 0.55


def test_a_bound_that_was_lowered_costs_what_the_collector_has_first(path: Path, clock: HandClock) -> None:
    """When the settings allow less than there is, kept rows make the room, and no report is lost."""
    with spool_at(path, clock, 4 << 20) as spool:
        spool.put([draft(clock, number) for number in range(6000)])
        drain(spool, clock)
        spool.put([draft(clock, number) for number in range(2000)])
        assert spool.fill() * 4 > 1.2
    with spool_at(path, clock, 1 << 20) as spool:
        spool.put([draft(clock, 1)])
        assert spool.fill() <= 1
        assert spool.summary()["lost"] == 0


def test_when_nothing_may_go_only_the_box_may_speak(path: Path, clock: HandClock) -> None:
    """A spool whose bound is its own form's takes no measurement, says so, and takes the box's next word."""
    with spool_at(path, clock, 40_000) as spool:
        with pytest.raises(SpoolFullError):
            spool.put([draft(clock, 2)])
        lost = spool.summary()["lost"]
        spool.put([draft(clock, 1, probe="box")])
        told = list(waiting(spool, clock).values())[-1]
        assert told.readings == {"unstored_reports": 1}
        assert spool.summary()["lost"] == lost


def test_the_boxs_own_words_make_room_too(path: Path, clock: HandClock) -> None:
    """A spool full of them takes a measurement: the oldest words go, each of them counted as lost."""
    with spool_at(path, clock, 200_000) as spool:
        for _ in range(2000):
            spool.put([draft(clock, 0, probe="box")])
            assert spool.fill() < 1.2
        spool.put([draft(clock, 2)])
        found = waiting(spool, clock)
        assert numbers(list(found.values())) == [2]
        assert found[spool.epoch, 1].opening is not None
        lost = lost_in(found)
        assert {*found, *lost} == {(spool.epoch, seq) for seq in range(1, max(s for _, s in found) + 1)}
        assert len(lost) == len(set(lost)) == spool.summary()["lost"] > 1000


def test_a_box_that_starts_again_and_again_keeps_to_its_bound_and_measures(
    path: Path, clock: HandClock
) -> None:
    """Offline for 500 starts in a small spool: each one's measurement is stored, the newest are there still."""
    given = 0
    for number in range(500):
        clock.advance(30)
        with spool_at(path, clock, 300_000) as spool:
            spool.put([draft(clock, number)])
            given += schema.unplace(spool.newest())[1]
            assert spool.fill() < 1.2
    with spool_at(path, clock, 300_000) as spool:
        found = waiting(spool, clock)
        kept = numbers(list(found.values()))
        assert kept == list(range(500 - len(kept), 500))
        assert len(kept) > 10
        given += schema.unplace(spool.newest())[1]
        assert spool.summary()["lost"] + len(found) == given
        assert len(lost_in(found)) > 200


def lost_in(found: dict[tuple[str, int], Report]) -> list[tuple[str, int]]:
    """Every number of which these reports say that it was given up."""
    return [
        (loss.epoch, seq)
        for report in found.values()
        for loss in report.losses
        for seq in range(loss.first, loss.last + 1)
    ]
