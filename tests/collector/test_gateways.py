"""Schools' gateways are tried by the collector itself, gently, and it ends when it is told to."""

import errno
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from collector import gateways
from collector.clock import SystemClock
from collector.gateways import Gateways, answering
from collector.store.gateways import Try
from collector.store.offers import Offer
from tests.collector.workbench import Bench, free_port, wait_until

_GROUPS = Path("/proc/sys/net/ipv4/ping_group_range")


class Basket:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.rounds: list[Sequence[Try]] = []

    def put(self, offer: Offer) -> bool:
        """Take it."""
        self.rounds.append(offer.tries)
        return True


def rounds(addresses: Sequence[str], answers: set[str], count: int = 2) -> list[list[tuple[str, bool]]]:
    """What is kept of the first rounds; at least so many tries of all were made."""
    basket, asked = Basket(), []

    def ask(group: Sequence[str]) -> list[bool]:
        asked.append(len(group))
        return [address in answers for address in group]

    watcher = Gateways(lambda: addresses, basket, SystemClock(), ask=ask, every_s=0.02)
    watcher.start()
    wait_until(lambda: sum(asked) >= count * len(set(addresses) - {""}))
    watcher.stop()
    assert max(asked) <= 32, "few at a time"
    return [[(each.address, each.answers) for each in tries] for tries in basket.rounds]


def test_each_gateway_is_tried_once_a_round() -> None:
    """However many schools share it; a school without one is left alone."""
    names = [f"10.0.{n // 250}.{n % 250}" for n in range(100)]
    found = rounds([*names, *names, ""], set(names[1:]), count=3)
    assert len(found) >= 2
    assert found[0] == [(name, name != names[0]) for name in sorted(names)]


def test_when_nobody_at_all_answers_nothing_is_noted(caplog: pytest.LogCaptureFixture) -> None:
    """Be it one school, two or three: the collector is cut off as likely as they, and says so once."""
    assert rounds(["a", "b", "c"], set(), count=4) == []
    assert caplog.text.count("is this machine cut off") == 1
    assert rounds(["a", "b"], set()) == []
    assert rounds(["a"], set()) == []


def story(*days: Mapping[str, bool | None], apart_s: float = 60) -> list[dict[str, bool]]:
    """What is kept of rounds with these findings, so far apart."""
    basket, clock = Basket(), Hand()
    done, left = threading.Event(), list(days)

    def ask(group: Sequence[str]) -> list[bool | None]:
        found = left.pop(0)
        clock.at_s += apart_s
        if not left:
            done.set()
        return [found[address] for address in group]

    watcher = Gateways(lambda: days[0] if left else (), basket, clock, ask=ask, every_s=0.001)
    watcher.start()
    assert done.wait(20)
    watcher.stop()
    return [{each.address: each.answers for each in tries} for tries in basket.rounds]


class Hand:
    """A clock that is put on by hand."""

    def __init__(self) -> None:
        self.at_s = 0.0

    def now_ns(self) -> int:
        """The wall clock."""
        return int(self.at_s * 10**9)

    def monotonic(self) -> float:
        """The other one."""
        return self.at_s


ALL = {"a": True, "b": True, "c": True, "home": True}
CUT_OFF = {"a": False, "b": False, "c": False, "home": True}
ONE = {"a": False, "b": True, "c": True, "home": True}


def test_most_gateways_do_not_fail_in_one_minute() -> None:
    """The collector is unplugged from the rest, and its own building's gateway answers: nothing is noted."""
    assert story(ALL, CUT_OFF, CUT_OFF, ONE, ALL) == [ALL, ONE, ALL]


def test_a_silence_that_lasts_is_the_schools_own() -> None:
    """After a day most gateways may well be other ones than in the tables: the rest is told from then on."""
    assert story(ALL, CUT_OFF, CUT_OFF, ONE, apart_s=90_000) == [ALL, CUT_OFF, ONE]


def test_what_could_not_be_tried_is_not_noted(caplog: pytest.LogCaptureFixture) -> None:
    """A collector without a descriptor left knows nothing of a school, and says that."""
    assert story(ALL, {**ALL, "a": None}, {**ALL, "a": None, "b": False})[1:] == [
        {"b": True, "c": True, "home": True},
        {"b": False, "c": True, "home": True},
    ]
    assert "1 gateways could not be tried, as a" in caplog.text


