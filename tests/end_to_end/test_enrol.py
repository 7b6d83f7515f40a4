"""A box gets its certificate from the district's web server, over TLS, and comes in to the deployed broker with it."""

import json
import logging
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agent import enrol
from agent.cli import main
from agent.enrol import Card, EnrolError, OutOfReachError
from agent.identity import Identity, IdentityError
from collector.config import Home
from collector.identity import authority
from collector.identity.authority import AuthorityError
from collector.identity.registrar import Registrar
from collector.store import identities
from collector.tokens import Tokens
from collector.web.access import Slowness
from firstbell.enrolment import Granted, Refused, Renewal, Waiting, Word
from firstbell.report import Stamp
from tests.collector.web.site import parts_of, serving
from tests.collector.workbench import Bench
from tests.deploy.house import ROLE, settings_of
from tests.end_to_end.test_up import write_lincoln
from tests.support.mosquitto import mosquitto, wait_until
from tests.support.tls_server import filtered


class Site:
    """A district: its authority, its web server, and the card that a box was given."""

    def __init__(self, folder: Path, made: Bench) -> None:
        self.folder, self.bench = folder, made
        made.clock.wall_ns = time.time_ns()  # noqa: TID251 - the clients' clock is the machine's
        signs = authority.make(folder, "Example", made.clock.now_ns())
        signs.publish((), made.clock.now_ns())
        self.registrar = Registrar(made.journal, signs, made.clock)
        server, key = signs.for_server(["localhost"], made.clock.now_ns())
        (folder / "cert.pem").write_text(server.pem, encoding="ascii")
        (folder / "key.pem").write_text(key, encoding="ascii")
        self.slept: list[float] = []
        self.tokens = Tokens(folder)
        self.port = 0

    def card(self, agent: str, *, automatic: bool = False) -> Card:
        """A card for a box."""
        _, token = self.registrar.offer(agent, automatic=automatic)
        return Card(collector=f"https://localhost:{self.port}", broker="localhost", token=token)

    def tls(self, identity: Identity, card: Card, *, synchronised: bool = True) -> ssl.SSLContext:
        """What a box believes whose clock NTP holds, or not."""
        return enrol.tls_of(card, self.folder / "ca", identity, self.stamp(synchronised=synchronised))

    def stamp(self, *, synchronised: bool = True) -> Stamp:
        """The time that it is."""
        now_ns = self.bench.clock.now_ns()
        return Stamp(boot_id="boot", boottime_ns=10**9, wall_ns=now_ns, synchronised=synchronised)

    async def pause(self, seconds: float) -> None:
        """Take down how long a wrong token would have had to wait."""
        self.slept.append(seconds)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A district's web server that asks people for tokens, and boxes for cards."""
    with closing(Bench(tmp_path)) as made:
        there = Site(tmp_path, made)
        parts = parts_of(made)._replace(registrar=there.registrar)
        with serving(parts, there.tokens, Slowness(there.pause), tls=tmp_path) as there.port:
            yield there


def test_a_box_is_let_in_and_comes_in(site: Site, tmp_path: Path) -> None:
    """It waits, somebody clicks, it has a certificate; its key was never anywhere else."""
    box, card = Identity(tmp_path / "box"), site.card("lincoln-1")
    word = enrol.ask(card, box, site.tls(box, card))
    assert isinstance(word, Waiting)
    with closing(site.bench.journal.reader()) as db:
        (waits,) = identities.enrolments(db)
    operator = site.tokens.add("Ada", "operator", 1)
    fields = f"number={waits.number}&word=yes"
    assert asked(site, "/enrol/decide", fields, operator) == 303
    granted = enrol.until_let_in(card, box, lambda: site.tls(box, card), lambda _s: True)
    assert granted is not None
    assert (granted.agent, box.agent) == ("lincoln-1", "lincoln-1")
    assert (box.folder / "box.key").stat().st_mode & 0o777 == 0o600
    context = ssl.create_default_context(cafile=str(box.folder / "ca.pem"))
    context.load_cert_chain(box.folder / "box.pem", box.folder / "box.key")
    assert b"PRIVATE" not in (box.folder / "box.pem").read_bytes()


def asked(
    site: Site, path: str, body: str, token: str = "", kind: str = "application/x-www-form-urlencoded"
) -> int:
    """How the web server answers a POST."""
    line = HTTPSConnection(
        "localhost",
        site.port,
        timeout=10,
        context=ssl.create_default_context(cafile=str(site.folder / "ca" / "ca.pem")),
    )
    headers = {"Content-Type": kind} | ({"Authorization": f"Bearer {token}"} if token else {})
    with closing(line):
        line.request("POST", path, body, headers)
        answer = line.getresponse()
        answer.read()
        return answer.status


