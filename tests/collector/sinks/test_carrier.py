"""The thread that ships: its patience, what it survives, and the word it leaves on why nothing goes out."""

import gc
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import thread as executors
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.sinks import carrier as carrying
from collector.sinks.answers import AwayError, BusyError, RefusedError, StoppedError
from collector.sinks.carrier import (
    EVERY_S,
    FIRST_WAIT_S,
    LONGEST_WAIT_S,
    MOST_ASKED_S,
    STOPPED_S,
    Carrier,
    Patience,
)
from collector.store.errors import UnreadableError
from collector.store.outbox import Outbox, Shipped
from firstbell.settings import SettingsError
from tests.collector.workbench import Bench, wait_until
from tests.support import influx_script
from tests.support.influx_script import Say
from tests.support.refusing_influx import RefusingInflux
from tests.support.shipping import Road, reports

ERRORS = (
    AwayError("away"),
    BusyError("busy", None),
    RefusedError("refused"),
    UnreadableError("no journal"),
    ValueError("ours"),
)


def longest(_low: float, high: float) -> float:
    """The unluckiest draw."""
    return high


def shortest(low: float, _high: float) -> float:
    """The luckiest draw."""
    return low


def test_patience_grows_to_a_minute_and_begins_anew_after_success() -> None:
    """At most 2, 4, 8, ... 60 seconds, however long it has gone on."""
    patience = Patience(longest)
    waits = [patience.wait_s(AwayError("away")) for _ in range(2000)]
    assert waits[:7] == [2, 4, 8, 16, 32, 60, 60]
    assert max(waits) == LONGEST_WAIT_S
    assert patience.wait_s(None) == EVERY_S
    assert patience.wait_s(AwayError("away")) == 2 * FIRST_WAIT_S


def test_full_jitter_draws_from_nothing_to_the_longest() -> None:
    """Not all collectors come as one: the draw is over all of the wait."""
    drawn: list[tuple[float, float]] = []

    def draw(low: float, high: float) -> float:
        drawn.append((low, high))
        return high / 2

    patience = Patience(draw)
    assert patience.wait_s(AwayError("away")) == 1
    assert patience.wait_s(BusyError("busy", None)) == 2
    assert drawn == [(0.0, 2.0), (0.0, 4.0)]


@given(
    st.lists(st.floats(0, 1e9, allow_nan=False) | st.none(), max_size=8),
    st.booleans(),
)
def test_a_server_that_asks_for_patience_gets_it_within_bounds(
    asked: list[float | None], lucky: bool
) -> None:
    """Never less than it asks for, up to a quarter of an hour; and never more than a minute on top."""
    patience = Patience(shortest if lucky else longest)
    for after_s in asked:
        waited = patience.wait_s(BusyError("busy", after_s))
        wanted = min(after_s or 0.0, MOST_ASKED_S)
        assert wanted <= waited <= wanted + LONGEST_WAIT_S


@pytest.mark.parametrize("error", [StoppedError("401"), SettingsError("collector.toml", ["no token"])])
def test_what_somebody_has_to_mend_is_tried_once_a_minute(error: Exception) -> None:
    """No sooner and no later, each time."""
    patience = Patience(longest)
    assert [patience.wait_s(error) for _ in range(3)] == [STOPPED_S] * 3


class Scripted:
    """Ships as it is told: an error to raise, or None for success."""

    def __init__(self, *script: Exception | None) -> None:
        self.script = list(script)
        self.calls = self.opened = self.closed = 0
        self.threads: set[int] = set()

    def close(self) -> None:
        """Count it."""
        self.closed += 1

    def open(self) -> "Scripted":
        """As the constructor does it, with an error of its own if that is next."""
        self.opened += 1
        return self

    def catch_up(self, _progress: Callable[[int, int], None], /) -> Shipped:
        """What the script says."""
        self.calls += 1
        self.threads.add(threading.get_ident())
        if self.script and (error := self.script.pop(0)):
            raise error
        return Shipped("store", 0, "", "", 0, 0, 0, "", 0, "", 0)


class Hasty(Patience):
    """Waits for nobody, and remembers of whom it was asked."""

    def __init__(self) -> None:
        super().__init__(shortest)
        self.heard: list[Exception | None] = []

    def wait_s(self, error: Exception | None) -> float:
        """Next to nothing."""
        self.heard.append(error)
        return 0.001


