"""What boxes bring by HTTPS is taken from whom it is, once."""

import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from agent.signing import Signer, SigningError
from collector import letters
from collector.app import listener
from collector.identity import authority
from collector.identity.authority import Authority
from collector.identity.registrar import COLLECTOR, Registrar
from collector.identity.signing import Callers, Voice
from collector.letters import AHEAD_MS, GOOD_MS, RECENT_S, Broker, Letters
from collector.store import identities
from collector.tokens import Tokens
from collector.web import door, uplink
from collector.web.access import Slowness
from collector.web.app import create_app
from firstbell import letter, wire
from firstbell.enrolment import Claim, Granted
from tests.collector.web.site import FakeLink, parts_of
from tests.collector.workbench import BOX, NS, Bench, batch, reports, wait_until
from tests.support.box_keys import openssl, request

NONCE = "0123456789abcdef0123456789abcdef"
YEAR_NS = 366 * 86_400 * NS


class Topics(FakeLink):
    """The way over the broker, where nobody listens."""

    def __init__(self) -> None:
        super().__init__()
        self.connected = False

    def tell(self, _agent: str, _payload: bytes) -> bool:
        """Nobody hears it."""
        return False


class Coordinator:
    """Hears what boxes say of leases, and answers the word itself."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.letters: Letters | None = None
        self.answers = True

    def hear(self, agent: str, payload: bytes, /) -> None:
        """Note it, and answer."""
        self.heard.append((agent, payload))
        if self.letters and self.answers:
            self.letters.tell(agent, b"granted " + payload)


class District:
    """A district's web server, as it takes letters, and the keys of boxes."""

    def __init__(self, folder: Path, made: Bench, broker: Broker | None) -> None:
        self.folder, self.bench = folder, made
        self.signs: Authority = authority.make(folder, "Example", made.clock.now_ns())
        self.registrar = Registrar(made.journal, self.signs, made.clock)
        self.coordinator = Coordinator()
        callers, voice = Callers(made.journal, self.signs, made.clock), Voice(self.signs, made.clock)
        self.letters = self.coordinator.letters = Letters(
            made.intake, self.coordinator, Topics(), made.clock, made.journal.id, callers, voice, broker
        )
        self.slept: list[float] = []
        self.port = 0
        self.ca = folder / "ca.pem"
        self.ca.write_text(self.signs.pem, encoding="ascii")

    def box(self, name: str = BOX) -> Signer:
        """A box that was let in."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        _, token = self.registrar.offer(name, automatic=True)
        given = self.registrar.claim(Claim(token=token, request=request(folder, "box")))
        assert isinstance(given, Granted)
        return self.signer(given.certificate, folder / "box.key")

    def signer(self, pem: str, key: Path) -> Signer:
        """Whoever holds that certificate and that key."""
        path = self.folder / "shown.pem"
        path.write_text(pem, encoding="ascii")
        return Signer(path, key, self.ca)

    async def pause(self, seconds: float) -> None:
        """Take down how long a stranger would have had to wait."""
        self.slept.append(seconds)

    def post(self, body: bytes) -> tuple[int, bytes]:
        """Status and body of what comes back."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=20)) as line:
            line.request("POST", letter.PATH, body, {"Content-Type": "application/octet-stream"})
            answer = line.getresponse()
            return answer.status, answer.read()

    def written(self, box: Signer, verb: str, payload: bytes) -> bytes:
        """A letter of now."""
        return written(box, verb, payload, secrets.token_hex(16), self.letters.moment())

    def said(self, box: Signer, verb: str, payload: bytes) -> list[letter.Message]:
        """What the collector says to a good letter."""
        return self.answered(box, self.written(box, verb, payload))

    def answered(self, box: Signer, raw: bytes) -> list[letter.Message]:
        """What the collector says to that letter."""
        status, body = self.post(raw)
        assert status == 200, body
        reply = letter.read_reply(body)
        now_ns = self.bench.clock.now_ns()
        signed = letter.to_sign_in_reply(box.name, letter.digest(raw), reply.body)
        box.check(reply.head.certificate, reply.head.signature, signed, now_ns)
        return letter.read_said(reply.body).messages


