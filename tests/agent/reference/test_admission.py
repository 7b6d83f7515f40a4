"""Which tickets open a session: over real sockets, against the server in its own process."""

import time
from collections.abc import Callable

import pytest

from agent.load import protocol
from firstbell import ticket
from tests.support.reference import TARGET, District, Reference, S


def test_a_good_ticket_opens_a_session_as_it_says(server: Reference, district: District) -> None:
    """Its bytes and seconds come back, with the server's name and an id."""
    with server.session(district.token(max_bytes=7_000_000, max_seconds=12.5)) as session:
        opened = session.opened.json
    assert len(opened.pop("session")) == 32
    assert opened == {"max_bytes": 7_000_000, "max_seconds": 12.5, "server": TARGET, "others": 0}


def now_ns() -> int:
    """As the server's clock says too."""
    return time.time_ns()  # noqa: TID251 - these are clocks of a test


BAD: dict[str, tuple[Callable[[District, District], str], str]] = {
    "none": (lambda _d, _o: "", "a ticket is wanted here"),
    "nonsense": (lambda _d, _o: "open-sesame", "this is no ticket"),
    "too long": (lambda _d, _o: "x" * 2000, "longer than any"),
    "signed by another": (lambda _d, other: other.token(), "not signed by this district"),
    "altered": (
        lambda d, _o: ticket.token_of(ticket.payload_of(d.ticket()), ticket.split(d.token())[1]),
        "not signed by this district",
    ),
    "no ticket in it": (lambda d, _o: d.sign(b"[]"), "this is no ticket"),
    "expired": (lambda d, _o: d.token(expires_ns=now_ns() - 1), "has expired"),
    "for another server": (lambda d, _o: d.token(target="library"), "for another server"),
    "from the future": (
        lambda d, _o: d.token(issued_ns=now_ns() + 90 * S, expires_ns=now_ns() + 120 * S),
        "from the future",
    ),
    "from before the start": (lambda d, _o: d.token(issued_ns=now_ns() - 60 * S), "last start"),
    "good for a day": (lambda d, _o: d.token(expires_ns=now_ns() + 86_400 * S), "good for too long"),
}


@pytest.mark.parametrize("which", BAD)
def test_a_bad_ticket_gets_its_reason_and_nothing_else(
    server: Reference, district: District, tmp_path_factory: pytest.TempPathFactory, which: str
) -> None:
    """A small 401 that says why, the end of the connection, and no session."""
    make, reason = BAD[which]
    token = make(district, District(tmp_path_factory.mktemp("other")))
    with server.client() as client:
        answer = client.ask("POST", protocol.SESSION, f"Authorization: Ticket {token}")
        assert answer.status == 401
        assert reason in answer.json["error"]
        assert len(answer.body) < 200
        assert client.sock.recv(1) == b""
    assert "session for" not in server.said()


def test_a_ticket_opens_one_session_once(server: Reference, district: District) -> None:
    """Brought again while its session runs, and after that, it is refused as used."""
    token = district.token()

    def again() -> str:
        with server.client() as client:
            answer = client.ask("POST", protocol.SESSION, f"Authorization: Ticket {token}")
        assert answer.status == 401
        return str(answer.json["error"])

    with server.session(token) as session:
        assert session.ask("GET", protocol.ECHO, session.line).status == 204
        assert again() == "the ticket was used before"
    assert again() == "the ticket was used before"


def test_a_box_has_one_session_at_a_time(server: Reference, district: District) -> None:
    """With a second ticket it waits until the first session is over, and then comes in with the same one."""
    first, second = (district.token(agent="box-7", max_bytes=1000) for _ in range(2))
    with server.session(first) as session, server.session(district.token(agent="box-8")):
        with server.client() as client:
            answer = client.ask("POST", protocol.SESSION, f"Authorization: Ticket {second}")
            assert (answer.status, answer.json["error"]) == (409, "this box has a session here already")
        session.ask("GET", protocol.take(1000), session.line)
        assert session.counts()["ended"] == "its bytes are used up"
        server.session(second).sock.close()
