"""What a sink has of the journal: a cursor that never leaps, days to ship again, and what was set aside."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.store.errors import UnreadableError
from collector.store.outbox import DAY_NS, Aside, Days, Outbox, Shipped
from tests.collector.workbench import BOX, NOW_NS, Bench, report, reports

OTHER = "roosevelt-2"
DAY = NOW_NS // DAY_NS
KEY = ("latency", "gateway", "")


@pytest.fixture
def outbox(bench: Bench) -> Iterator[Outbox]:
    """A sink that has begun, with ten reports before it."""
    bench.send(1, reports(1, 10))
    made = Outbox(bench.journal)
    made.begin("store", "folder", "Maple")
    yield made
    made.close()


def state(outbox: Outbox) -> Shipped:
    """How far it is."""
    found = outbox.state()
    assert found is not None
    return found


def test_before_it_began_there_is_nothing(bench: Bench) -> None:
    """No state, no names, nothing aside, nothing to ship again."""
    outbox = Outbox(bench.journal)
    assert outbox.state() is None
    assert (outbox.names(), outbox.aside(-1), outbox.next_days(9), outbox.newest()) == ({}, [], None, 0)
    outbox.close()


def test_reports_come_in_order_of_arrival_and_none_twice(outbox: Outbox, bench: Bench) -> None:
    """So many at a time, each with its identity and its own words."""
    first = outbox.after(0, 4)
    rest = outbox.after(first[-1].stored.arrival, 100)
    rows = [row.stored for row in (*first, *rest)]
    assert [row.arrival for row in rows] == list(range(1, 11))
    assert [(row.agent, row.seq) for row in rows] == [(BOX, n) for n in range(1, 11)]
    assert [row.report for row in rows] == reports(1, 10)
    assert outbox.after(10, 5) == []
    assert outbox.newest() == 10


def test_the_cursor_goes_forward_and_counts(outbox: Outbox) -> None:
    """Never back by itself; what was shipped and what was too old add up."""
    assert outbox.move("store", 4, 77, shipped=4)
    assert outbox.move("store", 6, 78, shipped=1, too_old=1)
    assert outbox.move("store", 0, 79)
    found = state(outbox)
    assert (found.arrival, found.shipped, found.too_old, found.last_ns) == (6, 5, 1, 79)


def test_where_another_store_stands_nothing_is_noted(outbox: Outbox) -> None:
    """Neither the cursor nor names nor what was set aside."""
    outbox.place_anew("folder", "Maple", [Days(BOX, 1, 1)])
    asides, names = [Aside(1, "why")], [(BOX, KEY)]
    assert not outbox.move("another", 5, 1, shipped=5, names=names, aside=asides, done=Days(BOX, 1, 1))
    assert (state(outbox).arrival, outbox.asides(), outbox.names(), outbox.days_left()) == (0, 0, {}, 1)


def test_the_cursor_never_leaps(outbox: Outbox, bench: Bench) -> None:
    """What follows on more than is there by now is not noted: another program stepped back, or began anew."""
    assert outbox.move("store", 6, 1, after=0)
    assert outbox.move("store", 8, 1, after=5)
    other = Outbox(bench.journal)
    other.begin("store", "folder", "Maple")
    assert not outbox.move("store", 10, 1, after=8, shipped=2, aside=[Aside(9, "no")])
    assert (state(outbox).arrival, state(outbox).shipped, outbox.asides()) == (0, 0, 0)
    assert outbox.move("store", 10, 1, after=0)
    other.close()


def test_what_is_noted_is_noted_together(outbox: Outbox) -> None:
    """A step that fails leaves nothing behind of itself."""
    with pytest.raises(UnreadableError):
        outbox.move("store", 5, 1, names=[(BOX, KEY)], aside=[Aside(2, None)])  # type: ignore[arg-type]
    assert (state(outbox).arrival, outbox.names()) == (0, {})
    assert outbox.move("store", 5, 1)


def test_names_and_what_was_set_aside_are_kept(outbox: Outbox) -> None:
    """Over a new start of the program, the newest aside first, each once."""
    outbox.move("store", 2, 1, names=[(BOX, KEY), (OTHER, KEY)], aside=[Aside(1, "no"), Aside(2, "never")])
    outbox.move("store", 3, 1, names=[(BOX, KEY)], aside=[Aside(1, "still no")])
    assert outbox.names() == {BOX: {KEY}, OTHER: {KEY}}
    assert outbox.aside(-1) == [Aside(2, "never"), Aside(1, "still no")]
    assert outbox.aside(1) == [Aside(2, "never")]
    assert outbox.asides() == 2


def test_beginning_anew_forgets_everything(outbox: Outbox) -> None:
    """Another store is empty: nothing is there, nothing was named, nothing is to be shipped again."""
    outbox.move("store", 9, 1, shipped=9, names=[(BOX, KEY)], aside=[Aside(1, "no")])
    outbox.place_anew("f", "Maple", [Days(BOX, 1, 3)])
    outbox.begin("another", "folder", "Maple")
    found = state(outbox)
    assert (found.store, found.arrival, found.shipped) == ("another", 0, 0)
    assert (outbox.names(), outbox.asides(), outbox.days_left()) == ({}, 0, 0)
    outbox.forget()
    assert outbox.state() is None


def test_who_comes_second_does_not_begin_anew(outbox: Outbox) -> None:
    """Where that store is in use already nothing is forgotten; another one is begun."""
    outbox.move("store", 9, 1)
    outbox.begin("store", "f2", "Oak", anew=False)
    assert (state(outbox).arrival, state(outbox).folder) == (9, "folder")
    outbox.begin("another", "f2", "Oak", anew=False)
    assert (state(outbox).arrival, state(outbox).store) == (0, "another")


def test_two_sinks_know_nothing_of_each_other(outbox: Outbox, bench: Bench) -> None:
    """Each has its own cursor and its own names."""
    other = Outbox(bench.journal, "other")
    other.begin("elsewhere", "folder", "Maple")
    outbox.move("store", 8, 1, names=[(BOX, KEY)])
    other.move("elsewhere", 3, 1)
    assert (other.names(), state(other).store, state(other).arrival) == ({}, "elsewhere", 3)
    other.forget()
    assert (state(outbox).arrival, outbox.names()) == (8, {BOX: {KEY}})
    other.close()


def test_one_that_was_built_beside_takes_the_place_of_the_other(outbox: Outbox, bench: Bench) -> None:
    """With all that it knows; nothing of before is left."""
    other = Outbox(bench.journal, "anew")
    other.begin("elsewhere", "f2", "Oak")
    other.move("elsewhere", 7, 1, shipped=7, names=[(OTHER, KEY)], aside=[Aside(3, "no")])
    outbox.move("store", 2, 1, names=[(BOX, KEY)], aside=[Aside(1, "no")])
    outbox.take_over("anew")
    assert (state(outbox).store, state(outbox).arrival, outbox.names()) == ("elsewhere", 7, {OTHER: {KEY}})
    assert outbox.aside(-1) == [Aside(3, "no")]
    assert other.state() is None
    assert not outbox.move("store", 9, 1)
    other.close()


def test_days_to_ship_again_come_in_rows_of_one_box(outbox: Outbox) -> None:
    """At most so many at once, without a gap, each until it is done; those of all boxes first."""
    outbox.place_anew("f2", "Oak", [Days(BOX, 5, 8), Days(BOX, 10, 10), Days("", 20, 21), Days(OTHER, 5, 5)])
    outbox.place_anew("f2", "Oak", [Days(BOX, 8, 9)])
    assert outbox.days_left() == 9
    seen = []
    while days := outbox.next_days(3):
        seen.append(days)
        assert outbox.next_days(3) == days
        outbox.move("store", 0, 1, done=days)
    assert seen == [Days("", 20, 21), Days(BOX, 5, 7), Days(BOX, 8, 10), Days(OTHER, 5, 5)]
    assert (state(outbox).folder, state(outbox).placed_as) == ("f2", "Oak")


@given(st.lists(st.integers(0, 60), max_size=25, unique=True), st.integers(1, 9))
def test_all_days_are_done_whatever_they_are(days: list[int], most: int) -> None:
    """Any set of them: each comes, none that was not on the list, never more than asked for."""
    _MANY.place_anew("f", "Maple", [Days(BOX, day, day) for day in days])
    seen: list[int] = []
    while found := _MANY.next_days(most):
        assert found.last - found.first < most
        seen += range(found.first, found.last + 1)
        _MANY.move("store", 0, 1, done=found)
    assert seen == sorted(days)


@pytest.fixture(autouse=True, scope="module")
def _many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An outbox for many examples: one journal for all of them."""
    global _MANY  # noqa: PLW0603 - hypothesis takes no fixture's value anew
    bench = Bench(tmp_path_factory.mktemp("many"))
    _MANY = Outbox(bench.journal)
    _MANY.begin("store", "f", "Maple")
    yield
    _MANY.close()
    bench.close()


