"""Labels stay what they are, and what is said before a box is kept once."""

from contextlib import closing

import pytest

from collector.store import erasing, labels
from collector.store.labels import NoNumberError, Said
from tests.collector.workbench import Bench

AT_NS = 1_790_000_000 * 10**9


def test_a_box_keeps_its_number_and_its_code_for_ever(bench: Bench) -> None:
    """Asked again, in another order and with new ones, each has what it had; no two have the same."""
    first = labels.label(bench.journal, ["b", "a"], AT_NS)
    again = labels.label(bench.journal, ["c", "a", "b"], AT_NS + 1)
    assert [each.number for each in first] == [1000, 1001]
    assert again[1:] == [first[1], first[0]]
    assert again[0].number == 1002
    assert len({each.code for each in again}) == 3
    assert all(len(each.code) == 16 for each in again)
    with closing(bench.journal.reader()) as db:
        assert labels.with_code(db, first[0].code) == first[0]
        assert labels.with_code(db, "a" * 16) is None
        assert labels.numbers(db) == {"b": 1000, "a": 1001, "c": 1002}


def test_the_number_of_a_box_that_was_erased_is_no_other_boxs(bench: Bench) -> None:
    """Its label still sticks somewhere."""
    labels.label(bench.journal, ["a", "b"], AT_NS)
    for agent in ("b", "a", "nobody"):
        erasing.erase(bench.journal, [(agent, 0, None)], lambda *_: None)
    assert [each.number for each in labels.label(bench.journal, ["c", "b"], AT_NS)] == [1002, 1003]


def test_when_all_numbers_are_taken_it_is_said(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nobody gets one of five digits, or another one's."""
    monkeypatch.setattr(labels, "LAST", 1001)
    with pytest.raises(NoNumberError, match="left for c"):
        labels.label(bench.journal, ["a", "b", "c"], AT_NS)
    with closing(bench.journal.reader()) as db:
        assert labels.numbers(db) == {}


def test_however_often_the_button_is_pressed_no_list_grows(bench: Bench) -> None:
    """The last word counts; what was taken over stays in the record."""
    for n in range(5):
        labels.say(bench.journal, Said("a", AT_NS + n, "lincoln", f"20{n}", confirmed=False))
    assert labels.open_of(bench.journal, "a") == Said("a", AT_NS + 4, "lincoln", "204", confirmed=False)
    taken = labels.settle(bench.journal, "a", taken=True, now_ns=AT_NS + 9)
    assert taken is not None
    assert labels.settle(bench.journal, "a", taken=True, now_ns=AT_NS + 9) is None
    for n in range(5):
        confirmed = Said("a", AT_NS + 10 + n, "lincoln", "204", confirmed=True, settled_ns=AT_NS + 10 + n)
        labels.say(bench.journal, confirmed)
    with closing(bench.journal.reader()) as db:
        assert [said.said_ns for said in labels.newest(db)] == [AT_NS + 14]
        assert db.execute("SELECT count(*) FROM said_places").fetchone() == (2,)
