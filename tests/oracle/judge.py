"""The oracle: compares what was measured with what the journal and the spools hold.

It shares no code with the product and asks it nothing: it reads the truth logs, and the SQLite files as
they lie. Run as `python -m tests.oracle.judge JOURNAL TRUTH AGENT=SPOOL...`; prints a verdict as JSON.

    lost      the spool said that it is on its disk; it is in no journal and no queue, and nobody owns up
    invented  it was never measured, or the box was told that it could not be stored
    changed   other values, another time, another number or other bytes than were measured
    doubled   one measurement under two numbers, or a number twice
    torn      a part of what was to be stored together is there
    holes     numbers within an epoch that nobody knows anything of
    forks     starts that do not name the one before, or that share it with another
"""

import json
import sys
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.oracle import shelves
from tests.oracle.shelves import Key, Row, Shelf
from tests.oracle.truth import events, finding, nonce

MOST_TOLD = 20
TIE_NS = 1_000_000
"""Reports may be moved by so much to keep their order, without a word."""
_TIMES = ("at_ns", "duration_s", "clock", "clock_error_ms", "not_before_ns", "not_after_ns", "stamp")


@dataclass
class Put:
    """What one process stored at once. `stored` is None as long as nobody said whether it is."""

    agent: str
    count: int
    true_ns: int
    exact: bool
    stored: bool | None = None
    epoch: str = ""
    last: int | None = None

    def seq(self, place: int) -> int | None:
        """The number that the finding at a place must have, if the driver knows."""
        return None if self.last is None else self.last - self.count + 1 + place


@dataclass
class Verdict:
    """The figures of a run. `troubles` tells the first of everything that is wrong.

    `bounded` counts times that are only known to lie between two others; `worst_ms` is the greatest error that
    any other time in the journal admits.
    """

    measured: int = 0
    stored: int = 0
    waiting: int = 0
    lost: int = 0
    invented: int = 0
    changed: int = 0
    doubled: int = 0
    torn: int = 0
    holes: int = 0
    forks: int = 0
    counted_lost: int = 0
    refused: int = 0
    unstored: int = 0
    starts: int = 0
    bounded: int = 0
    worst_ms: float = 0.0
    troubles: list[str] = field(default_factory=list)

    def blame(self, kind: str, what: str, count: int = 1) -> None:
        """Count a trouble, and tell it if it is among the first."""
        setattr(self, kind, getattr(self, kind) + count)
        if len(self.troubles) < MOST_TOLD:
            self.troubles.append(f"{kind}: {what}")


Puts = dict[tuple[str, int], Put]


def read_truth(folder: Path) -> tuple[Puts, list[Key]]:
    """What was to be stored, by process and put; and the agent and epoch (number 0) of each start."""
    agents: dict[str, str] = {}
    starts: list[Key] = []
    puts: Puts = {}
    for event in events(folder):
        token = event["token"]
        if event["e"] == "start":
            agents[token] = event["agent"]
            starts.append((event["agent"], event["epoch"], 0))
        elif event["e"] == "intent":
            put = Put(agents[token], event["count"], event["true_ns"], event["exact"])
            puts[token, event["put"]] = put
        else:
            put = puts[token, event["put"]]
            put.stored = event["e"] == "stored"
            put.epoch, put.last = event.get("epoch", ""), event.get("last")
    return puts, starts


def judge(journal: Path, truth: Path, spools: list[tuple[str, Path]]) -> Verdict:
    """Compare. Raises sqlite3.Error for a file that can't be read or is not sound."""
    puts, starts = read_truth(truth)
    shelf = shelves.read(journal, spools)
    verdict = Verdict(
        measured=sum(put.count for put in puts.values() if put.stored),
        unstored=sum(put.count for put in puts.values() if put.stored is False),
        stored=sum(row.where == "journal" for row in shelf.rows),
        waiting=len({row.key for row in shelf.rows if row.where == "waiting"} - shelf.in_journal),
        counted_lost=len(shelf.lost - shelf.in_journal),
        refused=len(shelf.refused),
        starts=len(starts),
    )
    found = _rows(verdict, shelf, puts)
    _bytes(verdict, shelf)
    _lost_and_torn(verdict, shelf, puts, found)
    _holes(verdict, shelf)
    _forks(verdict, shelf, starts)
    return verdict


def _rows(verdict: Verdict, shelf: Shelf, puts: Puts) -> dict[str, set[Key]]:
    """Look at each row by itself; the numbers under which each finding was found."""
    found: defaultdict[str, set[Key]] = defaultdict(set)
    for row in shelf.rows:
        if row.report["probe"] == "box" or (row.where == "kept" and shelf.raw.get(row.key) == row.raw):
            continue
        name = str(row.report.get("readings", {}).get("nonce", ""))
        token, number, place = (*name.rsplit("-", 2), "", "")[:3]
        put = puts.get((token, int(number))) if number.isdigit() and place.isdigit() else None
        if put is None or int(place) >= put.count or put.stored is False:
            verdict.blame("invented", f"{row.where} {row.key} {name or row.report}")
            continue
        complaint = _complaint(row, put, name, int(place))
        if complaint:
            verdict.blame("changed", f"{row.where} {row.key} {name}: {complaint}")
        if row.where == "journal":
            bounded = row.report["clock"] == "bounded"
            verdict.bounded += bounded
            admitted_ms = 0.0 if bounded else row.report.get("clock_error_ms", 0.0)
            verdict.worst_ms = max(verdict.worst_ms, admitted_ms)
        if row.where != "kept":
            found[name].add(row.key)
    for name, keys in found.items():
        if len(keys) > 1:
            verdict.blame("doubled", f"{name} as {sorted(keys)}")
    for key in shelf.twice:
        verdict.blame("doubled", f"the journal holds {key} twice")
    return found


