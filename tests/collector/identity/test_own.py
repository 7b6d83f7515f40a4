"""The district's own certificates: renewed in time by the collector itself, judged by openssl, and told aloud."""

import logging
import ssl
from pathlib import Path

import pytest

from collector.identity import authority, own
from collector.identity.authority import Authority, AuthorityError
from collector.identity.registrar import COLLECTOR
from collector.identity.renewing import Renewing
from tests.collector.workbench import NOW_NS, StillClock
from tests.support.box_keys import openssl, request

DAY_NS = own.DAY_NS


class Server:
    """A data folder with an authority and the three certificates that the roles make."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, StillClock()
        self.signs = authority.make(folder, "Example", NOW_NS)
        self.web, self.broker = folder / "web" / "localhost.pem", folder / "broker" / "localhost.pem"
        self.program = folder / f"{COLLECTOR}.pem"
        self.lay(self.program, *self.signs.for_client(COLLECTOR, NOW_NS))
        for path in (self.web, self.broker):
            self.lay(path, *self.signs.for_server(["localhost", "192.0.2.7"], NOW_NS))
        self.publish()
        self.renewing = Renewing(folder, (f"{COLLECTOR}.pem", "web/localhost.pem"), self.clock)

    @staticmethod
    def lay(path: Path, issued: authority.Issued, key: str) -> None:
        """Lay certificate and key beside each other."""
        path.parent.mkdir(exist_ok=True)
        path.write_text(issued.pem, encoding="ascii")
        path.with_suffix(".key").write_text(key, encoding="ascii")

    def publish(self) -> None:
        """Write what others read."""
        Authority(self.folder).publish((), self.clock.now_ns())

    def follow(self) -> None:
        """Somebody typed `firstbell authority make --follow`."""
        authority.make(self.folder, "Example", self.clock.now_ns())
        self.publish()

    def pems(self) -> list[str]:
        """All three, as they lie there."""
        return [path.read_text(encoding="ascii") for path in (self.program, self.broker, self.web)]

    def judged(self, path: Path, use: str, believed: str = "") -> bool:
        """Whether openssl takes it now for that use, believing `believed` or the district's authorities."""
        known = self.folder / "believed.pem"
        known.write_text(believed or (self.folder / "ca" / "ca.pem").read_text(), encoding="ascii")
        at = str(self.clock.now_ns() // 10**9)
        try:
            openssl("verify", "-CAfile", str(known), "-purpose", use, "-attime", at, str(path))
        except AssertionError:
            return False
        return True


@pytest.fixture
def server(tmp_path: Path) -> Server:
    """All certificates are new."""
    return Server(tmp_path)


def test_they_are_renewed_from_their_middle_on(server: Server) -> None:
    """Same key, same names, same use, a year more; before the middle nothing is touched."""
    before = server.pems()
    server.clock.passes(182 * DAY_NS)
    server.renewing.look()
    assert server.pems() == before
    server.clock.passes(DAY_NS)
    server.renewing.look()
    assert not set(server.pems()) & set(before)
    server.clock.passes(300 * DAY_NS)
    assert server.judged(server.program, "sslclient")
    assert not server.judged(server.program, "sslserver")
    for path in (server.web, server.broker):
        assert server.judged(path, "sslserver")
        said = openssl("x509", "-in", str(path), "-noout", "-ext", "subjectAltName", "-subject")
        assert "DNS:localhost" in said
        assert "IP Address:192.0.2.7" in said
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for path in (server.program, server.web, server.broker):
        context.load_cert_chain(path, path.with_suffix(".key"))
    assert server.renewing.troubles == []


@pytest.mark.slow
def test_ten_years_go_by_themselves(server: Server) -> None:
    """Looked at once a month: always good, never silent, and in the end the authority is followed in one command."""
    told_at, followed = None, False
    for month in range(13 * 13):
        server.clock.passes(28 * DAY_NS)
        server.renewing.look()
        if server.renewing.troubles and not followed:
            told_at = told_at or month
            assert "authority make --follow" in server.renewing.troubles[0]
            if month == 13 * 9:
                server.follow()
                followed = True
        else:
            assert server.renewing.troubles == []
        assert server.judged(server.broker, "sslserver")
        assert server.judged(server.program, "sslclient")
    assert told_at is not None
    assert told_at < 13 * 8 + 4


def test_a_box_in_a_drawer_finds_somebody_to_ask(server: Server) -> None:
    """It knows the old authority alone: servers show what that one signed for as long as it signs at all."""
    believed, ends_ns = server.signs.pem, server.signs.ends_ns
    server.clock.passes(8 * 365 * DAY_NS)
    server.renewing.look()
    server.follow()
    while server.clock.now_ns() < ends_ns - 60 * DAY_NS:
        server.clock.passes(30 * DAY_NS)
        server.renewing.look()
        assert server.judged(server.web, "sslserver", believed)
        assert server.judged(server.broker, "sslserver", believed)
        assert server.judged(server.program, "sslclient", believed)
    given = Authority(server.folder).for_box(
        authority.read_request(request(server.folder)), "lincoln-1", server.clock.now_ns()
    )
    assert given.ends_ns > ends_ns


def test_near_the_end_nothing_is_signed_again_and_again(server: Server) -> None:
    """A certificate that could not be good for longer stays: each new one starts the broker anew."""
    server.clock.passes(server.signs.ends_ns - NOW_NS - 20 * DAY_NS)
    server.renewing.look()
    before = server.pems()
    for _ in range(40):
        server.clock.passes(DAY_NS // 2 - 1)
        server.renewing.look()
    assert server.pems() == before


def test_an_authority_that_ended_says_so(server: Server) -> None:
    """Nothing is signed with it, nothing is damaged, and the one after it works at once."""
    before = server.pems()
    server.clock.passes(server.signs.ends_ns - NOW_NS)
    server.renewing.look()
    assert "ended on" in server.renewing.troubles[0]
    assert "--follow" in server.renewing.troubles[0]
    assert server.pems() == before
    with pytest.raises(AuthorityError, match="--follow"):
        server.publish()
    server.follow()
    server.renewing.look()
    assert server.judged(server.broker, "sslserver")
    assert server.renewing.troubles == []


def test_what_is_anothers_is_told_and_left(server: Server) -> None:
    """The district's own certificate for its pages: told a month before its end, and never signed here."""
    other = server.folder / "other"
    other.mkdir()
    foreign, key = authority.make(other, "Elsewhere", NOW_NS).for_server(["localhost"], NOW_NS)
    server.lay(server.web, foreign, key)
    server.clock.passes(330 * DAY_NS)
    server.renewing.look()
    assert server.renewing.troubles == []
    server.clock.passes(10 * DAY_NS)
    server.renewing.look()
    (told,) = server.renewing.troubles
    assert "put the next one there" in told
    assert server.web.read_text(encoding="ascii") == foreign.pem


def test_what_keeps_it_from_that_is_said_once_a_day(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """A damaged file, by its name; the others are renewed all the same."""
    server.web.write_text("nonsense", encoding="ascii")
    before = server.broker.read_text(encoding="ascii")
    server.clock.passes(200 * DAY_NS)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            server.renewing.look()
    assert len(caplog.records) == 1
    (told,) = server.renewing.troubles
    assert told == f"{server.web}: this is no certificate"
    assert server.broker.read_text(encoding="ascii") != before
    server.clock.passes(DAY_NS)
    server.renewing.look()
    assert len(caplog.records) == 2
