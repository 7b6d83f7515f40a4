"""What waits reaches the collector once and unchanged, and leaves the spool only when it is held."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from agent.spool import Spool
from agent.uplink import outbox, sender, window
from firstbell import wire
from firstbell.report import Report
from firstbell.wire import Answer, Envelope
from tests.agent.uplink.conftest import Uplink
from tests.support.clocks import HandClock
from tests.support.lines import AGENT
from tests.support.spools import crash, draft, numbers, open_spool, spool_at

# --- the way there ---


def test_everything_arrives_and_the_spool_is_empty(uplink: Uplink) -> None:
    """A thousand reports are held by the collector, each once, and none waits any more."""
    uplink.put(1000)
    uplink.run(30, until=uplink.drained)
    assert uplink.drained()
    assert numbers(list(uplink.collector.reports().values())) == list(range(1000))
    assert uplink.collector.doubled == 0


def test_the_lines_word_of_delivery_counts_for_nothing(uplink: Uplink) -> None:
    """What the line took, and nobody answered, stays in the spool: a broker's acknowledgement is no receipt."""
    uplink.collector.deaf = True
    uplink.put(50)
    uplink.run(120)
    assert uplink.sender.counters.sent > 1
    assert uplink.spool.waiting() == 51


def test_a_connection_without_answers_is_told(uplink: Uplink, caplog: pytest.LogCaptureFixture) -> None:
    """A broker drops what a name may not say, and tells nobody: after five minutes the box does, once."""
    caplog.set_level("INFO")
    uplink.collector.deaf = True
    uplink.put(1)
    uplink.run(sender.SILENT_S - 5, step_s=1.0)
    assert "no answer" not in caplog.text
    uplink.run(2 * sender.SILENT_S, step_s=1.0)
    assert caplog.text.count("connected, but no answer for 5 min") == 1
    assert "allow the name" in caplog.text
    assert AGENT in caplog.text
    uplink.collector.deaf = False
    uplink.run(600, until=uplink.drained, step_s=1.0)
    assert caplog.text.count("the collector answers") == 1


