"""Batches that are not answered: sent again with patience, and no report holds up the others."""

import random
from itertools import pairwise

import pytest

from agent.uplink import outbox
from agent.uplink.window import Window
from firstbell.report import Report
from firstbell.wire import Answer, Envelope
from tests.agent.uplink.conftest import Uplink
from tests.support.spools import numbers


def test_a_silent_batch_is_sent_again_with_back_off(uplink: Uplink) -> None:
    """Ever longer waits, never under 5 s and never above a minute, and the bytes are the same."""
    uplink.run(2)
    uplink.collector.deaf = True
    uplink.put(1)
    uplink.run(900)
    sendings = [message for message in uplink.line.sent if message.verb == "report"][1:]
    assert len({message.payload for message in sendings}) == 1
    waits = [later.at - earlier.at for earlier, later in pairwise(sendings)]
    assert len(waits) >= 10
    assert all(5 <= wait <= 60 + 1 for wait in waits)
    assert max(waits[:2]) < 21 < max(waits)


def test_waits_have_full_jitter() -> None:
    """Boxes that fall silent together do not come back together: waits spread over their whole range."""
    waits = [Window(random.Random(seed)).wait(5.0, 3) for seed in range(300)]
    assert min(waits) < 8
    assert max(waits) > 42
    assert max(Window(random.Random(seed)).wait(5.0, 30) for seed in range(100)) == 60


def test_a_collector_away_for_a_day_costs_little_and_loses_nothing(uplink: Uplink) -> None:
    """While nobody answers, two batches a minute are tried; then all drains and nothing was given up."""
    uplink.run(2)
    uplink.collector.deaf = True
    for number in range(300):
        uplink.put(1, number)
        uplink.run(60, step_s=5.0)
    sendings = len(uplink.collector.batches)
    hours = 300 * 60 / 3600
    assert sendings < 110 + 130 * hours
    uplink.collector.deaf = False
    uplink.run(300, until=uplink.drained)
    assert uplink.drained()
    assert uplink.spool.refused() == []
    assert uplink.sender.counters.given_up == 0


@pytest.mark.parametrize("says", ["", "no deflate stream"])
def test_one_poison_report_delays_no_other_by_more_than_one_resend(uplink: Uplink, says: str) -> None:
    """One of 1,000 is never answered, or spoils its batch: the others arrive within one resend, it is set aside."""

    def judge(envelope: Envelope, reports: list[Report]) -> Answer | None:
        if 500 in numbers(reports):
            return Answer(journal="", now_ns=0, halve=says) if says else None
        return Answer(journal="", now_ns=0, held=(envelope.range,))

    uplink.run(2)
    uplink.collector.judge = judge
    uplink.put(1000)
    began = uplink.clock.monotonic()
    uplink.run(60, until=lambda: uplink.spool.waiting() == 1)
    assert uplink.spool.waiting() == 1
    # The first resend comes 5 to 10 s after the first sending; the second would come 10 to 20 s later.
    assert max(uplink.collector.arrived.values()) - began < 25
    for number in range(1000, 1040):
        uplink.put(1, number)
        uplink.run(20, step_s=0.5)
    uplink.collector.judge = None
    uplink.run(30, until=uplink.drained)
    [row] = uplink.spool.refused()
    assert row.seq == 502
    assert row.reason == (says or "never answered")
    held = dict(sorted(uplink.collector.reports().items()))
    assert numbers(list(held.values())) == [n for n in range(1040) if n != 500]
    losses = [loss for report in held.values() for loss in report.losses]
    assert [(loss.first, loss.last) for loss in losses] == [(502, 502)]
    alone = [envelope for _, envelope in uplink.collector.batches if envelope.range == (502, 502)]
    # Its first sending, two before anything sent with it was taken, and five tries that others passed.
    assert len(alone) == 3 + outbox.TRIES == 8


def test_a_collector_that_can_read_nothing_makes_no_box_give_up(uplink: Uplink) -> None:
    """When every batch is unreadable, nothing proves a report to be bad: all of them stay."""
    uplink.run(2)
    uplink.collector.judge = lambda _e, _r: Answer(journal="", now_ns=0, halve="no deflate stream")
    uplink.put(60)
    uplink.run(1800, step_s=1.0)
    assert uplink.spool.waiting() == 60
    assert len(uplink.collector.batches) < 4000
    uplink.collector.judge = None
    uplink.run(120, until=uplink.drained)
    assert uplink.drained()
    assert uplink.spool.refused() == []


def test_a_batch_lost_on_the_way_is_not_taken_for_poison(uplink: Uplink) -> None:
    """One lost message costs one resend, in halves at the most, and gives up nothing."""
    uplink.run(2)
    lost: list[Envelope] = []

    def judge(envelope: Envelope, reports: list[Report]) -> Answer | None:
        if 500 in numbers(reports) and not lost:
            lost.append(envelope)
            return None
        return Answer(journal="", now_ns=0, held=(envelope.range,))

    uplink.collector.judge = judge
    uplink.put(1000)
    uplink.run(30, until=uplink.drained)
    assert uplink.drained()
    assert len(lost) == 1
    assert uplink.sender.counters.given_up == 0
