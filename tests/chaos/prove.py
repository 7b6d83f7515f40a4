"""Ten storms, each as long as the one that the tests raise, and a table of what they left.

    python -m tests.chaos.prove PAGE [STORMS] [REPORTS]

Every second storm is over the embedded broker. The page is written anew after each storm, so that Ctrl-C
leaves what was shown so far. Ends with 1 if anything at all was wrong, and keeps that storm's folder.
"""

# ruff: noqa: T201 - a program for people

import os
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from collector.clock import SystemClock
from tests.chaos import storm
from tests.chaos.points import POINTS
from tests.chaos.storm import Result, Storm

KILLS = 50
MOST_S = 25 * 60
"""No storm begins after this, however many are still to come."""
_STORM_S = 300.0
_WRONG = ("lost", "invented", "changed", "doubled", "torn", "holes", "forks")

_HEAD = """\
# Nothing lost, nothing invented, nothing changed

This page is written by `scripts/prove`; its figures are those of the run named here, and of no other.
{boxes} boxes measure {times:.0f} times a second, {findings} reports at a time. They, the collector and the broker are killed
with `kill -9` at random moments and at {points} named points in our own code, and started again. An oracle that
shares no code with the product then compares what each box had said to be on its disk with what the
journal holds, as sets of (box, start, number) with values and times.

"""


def page(results: Sequence[Result], planned: int, began_ns: int, commit: str = "") -> str:
    """The page, as of now, of the code that `commit` names, if anybody knows."""
    total = Counter[str]()
    for result in results:
        total.update({name: result.verdict[name] for name in ("measured", *_WRONG)}, killed=result.killed)
        total.update(bad=not storm.sound(result.verdict))
    plan = Storm(seed=0, broker="", reports=0, kills=0, most_s=0)
    head = _HEAD.format(boxes=plan.boxes, times=1 / plan.every_s, findings=plan.findings, points=len(POINTS))
    day = datetime.fromtimestamp(began_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M UTC")
    minutes = sum(result.storm_s for result in results) / 60
    short = "" if len(results) == planned else f" of {planned} that were asked for"
    lines = [
        f"Run of {day}{f', commit {commit}' if commit else ''}: {len(results)} storms{short}, {minutes:.1f} minutes of kills,",
        f"**{total['measured']:,} reports, {total['killed']:,} kills: {total['lost']} lost,",
        f"{total['invented']} invented, {total['changed']} changed**, {total['doubled']} doubled,",
        f"{total['torn']} torn, {total['holes']} holes in the numbering, {total['forks']} starts out of order.",
        f"Storms with anything wrong: {total['bad']}.",
        "",
        *_table(results),
        "",
        "*Calm* is how long it took, once nobody died any more, until everything measured in the storm had left",
        "the boxes. Any storm can be raised again: `FIRSTBELL_CHAOS_SEED=N scripts/test tests/chaos/test_storm.py`.",
        _claim(total),
        "",
        "## Where they died",
        "",
        *_points(results),
    ]
    return head + "\n".join(lines) + "\n"


def _claim(total: Counter[str]) -> str:
    if total["lost"]:
        return f"{total['lost']} of {total['measured']:,} were lost."
    if not total["measured"]:
        return ""
    # With none in N trials, the true share is below 3/N with 95 % confidence.
    return f"None lost of {total['measured']:,}: with 95 % confidence fewer than one in {total['measured'] // 3:,}."


def _table(results: Sequence[Result]) -> list[str]:
    head = ["broker", "seed", "reports", "kills", "of boxes", "of the collector", "of the broker"]
    head += ["lost", "invented", "changed", "storm, s", "calm, s"]
    rows = [
        [
            result.broker,
            result.seed,
            f"{result.verdict['measured']:,}",
            result.killed,
            *(result.killed_of(program) for program in ("box", "collector", "broker")),
            *(result.verdict[name] for name in ("lost", "invented", "changed")),
            f"{result.storm_s:.0f}",
            f"{result.calm_s:.1f}",
        ]
        for result in results
    ]
    return _markdown(head, rows)


def _points(results: Sequence[Result]) -> list[str]:
    kills = Counter[str]()
    for result in results:
        kills.update(result.kills)
    rows = [[*name.replace("_", " ").split(" ", 1), number] for name, number in sorted(kills.items())]
    return _markdown(["who", "where", "kills"], rows)


def _markdown(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    marks = ["---" if cell in {"broker", "who", "where"} else "---:" for cell in head]
    return [f"| {' | '.join(map(str, row))} |" for row in (head, marks, *rows)]


def main() -> None:
    """Raise them."""
    target, storms, reports = (*sys.argv[1:], "10", "20000")[:3]
    results: list[Result] = []
    began, began_ns = time.monotonic(), SystemClock().now_ns()
    for number in range(int(storms)):
        if time.monotonic() > began + MOST_S:
            print(f"{MOST_S // 60} minutes are over")
            break
        broker = ("mosquitto", "embedded")[number % 2]
        plan = Storm(secrets.randbits(32), broker, int(reports), KILLS, _STORM_S)
        print(f"storm {number + 1} of {storms}: {broker}, seed {plan.seed} ...", flush=True)
        folder = Path(tempfile.mkdtemp(prefix="firstbell-storm-"))
        result = storm.rage(plan, folder)
        results.append(result)
        Path(target).write_text(
            page(results, int(storms), began_ns, os.environ.get("FIRSTBELL_COMMIT", "")), encoding="utf-8"
        )
        print(storm.told(result.verdict).replace("\n", "  "), flush=True)
        if not storm.sound(result.verdict):
            print(f"kept for a look: {folder}")
            sys.exit(1)
        shutil.rmtree(folder)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("stopped; the page holds what was shown so far")
