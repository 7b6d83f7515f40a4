"""What is missing has a name: gaps, losses, and two boxes with one name."""

import time
from collections.abc import Sequence

import pytest

from collector.questions import doubt
from collector.store import decisions
from firstbell.report import ClockQuality, Loss, Opening, Report
from tests.collector.workbench import BOX, NOW_NS, NS, Bench, report, reports

A, B, C = "a" * 16, "b" * 16, "c" * 16
HOUR_NS = 3_600_000_000_000


def opened(
    predecessor: str | None, *, last_seq: int = 0, ended: str = "clean", at_ns: int | None = None
) -> Report:
    """The first report of an epoch."""
    opening = Opening(predecessor=predecessor, last_seq=last_seq, ended=ended)
    return report(1, probe="box", target="", at_ns=at_ns, opening=opening)


FIRST = opened(None, ended="first")


def why(bench: Bench) -> str:
    """Why the box is suspended; empty if it isn't."""
    (box,) = bench.reads.boxes()
    return box.suspended


def test_a_gap_is_counted_and_named_and_closes(bench: Bench) -> None:
    """Numbers that are skipped are missing, in exact ranges, until they arrive."""
    bench.send(3, reports(3, 2))
    bench.send(9, reports(9, 1))
    (epoch,) = bench.reads.epochs(BOX)
    assert (epoch.held, epoch.top, epoch.missing) == (3, 9, 6)
    assert bench.reads.missing(BOX, epoch.epoch) == [(1, 2), (5, 8)]
    assert bench.reads.counts().missing == 6
    bench.send(1, reports(1, 2))
    bench.send(5, reports(5, 4))
    assert bench.reads.missing(BOX, epoch.epoch) == []
    assert bench.reads.counts().missing == 0


def test_the_end_that_a_successor_names_is_waited_for(bench: Bench) -> None:
    """The next start says that the one before went up to 12: the tail that never came is a gap."""
    bench.send(1, [FIRST, *reports(2, 8)], epoch=A)
    bench.send(1, [opened(A, last_seq=12)], epoch=B)
    assert bench.reads.missing(BOX, A) == [(10, 12)]
    before, after = bench.reads.epochs(BOX)
    assert (before.top, before.missing) == (12, 3)
    assert (after.predecessor, after.ended, after.missing) == (A, "clean", 0)
    assert why(bench) == ""


def test_a_start_of_which_nothing_ever_came_has_a_name(bench: Bench) -> None:
    """An epoch known only by its successor's word is missing as a whole."""
    bench.send(1, [opened(A, last_seq=5, ended="power")], epoch=B)
    assert bench.reads.missing(BOX, A) == [(1, 5)]
    assert bench.reads.missing(BOX, C) == []


def test_losses_are_counted_by_range_and_are_no_gap(bench: Bench) -> None:
    """What a box owns up to is lost, not missing; told twice or overlapping, it is counted once."""
    bench.send(1, [FIRST, *reports(2, 2)], epoch=A)
    losses = [Loss(epoch=A, first=4, last=10, reason="the spool was full")]
    bench.send(11, [report(11, losses=losses)], epoch=A)
    bench.send(11, [report(11, losses=losses)], epoch=A)
    more = [
        Loss(epoch=A, first=8, last=10, reason="the spool was full"),
        Loss(epoch=A, first=4, last=10, reason="another reason"),
    ]
    bench.send(12, [report(12, losses=more)], epoch=A)
    (epoch,) = bench.reads.epochs(BOX)
    assert (epoch.held, epoch.lost, epoch.missing) == (5, 7, 0)
    told = [(loss.kind, loss.first, loss.last, loss.reason) for loss in bench.reads.absences(BOX)]
    assert told == [("lost", 4, 10, "the spool was full")]
    assert bench.reads.counts().lost == 7
    assert bench.reads.counts().missing == 0


