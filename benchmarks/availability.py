"""How long it takes to say when 1,000 schools were down or silent in 90 days, and what deriving that costs.

The journal holds a real box's days, taken by the real intake and writer and derived from its rows: three
targets each minute, one day in twenty with an outage, one in twenty with a silence. A thousand boxes' 90
days are copies of those derived days; their 440 million rows are not there, and nobody may want to read
them. Beside it stands a peer in the same run: the same answer for one box and day from its rows.

    python -m benchmarks.availability [--schools 1000] [--days 90] [--runs 5] [--json] [--save]
"""

import argparse
import sqlite3
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from benchmarks import bench
from benchmarks.ask import timed
from benchmarks.bench import Figure
from collector.clock import SystemClock
from collector.intake import Intake
from collector.store.connections import transaction
from collector.store.derived import kept
from collector.store.derived.days import DAY_MS
from collector.store.derived.deriver import Deriver
from collector.store.derived.looks import MS_NS
from collector.store.journal import Journal, open_journal
from collector.store.reads import Box, Reads
from collector.store.writer import Writer
from firstbell import wire
from firstbell.report import ClockQuality, Report, Segment, Status

BOX = "real-box"
DAY_NS = DAY_MS * MS_NS
FIRST_DAY = 20_697
"""1 September 2026, in days since 1970."""
KINDS = 3
"""The real box's days: a quiet one, one with an outage, one with a silence."""
_IN_A_MESSAGE = 100
_MINUTES = 1440
_TARGETS = (("gateway", Segment.SITE), ("google", Segment.INTERNET), ("cloudflare", Segment.INTERNET))


def reports(day: int) -> Iterator[Report]:
    """What the real box reports on one of its days."""
    for minute in range(_MINUTES):
        if day == 2 and 600 <= minute < 640:
            continue
        down = day == 1 and 600 <= minute < 617
        for n, (target, segment) in enumerate(_TARGETS):
            ok = not down or segment is Segment.SITE
            yield Report(
                probe="latency",
                target=target,
                segment=segment,
                status=Status.OK if ok else Status.FAILED,
                reason="" if ok else "no answer to 10 echoes",
                at_ns=(FIRST_DAY + day) * DAY_NS + minute * 60 * 10**9 + n,
                duration_s=1.2,
                clock=ClockQuality.NTP,
                readings={"rtt_p50_ms": 4.5 + minute % 7, "loss_pct": 0.0, "echoes_sent": 10} if ok else {},
            )


def take(journal: Journal) -> int:
    """Take the real box's days; how many reports they are."""
    clock = SystemClock()
    writer = Writer(journal, clock)
    intake = Intake(writer, clock, journal.id)
    writer.start()
    rows = [wire.encode_report(report) for day in range(KINDS) for report in reports(day)]
    for n in range(0, len(rows), _IN_A_MESSAGE):
        _, payload = wire.encode_batch(BOX, "00000000000000aa", n + 1, rows[n : n + _IN_A_MESSAGE])
        intake.take(BOX, payload, clock.now_ns())
    writer.stop()
    return len(rows)


def derive(journal: Journal) -> float:
    """Derive all of it; how many ms that took."""
    with closing(journal.writer()) as db, transaction(db):
        for table in ("hours", "days", "rollups"):
            db.execute(f"DELETE FROM {table}")
        db.execute("UPDATE derivation SET arrival = 0")
    deriver = Deriver()

    def run() -> int:
        with closing(journal.writer()) as db:
            return sum(1 for _ in iter(lambda: deriver.step(db), False))

    return timed(run, 1)[0]


