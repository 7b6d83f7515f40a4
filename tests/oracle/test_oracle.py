"""The oracle sees each fault that is planted in made-up data, and knows nothing of the product."""

import ast
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.oracle import truth
from tests.oracle.judge import judge
from tests.oracle.truth import TruthLog

BOX, OLD, NEW = "lincoln-1", "00000000000000aa", "00000000000000bb"
TRUE_NS = 1_790_000_000_000_000_000
COUNT = 3

JOURNAL = """
CREATE TABLE agents (agent_id INTEGER, name TEXT);
CREATE TABLE epochs (epoch_id INTEGER, agent_id INTEGER, epoch TEXT);
CREATE TABLE reports (epoch_id INTEGER, seq INTEGER, agent_id INTEGER, at_ns INTEGER, probe TEXT, raw BLOB);
CREATE TABLE absences (epoch_id INTEGER, kind TEXT, first INTEGER, last INTEGER);
CREATE TABLE quarantine (agent TEXT, epoch TEXT, first INTEGER, last INTEGER);
INSERT INTO agents VALUES (1, 'lincoln-1');
INSERT INTO epochs VALUES (1, 1, '00000000000000aa'), (2, 1, '00000000000000bb');
"""
SPOOL = """
CREATE TABLE epochs (n INTEGER, epoch TEXT);
CREATE TABLE waiting (place INTEGER, version INTEGER, body BLOB);
CREATE TABLE kept (place INTEGER, version INTEGER, body BLOB);
CREATE TABLE refused (epoch TEXT, seq INTEGER);
CREATE TABLE losses (epoch TEXT, first INTEGER, last INTEGER);
INSERT INTO epochs VALUES (1, '00000000000000aa'), (2, '00000000000000bb');
"""


def times(at_ns: int) -> dict[str, Any]:
    """The times of a report that NTP vouches for."""
    return {"at_ns": at_ns, "duration_s": 0.5, "clock": "ntp", "clock_error_ms": 1.0}


def measured(put: int, place: int) -> dict[str, Any]:
    """A report that is as it was measured: each put a second after the one before."""
    at_ns = TRUE_NS + put * 10**9 + place
    return {**truth.finding(truth.nonce("p", put, place)), "probe": "latency", **times(at_ns)}


def opening(predecessor: str | None, last_seq: int, at_ns: int) -> dict[str, Any]:
    """The first report of a start."""
    told = {"predecessor": predecessor, "last_seq": last_seq, "ended": "killed"}
    return {"status": "ok", "probe": "box", "readings": {}, "opening": told, **times(at_ns)}


class Case:
    """A small world in which everything is right.

    Put 1 is stored and arrived, put 2 arrived but its box was killed before it was told that it is stored,
    put 3 waits in the spool, put 4 was not taken by a full disk.
    """

    def __init__(self, folder: Path) -> None:
        self.truth = folder / "truth"
        self.truth.mkdir()
        self.journal = self._database(folder / "journal.db", JOURNAL)
        self.spool = self._database(folder / "spool.db", SPOOL)
        self.log = TruthLog(self.truth / "p.jsonl")
        self.log.write("start", token="p", agent=BOX, epoch=OLD)
        for put in (1, 2, 3, 4):
            true_ns = TRUE_NS + put * 10**9
            self.log.write("intent", token="p", put=put, count=COUNT, true_ns=true_ns, exact=True)
        self.log.write("stored", token="p", put=1, epoch=OLD, last=4)
        self.log.write("stored", token="p", put=3, epoch=NEW, last=4)
        self.log.write("unstored", token="p", put=4)
        self.arrive(1, 1, opening(None, 0, TRUE_NS))
        self.arrive(2, 1, opening(OLD, 7, TRUE_NS + 2 * 10**9 + 500))
        for place in range(COUNT):
            self.arrive(1, 2 + place, measured(1, place))
            self.arrive(1, 5 + place, measured(2, place))
            self.keep(1, 2 + place, measured(1, place))
            self.wait(2, 2 + place, measured(3, place))

    @staticmethod
    def _database(path: Path, schema: str) -> Path:
        with closing(sqlite3.connect(path)) as db:
            db.executescript(schema)
        return path

    def run(self, path: Path, statement: str, *values: object) -> None:
        """One statement on one of the two files."""
        with closing(sqlite3.connect(path)) as db, db:
            db.execute(statement, values)

    def arrive(self, epoch_id: int, seq: int, report: dict[str, Any]) -> None:
        """Put a report into the journal."""
        raw = json.dumps(report).encode()
        values = (epoch_id, seq, 1, report["at_ns"], report["probe"], raw)
        self.run(self.journal, "INSERT INTO reports VALUES (?, ?, ?, ?, ?, ?)", *values)

    def wait(self, n: int, seq: int, report: dict[str, Any]) -> None:
        """Put a frozen report into the spool's queue."""
        raw = json.dumps(report).encode()
        self.run(self.spool, "INSERT INTO waiting VALUES (?, 1, ?)", n << 32 | seq, raw)

    def keep(self, n: int, seq: int, report: dict[str, Any]) -> None:
        """Put a report among those that the box keeps after they were held."""
        raw = json.dumps(report).encode()
        self.run(self.spool, "INSERT INTO kept VALUES (?, 1, ?)", n << 32 | seq, raw)

    def alter(self, epoch_id: int, seq: int, **words: object) -> None:
        """Change what a report in the journal says."""
        with closing(sqlite3.connect(self.journal)) as db, db:
            query = "SELECT raw FROM reports WHERE epoch_id = ? AND seq = ?"
            report = json.loads(db.execute(query, (epoch_id, seq)).fetchone()[0]) | words
            db.execute(
                "UPDATE reports SET raw = ?, at_ns = ? WHERE epoch_id = ? AND seq = ?",
                (json.dumps(report).encode(), report["at_ns"], epoch_id, seq),
            )

    def forget(self, epoch_id: int, seq: int) -> None:
        """Take a report out of the journal."""
        self.run(self.journal, "DELETE FROM reports WHERE epoch_id = ? AND seq = ?", epoch_id, seq)

    def verdict(self) -> dict[str, Any]:
        """What the oracle says."""
        return asdict(judge(self.journal, self.truth, [(BOX, self.spool)]))


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """The world in which everything is right."""
    return Case(tmp_path)


