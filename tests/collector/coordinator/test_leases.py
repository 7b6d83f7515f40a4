"""A lease's life: renewed, settled, called back, over by itself; known again after a restart."""

from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from collector.coordinator.book import OVER_S
from collector.coordinator.desk import Desk
from collector.coordinator.running import LONGER_S
from collector.store import quiets
from collector.store.errors import UnreadableError
from collector.store.journal import open_journal
from collector.store.leases import Kept, Leases
from collector.store.quiets import Ordered
from collector.store.reads import Reads
from firstbell import lease as words
from firstbell.lease import RENEW_S, TTL_S, Grant, Refuse, Renew, Renewed, Revoke, Settle, ToBox
from tests.collector.coordinator.town import MB, NS, WIDE, House, NoSigner, at, town

JUST_STARTED = "the collector has just started, and a test from before may still run"


def renew(house: House, lease: str, agent: str = "lincoln-1") -> ToBox | None:
    """What is said to a renewal."""
    return house.desk.hear(agent, Renew(lease=lease))


def test_the_same_question_has_the_same_answer(house: House) -> None:
    """A question that came twice is one lease; refusals, too, are said again."""
    first = house.granted(nonce="n")
    assert house.granted(nonce="n") == first
    refusal = house.refused("lincoln-2", nonce="n")
    house.settle(first.lease)
    assert house.refused("lincoln-2", nonce="n") == refusal
    assert house.desk.figures.grants == 1


def test_a_lease_lives_while_it_is_renewed_and_no_longer(house: House) -> None:
    """Renewed it holds its line until its time is up; then it is over within a minute."""
    lease = house.granted(seconds=120).lease
    for _ in range(8):
        house.clock.passes(RENEW_S)
        assert isinstance(renew(house, lease), Renewed)
        assert house.desk.look() == []
        house.refused("lincoln-2")
    house.clock.passes(OVER_S - 1)
    house.desk.look()
    house.refused("lincoln-2")
    house.clock.passes(1)
    house.desk.look()
    house.granted("lincoln-2")
    assert isinstance(renew(house, lease), Revoke), "who renews it now must stop"


def test_no_renewal_makes_a_test_longer_than_it_may_be(house: House) -> None:
    """A box that renews beyond its bound and a little is called back."""
    lease = house.granted(seconds=30).lease
    for _ in range(3):
        house.clock.passes(19)
        renew(house, lease)
    house.clock.passes(30 + LONGER_S - 57)
    assert house.desk.look() == [("lincoln-1", Revoke(lease=lease, reason="the test has had its time"))]
    house.refused("lincoln-2")


def test_a_box_speaks_for_its_own_leases_alone(house: House) -> None:
    """What another box says of a lease changes nothing."""
    lease = house.granted("lincoln-1").lease
    assert renew(house, lease, "lincoln-2") is None
    house.settle(lease, "lincoln-2")
    house.refused("lincoln-2")
    house.settle("no-lease", "lincoln-2")
    assert isinstance(renew(house, lease), Renewed)


def test_a_suspended_box_gets_nothing_and_is_called_back(house: House) -> None:
    """Two boxes with one name: no lease, and the one that is out ends."""
    lease = house.granted().lease
    with closing(house.journal.writer()) as db:
        db.execute("INSERT INTO agents (agent_id, name, first_ns) VALUES (1, 'lincoln-1', 1)")
        db.execute("INSERT INTO suspensions VALUES (1, 1, 'a', 'b', 'why', 1, 0, NULL, NULL, NULL)")
    assert house.desk.look() == [("lincoln-1", Revoke(lease=lease, reason="two boxes have this name"))]
    house.settle(lease)
    house.clock.to(at("2026-12-07T10:00"))
    assert house.refused().reason == "two boxes call themselves lincoln-1"


# --- quiet times ----------------------------------------------------------------------------------------


