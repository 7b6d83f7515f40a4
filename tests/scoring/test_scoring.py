"""Faults planted by seed in districts of five schools: each is named, and nobody is accused wrongly."""

import pytest

from tests.scoring import prove
from tests.scoring.planter import Fault, plant
from tests.scoring.score import Score, score

GROUPS = 10
SEEDS = 50


@pytest.mark.slow
@pytest.mark.parametrize("group", range(GROUPS))
def test_each_fault_is_named_and_nobody_is_accused_wrongly(group: int) -> None:
    """Over fifty seeds, with everything through the real intake: no fault missed, no false accusation."""
    scores = [score(plant(seed)) for seed in range(group, SEEDS, GROUPS)]
    assert [(one.seed, *one.wrong) for one in scores if one.wrong] == []
    assert [(one.seed, *one.missed) for one in scores if one.missed] == []


def test_every_kind_of_fault_is_planted_often() -> None:
    """Over the fifty seeds each kind stands at ten schools or more, and a shared line is oversold in ten or more."""
    planted = [plant(seed) for seed in range(SEEDS)]
    schools = [fault for one in planted for fault in one.schools.values()]
    for fault in Fault:
        lines = sum(bool(one.oversold) for one in planted)
        assert (lines if fault is Fault.OVERSOLD else schools.count(fault)) >= 10


def test_a_score_counts_false_accusations_double_and_its_page_says_so() -> None:
    """What was named, less twice what was accused wrongly; the page has the sums and every mistake by its seed."""
    good = Score(1, 6, (), (), (), 5_000)
    bad = Score(2, 6, ("lincoln-high: line too small; said: nothing of it",), ("internet: sound",), (), 5_000)
    assert (good.points, bad.points) == (6, 3)
    page = " ".join(prove.page([good, bad], 40, "2026-09-21 14:13 UTC", "0123456789ab").split())
    assert "Run of 2026-09-21 14:13 UTC, commit 0123456789ab: 2 districts" in page
    assert "2 districts of 40 schools, 10,000 reports" in page
    assert "11 of 12 named, 1 accused wrongly: 9 of 12 points" in page
    assert "seed 2: missed: lincoln-high" in page
    assert "seed 2: wrong: internet" in page