@pytest.mark.parametrize(
    ("told", "lost"),
    [
        ([(4, 6), (7, 9)], 6),
        ([(7, 9), (4, 6)], 6),
        ([(4, 6), (6, 9), (2, 20)], 19),
        ([(4, 4), (2, 9), (3, 3), (5, 12)], 11),
    ],
)
def test_losses_in_any_order_are_a_set(bench: Bench, told: Sequence[tuple[int, int]], lost: int) -> None:
    """Neighbours, overlaps and repetitions of ranges are the numbers in them."""
    ranges = tuple(Loss(epoch=A, first=first, last=last, reason="full") for first, last in told)
    bench.send(1, [report(1, losses=ranges)], epoch=A)
    (epoch,) = bench.reads.epochs(BOX)
    assert (epoch.lost, epoch.missing) == (lost, epoch.top - 1 - lost)


def test_a_report_given_up_that_was_held_all_along_is_no_loss(bench: Bench) -> None:
    """The answer got lost on its way and the box gave the report up: the journal has it all the same."""
    bench.send(1, [FIRST, *reports(2, 3)], epoch=A)
    bench.send(5, [report(5, losses=[Loss(epoch=A, first=3, last=4, reason="full")])], epoch=A)
    (epoch,) = bench.reads.epochs(BOX)
    assert (epoch.held, epoch.lost, epoch.missing) == (5, 0, 0)


def test_a_loss_may_be_of_an_epoch_nobody_heard_of(bench: Bench) -> None:
    """A whole start that the box had to give up is lost by its name."""
    bench.send(1, [report(1, losses=[Loss(epoch=C, first=1, last=70, reason="full")])], epoch=A)
    lost = {epoch.epoch: epoch.lost for epoch in bench.reads.epochs(BOX)}
    assert lost == {A: 0, C: 70}


def test_refused_numbers_are_not_waited_for(bench: Bench) -> None:
    """A refused report is neither held nor missing, even when it was sent three times."""
    for _ in range(3):
        bench.send(1, [report(1), b"bad", b"bad too", report(4)])
    (epoch,) = bench.reads.epochs(BOX)
    assert (epoch.held, epoch.refused, epoch.missing) == (2, 2, 0)
    assert bench.reads.missing(BOX, epoch.epoch) == []


def test_two_epochs_with_one_predecessor_are_two_boxes(bench: Bench) -> None:
    """Both are kept and named, and the box is suspended until somebody decides."""
    bench.send(1, [FIRST], epoch=A)
    bench.send(1, [opened(A, last_seq=1)], epoch=B)
    assert why(bench) == ""
    bench.clock.wall_ns += 5
    bench.send(1, [opened(A, last_seq=1)], epoch=C)
    assert why(bench) == f"two boxes with one name: both say that they follow {A}"
    (suspension,) = bench.reads.suspensions()
    assert (suspension.agent, suspension.epoch, suspension.other) == (BOX, B, C)
    assert (suspension.since_ns, suspension.since_arrival, suspension.decided_ns) == (NOW_NS + 5, 3, None)
    assert bench.held(probe="box") == [(A, 1), (B, 1), (C, 1)]
    assert bench.reads.counts().suspended == 1


@pytest.mark.parametrize("successor_first", [True, False])
def test_a_start_that_goes_on_after_its_end_is_two_boxes(bench: Bench, *, successor_first: bool) -> None:
    """Numbers above what the successor named are somebody else's, in whichever order they arrive."""
    bench.send(1, [FIRST, *reports(2, 2)], epoch=A)
    if successor_first:
        bench.send(1, [opened(A, last_seq=3)], epoch=B)
        assert why(bench) == ""
        bench.send(4, reports(4, 1), epoch=A)
    else:
        bench.send(4, reports(4, 1), epoch=A)
        assert why(bench) == ""
        bench.send(1, [opened(A, last_seq=3)], epoch=B)
    assert why(bench) == "two boxes with one name: the other says that this start ended at report 3"
    assert {bench.reads.suspensions()[0].epoch, bench.reads.suspensions()[0].other} == {A, B}


