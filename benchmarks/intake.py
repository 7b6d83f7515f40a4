"""How many reports a second the collector takes: on one core without a network, and over mosquitto.

A message is a batch of 20 reports with 8 readings each. Beside each figure stands a peer in the same run:

- one core: the same messages into one bare SQLite table, inflated and written in commits of the same size,
  nothing read, checked or told apart;
- end to end: the same messages through the same broker to a bare paho subscriber that stores nothing.

    python -m benchmarks.intake [--reports 100000] [--rounds 3] [--folder DISK] [--json] [--save]
"""

import argparse
import multiprocessing
import os
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks import bench
from benchmarks.bench import Figure
from benchmarks.messages import BEGIN_NS, IN_A_MESSAGE, Message, messages
from collector.clock import SystemClock
from collector.intake import Intake
from collector.store.journal import open_journal
from collector.store.offers import Offer, Outcome
from collector.store.writer import GROUP_REPORTS, Writer
from firstbell import wire

_DEADLINE_S = 180.0
_FLIGHT = 200
"""Messages that the publisher leaves unacknowledged by the broker."""


class Taken(NamedTuple):
    """One round: its length, what it cost the process that stores, and how long its commits took."""

    seconds: float
    cpu_seconds: float
    commit_ms: float = 0.0


# --- one core, no network ---------------------------------------------------------------------------------