def test_a_box_that_is_answered_or_offline_does_not_complain(
    uplink: Uplink, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither a quiet hour with answers nor one without a line is such a silence."""
    for number in range(20):
        uplink.put(1, number)
        uplink.run(60, step_s=1.0)
    uplink.line.down()
    uplink.run(3600, step_s=5.0)
    uplink.line.up()
    uplink.run(60, step_s=1.0)
    assert "no answer" not in caplog.text


def test_nothing_is_handed_to_the_line_while_offline(uplink: Uplink) -> None:
    """Without a connection no message is given to the line, whatever waits."""
    uplink.put(10)
    uplink.run(5)
    uplink.line.down()
    uplink.put(500)
    uplink.run(300)
    assert uplink.line.offline == []
    uplink.line.up()
    uplink.run(60, until=uplink.drained)
    assert uplink.drained()


def test_a_line_without_room_gets_it_later(uplink: Uplink) -> None:
    """A message that the line would not take counts as not sent, and is tried again."""
    uplink.put(10)
    uplink.run(2)
    uplink.line.room = False
    uplink.put(10)
    uplink.run(20)
    assert uplink.spool.waiting() == 10
    uplink.line.room = True
    uplink.run(5, until=uplink.drained)
    assert uplink.drained()


def test_at_most_a_hundred_batches_are_unanswered(uplink: Uplink) -> None:
    """However long the collector is deaf, no more than 100 different batches go out, and memory is bounded."""
    uplink.collector.deaf = True
    for number in range(400):
        uplink.put(1, number)
        uplink.run(1, step_s=1.0)
    digests = {envelope.digest for _, envelope in uplink.collector.batches}
    assert 90 < len(digests) <= 100


def test_a_weeks_backlog_does_not_delay_new_reports(
    tmp_path: Path, clock: HandClock, joined: Callable[[HandClock, Spool], Uplink]
) -> None:
    """Beside 10,000 old reports on a slow line, each new one is there within 10 s, and the old ones follow."""
    with spool_at(tmp_path / "spool.db", clock, 64 << 20) as spool:
        uplink = joined(clock, spool)
        for number in range(100):
            clock.advance(6000)
            spool.put([draft(clock, number * 100 + i) for i in range(100)])
        uplink.line.up()
        uplink.line.bytes_a_second = 3_000
        uplink.run(4)
        put_at = {}
        for number in range(20_000, 20_020):
            uplink.put(1, number)
            put_at[number] = clock.monotonic()
            uplink.run(3, step_s=0.5)
        uplink.run(600, until=uplink.drained, step_s=0.5)
        assert uplink.drained()
        arrived = {
            number: uplink.collector.arrived[identity]
            for identity, report in uplink.collector.reports().items()
            for number in numbers([report])
        }
        assert max(arrived[number] - at for number, at in put_at.items()) <= 10
        assert arrived[20_000] < max(arrived[number] for number in range(10_000))
        times = [report.at_ns for _, report in sorted(uplink.collector.reports().items())]
        assert all(earlier < later for earlier, later in pairwise(times))


def test_a_report_too_large_for_any_batch_is_given_up(
    uplink: Uplink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that no batch can hold is set aside and told; its neighbours arrive."""
    uplink.put(3)
    monkeypatch.setattr(wire, "INFLATED_BYTES", 400)
    monkeypatch.setattr(wire, "WIRE_BYTES", 500)
    long = msgspec.structs.replace(draft(uplink.clock, 99), reason="x" * 300)
    uplink.spool.put([long])
    uplink.put(3, 3)
    uplink.run(60, until=uplink.drained)
    assert [row.seq for row in uplink.spool.refused()] == [5]
    assert numbers(list(uplink.collector.reports().values())) == [0, 1, 2, 3, 4, 5]


# --- answers ---


def test_an_answer_to_what_was_never_sent_is_ignored_and_counted(uplink: Uplink) -> None:
    """A stranger's digest moves nothing; a second answer to a batch of our own is no stranger."""
    uplink.run(2)
    uplink.collector.deaf = True
    uplink.put(5)
    uplink.run(2)
    uplink.hears(digest="f" * 32, held=((1, 1000),))
    uplink.run(1)
    assert (uplink.sender.counters.strangers, uplink.spool.waiting()) == (1, 5)
    digest = uplink.collector.batches[-1][1].digest
    for _ in range(2):
        uplink.hears(digest=digest, held=(uplink.collector.batches[-1][1].range,))
        uplink.run(1)
    assert uplink.sender.counters.strangers == 1


def test_an_answer_speaks_of_its_own_batch_alone(uplink: Uplink) -> None:
    """Ranges beyond the batch, however wide, hold and refuse nothing of other batches."""
    uplink.run(2)
    uplink.collector.deaf = True
    uplink.put(3)
    uplink.run(2)
    first = uplink.collector.batches[-1][1]
    uplink.put(3, 3)
    uplink.run(2)
    uplink.hears(digest=first.digest, held=((-(1 << 60), 1 << 60),), refused=((0, 1 << 60, "no"),))
    uplink.run(1)
    assert uplink.spool.waiting() == 3


def test_refused_reports_leave_the_queue_with_their_reason(uplink: Uplink) -> None:
    """The collector refuses one of a batch and holds the others: none of it waits any more."""

    def judge(envelope: Envelope, reports: list[Report]) -> Answer:
        low, high = envelope.range
        bad = [low + i for i, report in enumerate(reports) if 7 in numbers([report])]
        held = ((low, high),) if not bad else ((low, bad[0] - 1), (bad[0] + 1, high))
        return Answer(journal="", now_ns=0, held=held, refused=tuple((n, n, "can't\nbe") for n in bad))

    uplink.collector.judge = judge
    uplink.put(20)
    uplink.run(10, until=uplink.drained)
    assert uplink.drained()
    assert [row.reason for row in uplink.spool.refused()] == ["can't?be"]
    assert numbers(list(uplink.collector.reports().values())) == [n for n in range(20) if n != 7]


def test_a_partly_answered_batch_is_sent_again_without_what_is_held(uplink: Uplink) -> None:
    """What an answer does not mention stays, and goes out again after a pause."""

    def judge(envelope: Envelope, reports: list[Report]) -> Answer:
        low, high = envelope.range
        return Answer(journal="", now_ns=0, held=((low, (low + high) // 2),))

    uplink.collector.judge = judge
    uplink.put(64)
    uplink.run(600, until=uplink.drained)
    assert uplink.drained()
    assert uplink.collector.doubled == 0


def test_later_keeps_everything_and_slows_down(uplink: Uplink) -> None:
    """While the collector says later, nothing is lost and ever less is sent; afterwards all arrives."""
    uplink.run(2)
    uplink.collector.judge = lambda _e, _r: Answer(journal="", now_ns=0, later="the disk is full")
    for number in range(60):
        uplink.put(1, number)
        uplink.run(10, step_s=1.0)
    assert uplink.spool.waiting() == 60
    times = [at for at, _ in uplink.collector.batches]
    assert len([at for at in times if at > times[0] + 300]) <= 12
    uplink.collector.judge = None
    uplink.run(90, until=uplink.drained)
    assert uplink.drained()
    assert uplink.spool.refused() == []


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"\xff" * 100,
        b"[" * 100_000,
        b'{"journal":"j","now_ns":1e400,"digest":"x"}',
        b'{"journal":"j","now_ns":1,"v":2,"digest":"x"}',
        b'{"journal":"j","now_ns":1,"held":[[1]]}',
        b" " * 70_000,
    ],
)
def test_unreadable_answers_are_counted_and_harm_nothing(uplink: Uplink, payload: bytes) -> None:
    """Whatever comes under the verb of answers, the sender goes on."""
    uplink.put(3)
    uplink.line.receive("answer", payload)
    uplink.run(10, until=uplink.drained)
    assert uplink.drained()
    assert uplink.sender.counters.unreadable == 1


def test_more_messages_than_can_be_read_are_dropped_and_counted(uplink: Uplink) -> None:
    """A flood costs neither memory nor reports."""
    uplink.put(3)
    for _ in range(sender.INBOX + 500):
        uplink.line.receive("answer", b"flood")
    assert uplink.sender.counters.dropped == 500
    uplink.run(10, until=uplink.drained)
    assert uplink.drained()


# --- connections ---


def test_what_was_under_way_is_sent_again_on_the_next_connection(uplink: Uplink) -> None:
    """Answers that a broken connection swallowed cost a repetition and nothing else."""
    uplink.run(2)
    uplink.collector.delay_s = 3.0
    uplink.put(300)
    uplink.run(1)
    uplink.line.down()
    uplink.run(10)
    uplink.line.up()
    uplink.run(30, until=uplink.drained)
    assert uplink.drained()
    assert uplink.collector.doubled > 0


def test_a_box_that_restarts_sends_the_same_bytes(
    tmp_path: Path, clock: HandClock, joined: Callable[[HandClock, Spool], Uplink]
) -> None:
    """Killed between the collector's commit and its answer, the box repeats what is held, byte by byte."""
    spool = open_spool(tmp_path / "spool.db", clock)
    uplink = joined(clock, spool)
    uplink.line.up()
    uplink.collector.delay_s = 100.0
    uplink.put(100)
    uplink.collector.tells_time = False
    uplink.run(15)
    held = dict(uplink.collector.stored)
    assert len(held) == 101
    left = crash(tmp_path / "spool.db", tmp_path / "killed")
    spool._file.shut()
    clock.reboot(synchronised=True)
    with spool_at(left, clock) as after:
        again = joined(clock, after)
        again.collector.stored = dict(held)
        again.line.up()
        again.run(30, until=again.drained)
        assert again.drained()
        assert again.collector.doubled == 101


def test_another_journal_is_offered_what_the_first_one_held(uplink: Uplink) -> None:
    """A restored collector gets back what it had acknowledged, unchanged."""
    uplink.put(200)
    uplink.run(10, until=uplink.drained)
    first = dict(uplink.collector.stored)
    uplink.collector.journal = "journal-2"
    uplink.collector.stored = {}
    uplink.put(1, 200)
    uplink.run(30, until=lambda: len(uplink.collector.stored) == 202)
    assert first.items() <= uplink.collector.stored.items()
    uplink.run(10)
    assert uplink.drained()


def test_two_collectors_that_take_turns_get_the_week_once(uplink: Uplink) -> None:
    """Journals that alternate do not keep the box sending the same reports for ever."""
    uplink.put(200)
    uplink.run(10, until=uplink.drained)
    sent = len(uplink.collector.batches)
    for number in range(200, 260):
        uplink.collector.journal = f"journal-{number % 2}"
        uplink.put(1, number)
        uplink.run(8, step_s=0.5)
    assert len(uplink.collector.batches) - sent < 60 + 30


# --- the rest ---


def test_a_nudge_is_followed_once_a_minute_and_has_no_parameters(uplink: Uplink) -> None:
    """A flood of nudges, with whatever in them, calls for one measurement a minute."""
    began = uplink.clock.monotonic()
    for _ in range(240):
        uplink.line.receive("nudge", b'{"target": "192.0.2.1"}')
        uplink.run(0.5, step_s=0.5)
    assert [round(at - began) for at in uplink.nudges] == [0, 60]


def test_a_disk_that_is_full_stops_nothing_for_good(uplink: Uplink) -> None:
    """When the spool can't note what is held, the batch counts as unanswered and is settled later."""
    uplink.put(20)
    uplink.run(1)
    with uplink.spool._file.read() as db:
        db.execute("PRAGMA query_only = ON")
    uplink.run(20)
    waiting = uplink.spool.waiting()
    assert waiting > 0
    with uplink.spool._file.read() as db:
        db.execute("PRAGMA query_only = OFF")
    uplink.run(60, until=uplink.drained)
    assert uplink.drained()


def test_progress_is_what_moved(uplink: Uplink) -> None:
    """Answers and attempts feed the watchdog; time alone does not."""
    uplink.put(1)
    uplink.run(5, until=uplink.drained)
    uplink.clock.advance(100)
    ages = uplink.progress.ages()
    assert 100 <= ages["answered"] < 106
    assert ages["attempted"] == ages["stored"] > ages["answered"]
    assert uplink.progress.idle_s() == ages["answered"]
    uplink.sender.step()
    assert uplink.progress.idle_s() == ages["answered"]
    uplink.line.attempted()
    assert uplink.progress.idle_s() == 0


def test_a_sender_that_hangs_is_a_standstill(uplink: Uplink) -> None:
    """However much is stored beside it, the watchdog counts from the sender's last round."""
    uplink.sender.step()
    uplink.clock.advance(100)
    uplink.progress.note("stored")
    assert uplink.progress.idle_s() == 100


def test_the_last_word_says_that_the_box_is_gone(uplink: Uplink) -> None:
    """A clean stop leaves a state that is not alive."""
    uplink.sender.start()
    assert uplink.sender.alive()
    uplink.sender.stop()
    assert not uplink.sender.alive()
    assert not wire.read_state(uplink.line.last_word).alive


def test_the_constants_are_the_promised_ones() -> None:
    """At most 100 batches, a minute between resends at the most, backlog well below the window."""
    assert (window.MOST, window.CAP_S) == (100, 60.0)
    assert outbox.BACKLOG < window.MOST / 2
