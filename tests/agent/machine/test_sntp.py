"""The one question for the time, to a real time server on loopback."""

import socket
import time
from collections.abc import Callable

import pytest

from agent.machine import sntp
from agent.machine.sntp import Told
from tests.support.small_servers import Udp, right_time, silent


def asked(answer: Callable[[bytes], bytes]) -> sntp.Reply:
    """What comes of asking a server that answers so."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        with Udp(sock, answer):
            return sntp.ask("127.0.0.1", 0.5, time.time_ns, sock.getsockname()[1])  # noqa: TID251 - this machine's


@pytest.mark.parametrize("ahead_s", [0.0, 3600.0, -3600.0, 20 * 365 * 86_400.0])
def test_it_says_how_far_the_clock_is_off(ahead_s: float) -> None:
    """Also beyond 2036, where NTP's seconds begin anew."""
    reply = asked(right_time(ahead_s))
    assert reply.told is Told.TIME
    assert reply.offset_s == pytest.approx(ahead_s, abs=0.5)


def test_silence_and_nonsense_are_no_time() -> None:
    """Nor is an answer to somebody else's question, or of a server that does not know the time."""
    assert asked(silent).told is Told.SILENT
    assert asked(lambda _data: b"x").told is Told.USELESS
    assert asked(lambda data: right_time()(data[:40] + bytes(8))).told is Told.USELESS
    assert asked(lambda data: b"\xe4" + right_time()(data)[1:]).told is Told.USELESS
    assert asked(lambda data: right_time()(data)[:1] + b"\x00" + right_time()(data)[2:]).told is Told.USELESS
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    assert sntp.ask("127.0.0.1", 0.5, time.time_ns, port).told is Told.REFUSED  # noqa: TID251 - this machine's
