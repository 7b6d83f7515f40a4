"""Tickets without a network: clocks that are set back, memory, and keys as people write them."""

from pathlib import Path

import pytest

from agent.reference import tickets
from agent.reference.tickets import Tickets, key_in
from firstbell.settings import SettingsError
from firstbell.ticket import LONGEST_NS, TicketError
from tests.support.reference import TARGET, District, S, base64_of

NOON_NS = 1_790_000_000 * S


class Gate:
    """The tickets of a server whose wall clock is in the test's hand."""

    def __init__(self, district: District) -> None:
        self.now_ns = NOON_NS
        self._district = district
        self._tickets = Tickets(key_in(district.key_file), TARGET, lambda: self.now_ns)

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


def test_a_clock_that_is_set_back_lets_no_ticket_in_twice(gate: Gate) -> None:
    """Not after an hour, when the ticket's id is forgotten, and the clock is back at the ticket's time."""
    gate.now_ns += 10 * S
    token, then = gate.token(), gate.now_ns
    assert gate.refusal(token) == ""
    assert "used before" in gate.refusal(token)
    gate.now_ns += 3600 * S
    assert gate.refusal(gate.token()) == ""
    gate.now_ns = then + S
    assert "last start" in gate.refusal(token)
    assert gate.refusal(gate.token()) == ""


def test_forgetting_one_spoils_no_other(gate: Gate) -> None:
    """A ticket that is good for the longest time is let in at its end, though later ones came and expired."""
    gate.now_ns += 10 * S
    long = gate.token(LONGEST_NS / S)
    gate.now_ns += S
    assert gate.refusal(gate.token(1)) == ""
    gate.now_ns += LONGEST_NS - 2 * S
    assert gate.refusal(gate.token()) == ""
    assert gate.refusal(long) == ""


def test_memory_is_bounded(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """When there are too many used tickets, new ones are refused until the old ones are forgotten."""
    monkeypatch.setattr(tickets, "MOST_TICKETS", 3)
    gate.now_ns += S
    assert [gate.refusal(gate.token()) for _ in range(3)] == [""] * 3
    assert "too many" in gate.refusal(gate.token())
    gate.now_ns += LONGEST_NS
    assert gate.refusal(gate.token()) == ""


def test_a_key_may_be_written_in_some_ways(district: District, tmp_path: Path) -> None:
    """As hex in either case or base64 of either kind, with blank space around it."""
    wanted = key_in(district.key_file)
    url_safe = base64_of(district.raw).replace("+", "-").replace("/", "_")
    for text in (
        district.raw.hex().upper(),
        f"  {district.raw.hex()}\r\n",
        base64_of(district.raw),
        url_safe,
    ):
        file = tmp_path / "key"
        file.write_text(text, encoding="ascii")
        assert key_in(file) == wanted


@pytest.mark.parametrize("content", [b"", b"abcd", b"\xff\xfe", b"-----BEGIN PUBLIC KEY-----\n", b"0" * 63])
def test_what_is_no_key_is_told_so(tmp_path: Path, content: bytes) -> None:
    """With the file's name, and what it should be."""
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=r"key: no public key: that would be 64 hex digits"):
        key_in(file)
