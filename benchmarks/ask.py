"""How long one `firstbell ask` takes on a journal of 100,000 reports: inside a process, and as a command.

The journal is made by the real intake and writer from what one box at one school would have sent until now:
latency to three targets each minute, `host` and `box` every five minutes, eight speed tests a day of which
one in twenty failed, a new start each week. All of it is of the line that is asked about, which is the worst
case. Beside it stands a peer in the same run: what a question would cost that reads every report once.

    python -m benchmarks.ask [--reports 100000] [--runs 50] [--json] [--save]
"""

import argparse
import itertools
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec

from benchmarks import bench
from benchmarks.bench import Figure
from collector import config, registry
from collector.clock import SystemClock
from collector.config import Home
from collector.intake import Intake
from collector.questions import ask
from collector.store.derived.rebuild import catch_up
from collector.store.journal import Journal, open_journal
from collector.store.reads import Reads
from collector.store.writer import Writer
from firstbell import wire
from firstbell.catalogue import Reading
from firstbell.report import ClockQuality, LimitedBy, Medium, Opening, Report, Segment, Status

BOX = "bench-box"
SCHOOL = "Lincoln High"
PEOPLE = 900
DOWN_MBPS = 1000.0
MODEL = "flex"
TARGETS = ("gateway", "google", "cloudflare")
IN_A_MESSAGE = 100
TEST_EVERY_MIN = 180
FAILED_SHARE = 0.05
A_MINUTE = len(TARGETS) + 2 / 5 + 1 / TEST_EVERY_MIN
"""Reports that the box makes in a minute."""
_MINUTE_NS = 60 * 10**9
_WEEK_MIN = 7 * 1440
_COMMANDS = 10
_PEER_RUNS = 5


class Life:
    """What a box reports, minute by minute, from `begin_ns` on."""

    def __init__(self, begin_ns: int) -> None:
        self._begin_ns = begin_ns
        self._dice = random.Random(7)

    def reports(self) -> Iterator[tuple[str, int, Report]]:
        """Epoch, number and report, without end."""
        seq, epoch = 0, ""
        for minute in itertools.count():
            opening = None
            if minute % _WEEK_MIN == 0:
                opening = Opening(
                    predecessor=epoch or None, last_seq=seq, ended="clean" if epoch else "first"
                )
                seq, epoch = 0, f"{minute:016x}"
            for report in self._minute(minute):
                seq += 1
                yield epoch, seq, _opened(report, opening) if seq == 1 else report

    def _minute(self, minute: int) -> Iterator[Report]:
        for target in TARGETS:
            yield self._report(minute, "latency", self._round_trips(), target=target)
        if minute % 5 == 0:
            yield self._report(minute, "host", {"cpu_busy_pct": self._dice.uniform(0, 30), "uptime_s": 1e5})
            yield self._report(minute, "box", {"agent_version": "0.1.0", "spool_reports": 3})
        if minute % TEST_EVERY_MIN == TEST_EVERY_MIN // 2:
            yield self._test(minute)

    def _round_trips(self) -> dict[str, Reading]:
        rtt_ms = self._dice.uniform(4, 40)
        return {
            "rtt_min_ms": rtt_ms,
            "rtt_p50_ms": rtt_ms * 1.2,
            "rtt_p95_ms": rtt_ms * 2.5,
            "jitter_ms": rtt_ms / 7,
            "loss_pct": 0.0,
            "echoes_sent": 10,
            "dns_ms": self._dice.uniform(1, 60),
            "http_ms": self._dice.uniform(20, 300),
            "http_status": 204,
        }

    def _test(self, minute: int) -> Report:
        if self._dice.random() < FAILED_SHARE:
            return self._report(minute, "internet", {}, status=Status.FAILED, reason="no server was reached")
        down_mbps = self._dice.uniform(500, 940)
        readings: dict[str, Reading] = {
            "down_mbps": down_mbps,
            "up_mbps": down_mbps / 9,
            "bytes_received": int(down_mbps * 1e6),
            "bytes_sent": int(down_mbps * 1e5),
            "cpu_busy_pct": 30.0,
            "cross_traffic_pct": 2.0,
            "server": "Springfield",
        }
        return self._report(minute, "internet", readings, limited_by=LimitedBy.LINE)

    def _report(
        self,
        minute: int,
        probe: str,
        readings: dict[str, Reading],
        *,
        target: str = "",
        status: Status = Status.OK,
        reason: str = "",
        limited_by: LimitedBy | None = None,
    ) -> Report:
        return Report(
            probe=probe,
            target=target,
            status=status,
            reason=reason,
            limited_by=limited_by,
            segment=Segment.INTERNET,
            medium=Medium.WIRED,
            at_ns=self._begin_ns + minute * _MINUTE_NS + self._dice.randrange(10**9),
            duration_s=self._dice.uniform(0.6, 3),
            clock=ClockQuality.NTP,
            clock_error_ms=self._dice.uniform(0.1, 9),
            readings=readings,
        )


def _opened(report: Report, opening: Opening | None) -> Report:
    fields = {name: getattr(report, name) for name in report.__struct_fields__}
    return Report(**fields | {"opening": opening})