def test_a_quiet_time_calls_back_what_runs_until_it_is_heard(house: House) -> None:
    """Said again at every look, and to renewals; the line is free when the box says so."""
    lease = house.granted().lease
    now_s = house.clock.wall_ns // NS
    ordered = Ordered(now_s, now_s + 3600, why="a fire drill")
    number = quiets.order(house.journal, ordered, house.clock.wall_ns)
    for _ in range(2):
        ((agent, said),) = house.desk.look()
        assert agent == "lincoln-1"
        assert isinstance(said, Revoke)
        assert "(a fire drill)" in said.reason
    assert house.desk.figures.revoked == 1, "called back once, however often it is said"
    quiets.end(house.journal, [number], house.clock.wall_ns)
    assert house.desk.look() == [(agent, said)], "it stays called back though the quiet time is over"
    assert isinstance(renew(house, lease), Revoke)
    quiets.order(house.journal, ordered, house.clock.wall_ns)
    house.settle(lease)
    assert house.desk.look() == []
    assert house.refused("lincoln-2").again_s == pytest.approx(3600, abs=1)
    (kept,) = Reads(house.journal).leases(0, 1 << 62)
    assert (kept.how, kept.bytes) == ("revoked", 100 * MB)


def test_a_quiet_time_of_one_school_leaves_the_others_alone(house: House) -> None:
    """Its own lines and those that it shares, by the clock of its own; ended, tests run again."""
    nine_s = at("2026-12-07T09:00") // NS - 6 * 3600  # what Chicago's clocks show, read as UTC
    ordered = Ordered(nine_s, nine_s + 60, local=True, school="lincoln")
    number = quiets.order(house.journal, ordered, house.clock.wall_ns)
    house.granted("lincoln-1", segment="site")
    house.clock.to(at("2026-12-07T09:00"))
    house.granted("alone-1")
    house.refused("roosevelt-1")
    house.granted("roosevelt-1", segment="wan")
    quiets.end(house.journal, [number], house.clock.wall_ns)
    house.desk.look()
    house.granted("lincoln-2")


# --- restarts ----------------------------------------------------------------------------------------


def test_where_nothing_was_ever_signed_nobody_waits(house: House, tmp_path: Path) -> None:
    """The first start of all, with its new key, grants at once; with a key or a lease from before it does not."""
    house.granted()
    for n, first in enumerate((True, False)):
        with closing(Leases(open_journal(tmp_path / f"{n}.db"))) as store:
            house.desk = Desk(store, lambda: house.district, house.clock, NoSigner(first=first))
            assert isinstance(house.ask(), Grant if first else Refuse)
    house.store.close()
    house.store = Leases(house.journal)
    house.desk = Desk(house.store, lambda: house.district, house.clock, NoSigner(first=True))
    assert house.refused("alone-1").reason == JUST_STARTED, "a new key beside a journal that holds leases"


def test_a_lost_journal_frees_no_line(house: House) -> None:
    """The lease that it held may still run: with a new journal, too, nothing is granted for a minute."""
    house.granted("lincoln-1")
    with closing(house.journal.writer()) as db:
        db.execute("DELETE FROM leases")
    house.clock.passes(3)
    house.restart()
    assert house.refused("lincoln-2").reason == JUST_STARTED
    house.clock.passes(OVER_S)
    house.granted("lincoln-2")


def test_after_a_restart_nothing_is_granted_for_as_long_as_a_lease_may_live(house: House) -> None:
    """Not even on a line that no known lease loads; what was settled stays so."""
    house.settle(house.granted().lease)
    house.restart()
    refusal = house.refused("alone-1")
    assert (refusal.reason, refusal.again_s) == (JUST_STARTED, OVER_S)
    house.clock.passes(OVER_S)
    house.granted("alone-1")
    assert house.refused("lincoln-1").again_s is None, "it has had its test in this period"