def written(
    box: Signer,
    verb: str,
    payload: bytes,
    nonce: str = NONCE,
    moment: letter.Moment = letter.UNKNOWN,
    **changes: Any,
) -> bytes:
    """A letter, with parts of its head changed after it was signed."""
    head: dict[str, Any] = {
        "verb": verb,
        "nonce": nonce,
        "certificate": box.certificate,
        "moment": moment,
        "signature": box.sign(letter.to_sign(verb, nonce, payload, moment)),
    }
    return letter.write(letter.Head(**(head | changes)), payload)


@contextmanager
def standing(folder: Path, broker: Broker | None = None) -> Iterator[District]:
    """The web server as the program has it; people need tokens there."""
    with closing(Bench(folder)) as made, listener("127.0.0.1", 0) as listening:
        there = District(folder, made, broker)
        parts = parts_of(made)._replace(registrar=there.registrar, letters=there.letters)
        app = create_app(parts, Tokens(folder), Slowness(there.pause))
        server = door.Server(door.settings(app))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        wait_until(lambda: server.started)
        there.port = listening.getsockname()[1]
        try:
            yield there
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


@pytest.fixture
def district(tmp_path: Path) -> Iterator[District]:
    """A district without a broker."""
    with standing(tmp_path) as made:
        yield made


# --- letters ----------------------------------------------------------------------------------------------


def test_a_batch_is_held_once_however_often_it_comes(district: District) -> None:
    """The same letter twice, and the same batch by MQTT: one and the same answer, and each report once."""
    box = district.box()
    digest, payload = batch(1, reports(1, 5))
    answers = [wire.read_answer(district.said(box, "report", payload)[0].payload) for _ in range(2)]
    by_mqtt = district.bench.take(payload)
    assert by_mqtt is not None
    assert [each.digest for each in (*answers, by_mqtt)] == [digest] * 3
    assert [each.held for each in (*answers, by_mqtt)] == [((1, 5),)] * 3
    assert len(district.bench.held()) == 5
    assert COLLECTOR == letter.COLLECTOR


def test_a_reply_answers_one_letter_of_one_box(district: District) -> None:
    """Whoever sends a letter of another box with the same nonce gets nothing that the first would believe."""
    box, thief, hello = district.box(), district.box("lincoln-9"), wire.encode(wire.State(alive=True))
    own, swapped = (written(each, "state", hello) for each in (box, thief))
    reply = letter.read_reply(district.post(swapped)[1])
    for name, raw in (("lincoln-1", own), ("lincoln-9", own), ("lincoln-1", swapped)):
        signed = letter.to_sign_in_reply(name, letter.digest(raw), reply.body)
        with pytest.raises(SigningError, match="signature is wrong"):
            box.check(reply.head.certificate, reply.head.signature, signed, None)
    signed = letter.to_sign_in_reply("lincoln-9", letter.digest(swapped), reply.body)
    thief.check(reply.head.certificate, reply.head.signature, signed, None)


def test_the_time_is_told(district: District) -> None:
    """To a box that asks with a nonce; without one there is nothing to say."""
    box = district.box()
    asked = wire.encode(wire.State(alive=True, nonce="when"))
    (said,) = district.said(box, "state", asked)
    answer = wire.read_answer(said.payload)
    assert (said.verb, answer.nonce) == ("answer", "when")
    assert answer.now_ns == district.bench.clock.now_ns()
    assert district.said(box, "state", wire.encode(wire.State(alive=True))) == []


def test_leases_and_nudges_wait_for_the_next_letter(district: District) -> None:
    """The answer to a question comes with it; what is said in between comes with whatever comes next."""
    box, hello = district.box(), wire.encode(wire.State(alive=True))
    assert not district.letters.nudge(BOX)  # it never came this way
    (said,) = district.said(box, "lease/ask", b"may I?")
    assert (said.verb, said.payload) == ("lease", b"granted may I?")
    assert district.letters.nudge(BOX)
    assert district.letters.tell(BOX, b"revoked")
    assert [each.verb for each in district.said(box, "state", hello)] == ["nudge", "lease"]
    assert district.said(box, "state", hello) == []
    district.bench.clock.passes(int(RECENT_S + 60) * NS)
    assert not district.letters.nudge(BOX)


