"""LibreSpeed's paths: closed unless a district opens them, bounded, and never beside a leased test."""

import ipaddress
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from agent.reference import guests
from agent.reference.guests import Guests
from agent.reference.http import RefusedError
from agent.reference.limits import GUEST_DAY_BYTES, GUEST_S
from tests.agent.reference.conftest import Start
from tests.support.clocks import HandClock
from tests.support.reference import Client, District, Reference

MIB = 1 << 20


@pytest.fixture
def opened(start: Start) -> Reference:
    """Open to one address of this machine."""
    return start("--open", "127.0.0.1/32", "--open", "2001:db8::/32")


@pytest.fixture
def guest(opened: Reference) -> Iterator[Client]:
    """A guest that may come."""
    with opened.client() as client:
        yield client


PATHS = (guests.EMPTY, guests.GARBAGE, guests.WHO)


@pytest.mark.parametrize("path", PATHS)
def test_they_are_closed_by_default(server: Reference, path: str) -> None:
    """Nothing is there."""
    with server.client() as client:
        assert client.ask("GET", path).status == 404


@pytest.mark.parametrize("path", PATHS)
def test_they_are_closed_to_other_networks(opened: Reference, path: str) -> None:
    """Nothing is there for an address that is in none of the networks."""
    with opened.client("127.0.0.2") as client:
        assert client.ask("GET", path).status == 404


def test_a_download_is_as_long_as_was_asked(guest: Client) -> None:
    """In mebibytes, 4 without a number; the connection stays for the next."""
    for query, mib in (("?ckSize=2&r=0.5", 2), ("", 4), ("?ckSize=nonsense", 4), ("?ckSize=0", 4)):
        answer = guest.ask("GET", guests.GARBAGE + query)
        assert (answer.status, len(answer.body)) == (200, mib * MIB)


def test_a_download_has_a_longest(guest: Client) -> None:
    """Whoever asks for LibreSpeed's own most gets ours."""
    guest.say("GET", f"{guests.GARBAGE}?ckSize=1024")
    assert guest.head().headers["content-length"] == str(100 * MIB)


def test_round_trips_and_uploads_are_answered(guest: Client) -> None:
    """Empty, with any body before them: with a length, in chunks as the command sends them, or none."""
    chunked = b"5\r\n12345\r\n" + b"20000\r\n" + bytes(0x20000) + b"\r\n0\r\n\r\n"
    for answer in (
        guest.ask("GET", f"{guests.EMPTY}?r=0.1"),
        guest.ask("POST", guests.EMPTY, "Content-Length: 3000000", body=bytes(3_000_000)),
        guest.ask("POST", guests.EMPTY, "Transfer-Encoding: chunked", body=chunked),
        guest.ask("POST", guests.EMPTY),
        guest.ask("GET", guests.EMPTY),
    ):
        assert (answer.status, answer.body) == (200, b"")


def test_who_waits_before_its_body_is_told_to_go_on(guest: Client) -> None:
    """As curl does."""
    guest.say("POST", guests.EMPTY, "Content-Length: 5", "Expect: 100-continue")
    assert guest.head().status == 100
    guest.sock.sendall(b"12345")
    assert guest.hear().status == 200


def test_a_guest_is_told_its_own_address(guest: Client) -> None:
    """In LibreSpeed's words; nobody else is asked about it."""
    answer = guest.ask("GET", f"{guests.WHO}?isp=true&distance=km")
    assert answer.json == {"processedString": "127.0.0.1", "rawIspInfo": ""}


def test_a_page_from_elsewhere_may_read_the_answers(guest: Client) -> None:
    """If it asks for that, as LibreSpeed's page does; and its browser's question before an upload is answered."""
    for method, path in (("GET", guests.EMPTY), ("GET", guests.WHO), ("OPTIONS", guests.EMPTY)):
        headers = guest.ask(method, f"{path}?cors=true&r=0.3").headers
        assert headers["access-control-allow-origin"] == "*"
        assert "content-encoding" in headers["access-control-allow-headers"]
        assert "access-control-allow-origin" not in guest.ask(method, path).headers
    guest.say("GET", f"{guests.GARBAGE}?cors=true&ckSize=1")
    assert guest.head().headers["access-control-allow-origin"] == "*"