@contextmanager
def one_core() -> Iterator[None]:
    """This thread and those that it starts on one core alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def taken(folder: Path, batch: Sequence[Message]) -> Taken:
    """Intake and writer, from the first message until the last is settled, held and on the disk."""
    clock = SystemClock()
    journal = open_journal(folder / "journal.db")
    writer = Writer(journal, clock)
    intake = Intake(writer, clock, journal.id)
    writer.start()
    started, cpu = time.perf_counter(), time.process_time()
    pending = [intake.take(message.agent, message.payload, clock.now_ns()) for message in batch]
    writer.stop()
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    held = sum(last - first + 1 for one in pending if one.answer for first, last in one.answer.held)
    if held != len(batch) * IN_A_MESSAGE or writer.figures.held != held:
        raise RuntimeError(f"{held} of {len(batch) * IN_A_MESSAGE} reports are held")
    return Taken(seconds, cpu, 1000 * writer.figures.commit_seconds / writer.figures.commits)


class _Nowhere:
    """A keeper that keeps nothing: what is left is the reading."""

    def put(self, offer: Offer) -> bool:
        offer.settle(Outcome(held=[(row.seq, row.seq) for row in offer.rows[:1]]))
        return True


def only_read(batch: Sequence[Message]) -> Taken:
    """Intake alone: read, checked, and kept nowhere."""
    intake = Intake(_Nowhere(), SystemClock(), "0" * 16)
    started, cpu = time.perf_counter(), time.process_time()
    for message in batch:
        intake.take(message.agent, message.payload, BEGIN_NS)
    return Taken(time.perf_counter() - started, time.process_time() - cpu)


def bare_table(folder: Path, batch: Sequence[Message]) -> Taken:
    """The peer: each report's bytes into one table with nothing around it, 500 a commit, FULL."""
    with closing(sqlite3.connect(folder / "bare.db", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("CREATE TABLE reports (arrival INTEGER PRIMARY KEY, raw BLOB)")
        started, cpu = time.perf_counter(), time.process_time()
        step = GROUP_REPORTS // IN_A_MESSAGE
        for begin in range(0, len(batch), step):
            db.execute("BEGIN IMMEDIATE")
            for message in batch[begin : begin + step]:
                rows = wire.rows_of(wire.open_batch(message.agent, message.payload))
                db.executemany("INSERT INTO reports (raw) VALUES (?)", [(row,) for row in rows])
            db.execute("COMMIT")
        return Taken(time.perf_counter() - started, time.process_time() - cpu)


# --- end to end -------------------------------------------------------------------------------------------


def publish(pipe: Connection, port: int, reports: int, answers: bool) -> None:
    """A process that publishes all messages; with `answers` it waits until each is answered as held.

    Says "ready", waits for a word, and says when it began and when all was answered (else: sent).
    """
    batch = messages(reports)
    waiting = {message.digest: IN_A_MESSAGE for message in batch}
    subscribed, done = threading.Event(), threading.Event()

    def on_message(_client: Client, _data: object, message: MQTTMessage) -> None:
        answer = wire.read_answer(bytes(message.payload))
        held = sum(last - first + 1 for first, last in answer.held)
        if waiting.get(answer.digest) == held:
            del waiting[answer.digest]
        if not waiting:
            done.set()

    client = _client("publisher")
    client.on_message = on_message
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.subscribe("firstbell/v1/+/answer", 1)
    subscribed.wait(_DEADLINE_S)
    pipe.send("ready")
    pipe.recv()
    began = time.monotonic()
    for message in batch:
        client.publish(wire.topic(message.agent, "report"), message.payload, 1)
    if answers:
        done.wait(_DEADLINE_S)
    pipe.send((began, time.monotonic(), len(waiting) if answers else 0))
    pipe.recv()
    client.disconnect()
    client.loop_stop()


def subscribe(pipe: Connection, port: int, count: int) -> None:
    """The peer: a process that takes the same messages and stores nothing."""
    subscribed, done = threading.Event(), threading.Event()
    heard = 0

    def on_message(_client: Client, _data: object, _message: MQTTMessage) -> None:
        nonlocal heard
        heard += 1
        if heard == count:
            done.set()

    client = _client("subscriber")
    client.on_message = on_message
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.subscribe(wire.REPORTS_OF_ALL, 1)
    subscribed.wait(_DEADLINE_S)
    pipe.send("ready")
    cpu = time.process_time()
    done.wait(_DEADLINE_S)
    pipe.send((time.monotonic(), time.process_time() - cpu, count - heard))
    client.disconnect()
    client.loop_stop()


def _client(name: str) -> Client:
    client = Client(CallbackAPIVersion.VERSION2, client_id=name)
    client.max_inflight_messages_set(_FLIGHT)
    client.max_queued_messages_set(0)
    return client


@contextmanager
def process(target: Callable[..., None], *arguments: object) -> Iterator[Connection]:
    """A process with a pipe to it, once it has said that it is ready; ended with the block."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    child = spawn.Process(target=target, args=(theirs, *arguments), daemon=True)
    child.start()
    theirs.close()
    try:
        if not ours.poll(_DEADLINE_S) or ours.recv() != "ready":
            raise RuntimeError("a process did not start")
        yield ours
    finally:
        child.terminate()
        child.join()
        ours.close()


def held_end_to_end(folder: Path, reports: int) -> Taken:
    """From the first publish until the publisher has heard of every report that it is held."""
    with (
        bench.mosquitto(folder) as port,
        bench.collector(folder, port) as collector,
        process(publish, port, reports, True) as publisher,
    ):
        before = bench.cpu(collector.pid).own_s
        publisher.send("go")
        began, ended, missing = _heard(publisher)
        used = bench.cpu(collector.pid).own_s - before
    _see_all(missing)
    return Taken(ended - began, used)


def heard_end_to_end(folder: Path, reports: int) -> Taken:
    """From the first publish until the bare subscriber has heard everything."""
    with (
        bench.mosquitto(folder) as port,
        process(subscribe, port, reports // IN_A_MESSAGE) as subscriber,
        process(publish, port, reports, False) as publisher,
    ):
        publisher.send("go")
        began, _, _ = _heard(publisher)
        ended, used, missing = _heard(subscriber)
    _see_all(missing)
    return Taken(ended - began, used)


def _heard(pipe: Connection) -> tuple[float, float, int]:
    if not pipe.poll(_DEADLINE_S + 20):
        raise RuntimeError("a process said nothing in time")
    one, two, three = pipe.recv()
    return one, two, three


def _see_all(missing: int) -> None:
    if missing:
        raise RuntimeError(f"{missing} messages were not answered in {_DEADLINE_S:g} s")


# --- all of it --------------------------------------------------------------------------------------------


def measure(disk: Path | None, reports: int, rounds: int) -> list[Figure]:
    """All rounds, peers between them so that both see the same weather; medians."""
    batch = messages(reports)
    core: list[list[Taken]] = [[], [], []]
    wired: list[list[Taken]] = [[], []]
    for _ in range(rounds):
        with one_core(), tempfile.TemporaryDirectory(dir=disk, prefix="firstbell-bench-") as name:
            core[0].append(taken(Path(name), batch))
            core[1].append(bare_table(Path(name), batch))
            core[2].append(only_read(batch))
    for _ in range(rounds):
        for number, run in enumerate((held_end_to_end, heard_end_to_end)):
            with tempfile.TemporaryDirectory(dir=disk, prefix="firstbell-bench-") as name:
                wired[number].append(run(Path(name), reports))
    ours, bare, reading = (_rate(rows, reports) for rows in core)
    kept, heard = (_rate(rows, reports) for rows in wired)
    return [
        Figure("a message", statistics.mean(len(message.payload) for message in batch), "bytes"),
        Figure("one core: intake and writer", ours, "reports/s", "10,000"),
        Figure("one core: the same, by processor time", _rate(core[0], reports, 1), "reports/s"),
        Figure("one core: intake alone", reading, "reports/s"),
        Figure("one core: a commit", statistics.median(one.commit_ms for one in core[0]), "ms"),
        Figure("one core, peer: a bare table", bare, "reports/s"),
        Figure("one core: ours to the peer", ours / bare, "times"),
        Figure("mosquitto: held and answered", kept, "reports/s", "5,000"),
        Figure("mosquitto: by the collector's processor time", _rate(wired[0], reports, 1), "reports/s"),
        Figure("mosquitto, peer: a bare subscriber", heard, "reports/s"),
        Figure("mosquitto, peer: by its processor time", _rate(wired[1], reports, 1), "reports/s"),
        Figure("mosquitto: ours to the peer", kept / heard, "times"),
    ]


def _rate(rows: Sequence[Taken], reports: int, by: int = 0) -> float:
    return reports / statistics.median(row[by] for row in rows)


def main() -> None:
    """Measure and show."""
    parser = bench.options(__doc__ or "")
    parser.add_argument("--reports", type=int, default=100_000, help="in each round (default 100000)")
    parser.add_argument("--rounds", type=int, default=3, help="of each kind (default 3)")
    parser.add_argument("--folder", type=Path, help="on the disk that is to be measured (default: temporary)")
    told: argparse.Namespace = parser.parse_args()
    figures = measure(told.folder, told.reports // IN_A_MESSAGE * IN_A_MESSAGE, told.rounds)
    bench.show("intake", figures, told)


if __name__ == "__main__":
    main()
