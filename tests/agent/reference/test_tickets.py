"""Tickets without a network: clocks that are set back, memory, and keys as people write them."""

from pathlib import Path

import pytest

from agent.reference import tickets
from agent.reference.limits import MOST_TICKETS
from agent.reference.tickets import Tickets, key_in
from firstbell.settings import SettingsError
from firstbell.ticket import LONGEST_NS, TicketError
from tests.support.reference import TARGET, District, S, base64_of

NOON_NS = 1_790_000_000 * S


class Gate:
    """The tickets of a server whose clocks are in the test's hand."""

    def __init__(self, district: District, ahead_s: float = 0) -> None:
        """`ahead_s`: how far its wall clock is ahead of the right time."""
        self.now_ns, self.passed_ns = NOON_NS + round(ahead_s * S), 0
        self._district = district
        self._tickets = Tickets(
            key_in(district.key_file), TARGET, lambda: self.now_ns, lambda: self.passed_ns
        )

    def passes(self, seconds: float) -> None:
        """Time goes by on both clocks."""
        self.now_ns += round(seconds * S)
        self.passed_ns += round(seconds * S)

    def token(self, seconds: float = 60) -> str:
        """A ticket that is issued now."""
        return self._district.token(issued_ns=self.now_ns, expires_ns=self.now_ns + round(seconds * S))

    def refusal(self, token: str) -> str:
        """Why a ticket is refused; empty if it is let in."""
        try:
            self._tickets.use(self._tickets.read(token))
        except TicketError as error:
            return str(error)
        return ""


@pytest.fixture
def gate(district: District) -> Gate:
    """A server that has just been started."""
    return Gate(district)


@pytest.mark.parametrize(("room", "reason"), [(MOST_TICKETS, "used before"), (2, "last start")])
def test_a_clock_that_is_set_back_lets_no_ticket_in_twice(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, room: int, reason: str
) -> None:
    """Not after an hour, when the clock is back at the ticket's time, even if its id had to be forgotten."""
    monkeypatch.setattr(tickets, "MOST_TICKETS", room)
    gate.passes(10)
    token, then = gate.token(), gate.now_ns
    assert gate.refusal(token) == ""
    assert "used before" in gate.refusal(token)
    gate.passes(3600)
    assert [gate.refusal(gate.token()) for _ in range(2)] == ["", ""]
    gate.now_ns = then + S
    assert reason in gate.refusal(token)
    gate.now_ns = then + 3600 * S
    gate.passes(LONGEST_NS / S)
    assert gate.refusal(gate.token()) == ""


@pytest.mark.parametrize("ahead_s", [86_400, -20 * 365 * 86_400])
def test_a_clock_that_was_wrong_at_the_start_and_was_put_right_keeps_nobody_out(
    district: District, ahead_s: float
) -> None:
    """A small computer boots with yesterday's or tomorrow's time: the right one counts once it has it."""
    gate = Gate(district, ahead_s)
    gate.passes(10)
    gate.now_ns = NOON_NS + 10 * S
    assert gate.refusal(gate.token()) == ""
    gate.now_ns -= 11 * S
    before = gate.token()
    gate.now_ns += 11 * S
    assert "last start" in gate.refusal(before)


def test_what_a_clock_forgot_that_was_ahead_keeps_nobody_out(
    district: District, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids were forgotten by tomorrow's time: after it was put right, that is no bound for what is issued."""
    monkeypatch.setattr(tickets, "MOST_TICKETS", 2)
    gate = Gate(district, 86_400)
    gate.passes(10)
    for _ in range(2):
        assert gate.refusal(gate.token()) == ""
    gate.passes(LONGEST_NS / S)
    assert "expired" in gate.refusal(gate.token(-1))
    gate.now_ns -= 86_400 * S
    assert gate.refusal(gate.token()) == ""


def test_forgetting_one_spoils_no_other(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ticket that is good for the longest time is let in at its end, though later ones came and expired."""
    monkeypatch.setattr(tickets, "MOST_TICKETS", 2)
    gate.passes(10)
    assert gate.refusal(gate.token(1)) == ""
    gate.passes(1)
    long = gate.token(LONGEST_NS / S)
    gate.passes(1)
    assert gate.refusal(gate.token(1)) == ""
    gate.passes(LONGEST_NS / S - 1.5)
    assert gate.refusal(long) == ""


def test_memory_is_bounded(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """When there are too many used tickets, new ones are refused until the old ones are forgotten."""
    monkeypatch.setattr(tickets, "MOST_TICKETS", 3)
    gate.passes(1)
    assert [gate.refusal(gate.token()) for _ in range(3)] == [""] * 3
    assert "too many" in gate.refusal(gate.token())
    gate.passes(LONGEST_NS / S)
    assert gate.refusal(gate.token()) == ""


def test_a_key_may_be_written_in_some_ways(district: District, tmp_path: Path) -> None:
    """As hex in either case or base64 of either kind, with blank space around it."""
    telling = b"\xfb\xef\xff" * 10 + b"\xab\xcd"  # its base64 has a + and a /, its hex has letters
    for raw in (district.raw, telling):
        url_safe = base64_of(raw).replace("+", "-").replace("/", "_")
        for text in (raw.hex().upper(), f"  {raw.hex()}\r\n", base64_of(raw), url_safe):
            file = tmp_path / "key"
            file.write_text(text, encoding="ascii")
            assert key_in(file).public_bytes_raw() == raw
    assert key_in(district.key_file).public_bytes_raw() == district.raw


@pytest.mark.parametrize("content", [b"", b"abcd", b"\xff\xfe", b"-----BEGIN PUBLIC KEY-----\n", b"0" * 63])
def test_what_is_no_key_is_told_so(tmp_path: Path, content: bytes) -> None:
    """With the file's name, and what it should be."""
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=r"key: no public key: that would be 64 hex digits"):
        key_in(file)
