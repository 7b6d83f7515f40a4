"""Whole districts with planted faults, judged and scored, and a page of how it went.

    python -m tests.scoring.prove PAGE [DISTRICTS [SCHOOLS [DAYS [FIRST SEED]]]]

The page is written anew after each district. Ends with 1 if a fault was missed or anybody was accused wrongly.
"""

# ruff: noqa: T201 - a program for people

import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from collector.clock import SystemClock
from tests.scoring.planter import plant
from tests.scoring.score import Score, score

_HEAD = """\
# Each fault named, nobody accused wrongly

This page is written by `scripts/prove`; its figures are those of the run named here. In each simulated district (by seed) a
planter that shares no formula with the judge puts in faults: lines too small, a shared line oversold, outages in
one period, boxes too slow to see the line, too few checks, Wi-Fi that is full, and at some schools nothing. Every
report goes through the real intake; what the questions then answer is held against what was planted. A false
accusation counts double: a point for each truth told, two off for each school or line that is sound and was said
not to be. Faults lie well clear of the edge (no line between 0.72 and 2.3 of what it must bring): how the judge
does nearer to it is not shown here.

"""


def page(scores: Sequence[Score], schools: int, day: str = "", commit: str = "") -> str:
    """The page, as of now: of a run on `day`, of the code that `commit` names, if anybody knows."""
    planted, named = sum(one.planted for one in scores), sum(one.named for one in scores)
    wrong, open_ = sum(len(one.wrong) for one in scores), sum(len(one.unassessed) for one in scores)
    points = sum(one.points for one in scores)
    lines = [
        *([f"Run of {day}{f', commit {commit}' if commit else ''}:"] if day else []),
        f"{len(scores)} districts of {schools} schools, {sum(one.reports for one in scores):,} reports:",
        f"**{named} of {planted} named, {wrong} accused wrongly: {points} of {planted} points**.",
        *([f"{open_} stand at links that this version doesn't judge."] if open_ else []),
        "",
        "| seed | planted | named | missed | accused wrongly | not judged | points |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        *(
            f"| {one.seed} | {one.planted} | {one.named} | {len(one.missed)} | {len(one.wrong)} "
            f"| {len(one.unassessed)} | {one.points} |"
            for one in scores
        ),
    ]
    mistakes = [f"- seed {one.seed}: missed: {what}" for one in scores for what in one.missed]
    mistakes += [f"- seed {one.seed}: wrong: {what}" for one in scores for what in one.wrong]
    return _HEAD + "\n".join([*lines, *(["", "## Mistakes", "", *mistakes] if mistakes else [])]) + "\n"


def main() -> None:
    """Score them."""
    target, *rest = sys.argv[1:]
    count, schools, days, first = (*map(int, rest), *(10, 40, 30, 1_000)[len(rest) :])
    day = datetime.fromtimestamp(SystemClock().now_ns() / 1e9, UTC).strftime("%Y-%m-%d %H:%M UTC")
    commit = os.environ.get("FIRSTBELL_COMMIT", "")
    scores: list[Score] = []
    for seed in range(first, first + count):
        begun = time.monotonic()
        one = score(plant(seed, schools=schools, days=days))
        scores.append(one)
        Path(target).write_text(page(scores, schools, day, commit), encoding="utf-8")
        print(
            f"seed {seed}: {one.points} of {one.planted} points, {time.monotonic() - begun:.1f} s", flush=True
        )
        for what in (*one.missed, *one.wrong):
            print(f"  {what}")
    if any(one.missed or one.wrong for one in scores):
        sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("stopped; the page holds what was shown so far")
