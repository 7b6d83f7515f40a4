"""The figures of boxes are those that counting would find, and cost nothing to ask for."""

import random
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.store import figures
from collector.store.connections import transaction
from collector.store.journal import open_journal
from collector.store.reads import Reads
from firstbell.report import Loss, Opening, Report
from tests.collector.workbench import BOX, Bench, report, reports

EPOCHS = ("a" * 16, "b" * 16, "c" * 16)
_range = st.tuples(st.integers(1, 30), st.integers(0, 12)).map(lambda pair: (pair[0], sum(pair)))
LOSSES = st.tuples(st.sampled_from(EPOCHS), _range)
BATCH = st.tuples(
    st.sampled_from(EPOCHS),
    st.integers(1, 30),
    st.integers(1, 8),
    st.lists(LOSSES, max_size=2),
    st.sampled_from(["", "opening", "bad"]),
)


def kept(db: sqlite3.Connection) -> list[list[tuple[int, ...]]]:
    """Both tables of figures."""
    return [
        db.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall() for name in ("epoch_figures", "box_figures")
    ]


@settings(max_examples=15)
@given(batches=st.lists(BATCH, max_size=15), dice=st.randoms(use_true_random=False))
def test_figures_kept_are_figures_counted(
    tmp_path_factory: pytest.TempPathFactory,
    batches: list[tuple[str, int, int, list[tuple[str, tuple[int, int]]], str]],
    dice: random.Random,
) -> None:
    """Gaps, losses, refusals, openings in any order: kept step by step is counted in one pass."""
    bench = Bench(tmp_path_factory.mktemp("bench"))
    try:
        for epoch, first, count, told, more in batches:
            losses = [Loss(epoch=other, first=low, last=high, reason="full") for other, (low, high) in told]
            before = Opening(predecessor=dice.choice(EPOCHS), last_seq=dice.randint(0, 40), ended="clean")
            head = report(first, losses=losses, opening=before if more == "opening" else None)
            rows: list[Report | bytes] = [head, *reports(first + 1, count - 1)]
            bench.send(first, [*rows, b"bad"] if more == "bad" else rows, epoch=epoch)
        with closing(bench.journal.writer()) as db:
            step_by_step = kept(db)
            with transaction(db):
                figures.count_all(db)
            assert kept(db) == step_by_step
        states = bench.reads.epochs(BOX)
        counts = bench.reads.counts()
        assert counts.missing == sum(state.missing for state in states)
        assert counts.lost == sum(state.lost for state in states)
        for box in bench.reads.boxes():
            assert (box.starts, box.reports) == (len(states), sum(state.held for state in states))
            assert box.refused == sum(state.refused for state in states)
    finally:
        bench.close()


def test_what_an_older_program_took_is_counted_at_the_next_start(bench: Bench) -> None:
    """It writes reports and no figures: they are there again as soon as this program opens the journal."""
    bench.send(1, reports(1, 2))
    with closing(bench.journal.reader()) as db:
        before = kept(db)
    bench.send(5, reports(5, 3))
    with closing(bench.journal.writer()) as db:
        right = kept(db)
        db.execute("DELETE FROM epoch_figures")
        db.execute("UPDATE box_figures SET held = 2, missing = 0")
        db.execute("UPDATE derivation SET counted = 2")
    open_journal(bench.path)
    with closing(bench.journal.reader()) as db:
        assert kept(db) == right != before
    reads = Reads(bench.journal)
    assert (reads.counts().reports, reads.counts().missing) == (5, 2)
    reads.close()