def test_a_lease_from_before_a_restart_goes_on(house: House) -> None:
    """It is renewed, loads its line, and is called back and settled as any other."""
    lease = house.granted(seconds=120).lease
    house.restart()
    assert house.desk.look() == [], "it has not been heard of yet, and need not have been"
    for _ in range(5):
        house.clock.passes(RENEW_S)
        assert isinstance(renew(house, lease), Renewed)
        house.desk.look()
    assert house.refused("lincoln-2").reason == "another test is loading the line"
    house.settle(lease)
    house.granted("lincoln-2")


def test_a_lease_from_before_a_restart_that_nobody_renews_is_over(house: House) -> None:
    """After one longest time to live its line is free, and it is charged in full."""
    house.district = town(budget=WIDE)
    house.granted()
    house.restart()
    house.clock.passes(OVER_S)
    house.desk.look()
    house.granted("lincoln-2")
    first, _ = Reads(house.journal).leases(0, 1 << 62)
    assert (first.how, first.bytes, first.seconds) == ("lapsed", None, None)


def test_a_question_from_before_a_restart_is_not_granted_twice(house: House) -> None:
    """The broker brings it again: the journal knows it, whatever has become of the lease."""
    house.settle(house.granted(nonce="n").lease, used=0, seconds=0.0)
    house.restart()
    house.clock.passes(OVER_S)
    assert house.refused(nonce="n").reason == "this was answered before"