def test_one_address_has_few_streams_at_once(opened: Reference) -> None:
    """The ninth is refused; when one ends, another may begin."""
    with ExitStack() as stack:
        eight = [stack.enter_context(opened.client()) for _ in range(8)]
        for client in eight:
            client.say("GET", f"{guests.GARBAGE}?ckSize=100")
            assert client.head().status == 200
        with opened.client() as ninth:
            assert ninth.ask("GET", guests.GARBAGE).status == 429
        eight[0].sock.close()
        time.sleep(0.2)
        with opened.client() as late:
            assert late.ask("GET", f"{guests.GARBAGE}?ckSize=1").status == 200


def test_a_guest_that_is_done_is_a_stranger_again(start: Start) -> None:
    """Connections that had their stream and stay are of those that may be too many: the oldest have to go."""
    opened = start("--open", "127.0.0.1", limits={"server.MOST_STRANGERS_AN_ADDRESS": 3})
    with ExitStack() as stack:
        five = []
        for _ in range(5):
            five.append(stack.enter_context(opened.client()))
            assert five[-1].ask("POST", guests.EMPTY).status == 200
        assert five[0].is_over(2.0)
        assert five[1].is_over(2.0)
        assert five[4].ask("POST", guests.EMPTY).status == 200


def test_all_guests_together_have_few_streams(start: Start) -> None:
    """Beyond the most, wherever they come from, the next is told to come back."""
    opened = start("--open", "127.0.0.0/8", limits={"guests.MOST_GUEST_STREAMS": 2})
    with ExitStack() as stack:
        for source in ("127.0.0.1", "127.0.0.2"):
            client = stack.enter_context(opened.client(source))
            client.say("GET", f"{guests.GARBAGE}?ckSize=100")
            assert client.head().status == 200
        late = stack.enter_context(opened.client("127.0.0.3"))
        assert late.ask("GET", guests.GARBAGE).status == 503


def test_a_stream_does_not_go_on_for_ever(start: Start) -> None:
    """Down or up, a slow one is cut after its time."""
    opened = start("--open", "127.0.0.1", limits={"connection.GUEST_S": 1.0})
    with opened.client() as down, opened.client() as up:
        down.say("GET", f"{guests.GARBAGE}?ckSize=100")
        up.say("POST", guests.EMPTY, "Content-Length: 1000000", body=b"slow")
        time.sleep(1.5)
        assert down.drain() < 100 * MIB
        assert up.is_over(1.0)


def test_a_stream_has_time_for_the_longest_test_and_little_more() -> None:
    """LibreSpeed's longest is 15 s; eight streams of a stranger hold a school's line for half a minute at most."""
    assert 15 < GUEST_S <= 30


def test_while_a_leased_test_runs_guests_are_turned_away(opened: Reference, district: District) -> None:
    """A stream that was there is cut, all is refused, and afterwards all is as before."""
    with opened.client() as early:
        early.say("GET", f"{guests.GARBAGE}?ckSize=100")
        assert early.head().status == 200
        with opened.session(district.token()):
            assert early.is_over(2.0)
            for path in PATHS:
                with opened.client() as client:
                    answer = client.ask("GET", path)
                    assert (answer.status, "a test of the district" in answer.json["error"]) == (503, True)
    time.sleep(0.2)
    with opened.client() as late:
        assert late.ask("GET", guests.EMPTY).status == 200


class Visitor:
    """A guest without a connection."""

    address = "10.2.0.1"

    def cut(self) -> None:
        """Nothing to cut."""


def test_a_day_has_an_end() -> None:
    """When all guests together have had a day's bytes, no more streams begin; the next day they do."""
    clock = HandClock()
    room, visitor = Guests([ipaddress.ip_network("10.2.0.0/16")], clock.monotonic), Visitor()
    room.enter(visitor, leased=False)
    room.gave(GUEST_DAY_BYTES - 10)
    room.leave(visitor)
    room.enter(visitor, leased=False)
    room.took(10)
    room.leave(visitor)
    clock.advance(86_000)
    with pytest.raises(RefusedError, match="no more for today"):
        room.enter(visitor, leased=False)
    clock.advance(400)
    room.enter(visitor, leased=False)
    assert room.left() == GUEST_DAY_BYTES


def test_a_day_s_end_cuts_a_download(start: Start) -> None:
    """A download of 4 MiB on a day of 1 MB ends with that, and is not taken for a whole one."""
    opened = start("--open", "127.0.0.1", limits={"guests.GUEST_DAY_BYTES": 1_000_000})
    with opened.client() as client:
        client.say("GET", guests.GARBAGE)
        assert client.head().status == 200
        begin = time.monotonic()
        assert client.drain() == 1_000_000
        assert time.monotonic() - begin < 3
        with opened.client() as late:
            assert late.ask("GET", guests.GARBAGE).status == 503