def _complaint(row: Row, put: Put, name: str, place: int) -> str:
    said = {word: value for word, value in row.report.items() if word not in _TIMES}
    meant = {"probe": "latency", **finding(name)}
    if json.dumps(said, sort_keys=True) != json.dumps(meant, sort_keys=True):
        return f"{said} is not {meant}"
    seq = put.seq(place)
    if row.key[0] != put.agent or (seq is not None and row.key[1:] != (put.epoch, seq)):
        return f"it was given the number {put.agent} {put.epoch} {seq}"
    return _time_complaint(row, put, place) if row.final else ""


def _time_complaint(row: Row, put: Put, place: int) -> str:
    report: dict[str, Any] = row.report
    at_ns, true_ns = int(report["at_ns"]), put.true_ns
    if row.at_ns is not None and row.at_ns != at_ns:
        return "the journal's column has another time than its report"
    if report["clock"] == "bounded":
        low, high = report.get("not_before_ns") or 0, report.get("not_after_ns") or 1 << 62
        return "" if low - TIE_NS <= true_ns <= high + TIE_NS else f"{true_ns} is not in {low} to {high}"
    wrong_ns = at_ns - true_ns
    if put.exact and report["clock"] == "ntp":
        return "" if wrong_ns == place else f"its time is {wrong_ns} ns off, {place} was right"
    allowed_ns = report.get("clock_error_ms", 0.0) * 1e6 + TIE_NS + put.count
    return "" if abs(wrong_ns) <= allowed_ns else f"its time is {wrong_ns} ns off, {allowed_ns} allowed"


def _bytes(verdict: Verdict, shelf: Shelf) -> None:
    """Whatever a box froze must be what the journal holds, to the last byte."""
    frozen = [row for row in shelf.rows if row.where != "journal" and row.final]
    for row in frozen:
        if shelf.raw.get(row.key, row.raw) != row.raw:
            verdict.blame("changed", f"{row.key} has other bytes in its spool than in the journal")


def _lost_and_torn(verdict: Verdict, shelf: Shelf, puts: Puts, found: dict[str, set[Key]]) -> None:
    for (token, number), put in puts.items():
        absent = [i for i in range(put.count) if nonce(token, number, i) not in found]
        if put.stored:
            known = shelf.lost | shelf.refused
            keys = [(put.agent, put.epoch, seq) for i in absent if (seq := put.seq(i)) is not None]
            gone = [key for key in keys if key not in known]
            count = len(gone) + len(absent) - len(keys)
            if count:
                verdict.blame("lost", f"{count} of {token} {number}, {gone[:3]}", count)
        elif absent and len(absent) < put.count:
            verdict.blame("torn", f"{token} {number}: {len(absent)} of {put.count} are not there")


def _holes(verdict: Verdict, shelf: Shelf) -> None:
    numbers: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for agent, epoch, seq in shelf.in_journal | shelf.in_queue | shelf.lost | shelf.refused:
        numbers[agent, epoch].add(seq)
    top = {start: max(seqs) for start, seqs in numbers.items()}
    for (agent, _, _), opening in shelf.openings.items():
        before = agent, opening.get("predecessor") or ""
        if before[1] and opening.get("ended") != "aside":
            top[before] = max(top.get(before, 0), opening.get("last_seq", 0))
    for start, highest in top.items():
        missing = set(range(1, highest + 1)) - numbers[start]
        if missing:
            verdict.blame("holes", f"{start} lacks {sorted(missing)[:5]}", len(missing))


def _forks(verdict: Verdict, shelf: Shelf, starts: list[Key]) -> None:
    told = [(key[0], opening.get("predecessor") or "") for key, opening in shelf.openings.items()]
    for twice in sorted({before for before in told if told.count(before) > 1}):
        verdict.blame("forks", f"{told.count(twice)} starts follow {twice}")
    for start in sorted({start for start in starts if starts.count(start) > 1}):
        verdict.blame("forks", f"{starts.count(start)} starts are called {start[:2]}")
    for key in shelf.openings:
        if key[2] != 1:
            verdict.blame("forks", f"an opening stands at {key}")


def main() -> None:
    """Judge the files named on the command line."""
    journal, truth, *rest = sys.argv[1:]
    spools = [(agent, Path(path)) for agent, _, path in (word.partition("=") for word in rest)]
    sys.stdout.write(json.dumps(asdict(judge(Path(journal), Path(truth), spools))) + "\n")


if __name__ == "__main__":
    main()