_MANY: Outbox


def test_the_reports_of_days_come_again_as_they_arrived(outbox: Outbox, bench: Bench) -> None:
    """Those of that box (or of all), measured within the days, that had arrived by then."""
    early = [report(n, at_ns=(DAY - 2) * DAY_NS + n, probe=("host", "latency")[n % 2]) for n in range(4)]
    late = [report(4, at_ns=(DAY - 1) * DAY_NS - 1), report(5, at_ns=(DAY - 1) * DAY_NS)]
    bench.send(11, [*early, *late])
    bench.send(1, [report(1, at_ns=(DAY - 2) * DAY_NS)], agent=OTHER)
    wanted = Days(BOX, DAY - 2, DAY - 2)
    assert sorted(row.stored.arrival for row in outbox.within(wanted, 99)) == [11, 12, 13, 14, 15]
    assert sorted(row.stored.arrival for row in outbox.within(wanted, 12)) == [11, 12]
    assert sorted(row.stored.arrival for row in outbox.within(wanted._replace(agent=""), 99)) == [
        *range(11, 16),
        17,
    ]
    assert list(outbox.within(Days("nobody", 0, DAY), 99)) == []
    assert outbox.agents() == [BOX, OTHER]
    assert outbox.first_day() == DAY - 2


def test_reports_of_one_moment_are_told_apart(outbox: Outbox, bench: Bench) -> None:
    """The second one of a box, probe and time is number 1, in whatever way it is asked for."""
    at_ns = (DAY - 3) * DAY_NS
    bench.send(11, [report(1, at_ns=at_ns), report(2, at_ns=at_ns, probe="host"), report(3, at_ns=at_ns)])
    bench.send(1, [report(4, at_ns=at_ns)], epoch="00000000000000bb")
    twins = {row.stored.arrival: row.twin for row in outbox.after(10, 9)}
    assert twins == {11: 0, 12: 0, 13: 1, 14: 2}
    again = {row.stored.arrival: row.twin for row in outbox.within(Days(BOX, DAY - 3, DAY - 3), 99)}
    assert again == twins