@pytest.mark.parametrize(
    ("number", "found"),
    [
        (errno.EMFILE, None),
        (errno.EPERM, None),
        (errno.ENETUNREACH, False),
        (errno.EHOSTUNREACH, False),
        (errno.ETIMEDOUT, False),
    ],
)
def test_only_silence_is_no_answer(monkeypatch: pytest.MonkeyPatch, number: int, found: bool | None) -> None:
    """What this machine could not do is told from what nobody answered."""

    async def fails(*_: object) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(gateways, "_echoes", _deaf)
    monkeypatch.setattr("asyncio.open_connection", fails)
    assert answering(["10.9.9.9"]) == [found]


def test_a_round_that_fails_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever happens to one round, the next is made."""
    basket, calls = Basket(), []

    def ask(group: Sequence[str]) -> list[bool]:
        calls.append(group)
        if len(calls) == 1:
            raise OSError("the network is down")
        return [True]

    watcher = Gateways(lambda: ["a"], basket, SystemClock(), ask=ask, every_s=0.01)
    watcher.start()
    wait_until(lambda: len(basket.rounds) > 0)
    watcher.stop()
    assert "could not be tried" in caplog.text


def test_stopping_does_not_wait_for_the_round() -> None:
    """Half a minute of a round is left: it ends at once, and keeps nothing of it."""
    basket, begun = Basket(), threading.Event()

    def ask(group: Sequence[str]) -> list[bool]:
        begun.set()
        return [True] * len(group)

    watcher = Gateways(lambda: map(str, range(100)), basket, SystemClock(), ask=ask)
    watcher.start()
    assert begun.wait(20)
    watcher.stop()
    assert basket.rounds == []


def test_a_connection_or_a_refusal_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """By TCP alone: a server, a machine without one, and an address that says nothing."""
    monkeypatch.setattr(gateways, "_echoes", _deaf)
    monkeypatch.setattr(gateways, "_CONNECT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(gateways, "_PORTS", (server.getsockname()[1],))
        assert answering(["127.0.0.1"]) == [True]
    port = free_port()
    monkeypatch.setattr(gateways, "_PORTS", (port,))
    with _silent("127.0.0.2", port):
        assert answering(["127.0.0.1", "127.0.0.2", "no such name", ""]) == [True, False, None, None]


@contextmanager
def _silent(address: str, port: int) -> Iterator[None]:
    """A place that lets every further connection wait: whoever listens there is full, and takes nobody in.

    No address of another machine is silent everywhere: some networks answer for all of them.
    """
    with ExitStack() as held:
        full = held.enter_context(socket.socket())
        full.bind((address, port))
        full.listen(0)
        for _ in range(4):
            guest = held.enter_context(socket.socket())
            guest.setblocking(False)
            guest.connect_ex((address, port))
        yield


async def _deaf(_address: str) -> bool:
    return False


@pytest.mark.root
@pytest.mark.skipif(not _GROUPS.exists(), reason="no unprivileged ICMP here")
def test_an_echo_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """By ICMP alone, many at once: this machine answers, the place of nobody does not."""
    before = _GROUPS.read_text(encoding="ascii")
    try:
        _GROUPS.write_text("0 2147483647", encoding="ascii")
    except OSError:
        pytest.skip("unprivileged ICMP can't be allowed here")
    monkeypatch.setattr(gateways, "_PORTS", ())
    try:
        mine = [f"127.0.0.{n}" for n in range(1, 21)]
        assert answering([*mine, "240.0.0.1"]) == [*[True] * 20, False]
    finally:
        _GROUPS.write_text(before, encoding="ascii")


def test_what_was_found_is_in_the_journal(bench: Bench) -> None:
    """Through the one writer, to be asked for by address."""
    watcher = Gateways(lambda: ["10.9.9.9"], bench.writer, SystemClock(), ask=lambda _: [True], every_s=0.01)
    watcher.start()
    wait_until(lambda: bool(bench.reads.gateway("10.9.9.9", 0, 1 << 62)))
    watcher.stop()
    (stretch,) = bench.reads.gateway("10.9.9.9", 0, 1 << 62)
    assert stretch.answers