WRONG = ("lost", "invented", "changed", "doubled", "torn", "holes", "forks")


def wrongs(verdict: dict[str, Any]) -> dict[str, int]:
    """What is wrong, counted."""
    return {kind: verdict[kind] for kind in WRONG if verdict[kind]}


def test_a_sound_world_is_sound(case: Case) -> None:
    """Nothing is wrong where nothing was planted, and the figures are those of the world."""
    verdict = case.verdict()
    assert wrongs(verdict) == {}, verdict["troubles"]
    figures = ("measured", "stored", "waiting", "unstored", "starts", "counted_lost", "refused")
    assert [verdict[name] for name in figures] == [6, 8, 3, 3, 1, 0, 0]


def other_readings(place: int) -> dict[str, Any]:
    """The readings of put 1 with one of them off by the smallest step that a double can take."""
    readings = dict(measured(1, place)["readings"])
    return readings | {"rtt_p50_ms": readings["rtt_p50_ms"] * (1 + 2**-52)}


WITHOUT_BLANKS = """cast(replace(cast(body AS TEXT), '": ', '":') AS BLOB)"""

FAULTS: dict[str, tuple[Callable[[Case], None], dict[str, int]]] = {
    "a report is gone from the journal": (lambda case: case.forget(1, 3), {"lost": 1, "holes": 1}),
    "a report is only kept, as if it were held": (
        lambda case: case.run(case.journal, "DELETE FROM reports WHERE epoch_id = 1 AND seq IN (2, 3, 4)"),
        {"lost": 3, "holes": 3},
    ),
    "a report is gone from the queue": (
        lambda case: case.run(case.spool, "DELETE FROM waiting WHERE place & 255 = 4"),
        {"lost": 1},
    ),
    "the last of what a kill cut off is gone, but its successor knows of it": (
        lambda case: case.forget(1, 7),
        {"torn": 1, "holes": 1},
    ),
    "a report that nobody measured": (
        lambda case: case.arrive(2, 9, measured(9, 0)),
        {"invented": 1, "holes": 4},
    ),
    "a report without a nonce": (
        lambda case: case.alter(1, 2, readings={}),
        {"invented": 1, "lost": 1, "changed": 1},
    ),
    "a report that the box was told could not be stored": (
        lambda case: case.arrive(2, 5, measured(4, 0)),
        {"invented": 1},
    ),
    "a value in its last bit": (
        lambda case: case.alter(1, 2, readings=other_readings(0)),
        {"changed": 2},
    ),
    "a whole number for a float": (
        lambda case: case.alter(1, 2, readings=measured(1, 0)["readings"] | {"loss_pct": 5}),
        {"changed": 2},
    ),
    "a status": (lambda case: case.alter(1, 5, status="nothing"), {"changed": 1}),
    "a time by a nanosecond": (lambda case: case.alter(1, 5, at_ns=TRUE_NS + 2 * 10**9 + 1), {"changed": 1}),
    "a time in the journal's column": (
        lambda case: case.run(case.journal, "UPDATE reports SET at_ns = at_ns + 1 WHERE seq = 5"),
        {"changed": 1},
    ),
    "bounds that the truth is not within": (
        lambda case: case.alter(1, 5, clock="bounded", not_before_ns=0, not_after_ns=TRUE_NS),
        {"changed": 1},
    ),
    "an error that is larger than it admits": (
        lambda case: case.alter(1, 5, clock="collector", at_ns=TRUE_NS + 2 * 10**9 + 3_000_000),
        {"changed": 1},
    ),
    "a number": (
        lambda case: case.run(case.journal, "UPDATE reports SET seq = 8 WHERE epoch_id = 1 AND seq = 4"),
        {"changed": 1, "holes": 1},
    ),
    "other bytes in the spool than in the journal": (
        lambda case: case.run(case.spool, f"UPDATE kept SET body = {WITHOUT_BLANKS} WHERE place & 255 = 2"),
        {"changed": 1},
    ),
    "one measurement under two numbers": (
        lambda case: case.arrive(1, 8, measured(2, 0)),
        {"doubled": 1},
    ),
    "one number twice": (lambda case: case.arrive(1, 5, measured(2, 0)), {"doubled": 1}),
    "two starts that follow one": (
        lambda case: case.arrive(2, 5, opening(OLD, 7, TRUE_NS + 10**10)),
        {"forks": 2},
    ),
    "an epoch kept across starts": (
        lambda case: case.log.write("start", token="q", agent=BOX, epoch=OLD),
        {"forks": 1},
    ),
    "an opening is gone": (lambda case: case.forget(2, 1), {"holes": 1}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_planted_fault_is_seen(case: Case, fault: str) -> None:
    """Each fault is counted under its own kind, and told."""
    plant, seen = FAULTS[fault]
    plant(case)
    verdict = case.verdict()
    assert wrongs(verdict) == seen, verdict["troubles"]
    assert verdict["troubles"]


def test_what_a_box_owns_up_to_is_not_lost(case: Case) -> None:
    """A loss that is counted by range is told as that, by the spool or by the journal."""
    case.run(case.spool, "DELETE FROM waiting WHERE place & 255 = 3")
    case.run(case.spool, "INSERT INTO losses VALUES (?, 3, 3)", NEW)
    case.forget(1, 3)
    case.run(case.journal, "INSERT INTO absences VALUES (1, 'lost', 3, 3)")
    verdict = case.verdict()
    assert wrongs(verdict) == {}, verdict["troubles"]
    assert verdict["counted_lost"] == 2


def test_what_was_never_committed_may_be_there_or_not(case: Case) -> None:
    """A kill between the spool's commit and the log's line makes nothing wrong, whichever way it went."""
    for seq in (5, 6, 7):
        case.forget(1, seq)
    case.forget(2, 1)
    case.arrive(2, 1, opening(OLD, 4, TRUE_NS + 2 * 10**9 + 500))
    verdict = case.verdict()
    assert wrongs(verdict) == {}, verdict["troubles"]


def test_a_log_that_was_cut_off_is_read_to_its_last_whole_line(case: Case) -> None:
    """A line that a kill cut off counts as never written."""
    with (case.truth / "p.jsonl").open("ab") as log:
        log.write(b'{"e": "stored", "token": "p", "put": 2, "ep')
    assert wrongs(case.verdict()) == {}


def test_a_damaged_file_is_no_verdict(case: Case) -> None:
    """A journal that is not sound raises instead of looking empty."""
    with case.journal.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096)
    with pytest.raises(sqlite3.DatabaseError):
        case.verdict()


PRODUCT = {"firstbell", "agent", "collector", "msgspec"}


def test_the_oracle_shares_no_code_with_the_product() -> None:
    """Its files import nothing of the product, and a process that ran it has loaded nothing of it."""
    for path in Path(__file__).parent.glob("*.py"):
        if path.name == Path(__file__).name:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & PRODUCT, path
            assert all(name.split(".")[1] == "oracle" for name in names if name.startswith("tests.")), path
    code = "import sys, tests.oracle.judge; print(*{name.split('.')[0] for name in sys.modules})"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=root)
    assert not set(done.stdout.split()) & PRODUCT