def test_a_spool_set_aside_cannot_tell_where_it_ended(bench: Bench) -> None:
    """A box that lost its spool is not taken for two because it names an end too low."""
    bench.send(1, [FIRST, *reports(2, 5)], epoch=A)
    bench.send(1, [opened(A, last_seq=2, ended="aside")], epoch=B)
    assert why(bench) == ""


def test_a_card_written_anew_is_one_box(bench: Bench) -> None:
    """Two beginnings one after the other are a new card; a retold opening changes nothing."""
    bench.send(1, [opened(None, ended="first", at_ns=NOW_NS), *reports(2, 3)], epoch=A)
    later = NOW_NS + HOUR_NS
    bench.send(1, [opened(None, ended="first", at_ns=later), report(2, at_ns=later + 60)], epoch=B)
    bench.send(3, [report(3, at_ns=later + 120, opening=Opening(predecessor=A, last_seq=1))], epoch=B)
    assert why(bench) == ""
    assert bench.reads.epochs(BOX)[1].predecessor is None


def test_two_beginnings_alive_at_once_are_two_boxes(bench: Bench) -> None:
    """A card copied before its first start: both begin anew and measure side by side."""
    bench.send(1, [opened(None, ended="first", at_ns=NOW_NS)], epoch=A)
    bench.send(1, [opened(None, ended="first", at_ns=NOW_NS + HOUR_NS)], epoch=B)
    bench.send(2, [report(2, at_ns=NOW_NS + 2 * HOUR_NS)], epoch=B)
    assert why(bench) == ""
    bench.send(2, [report(2, at_ns=NOW_NS + 2 * HOUR_NS)], epoch=A)
    assert "both began anew" in why(bench)


@pytest.mark.parametrize(("overlap_s", "suspended"), [(30, False), (90, True)])
def test_two_clocks_that_differ_a_little_are_no_two_boxes(
    bench: Bench, overlap_s: int, *, suspended: bool
) -> None:
    """A card written anew begins up to a minute before the old one's last report, by a clock that is wrong."""
    end = NOW_NS + HOUR_NS
    bench.send(1, [opened(None, ended="first", at_ns=NOW_NS), report(2, at_ns=end)], epoch=A)
    begins = end - overlap_s * NS
    bench.send(1, [opened(None, ended="first", at_ns=begins), report(2, at_ns=end + HOUR_NS)], epoch=B)
    assert bool(why(bench)) is suspended


def test_a_clock_nobody_vouches_for_accuses_nobody(bench: Bench) -> None:
    """The same side by side under a bounded clock proves nothing."""
    bench.send(1, [opened(None, ended="first", at_ns=NOW_NS)], epoch=A)
    bench.send(1, [opened(None, ended="first", at_ns=NOW_NS + HOUR_NS)], epoch=B)
    bounded = report(2, at_ns=NOW_NS + 2 * HOUR_NS, clock=ClockQuality.BOUNDED)
    bench.send(2, [bounded], epoch=B)
    bench.send(2, [bounded], epoch=A)
    assert why(bench) == ""


def test_two_boxes_of_two_names_are_two_boxes_indeed(bench: Bench) -> None:
    """The same epochs under another name concern nobody."""
    bench.send(1, [opened(A, last_seq=1)], epoch=B, agent="lincoln-1")
    bench.send(1, [opened(A, last_seq=1)], epoch=C, agent="roosevelt-2")
    assert [box.suspended for box in bench.reads.boxes()] == ["", ""]


def test_a_decided_pair_may_go_on(bench: Bench) -> None:
    """The start that outlived its end goes on after the decision: that was decided, and is not told again."""
    bench.send(1, [FIRST, *reports(2, 2)], epoch=A)
    bench.send(1, [opened(A, last_seq=3)], epoch=B)
    bench.send(4, reports(4, 1), epoch=A)
    assert decisions.decide(bench.journal, BOX, "it is the same box", NOW_NS)
    bench.send(5, reports(5, 1), epoch=A)
    assert why(bench) == ""
    assert len(bench.reads.suspensions()) == 1