def test_it_asks_until_somebody_decides(site: Site, tmp_path: Path) -> None:
    """Each time after as long as it was told; a no is the end."""
    box, card = Identity(tmp_path / "box"), site.card("lincoln-1")
    slept: list[float] = []

    def wait(seconds: float) -> bool:
        slept.append(seconds)
        if len(slept) == 3:
            site.registrar.decide(1, let_in=False)
        return False

    with pytest.raises(EnrolError, match="decided not to"):
        enrol.until_let_in(card, box, lambda: site.tls(box, card), wait)
    assert slept == [60, 60, 60]


def test_a_box_whose_clock_nobody_sets_is_let_in(site: Site, tmp_path: Path) -> None:
    """By the date that it wrote down last no certificate is good yet; it believes its card's authority, and no other."""
    box, card = Identity(tmp_path / "box"), site.card("lincoln-1", automatic=True)
    context = site.tls(box, card, synchronised=False)
    assert context.verify_flags & 0x200000
    assert isinstance(enrol.ask(card, box, context), Granted)
    assert not site.tls(box, card).verify_flags & 0x200000
    with filtered(tmp_path) as filter_:
        elsewhere = Card(collector=filter_.url.removesuffix("/simple/"), broker="x", token=card.token)
        with pytest.raises(OutOfReachError, match="certificate verify failed"):
            enrol.ask(elsewhere, box, context)


def test_a_key_is_enough_later(site: Site, tmp_path: Path) -> None:
    """Without a token on the card; the same certificate comes until the middle of its time, and then another."""
    box, card = Identity(tmp_path / "box"), site.card("lincoln-1", automatic=True)
    first = enrol.ask(card, box, site.tls(box, card))
    assert isinstance(first, Granted)
    assert box.take(first)
    without = Card(collector=card.collector, broker="x")
    again = enrol.ask(without, box, site.tls(box, without))
    assert isinstance(again, Granted)
    assert not box.take(again)
    site.bench.clock.passes(200 * 86_400 * 10**9)
    later = enrol.ask(without, box, site.tls(box, without))
    assert isinstance(later, Granted)
    assert box.take(later)
    assert box.agent == "lincoln-1"


def test_a_box_that_was_shut_out_is_told(site: Site, tmp_path: Path) -> None:
    """Neither its key nor its card lets it in."""
    box, card = Identity(tmp_path / "box"), site.card("lincoln-1", automatic=True)
    granted = enrol.ask(card, box, site.tls(box, card))
    assert isinstance(granted, Granted)
    box.take(granted)
    site.registrar.revoke("lincoln-1")
    said = enrol.ask(card, box, site.tls(box, card))
    assert isinstance(said, Refused)
    assert "shut out" in said.reason


def test_another_boxs_certificate_is_not_taken(site: Site, tmp_path: Path) -> None:
    """Whatever the district gives, it must be for this box's own key; what is there stays."""
    mine, other = Identity(tmp_path / "mine"), Identity(tmp_path / "other")
    card = site.card("lincoln-1", automatic=True)
    granted = enrol.ask(card, other, site.tls(other, card))
    assert isinstance(granted, Granted)
    with pytest.raises(IdentityError, match="another box"):
        mine.take(granted)
    assert mine.agent == ""


def test_guessing_tokens_is_slow(site: Site, tmp_path: Path) -> None:
    """Half a second, then twice as long each time; a right one ends it."""
    box, card = Identity(tmp_path / "box"), site.card("lincoln-1")
    for turn in range(3):
        guess = Card(collector=card.collector, broker="x", token="fbe_" + "abc"[turn] * 26)
        word = enrol.ask(guess, box, site.tls(box, guess))
        assert isinstance(word, Refused)
    assert site.slept == [0.5, 1.0, 2.0]
    enrol.ask(card, box, site.tls(box, card))
    enrol.ask(Card(collector=card.collector, broker="x", token="fbe_" + "d" * 26), box, site.tls(box, card))
    assert site.slept[-1] == 0.5


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/enrol/claim", "", 400),
        ("/enrol/claim", "{}", 400),
        ("/enrol/claim", "[" * 4000, 400),
        ("/enrol/claim", "x" * 5000, 413),
        ("/enrol/claim", json.dumps({"token": "fbe_" + "a" * 26, "request": "x"}), 403),
        ("/enrol/renew", json.dumps({"request": "\ud800"}), 400),
        ("/enrol/renew", json.dumps({"request": ""}), 403),
        ("/enrol/decide", "number=1&word=yes", 401),
    ],
)
def test_nonsense_gets_a_sentence(site: Site, path: str, body: str, status: int) -> None:
    """And nobody decides without a token of the pages'."""
    site.card("lincoln-1")
    assert asked(site, path, body, kind="application/json") == status


