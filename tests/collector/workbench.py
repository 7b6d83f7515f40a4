"""What the collector's tests build with: reports, batches, a collector without its network, a real broker."""

import resource
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from collector.intake import Intake, Pending
from collector.store.journal import Journal, open_journal
from collector.store.reads import Reads
from collector.store.writer import Writer
from firstbell import wire
from firstbell.report import ClockQuality, Loss, Opening, Report, Status
from firstbell.wire import Answer

DEADLINE_S = 20.0
NS = 10**9
NOW_NS = 1_790_000_000_000_000_000
"""21 September 2026."""
BOX = "lincoln-1"
EPOCH = "00000000000000aa"


class StillClock:
    """A wall clock that stands where the test puts it, and a monotonic one that counts its readings."""

    def __init__(self) -> None:
        self.wall_ns = NOW_NS
        self.passed_ns = 0
        self.readings = 0

    def passes(self, ns: int) -> None:
        """Let so much time go by on both clocks."""
        self.wall_ns += ns
        self.passed_ns += ns

    def now_ns(self) -> int:
        """What the test says."""
        return self.wall_ns

    def monotonic(self) -> float:
        """One millisecond later with each look."""
        self.readings += 1
        return self.passed_ns / NS + self.readings / 1000


def report(
    number: int = 1,
    *,
    probe: str = "latency",
    target: str = "gateway",
    at_ns: int | None = None,
    rtt_ms: float = 12.5,
    clock: ClockQuality = ClockQuality.NTP,
    opening: Opening | None = None,
    losses: Sequence[Loss] = (),
) -> Report:
    """A good report; by default the `number`th of a box that measures once a minute."""
    return Report(
        status=Status.OK,
        probe=probe,
        target=target,
        at_ns=NOW_NS + number * 60_000_000_000 if at_ns is None else at_ns,
        duration_s=1.5,
        clock=clock,
        readings={"rtt_p50_ms": rtt_ms},
        opening=opening,
        losses=tuple(losses),
    )


def reports(first: int, count: int) -> list[Report]:
    """`count` good reports, numbered from `first`."""
    return [report(number) for number in range(first, first + count)]


def batch(
    first: int, rows: Sequence[Report | bytes], *, agent: str = BOX, epoch: str = EPOCH
) -> tuple[str, bytes]:
    """Digest and payload of a batch; bytes are sent as they are."""
    raws = [row if isinstance(row, bytes) else wire.encode_report(row) for row in rows]
    return wire.encode_batch(agent, epoch, first, raws)


def wait_until(condition: Callable[[], bool], what: str = "what the test waits for") -> None:
    """Wait until `condition` holds; fail if it doesn't in time."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain: {what}")
        time.sleep(0.005)


def answer_of(pending: Pending) -> Answer | None:
    """The answer, once it is settled; fails if it isn't in time."""
    done = threading.Event()
    pending.then(lambda _: done.set())
    assert done.wait(DEADLINE_S), "not settled in time"
    return pending.answer


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """Make the kernel refuse this process any write beyond `size` bytes of a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


class Bench:
    """A collector without its network, on a journal in `folder`."""

    def __init__(self, folder: Path, *, waiting_reports: int = 5_000) -> None:
        self.clock = StillClock()
        self.path = folder / "journal.db"
        self.journal: Journal = open_journal(self.path)
        self.writer = Writer(self.journal, self.clock, waiting_reports=waiting_reports)
        self.intake = Intake(self.writer, self.clock, self.journal.id)
        self.reads = Reads(self.journal)
        self.writer.start()

    def take(self, payload: bytes, agent: str = BOX) -> Answer | None:
        """What the collector says to a payload, once it is settled."""
        return answer_of(self.intake.take(agent, payload, self.clock.wall_ns))

    def send(
        self, first: int, rows: Sequence[Report | bytes], *, agent: str = BOX, epoch: str = EPOCH
    ) -> Answer:
        """What the collector says to a good batch."""
        answer = self.take(batch(first, rows, agent=agent, epoch=epoch)[1], agent)
        assert answer is not None
        return answer

    def held(self, agent: str = BOX, probe: str = "latency") -> list[tuple[str, int]]:
        """Epoch and number of what the journal holds of one probe, in order."""
        return sorted((row.epoch, row.seq) for row in self.reads.tests([(agent, 0, None)], probe))

    def close(self) -> None:
        """Stop the thread and close the connections."""
        self.writer.stop()
        self.reads.close()


def free_port() -> int:
    """A port that the kernel says is free."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class Mosquitto:
    """A real broker on loopback that keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/sbin")
        assert found, "mosquitto is not installed"
        self.port = free_port()
        self._folder = folder
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\nuser root\n",
            encoding="utf-8",
        )
        self._argv = [found, "-c", str(self._config)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it listens."""
        with (self._folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(self._argv, stdout=log, stderr=log)
        wait_until(self._listens, "mosquitto listens")

    def kill(self) -> None:
        """Kill it as a power cut would; it forgets everything."""
        if self._process:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True