def test_a_letter_that_was_overheard_is_worth_nothing(district: District) -> None:
    """Whatever it says: it takes nothing that waits for the box, asks nothing, and gets no place for long."""
    box, hello = district.box(), wire.encode(wire.State(alive=True))
    overheard = [district.written(box, "state", hello), district.written(box, "lease/ask", b"may I?")]
    for each in overheard:
        district.answered(box, each)
    district.letters.tell(BOX, b"revoked")
    for each in overheard:
        status, said = district.post(each)
        assert (status, "came before" in json.loads(said)["error"]) == (409, True)
    assert len(district.coordinator.heard) == 1
    assert [each.payload for each in district.said(box, "state", hello)] == [b"revoked"]


def test_a_letter_is_of_now(district: District) -> None:
    """Too old, ahead of its time, of another run of the collector, or without a moment: nothing of it is heard."""
    box, hello = district.box(), wire.encode(wire.State(alive=True))
    now = district.letters.moment()
    assert district.answered(box, district.written(box, "state", hello)) == []
    district.letters.tell(BOX, b"revoked")
    for run, ms in ((now.run, -GOOD_MS - 1000), (now.run, AHEAD_MS + 1000), ("0a", 0), ("", 0)):
        moment = letter.Moment(run=run, at_ms=now.at_ms + ms)
        assert district.post(written(box, "lease/ask", b"may I?", "0b", moment))[0] == 409
    assert district.coordinator.heard == []
    # Whoever has no moment is told one, and nothing that waits for the box.
    assert district.answered(box, written(box, "state", hello)) == []
    district.bench.clock.passes(int(GOOD_MS / 1000 - 1) * NS)
    (said,) = district.answered(box, written(box, "state", hello, "0c", now))
    assert said.payload == b"revoked"


def test_what_came_is_remembered_or_too_old(district: District, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without room for more nonces, letters as old as a forgotten one are refused; good ones of later are taken."""
    box, hello = district.box(), wire.encode(wire.State(alive=True))
    monkeypatch.setattr(letters, "_MOST_NONCES", 2)
    first = district.written(box, "state", hello)
    for _ in range(2):
        district.answered(box, first)
        for _ in range(2):
            district.bench.clock.passes(6 * NS)
            district.said(box, "state", hello)
        assert district.post(first)[0] == 409
        first = district.written(box, "state", hello)
    district.bench.clock.passes(GOOD_MS * 2 * NS // 1000)
    district.said(box, "state", hello)
    assert len(district.letters._nonces) == 1


def test_one_box_has_so_many_letters_under_way(district: District, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that was stolen fills the desk for nobody else."""
    monkeypatch.setattr(uplink, "MOST_LETTERS_OF_ONE", 1)
    monkeypatch.setattr(uplink, "ASK_S", 3.0)
    box, other, hello = district.box(), district.box("lincoln-2"), wire.encode(wire.State(alive=True))
    district.coordinator.answers = False
    ask = threading.Thread(target=district.said, args=(box, "lease/ask", b"may I?"))
    ask.start()
    wait_until(lambda: bool(district.coordinator.heard))
    assert district.post(district.written(box, "state", hello))[0] == 503
    assert district.said(other, "state", hello) == []
    ask.join(20)
    assert district.said(box, "state", hello) == []


def test_nobody_speaks_for_another(district: District) -> None:
    """Whatever the batch says of its box, the certificate's name counts: nothing of it is stored."""
    box = district.box("lincoln-2")
    _, payload = batch(1, reports(1, 3))
    status, body = district.post(district.written(box, "report", payload))
    assert status == 400
    assert "set aside" in json.loads(body)["error"]
    assert district.bench.held() == []


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (b"", 400, "no first line"),
        (b"\n", 400, "no head"),
        (b"{}\n", 400, "no head"),
        (b"[" * 4000 + b"\n", 400, "no head"),
        (b"x" * 200_000, 413, "too long"),
        (b'{"verb":"report","nonce":"a","certificate":"eA==","signature":"eA=="}\n', 403, "no certificate"),
        (b'{"verb":"nudge","nonce":"a","certificate":"","signature":""}\n', 400, "nothing that a box says"),
        (b'{"verb":"state","nonce":"\\u00e9","certificate":"","signature":""}\n', 400, "the nonce"),
        (b'{"v":9,"verb":"state","nonce":"a","certificate":"","signature":""}\n', 400, "version 9"),
    ],
)
def test_nonsense_gets_a_sentence(district: District, body: bytes, status: int, why: str) -> None:
    """Each wrongness its own status and its own words."""
    got, said = district.post(body)
    assert got == status
    assert why in json.loads(said)["error"]