def test_who_may_only_look_lets_nobody_in(site: Site, tmp_path: Path) -> None:
    """A viewer's token is not enough, and a wrong number is told."""
    box, card = Identity(tmp_path / "box"), site.card("lincoln-1")
    enrol.ask(card, box, site.tls(box, card))
    viewer, operator = site.tokens.add("Bob", "viewer", 1), site.tokens.add("Ada", "operator", 1)
    assert asked(site, "/enrol/decide", "number=1&word=yes", viewer) == 403
    assert isinstance(enrol.ask(card, box, site.tls(box, card)), Waiting)
    for fields in ("number=7&word=yes", "number=x&word=yes", "number=1&word=maybe", ""):
        assert asked(site, "/enrol/decide", fields, operator) in {400, 404}


def test_nobody_there_is_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Longer each time, up to an hour, and said."""
    card = Card(collector="https://127.0.0.1:1", broker="x", token="fbe_" + "a" * 26)
    slept, signs = list[float](), list[str]()

    def wait(seconds: float) -> bool:
        slept.append(seconds)
        return len(slept) == 12

    with caplog.at_level(logging.WARNING):
        tried = enrol.until_let_in(card, Identity(tmp_path), ssl.create_default_context, wait, signs.append)
    assert tried is None
    assert set(signs) == {"no network"}
    assert slept[:4] == [15, 30, 60, 120]
    assert slept[-1] == 3600
    assert "can't be reached" in caplog.text


def test_a_district_that_is_busy_is_no_reason_to_call(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A no for the moment is for nobody who stands before a box that has its certificate; a final one is."""
    box, card = Identity(tmp_path / "box"), site.card("lincoln-1", automatic=True)
    granted = enrol.ask(card, box, site.tls(box, card))
    assert isinstance(granted, Granted)
    box.take(granted)
    signs = list[str]()

    def busy(_renewal: Renewal) -> Word:
        raise AuthorityError("the disk is full")

    with monkeypatch.context() as now:
        now.setattr(site.registrar, "renew", busy)
        enrol.until_let_in(card, box, lambda: site.tls(box, card), lambda _s: True, signs.append)
    assert signs == []
    site.registrar.revoke("lincoln-1")
    with pytest.raises(EnrolError, match="shut out"):
        enrol.until_let_in(card, box, lambda: site.tls(box, card), lambda _s: True, signs.append)
    assert signs == ["call us"]


def test_a_key_is_given_up_only_for_a_card(tmp_path: Path) -> None:
    """Without a token nobody would take the new one: the old one stays, and it is said."""
    identity = Identity(tmp_path / "identity")
    identity.request()
    before = (identity.folder / "box.key").read_bytes()
    card = tmp_path / "card.toml"
    card.write_text('collector = "https://127.0.0.1:1"\nbroker = "x"\n', encoding="utf-8")
    (tmp_path / "ca.pem").write_text("", encoding="ascii")
    argv = ["--config", str(tmp_path / "agent.toml"), "enrol", str(card), "--once", "--new-key"]
    said = CliRunner().invoke(main, argv)
    assert said.exit_code == 1
    assert "without a token" in said.output
    assert (identity.folder / "box.key").read_bytes() == before


def test_a_known_key_stays_until_another_is_let_in(site: Site, tmp_path: Path) -> None:
    """A card that is worth nothing any more costs nothing; with a good one the new key takes its place."""
    box, used = Identity(tmp_path / "box"), site.card("lincoln-1", automatic=True)
    first = enrol.ask(used, box, site.tls(box, used))
    assert isinstance(first, Granted)
    box.take(first)
    before = (box.folder / "box.key").read_bytes()

    def come(card: Card) -> Result:
        text = f'collector = "{card.collector}"\nbroker = "x"\ntoken = "{card.token}"\n'
        (site.folder / "ca" / "card.toml").write_text(text, encoding="ascii")
        there = ["--config", str(tmp_path / "agent.toml"), "enrol", "--identity", str(box.folder)]
        return CliRunner().invoke(
            main, [*there, "--once", "--new-key", str(site.folder / "ca" / "card.toml")]
        )

    refused = come(used)
    assert refused.exit_code == 1
    assert "another box came" in refused.output
    assert {path.name for path in box.folder.iterdir()} == {"box.key", "box.pem", "ca.pem"}
    assert (box.folder / "box.key").read_bytes() == before
    assert isinstance(enrol.ask(used, box, site.tls(box, used)), Granted)
    new = site.card("lincoln-1")
    assert come(new).exit_code == 3
    waiting = (box.folder / "box-next.key").read_bytes()
    assert (box.folder / "box.key").read_bytes() == before
    site.registrar.decide(2, let_in=True)
    assert come(new).exit_code == 0
    assert (box.folder / "box.key").read_bytes() == waiting
    assert box.agent == "lincoln-1"
    assert isinstance(enrol.ask(new, box, site.tls(box, new)), Granted)