@contextmanager
def carried(ships: Scripted, bench: Bench) -> Iterator[tuple[Carrier, Outbox, Hasty]]:
    """A carrier that runs, and its outbox."""
    outbox, patience = Outbox(bench.journal), Hasty()
    with closing(outbox):
        outbox.begin("store", "folder", "Maple")
        made = Carrier(ships.open, outbox, bench.clock, patience)
        made.start()
        try:
            yield made, outbox, patience
        finally:
            made.stop()


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_it_survives_whatever_is_raised(bench: Bench, error: Exception) -> None:
    """Opened anew after each failure, and it goes on."""
    ships = Scripted(error, None, error, error)
    with carried(ships, bench) as (made, _, patience):
        wait_until(lambda: ships.calls >= 6)
        wait_until(lambda: not made.trouble)
    assert patience.heard[:5] == [error, None, error, error, None]
    assert (ships.opened, ships.closed) == (4, 4)


def test_what_fails_while_it_is_opened_is_told_too(bench: Bench) -> None:
    """No settings, no server: the same patience, and the same word, in memory and in the journal."""
    outbox, patience = Outbox(bench.journal), Hasty()
    told: list[tuple[str, str]] = []

    def failing() -> Scripted:
        state = outbox.state()
        told.append((made.trouble, state.trouble if state else ""))
        if len(told) < 3:
            raise SettingsError("collector.toml", ["no token"])
        return Scripted()

    made = Carrier(failing, outbox, bench.clock, patience)
    made.start()
    wait_until(lambda: len(told) == 3 and not made.trouble)
    made.stop()
    said = str(SettingsError("collector.toml", ["no token"]))
    assert told == [("", ""), (said, said), (said, said)]
    assert [type(error) for error in patience.heard[:3]] == [SettingsError, SettingsError, type(None)]


def test_a_complaint_is_noted_with_its_beginning_and_cleared(bench: Bench) -> None:
    """In the journal, for `influx status`: since when nothing goes out, and nothing once it does."""
    outbox = Outbox(bench.journal)
    ships = Scripted(AwayError("nobody there"), BusyError("busy", None))
    made = Carrier(ships.open, outbox, bench.clock, Hasty())
    began_ns = bench.clock.now_ns()
    assert isinstance(made._step(), AwayError)
    state = outbox.state()
    assert state is not None
    assert (state.trouble, state.trouble_ns, made.trouble) == ("nobody there", began_ns, "nobody there")
    bench.clock.passes(60 * 10**9)
    made._step()
    state = outbox.state()
    assert state is not None
    assert (state.trouble, state.trouble_ns) == ("busy", began_ns)
    assert made._step() is None
    state = outbox.state()
    assert state is not None
    assert (state.trouble, state.trouble_ns, made.trouble) == ("", 0, "")
    outbox.close()


def test_a_complaint_that_a_batch_cleared_is_noted_again(bench: Bench) -> None:
    """One batch gets through, the next fails as the one before did: it is told that nothing goes out."""
    outbox = Outbox(bench.journal)
    outbox.begin("store", "folder", "Maple")
    made = Carrier(Scripted(AwayError("away"), AwayError("away")).open, outbox, bench.clock, Hasty())
    made._step()
    assert outbox.move("store", 0, bench.clock.now_ns())
    made._step()
    state = outbox.state()
    assert state is not None
    assert state.trouble == "away"
    outbox.close()


def test_a_complaint_of_the_run_before_ends_with_the_first_success(bench: Bench) -> None:
    """The program was started anew, and nothing waits: nobody may read for ever that nothing goes out."""
    outbox = Outbox(bench.journal)
    outbox.begin("store", "folder", "Maple")
    outbox.complain("away", 5)
    Carrier(Scripted().open, outbox, bench.clock, Hasty())._step()
    state = outbox.state()
    assert state is not None
    assert (state.trouble, state.trouble_ns) == ("", 0)
    outbox.close()