def test_what_was_used_is_known_after_a_restart(house: House) -> None:
    """Budgets and shares go on where they were."""
    house.district = town(budget=msgspec.structs.replace(WIDE, day_seconds=8 * 30 * 4 // 3))
    house.clock.to(at("2026-12-07T05:10"))
    house.settle(house.granted("lincoln-1").lease, "lincoln-1", seconds=30)
    house.settle(house.granted("lincoln-2").lease, "lincoln-2", seconds=30)
    house.restart()
    house.clock.passes(OVER_S)
    assert house.refused("wifi-1").reason == "the period's budget of this place does not cover the test"


def test_who_tests_here_is_waited_for_after_a_restart(house: House) -> None:
    """Nobody wrote down who asked; a box that had less this week still goes before one that had more."""
    house.district = town(budget=msgspec.structs.replace(WIDE, day_seconds=8 * 30 * 4 // 3))
    for clock in ("2026-12-07T07:40", "2026-12-07T09:40"):
        house.clock.to(at(clock))
        house.settle(house.granted("lincoln-1").lease, "lincoln-1", seconds=30)
    house.clock.to(at("2026-12-07T11:40"))
    lease = house.granted("lincoln-2").lease
    house.clock.passes(130)
    house.settle(lease, "lincoln-2", seconds=130)
    house.clock.to(at("2026-12-07T18:10"))
    house.restart()
    house.clock.passes(OVER_S)
    assert house.refused("lincoln-2").reason == "others here have had less of the line this week"
    house.granted("lincoln-1")


def test_a_step_of_the_wall_clock_frees_no_line(house: House) -> None:
    """Two hours forward or back are no time at all for a lease."""
    house.granted()
    for hours in (2, -4):
        house.clock.wall_ns += hours * 3600 * NS
        house.desk.look()
        assert house.refused("lincoln-2").reason == "another test is loading the line"


# --- what is counted ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "seconds"),
    [((100 * MB, 12.0), 12.0), ((None, 12.0), 12.0), ((1, 86_400.0), 30.0)],
)
def test_what_a_box_says_is_counted_within_belief(
    house: House, told: tuple[int | None, float], seconds: float
) -> None:
    """No test of thirty seconds took a day, whatever its box says."""
    lease = house.granted().lease
    house.clock.passes(20)
    house.desk.hear("lincoln-1", Settle(lease=lease, bytes=told[0], seconds=told[1]))
    (kept,) = Reads(house.journal).leases(0, 1 << 62)
    assert (kept.bytes, kept.seconds, kept.how) == (told[0], seconds, "settled")


def test_no_lie_about_bytes_reaches_the_journal(house: House) -> None:
    """What is kept is what was counted: some times what was granted at most."""
    house.settle(house.granted(max_bytes=500 * MB).lease, used=words.MOST_BYTES)
    assert Reads(house.journal).leases(0, 1 << 62)[0].bytes == 4 * 500 * MB


def test_a_word_that_comes_late_corrects_the_count(house: House) -> None:
    """A lease that was over by itself is settled once its box is heard again."""
    lease = house.granted().lease
    house.clock.passes(OVER_S)
    house.desk.look()
    house.settle(lease, used=5 * MB, seconds=3.0)
    (kept,) = Reads(house.journal).leases(0, 1 << 62)
    assert (kept.how, kept.bytes, kept.seconds) == ("settled", 5 * MB, 3.0)
    house.settle(lease, used=6 * MB, seconds=4.0)
    assert Reads(house.journal).leases(0, 1 << 62)[0].bytes == 5 * MB, "said once"


# --- a journal that takes nothing ------------------------------------------------------------------------


class Full(Leases):
    """A journal on a disk that is full while the test says so."""

    full = False

    def grant(self, lease: Kept) -> None:
        """Keep it, if there is room."""
        self._look()
        super().grant(lease)

    def end(self, *ended: object) -> None:
        """Keep it, if there is room."""
        self._look()
        super().end(*ended)  # type: ignore[arg-type]

    def _look(self) -> None:
        if self.full:
            raise UnreadableError("the disk is full")


def test_without_a_journal_nothing_is_granted(house: House) -> None:
    """A lease that can't be kept is not given; an end that can't be is written later, and frees its line."""
    store = Full(house.journal)
    house.desk = Desk(store, lambda: house.district, house.clock, NoSigner())
    store.full = True
    refusal = house.refused()
    assert (refusal.reason, refusal.again_s) == ("the collector's journal takes nothing", 600.0)
    store.full = False
    lease = house.granted().lease
    store.full = True
    house.settle(lease)
    store.full = False
    house.granted("lincoln-2")
    house.desk.look()
    assert Reads(house.journal).leases(0, 1 << 62)[0].how == "settled"
    store.close()


class Choking(Leases):
    """A journal that can't take what one lease has to say, and fails as no journal should."""

    bad, error = "", Exception

    def end(self, lease: str, *ended: object) -> None:
        """Keep it, but for the one."""
        if lease == self.bad:
            raise self.error("no room for this number")
        super().end(lease, *ended)  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [OverflowError, UnreadableError])
def test_an_end_that_cannot_be_written_stops_nothing_else(house: House, error: type[Exception]) -> None:
    """Its line is free, other ends are written, and quiet times call back what runs, as ever."""
    store = Choking(house.journal)
    house.desk = Desk(store, lambda: house.district, house.clock, NoSigner())
    bad = house.granted("lincoln-1").lease
    store.bad, store.error = bad, error
    house.settle(bad)
    for _ in range(2):
        house.clock.passes(1)
        house.desk.look()
    good = house.granted("lincoln-2").lease
    house.settle(good, "lincoln-2")
    house.desk.look()
    assert [kept.how for kept in Reads(house.journal).leases(0, 1 << 62)] == [None, "settled"]
    lease = house.granted("alone-1").lease
    now_s = house.clock.wall_ns // NS
    quiets.order(house.journal, Ordered(now_s, now_s + 3600), house.clock.wall_ns)
    ((agent, said),) = house.desk.look()
    assert isinstance(said, Revoke)
    assert (agent, said.lease) == ("alone-1", lease)
    store.close()


def test_who_uses_a_lease_that_nobody_knows_is_stopped(house: House) -> None:
    """As after a journal was restored: whatever runs there must end."""
    lease = house.granted().lease
    for name in ("x" * 64, lease[:-1]):
        assert isinstance(renew(house, name), Revoke)


def test_the_box_gives_up_before_the_coordinator_gives_the_line_away() -> None:
    """A lease is over for its box before it is for the coordinator, however late a word is heard."""
    assert OVER_S > TTL_S + 8, "agent.uplink.leases waits eight seconds for an answer"
    assert OVER_S <= 60, "a quiet time is kept within a minute even by a box that hears nothing"