@pytest.mark.parametrize("left", [b"", b"\xff not a certificate", None], ids=["empty", "damaged", "gone"])
@pytest.mark.parametrize("on_card", ["used token", "no token"])
def test_a_lost_certificate_is_given_again(
    site: Site, tmp_path: Path, left: bytes | None, on_card: str
) -> None:
    """The key is known to the district: nobody has to go there with a new card."""
    box, card = Identity(tmp_path / "box"), site.card("lincoln-1", automatic=True)
    first = enrol.ask(card, box, site.tls(box, card))
    assert isinstance(first, Granted)
    box.take(first)
    site.card("lincoln-1")  # makes the one before worthless
    if left is None:
        (box.folder / "box.pem").unlink()
    else:
        (box.folder / "box.pem").write_bytes(left)
    card = card if on_card == "used token" else Card(collector=card.collector, broker="x")
    assert enrol.until_let_in(card, box, lambda: site.tls(box, card), lambda _s: True)
    assert box.agent == "lincoln-1"


# --- by the commands alone, as docs say ---------------------------------------------------------------


def say(*argv: str, stdin: str = "", code: int = 0) -> Any:
    """What a command answers, as JSON; in words where it fails."""
    ended = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    return json.loads(ended.stdout) if code == 0 else ended.stdout + ended.stderr


@contextmanager
def running(argv: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A command that goes on, and is stopped in the end."""
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)
        assert process.stdout is not None
        process.stdout.close()


@pytest.mark.slow
def test_from_a_card_to_a_report_and_out_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of district and box, the deployed broker, a collector that runs: in, heard, shut out.

    The light on the box says so each time, for whoever stands before it.
    """
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    data, box = tmp_path / "data", tmp_path / "box"
    write_lincoln(Home(data), "America/Chicago")
    firstbell = [sys.executable, "-m", "collector.cli", "--data", str(data)]
    agent = [sys.executable, "-m", "agent.cli", "--config", str(box / "agent.toml")]
    say(*firstbell, "authority", "make", "--json")
    assert "already" in say(*firstbell, "authority", "make", code=1)
    shutil.copy(ROLE / "files" / "firstbell.acl", data / "ca")
    say(*firstbell, "authority", "server", "localhost", "--out", str(data / "ca"), "--json")
    for kind in ("pem", "key"):
        (data / "ca" / f"localhost.{kind}").rename(data / "ca" / f"broker.{kind}")
    say(*firstbell, "authority", "program", "--out", str(data), "--json")
    say(*firstbell, "authority", "server", "localhost", "--out", str(data), "--json")
    with mosquitto(tmp_path, *settings_of(data / "ca")) as broker:
        (data / "collector.toml").write_text(
            f'[broker]\nhost = "localhost"\nport = {broker.port}\nca_file = "ca/ca.pem"\n'
            'cert_file = "firstbell_collector.pem"\nkey_file = "firstbell_collector.key"\n'
            '[web]\nhost = "0.0.0.0"\nport = 0\ncert_file = "localhost.pem"\nkey_file = "localhost.key"\n',
            encoding="utf-8",
        )
        with running([*firstbell, "collector", "run", "--json"]) as collector:
            port = json.loads(collector.stdout.readline())["web_port"]  # type: ignore[union-attr]
            with (data / "collector.toml").open("a", encoding="utf-8") as settings:
                settings.write(
                    f'[enrol]\ncollector = "https://localhost:{port}"\nbroker = "localhost"\n'
                    f"broker_port = {broker.port}\n"
                )
            say(*firstbell, "box", "card", "this-box", "--out", str(box / "card"), "--json")
            card = str(box / "card" / "card.toml")
            assert "somebody has to let this box in" in say(*agent, "enrol", card, "--once", code=3)
            assert (tmp_path / "light").read_text(encoding="ascii") == "done\n"
            (waits,) = say(*firstbell, "box", "waiting", "--json")
            say(*firstbell, "box", "let-in", str(waits["number"]), "--json")
            assert say(*agent, "enrol", card, "--json")["agent"] == "this-box"
            (tmp_path / "light").unlink()
            say(*agent, "check", "--json")
            with running([*agent, "run", "--json"]) as measuring:
                wait_until(lambda: bool(say(*firstbell, "status", "--json")["reports"]), "a report is there")
                wait_until((tmp_path / "light").exists, "the light says something")
                assert (tmp_path / "light").read_text(encoding="ascii") == "done\n"
                assert measuring.poll() is None
            say(*firstbell, "box", "shut-out", "this-box", "--json")
            broker.kill()
            broker.start()
            assert "shut out" in say(*agent, "enrol", card, "--once", code=1)
            assert (tmp_path / "light").read_text(encoding="ascii") == "call us\n"
            assert say(*agent, "check", code=1)