def fill(place: Home, reports: int, now_ns: int) -> Journal:
    """A journal of so many reports, the last of them just now, and the district folder beside it."""
    registry.write_example(place.district, SCHOOL, PEOPLE, DOWN_MBPS, 100.0, BOX, tz="America/Chicago")
    clock = SystemClock()
    journal = open_journal(place.journal)
    writer = Writer(journal, clock)
    intake = Intake(writer, clock, journal.id)
    writer.start()
    begin_ns = now_ns - round(reports / A_MINUTE) * _MINUTE_NS
    batch: list[tuple[str, int, Report]] = []
    for row in itertools.islice(Life(begin_ns).reports(), reports):
        if batch and (row[0] != batch[0][0] or len(batch) == IN_A_MESSAGE):
            _send(intake, batch)
        batch.append(row)
    _send(intake, batch)
    writer.stop()
    catch_up(journal)  # the writer derives in its spare time, and had none
    if writer.figures.held != reports:
        raise RuntimeError(f"{writer.figures.held} of {reports} reports are held")
    return journal


def _send(intake: Intake, batch: list[tuple[str, int, Report]]) -> None:
    """Hand a batch to the intake, and empty it."""
    epoch, first, _ = batch[0]
    rows = [wire.encode_report(report) for _, _, report in batch]
    intake.take(BOX, wire.encode_batch(BOX, epoch, first, rows)[1], batch[-1][2].at_ns + 10**9)
    batch.clear()


def timed(run: Callable[[], object], runs: int) -> list[float]:
    """How long each of so many runs took, in ms."""
    took: list[float] = []
    for _ in range(runs):
        begin = time.perf_counter()
        run()
        took.append(1000 * (time.perf_counter() - begin))
    return took


def read_all(journal: Journal) -> Callable[[], int]:
    """The peer: every report of the journal read and decoded, and nothing asked of it."""
    decoder = msgspec.json.Decoder(Report)

    def run() -> int:
        with closing(journal.reader()) as db:
            return sum(1 for (raw,) in db.execute("SELECT raw FROM reports") if decoder.decode(raw).readings)

    return run


def command(env: dict[str, str], *arguments: str) -> Callable[[], str]:
    """A whole process of Python, from its start to its end."""

    def run() -> str:
        argv = [sys.executable, *arguments]
        return subprocess.run(argv, env=env, check=True, capture_output=True, text=True).stdout

    return run


def measure(folder: Path, reports: int, runs: int) -> list[Figure]:
    """Fill a journal, and ask it again and again."""
    place, now_ns = config.home(str(folder / "data")), SystemClock().now_ns()
    journal = fill(place, reports, now_ns)
    reads = Reads(journal)
    tests = len(reads.tests([(BOX, 0, None)], "internet"))
    reads.close()
    return [
        Figure("reports in the journal", reports, "reports"),
        Figure("speed tests among them", tests, "reports"),
        Figure("the journal's file", place.journal.stat().st_size / 2**20, "MiB"),
        *inside(place, journal, now_ns, runs),
        *outside(place, bench.environment(folder)),
    ]


def inside(place: Home, journal: Journal, now_ns: int, runs: int) -> list[Figure]:
    """One question within a process, as a page pays it, and its peer."""
    reads, targets, district = Reads(journal), registry.targets(), registry.read(place.district)

    def question() -> object:
        return ask.ask(
            reads, district, targets, school=SCHOOL, model=MODEL, people=None, years=3, as_of_ns=now_ns
        )

    asked = timed(question, runs)
    everything = timed(read_all(journal), _PEER_RUNS)
    around = timed(lambda: (registry.targets(), registry.read(place.district)), runs)
    reads.close()
    return [
        Figure("one question, median", statistics.median(asked), "ms", "50"),
        Figure("one question, worst", max(asked), "ms", "50"),
        Figure("peer: every report read once", statistics.median(everything), "ms"),
        Figure("ours to the peer", statistics.median(asked) / statistics.median(everything), "times"),
        Figure("reading the district and the targets, median", statistics.median(around), "ms"),
    ]


def outside(place: Home, env: dict[str, str]) -> list[Figure]:
    """The whole command, and what Python takes of it."""
    arguments = ["--data", str(place.folder), "ask", SCHOOL, "--model", MODEL, "--json"]
    whole = command(env, "-m", "collector.cli", *arguments)
    if json.loads(whole())["measured"]["have"] is None:
        raise RuntimeError("the answer rests on no test: this would measure nothing")
    commands = timed(whole, _COMMANDS)
    imports = timed(command(env, "-c", "import collector.cli"), _COMMANDS)
    bare = timed(command(env, "-c", "pass"), _COMMANDS)
    return [
        Figure("the command, median", statistics.median(commands), "ms"),
        Figure("the command, worst", max(commands), "ms"),
        Figure("of that: Python and imports, median", statistics.median(imports), "ms"),
        Figure("of that: bare Python, median", statistics.median(bare), "ms"),
    ]


def main() -> None:
    """Measure and show."""
    parser = bench.options(__doc__ or "")
    parser.add_argument("--reports", type=int, default=100_000, help="in the journal (default 100000)")
    parser.add_argument("--runs", type=int, default=50, help="of the question (default 50)")
    told: argparse.Namespace = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="firstbell-bench-") as folder:
        figures = measure(Path(folder), told.reports, told.runs)
    bench.show("ask", figures, told)


if __name__ == "__main__":
    main()