def test_a_decision_ends_the_suspension_and_the_same_two_are_not_brought_up_again(bench: Bench) -> None:
    """Accepted from now on, with note and time; a new pair would be told again."""
    bench.send(1, [opened(A, last_seq=1)], epoch=B)
    bench.send(1, [opened(A, last_seq=1)], epoch=C)
    assert decisions.decide(bench.journal, BOX, "Ms. Ortiz took the second box away", NOW_NS + 9)
    assert not decisions.decide(bench.journal, BOX, "again", NOW_NS + 10)
    (suspension,) = bench.reads.suspensions()
    assert (suspension.decided_ns, suspension.decided_arrival) == (NOW_NS + 9, 2)
    assert suspension.note == "Ms. Ortiz took the second box away"
    bench.send(2, reports(2, 1), epoch=B)
    bench.send(2, reports(2, 1), epoch=C)
    assert why(bench) == ""
    bench.send(1, [opened(B, last_seq=1)], epoch="d" * 16)
    assert why(bench) != ""


def test_of_many_cards_with_one_name_each_start_is_told_of_once(bench: Bench) -> None:
    """Thirty cards from one image are thirty doubtful starts, not 435 pairs; one decision settles them all."""
    cards = [f"{number:016x}" for number in range(30)]
    for card in cards:
        bench.send(1, [opened(A, last_seq=1)], epoch=card)
    told = bench.reads.suspensions()
    assert len(told) == len(cards) - 1
    assert {epoch for pair in told for epoch in (pair.epoch, pair.other)} == set(cards)
    decisions.decide(bench.journal, BOX, "they stay as they are", NOW_NS)
    for card in cards:
        bench.send(2, reports(2, 1), epoch=card)
    assert why(bench) == ""


def test_two_who_were_decided_on_apart_are_told_of_together(bench: Bench) -> None:
    """Each was accepted beside another one: that these two can't be one box nobody has seen before."""
    at_ns = {A: 0, B: 0, C: 24 * HOUR_NS, "d" * 16: 24 * HOUR_NS}
    for epochs in ([A, B], [C, "d" * 16]):
        for epoch in epochs:
            begin_ns = NOW_NS + at_ns[epoch]
            opening = opened(None, ended="first", at_ns=begin_ns)
            bench.send(1, [opening, report(2, at_ns=begin_ns + HOUR_NS)], epoch=epoch)
        assert decisions.decide(bench.journal, BOX, "two boxes", NOW_NS + at_ns[epoch])
    bench.send(3, [report(3, at_ns=NOW_NS + 26 * HOUR_NS)], epoch=A)
    assert "both began anew" in why(bench)
    assert [pair.epoch for pair in bench.reads.suspensions() if pair.decided_ns is None] == [A, A]


def test_a_suspension_says_when_the_earlier_of_its_starts_was(bench: Bench) -> None:
    """By the clock of the start itself, whenever it arrived; unknown as long as one did not say."""
    bench.send(2, reports(2, 1), epoch=A)
    bench.send(1, [opened(A, last_seq=1, at_ns=NOW_NS - HOUR_NS)], epoch=B)
    assert [doubt.begin_ns for doubt in bench.reads.suspensions()] == [None]
    bench.send(1, [opened(None, ended="first", at_ns=NOW_NS - 9 * HOUR_NS)], epoch=A)
    assert [doubt.begin_ns for doubt in bench.reads.suspensions()] == [NOW_NS - 9 * HOUR_NS]


def test_what_is_doubtful_of_thirty_cards_is_known_at_once(bench: Bench) -> None:
    """The starts alone are read, not everything that ever came under the name, once for each pair."""
    for number in range(30):
        words = [report(n, probe="box", target="") for n in range(2, 102)]
        bench.send(1, [opened(A, last_seq=1, at_ns=NOW_NS), *words], epoch=f"{number:016x}")
    started = time.process_time()
    (spans,) = doubt.spans(bench.reads, bench.reads.facts_until()).values()
    assert time.process_time() - started < 1  # 30 s where each pair reads all rows
    assert set(spans) == {(NOW_NS - NOW_NS % HOUR_NS, None)}
