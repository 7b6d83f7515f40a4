"""`firstbell ask` gives an answer of before again, from what its JSON names."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from collector import config
from collector.cli import main
from firstbell.report import Report, Status
from tests.collector.questions import planted
from tests.collector.workbench import NOW_NS, Bench, report

MINUTE_NS = 60 * 10**9
DAY_NS = 86_400 * 10**9


def run(home: Path, *arguments: str) -> Result:
    """`firstbell --data HOME ask ...`, in a terminal that is wide enough."""
    return CliRunner().invoke(main, ["--data", str(home), "ask", *arguments])


def at(home: Path, now_ns: int) -> None:
    """Let the clock of that data folder stand there."""
    mark = config.Demo(seed=7, schools=1, days=1, as_of_ns=now_ns)
    config.home(str(home)).demo_file.write_bytes(msgspec.json.encode(mark))


def failed_among_looks() -> list[Report]:
    """A test that failed two hours ago, and looks around it and just now at which the gateway was silent."""
    looks = [
        msgspec.structs.replace(
            report(at_ns=NOW_NS - minutes * MINUTE_NS), status=Status.FAILED, reason="gone", readings={}
        )
        for minutes in (121, 120, 119, 1)
    ]
    test = planted.check(planted.NOW, 0.0, status=Status.FAILED, reason="gone", readings={})
    return [*looks, msgspec.structs.replace(test, at_ns=NOW_NS - 120 * MINUTE_NS)]


@pytest.fixture
def answered(tmp_path: Path) -> dict[str, Any]:
    """An answer; since then came other tests, the folder became another one, and two days went by."""
    bench = Bench(tmp_path)
    planted.write(tmp_path / "district", {"ash": 400}, {"ash": 500})
    planted.send(bench, "ash", [*planted.quiet(300), *failed_among_looks()])
    at(tmp_path, NOW_NS)
    answer: dict[str, Any] = json.loads(run(tmp_path, "--json").output)
    later = [*planted.quiet(100, 9), report(at_ns=NOW_NS + DAY_NS)]
    bench.send(100, later, agent="box-ash", epoch=planted.epoch_of("ash"))
    bench.close()
    planted.write(tmp_path / "district", {"ash": 4000}, {"ash": 5000})
    at(tmp_path, NOW_NS + 2 * DAY_NS)
    return answer


def test_an_answer_is_given_again(tmp_path: Path, answered: dict[str, Any]) -> None:
    """By its moment, its last report and its folder; each of them is needed."""
    keys = {
        "--as-of": str(answered["as_of_ns"]),
        "--facts-until": str(answered["facts_until"]),
        "--district": answered["district_digest"],
    }
    arguments = [word for pair in keys.items() for word in pair]
    assert json.loads(run(tmp_path, *arguments, "--json").output) == answered
    for left_out in keys:
        others = [word for key, value in keys.items() if key != left_out for word in (key, value)]
        assert json.loads(run(tmp_path, *others, "--json").output) != answered


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--as-of", "yesterday"), "'yesterday' is no moment of the past"),
        (("--as-of", "2026-01-05T06:30"), "is no moment of the past"),  # whose clock?
        (("--as-of", "2999-01-01T00:00Z"), "is no moment of the past"),
        (("--as-of", "9" * 40), "is no moment of the past"),
        (("--facts-until", "999999"), "not 999,999"),
        (("--district", "abc"), "no folder of the digest abc was ever used here"),
    ],
)
@pytest.mark.usefixtures("answered")
def test_what_never_was_is_told_in_a_sentence(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """A moment without a zone or to come, reports and folders that there were none of."""
    failed = run(tmp_path, *arguments)
    assert failed.exit_code == 1
    assert said in failed.output
    assert "Traceback" not in failed.output


@pytest.mark.usefixtures("answered")
def test_a_moment_can_be_typed(tmp_path: Path) -> None:
    """With its difference to UTC, as a clock on a wall says it."""
    said = json.loads(run(tmp_path, "--as-of", "2026-01-05T06:30:00-06:00", "--json").output)
    assert said["as_of_ns"] == 1_767_616_200 * 10**9