def multiply(journal: Journal, schools: int, days: int) -> None:
    """Give each school a box and its days: copies of the real one's, in turn."""
    with closing(journal.writer()) as db, transaction(db):
        template = {
            row[0] - FIRST_DAY: row[1:]
            for row in db.execute(f"SELECT {kept.DAY_COLUMNS} FROM days").fetchall()
        }
        first = db.execute("SELECT max(agent_id) FROM agents").fetchone()[0] + 1
        for n in range(schools):
            db.execute("INSERT INTO agents VALUES (?, ?, 0)", (first + n, f"box-{n}"))
        values = (
            (first + n, FIRST_DAY + day, *_dated(template[_kind(n, day)], _kind(n, day), day))
            for n in range(schools)
            for day in range(days)
        )
        db.executemany("INSERT INTO days VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        _copy_hours(db, first, days)


def _kind(school: int, day: int) -> int:
    return {0: 1, 10: 2}.get((school * 7 + day) % 20, 0)


def _dated(row: Sequence[object], kind: int, day: int) -> tuple[object, ...]:
    arrival, gateway, online_ms, *rest = row
    assert isinstance(online_ms, int)
    return (arrival, gateway, online_ms + (day - kind) * DAY_MS, *rest)


def _copy_hours(db: sqlite3.Connection, agent_id: int, days: int) -> None:
    """Roll-ups of one box's 90 days, each the real box's quiet day."""
    db.executemany(
        "INSERT INTO rollups SELECT ?, hour + ?, probe, target, totals FROM rollups "
        "WHERE agent_id = 1 AND hour < ?",
        [(agent_id, day * 24, (FIRST_DAY + 1) * 24) for day in range(days)],
    )


def from_rows(reads: Reads) -> float:
    """The peer: one box's day as a question from nothing but rows, in ms."""
    rows = timed(lambda: reads.tests([(BOX, FIRST_DAY * DAY_NS, (FIRST_DAY + 1) * DAY_NS)], "latency"), 3)
    return statistics.median(rows)


def measure(folder: Path, schools: int, days: int, runs: int) -> list[Figure]:
    """Fill a journal and ask it."""
    journal = open_journal(folder / "journal.db")
    count = take(journal)
    derived_ms = derive(journal)
    with closing(journal.writer()) as db:
        hour_ms = statistics.median(timed(lambda: kept.make(db, 1, FIRST_DAY * 24 + 10), 20))
    multiply(journal, schools, days)
    reads = Reads(journal)
    boxes: list[Box] = [(f"box-{n}", 0, None) for n in range(schools)]
    begin, end = FIRST_DAY * DAY_NS, (FIRST_DAY + days) * DAY_NS
    (cold,) = timed(lambda: reads.outages(boxes, begin, end), 1)
    outages = timed(lambda: reads.outages(boxes, begin, end), runs)
    silences = timed(lambda: reads.silences(boxes, begin, end), runs)
    one = timed(lambda: reads.outages(boxes[:1], begin, end), runs)
    sums = timed(lambda: reads.rollups(boxes[:1], "latency", begin, end), runs)
    found = len(reads.outages(boxes, begin, end)), len(reads.silences(boxes, begin, end))
    peer = from_rows(reads)
    reads.close()
    a_day = statistics.median(outages) / (schools * days)
    return [
        Figure("boxes and days", schools * days, "box-days"),
        Figure("outages found", found[0], "outages"),
        Figure("silences found", found[1], "silences"),
        Figure("outages of all, first time", cold, "ms", "1000"),
        Figure("outages of all, median", statistics.median(outages), "ms", "1000"),
        Figure("silences of all, median", statistics.median(silences), "ms", "1000"),
        Figure("outages of one box, median", statistics.median(one), "ms"),
        Figure("hourly sums of one box, median", statistics.median(sums), "ms"),
        Figure("peer: one box and day from its rows", peer, "ms"),
        Figure("ours: one box and day", a_day, "ms"),
        Figure("ours to the peer", a_day / peer, "times"),
        Figure("deriving from rows", 1000 * count / derived_ms, "reports/s"),
        Figure("making one full hour, median", hour_ms, "ms"),
    ]


def main() -> None:
    """Measure and show."""
    parser = bench.options(__doc__ or "")
    parser.add_argument("--schools", type=int, default=1000, help="in the district (default 1000)")
    parser.add_argument("--days", type=int, default=90, help="of each (default 90)")
    parser.add_argument("--runs", type=int, default=5, help="of each question (default 5)")
    told: argparse.Namespace = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="firstbell-bench-") as folder:
        figures = measure(Path(folder), told.schools, told.days, told.runs)
    bench.show("availability", figures, told)


if __name__ == "__main__":
    main()