def test_the_log_says_it_once(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A week of the same trouble is one line, and so is its end; a mistake of ours comes with its trace."""
    outbox = Outbox(bench.journal)
    made = Carrier(
        Scripted(*[AwayError("away")] * 50, None, None, ValueError("ours")).open, outbox, bench.clock, Hasty()
    )
    with caplog.at_level(logging.INFO, carrying.__name__):
        for _ in range(53):
            made._step()
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "InfluxDB does not get everything, and nothing is lost: away",
        "InfluxDB takes reports again",
        "shipping to InfluxDB",
        "InfluxDB does not get everything, and nothing is lost: a mistake in this program: ValueError: ours",
    ]
    assert caplog.records[2].exc_info
    outbox.close()


def test_a_journal_that_takes_no_complaint_ends_nothing(bench: Bench) -> None:
    """A full disk: the word is in memory, and the thread goes on."""
    refused: list[str] = []
    in_memory: list[str] = []

    def complain(trouble: str, now_ns: int) -> None:
        refused.append(trouble)
        raise UnreadableError("disk full")

    class Listening(Hasty):
        def wait_s(self, error: Exception | None) -> float:
            in_memory.append(made.trouble)
            return super().wait_s(error)

    ships, outbox = Scripted(AwayError("away"), AwayError("still")), Outbox(bench.journal)
    outbox.complain = complain  # type: ignore[method-assign]
    made = Carrier(ships.open, outbox, bench.clock, Listening())
    made.start()
    wait_until(lambda: ships.calls >= 5)
    made.stop()
    assert refused == ["away", "still", ""]
    assert in_memory[:3] == ["away", "still", ""]
    assert made.trouble == ""


def test_it_is_one_thread_that_ends_when_it_is_told(bench: Bench) -> None:
    """Everything in one thread; stopped, it ships no more; stopped before it began, nothing happens."""
    ships = Scripted()
    with carried(ships, bench):
        wait_until(lambda: ships.calls >= 3)
    calls = ships.calls
    time.sleep(0.05)
    assert ships.calls == calls
    assert len(ships.threads) == 1
    Carrier(ships.open, Outbox(bench.journal), bench.clock).stop()


def another(way: Road, **how: Any) -> Carrier:
    """A carrier on the same way, with connections of its own: it is another thread."""
    bench, server, bucket = way.bench, way.server, way.bucket.name
    return Carrier(
        lambda: Road(bench, server, bucket, batch=10, **how), Outbox(bench.journal), bench.clock, Hasty()
    )


def test_it_ends_after_the_batch_that_is_on_its_way(
    bench: Bench, refusing: RefusingInflux, way: Road
) -> None:
    """A backlog of a week is no reason not to stop: what is not out by then goes out at the next start."""
    bench.send(1, reports(1, 200))
    refusing.says(lambda _asked: influx_script.slow(0.05))
    made = another(way)
    made.start()
    wait_until(lambda: len(refusing.asked) >= 3)
    began = time.monotonic()
    made.stop()
    assert not made._thread.is_alive()
    assert time.monotonic() - began < 4
    assert 20 <= way.arrival < 100
    asked = len(refusing.asked)
    time.sleep(0.15)
    assert len(refusing.asked) == asked
    way.ship()
    assert way.wrong() == []


def test_it_does_not_wait_for_one_that_hangs(bench: Bench, refusing: RefusingInflux, way: Road) -> None:
    """The program ends in its time, whatever InfluxDB does."""
    bench.send(1, reports(1, 20))
    refusing.says([influx_script.hang()])
    made = another(way, timeouts_ms=(10_000, 10_000))
    made.start()
    wait_until(lambda: len(refusing.asked) == 1)
    began = time.monotonic()
    made.stop(0.2)
    assert time.monotonic() - began < 2
    mine = [thread for thread in threading.enumerate() if thread.name.startswith("influx")]
    assert len(mine) == 2
    # Neither is waited for at the program's end, as an executor's would be.
    assert all(thread.daemon and thread not in executors._threads_queues for thread in mine)
    refusing.release()
    wait_until(lambda: not any(thread.name.startswith("influx") for thread in threading.enumerate()))


def test_a_week_of_failures_leaves_nothing_open(bench: Bench, refusing: RefusingInflux, way: Road) -> None:
    """Opened anew each time, and closed: no descriptors pile up."""

    def opened() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    bench.send(1, reports(1, 5))
    refusing.says(lambda _asked: Say(503))

    made = another(way)
    for _ in range(5):
        made._step()
    before = opened()
    gc.disable()
    for _ in range(60):
        made._step()
    gc.enable()
    gc.collect()
    wait_until(lambda: opened() <= before + 5, "the server's own ends of them are closed")
