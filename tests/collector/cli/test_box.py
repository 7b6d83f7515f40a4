"""`firstbell box`: one box, start by start."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from collector.cli import main
from firstbell.report import Loss, Opening
from tests.collector.workbench import BOX, Bench, report, reports

A, B = "00000000000000aa", "00000000000000bb"


def run(home: Path, *arguments: str) -> Result:
    """The command as users start it."""
    return CliRunner().invoke(main, ["--data", str(home), "box", *arguments])


def test_gaps_are_shown_by_start(tmp_path: Path) -> None:
    """Which numbers of which start are missing, lost or refused, and how each start ended."""
    bench = Bench(tmp_path)
    bench.send(1, [report(1, probe="box", target="", opening=Opening(predecessor=None, ended="first"))])
    bench.send(3, [*reports(3, 2), b"bad"])
    ended = Opening(predecessor=A, last_seq=9, ended="power")
    losses = [Loss(epoch=A, first=6, last=7, reason="the spool was full")]
    bench.send(1, [report(20, probe="box", target="", opening=ended, losses=losses)], epoch=B)
    bench.close()
    answer = json.loads(run(tmp_path, "show", BOX, "--json").output)
    before, after = answer["starts"]
    assert (before["name"], before["kept"], before["missing"]) == (A, 3, 3)
    assert before["missing_numbers"] == [[2, 2], [8, 9]]
    assert (before["lost"], before["refused"], before["before"]) == (2, 1, "first")
    assert (after["name"], after["missing"], after["before"]) == (B, 0, "power")
    assert [(told["kind"], told["first"], told["last"]) for told in answer["absences"]] == [
        ("refused", 5, 5),
        ("lost", 6, 7),
    ]
    said = run(tmp_path, "show", BOX).output
    assert f"missing: {A} 2, 8 to 9\n" in said
    assert f"lost: {A} 6 to 7: the spool was full" in said
    assert "left out" not in said


def test_a_box_nobody_heard_of_is_a_sentence(tmp_path: Path) -> None:
    """The name is said again, and where the names are."""
    Bench(tmp_path).close()
    failed = run(tmp_path, "show", "nobody")
    assert failed.exit_code == 1
    assert "no box named nobody has reported; see: firstbell status" in failed.output


def test_a_long_life_is_shown_from_its_end(tmp_path: Path) -> None:
    """Of many starts the newest are printed, and how many are not."""
    bench = Bench(tmp_path)
    for number in range(1, 31):
        bench.send(1, reports(number, 1), epoch=f"{number:016x}")
    bench.close()
    said = run(tmp_path, "show", BOX).output
    assert said.startswith("10 older starts are left out here; --json has them all.\n")
    assert f"{30:016x}" in said
    assert f"{10:016x}" not in said
    assert len(json.loads(run(tmp_path, "show", BOX, "--json").output)["starts"]) == 30
