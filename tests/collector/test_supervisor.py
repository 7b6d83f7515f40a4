"""What systemd hears of the collector: ready, moving as long as it moves, stopping; heard at a real socket."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import uvicorn

from collector import app
from collector.intake import Intake
from collector.store.connections import BUSY_S, connect, make_durable
from collector.store.journal import Journal
from collector.store.writer import Writer
from collector.supervisor import Supervisor, fed
from collector.web import door
from tests.collector.workbench import BOX, NOW_NS, NS, Bench, batch, reports, wait_until


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[socket.socket]:
    """A socket such as systemd listens at."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(20)
        yield listening


def heard(ear: socket.socket, within_s: float) -> list[bytes]:
    """All words until nothing came for so long."""
    words: list[bytes] = []
    ear.settimeout(within_s)
    try:
        while True:
            words.append(ear.recv(100))
    except TimeoutError:
        return words


@pytest.mark.parametrize("on_lifeline", [False, True])
def test_a_collector_says_that_it_is_ready_and_moves(
    tmp_path: Path, ear: socket.socket, *, on_lifeline: bool
) -> None:
    """The real process, on SIGTERM its end, too; a child of `firstbell up` says nothing: that minds it itself."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "collector.toml").write_text(
        "[web]\nport = 0\n[broker]\nport = 9\n", encoding="utf-8"
    )
    argv = [
        sys.executable,
        "-m",
        "collector.cli",
        "--data",
        str(tmp_path / "home"),
        "collector",
        "run",
        "--json",
    ]
    running = subprocess.Popen(
        [*argv, *(["--lifeline"] if on_lifeline else [])],
        env=os.environ | {"NOTIFY_SOCKET": ear.getsockname()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with running:
        assert running.stdout
        assert b"web_port" in running.stdout.readline()
        begun = [] if on_lifeline else sorted(ear.recv(100) for _ in range(2))
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
    assert begun == ([] if on_lifeline else [b"READY=1", b"WATCHDOG=1"])
    assert [word for word in heard(ear, 0.2) if word != b"WATCHDOG=1"] == (
        [] if on_lifeline else [b"STOPPING=1"]
    )


class Impatient(Journal):
    """A journal whose writer waits for a lock a moment, and not ten seconds."""

    def writer(self) -> sqlite3.Connection:
        """A durable connection."""
        db = connect(self.path, "rw", 0.1)
        make_durable(db)
        return db


@pytest.fixture
def server() -> door.Server:
    """A web server that has just turned."""

    async def nothing(_scope: object, _receive: object, _send: object) -> None:
        """Nobody asks."""

    return door.Server(uvicorn.Config(nothing))


def test_a_writer_that_hangs_is_not_fed(tmp_path: Path, ear: socket.socket, server: door.Server) -> None:
    """Its thread stands in the middle of its work: the word stops, and comes again when it goes on."""
    held, goes_on = threading.Event(), threading.Event()
    minds = Supervisor(ear.getsockname())
    with closing(Bench(tmp_path)) as bench:

        def hang(_answer: object) -> None:
            held.set()
            goes_on.wait(20)

        with fed(minds, lambda: app.stuck(bench.writer, server, 100.0), every_s=0.02):
            assert ear.recv(100) == b"WATCHDOG=1"
            bench.intake.take(BOX, batch(1, reports(1, 1))[1], NOW_NS).then(hang)
            assert held.wait(20)
            bench.clock.passes(50 * NS)  # slow, and no more
            for _ in range(3):
                assert ear.recv(100) == b"WATCHDOG=1"
            bench.clock.passes(100 * NS)
            wait_until(lambda: heard(ear, 0.2) == [], "it is not fed")
            goes_on.set()
            ear.settimeout(20)
            assert ear.recv(100) == b"WATCHDOG=1"
    assert heard(ear, 0.2)[-1] == b"STOPPING=1"


def test_a_journal_that_is_locked_for_long_is_no_reason(tmp_path: Path, server: door.Server) -> None:
    """Another process rebuilds, say: the writer gives up after a while, tells it, and tries again."""
    assert app.STUCK_S > 2 * BUSY_S
    with closing(Bench(tmp_path)) as bench:
        writer = Writer(Impatient(*bench.journal), bench.clock)
        bench.intake = Intake(writer, bench.clock, bench.journal.id)
        with closing(sqlite3.connect(bench.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            writer.start()
            for _ in range(3):
                assert "locked" in bench.send(1, reports(1, 1)).later
                assert app.stuck(writer, server) == ""
            other.execute("ROLLBACK")
        wait_until(lambda: bench.send(1, reports(1, 1)).held == ((1, 1),), "it is taken")
        writer.stop()


def test_a_web_server_that_hangs_and_a_dead_writer_are_no_good(tmp_path: Path, server: door.Server) -> None:
    """Each is named."""
    with closing(Bench(tmp_path)) as bench:
        assert app.stuck(bench.writer, server) == ""
        wait_until(lambda: not bench.writer.busy_s(), "the writer waits for work")
        assert "web server" in app.stuck(bench.writer, server, 0.0)
        bench.writer.stop()
        assert app.stuck(bench.writer, server) == "the writer is dead"