def test_whoever_is_not_a_box_of_this_district_is_refused(district: District) -> None:
    """Another authority's, a server's, a program's certificate; a wrong key; a changed letter; too old, too young."""
    box, hello = district.box(), wire.encode(wire.State(alive=True))
    now_ns, folder = district.bench.clock.now_ns(), district.folder
    key = folder / BOX / "box.key"
    asked = authority.read_request(request(folder / BOX, "box"))
    (folder / "other").mkdir()
    elsewhere = authority.make(folder / "other", "Elsewhere", now_ns).for_box(asked, BOX, now_ns).pem
    server, server_key = district.signs.for_server(["localhost"], now_ns)
    program, program_key = district.signs.for_client(COLLECTOR, now_ns)
    (folder / "server.key").write_text(server_key, encoding="ascii")
    (folder / "program.key").write_text(program_key, encoding="ascii")
    old = district.signs.for_box(asked, BOX, now_ns - YEAR_NS).pem
    young = district.signs.for_box(asked, BOX, now_ns + YEAR_NS).pem
    openssl(
        "genpkey",
        "-algorithm",
        "EC",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-out",
        str(folder / "x.key"),
    )
    wrong = [
        (written(district.signer(elsewhere, key), "state", hello), "not of this district"),
        (written(district.signer(server.pem, folder / "server.key"), "state", hello), "not a box's"),
        (written(district.signer(program.pem, folder / "program.key"), "state", hello), "not a box's"),
        (written(district.signer(old, key), "state", hello), "has ended"),
        (written(district.signer(young, key), "state", hello), "not good yet"),
        (written(box, "state", hello, signature=b"x"), "signature is wrong"),
        (written(box, "state", hello) + b"x", "signature is wrong"),
        (written(box, "state", hello) + b" ", "signature is wrong"),
        (
            written(Signer(folder / "shown.pem", folder / "x.key", district.ca), "state", hello),
            "signature is wrong",
        ),
    ]
    for body, why in wrong:
        status, said = district.post(body)
        assert (status, why in json.loads(said)["error"]) == (403, True), (why, said)
    assert district.slept[:4] == [0.5, 1.0, 2.0, 4.0]
    assert district.bench.held() == []


def test_who_is_shut_out_is_out_at_once(district: District) -> None:
    """Before any list was written: the journal says it."""
    box, hello = district.box(), wire.encode(wire.State(alive=True))
    assert district.said(box, "state", hello) == []
    district.registrar.revoke(BOX)
    status, said = district.post(written(box, "state", hello))
    assert (status, "shut out" in json.loads(said)["error"]) == (403, True)


def test_a_list_of_later_counts_after_a_restore(district: District) -> None:
    """Of a certificate that the journal forgot, with the backup that it came from, the list knows the number."""
    box, hello = district.box(), wire.encode(wire.State(alive=True))
    with closing(district.bench.journal.writer()) as db:
        row = db.execute("SELECT authority, serial, ends_ns FROM certificates").fetchone()
        db.execute("DELETE FROM certificates")
    assert district.said(box, "state", hello) == []
    identities.take_over(district.bench.journal, [(row[0], row[1], 1)], row[2])
    status, said = district.post(written(box, "state", hello))
    assert (status, "shut out" in json.loads(said)["error"]) == (403, True)