def test_counts_leave_out_what_was_set_aside(outbox: Outbox, bench: Bench) -> None:
    """Of each box and day: what should be there."""
    bench.send(1, [report(1, at_ns=(DAY - 1) * DAY_NS + n) for n in range(3)], agent=OTHER)
    outbox.move("store", 12, 1, aside=[Aside(11, "no"), Aside(1, "no")])
    assert outbox.counts(DAY - 1, DAY, 12) == {(BOX, DAY): 9, (OTHER, DAY - 1): 1}


def test_a_server_that_was_started_anew_gets_again_what_it_took(outbox: Outbox) -> None:
    """From where its run before began, and no more than so many; a first word of it changes nothing."""
    outbox.move("store", 3, 1)
    outbox.step_back("one", 0)
    assert state(outbox).arrival == 3
    outbox.move("store", 8, 1)
    outbox.step_back("two", 100)
    assert (state(outbox).arrival, state(outbox).run, state(outbox).run_arrival) == (3, "two", 3)
    outbox.move("store", 10, 1)
    outbox.step_back("three", 2)
    assert state(outbox).arrival == 8


def test_steps_back_in_a_row_lose_nothing(outbox: Outbox) -> None:
    """A start that was never shipped to leaves the cursor where the one before put it."""
    outbox.step_back("one", 0)
    outbox.move("store", 10, 1)
    outbox.step_back("two", 100)
    outbox.step_back("three", 100)
    assert state(outbox).arrival == 0


def test_why_nothing_goes_out_is_noted_with_its_beginning(outbox: Outbox) -> None:
    """Since when stays, though the reason changes; it ends with the next success."""
    outbox.complain("away", 5)
    outbox.complain("still away", 9)
    assert (state(outbox).trouble, state(outbox).trouble_ns) == ("still away", 5)
    outbox.complain("", 10)
    assert (state(outbox).trouble, state(outbox).trouble_ns) == ("", 0)
    outbox.complain("away", 11)
    outbox.move("store", 1, 12)
    assert (state(outbox).trouble, state(outbox).trouble_ns) == ("", 0)


def test_a_sink_that_never_began_says_why(bench: Bench) -> None:
    """A store that was never reached is one that is yet to get everything; beginning is no other store then."""
    bench.send(1, reports(1, 3))
    outbox = Outbox(bench.journal)
    outbox.complain("away", 5)
    assert (state(outbox).store, state(outbox).trouble, state(outbox).trouble_ns) == ("", "away", 5)
    assert not outbox.move("store", 3, 1)
    outbox.begin("store", "folder", "Maple")
    assert (state(outbox).store, state(outbox).trouble) == ("store", "")
    outbox.close()


def test_all_well_before_it_began_is_nothing_to_note(bench: Bench) -> None:
    """No trouble, no line."""
    outbox = Outbox(bench.journal)
    outbox.complain("", 5)
    assert outbox.state() is None
    outbox.close()


def test_a_journal_that_cannot_be_written_says_so(outbox: Outbox, bench: Bench) -> None:
    """A lock that somebody holds, or a table that is gone: an error in words, and another try works."""
    with closing(sqlite3.connect(bench.path)) as db:
        db.execute("ALTER TABLE sinks RENAME TO hidden")
        with pytest.raises(UnreadableError, match="what was shipped"):
            outbox.state()
        db.execute("ALTER TABLE hidden RENAME TO sinks")
    assert state(outbox).arrival == 0
