"""Offers from the district's web server to a box's folder, over TLS; and whoever stands between them."""

import http.client
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from agent.update import fetch, signature
from agent.update.fetch import ARCHIVE, FetchError, Source
from collector import updates
from collector.identity import authority
from collector.tokens import Tokens
from collector.updates import Key
from collector.web.updates import MOST_FROM_ONE
from firstbell.update import Offer, OfferError, Parcel, Stage
from tests.agent.update import bundles
from tests.collector.web.site import parts_of, serving
from tests.collector.workbench import Bench


class District:
    """A district's web server with something to offer, and what a box believes."""

    def __init__(self, folder: Path, made: Bench) -> None:
        self.folder, self.bench = folder, made
        made.clock.wall_ns = time.time_ns()  # noqa: TID251 - the clients' clock is the machine's
        signs = authority.make(folder, "Example", made.clock.now_ns())
        server, key = signs.for_server(["localhost"], made.clock.now_ns())
        (folder / "cert.pem").write_text(server.pem, encoding="ascii")
        (folder / "key.pem").write_text(key, encoding="ascii")
        signs.publish((), made.clock.now_ns())
        self.key = Key(folder / updates.KEY, make=True)
        self.public = (bytes.fromhex(self.key.public),)
        self.parcel = updates.pack(made.path.parent, bundles.bundle(folder / "bundle", "0.2.0"))
        self.port = 0
        self.offer(7)

    def offer(self, serial: int, **changed: Any) -> None:
        """Sign something."""
        now_s = self.bench.clock.now_ns() // 10**9
        made = Offer(serial=serial, begins_s=now_s - 9, ends_s=now_s + 999, parcels=(self.parcel,))
        updates.publish(self.bench.path.parent, self.key, replace(made, **changed))

    def source(self, port: int = 0) -> Source:
        """Where the box asks."""
        return Source(f"https://localhost:{port or self.port}", self.tls(), time.monotonic)

    def tls(self) -> ssl.SSLContext:
        """Whom the box believes."""
        return ssl.create_default_context(cafile=str(self.folder / "ca" / "ca.pem"))


@pytest.fixture
def district(tmp_path: Path) -> Iterator[District]:
    """It serves; people want tokens there."""
    with closing(Bench(tmp_path)) as made:
        there = District(tmp_path, made)
        with serving(parts_of(made), Tokens(tmp_path), tls=tmp_path) as there.port:
            yield there


@contextmanager
def between(district: District, answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[int]:
    """A server with the district's own certificate, that answers otherwise: the worst one on the way."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_args: object) -> None:
            """Quiet."""

    class Quiet(HTTPServer):
        def handle_error(self, *_args: object) -> None:
            """A box that hangs up is what is wanted."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(district.folder / "cert.pem", district.folder / "key.pem")
    server = Quiet(("localhost", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_box_gets_what_is_offered(district: District, tmp_path: Path) -> None:
    """Without a token; signed, and to the byte."""
    offer = signature.verified(district.source().offer(), district.public)
    assert (offer.serial, offer.parcels) == (7, (district.parcel,))
    got = district.source().archive(offer.parcels[0], tmp_path)
    made = district.bench.path.parent / "updates" / f"{district.parcel.sha256}.tar"
    assert got.read_bytes() == made.read_bytes()
    inode = got.stat().st_ino
    assert district.source().archive(offer.parcels[0], tmp_path).stat().st_ino == inode


def test_what_came_stays_and_the_rest_is_asked_for(district: District, tmp_path: Path) -> None:
    """After a line that broke; what came wrongly is thrown away."""
    part = tmp_path / f"{district.parcel.sha256}.part"
    whole = (district.bench.path.parent / "updates" / f"{district.parcel.sha256}.tar").read_bytes()
    part.write_bytes(whole[:5000])
    ranges: list[str] = []

    def break_off(asked: BaseHTTPRequestHandler) -> None:
        ranges.append(asked.headers["Range"])
        asked.send_response(206)
        asked.send_header("Content-Length", str(len(whole) - 5000))
        asked.end_headers()
        asked.wfile.write(whole[5000:6000])

    with between(district, break_off) as port, pytest.raises(FetchError):
        district.source(port).archive(district.parcel, tmp_path)
    assert (ranges, part.stat().st_size) == (["bytes=5000-"], 6000)
    assert district.source().archive(district.parcel, tmp_path).read_bytes() == whole
    (tmp_path / ARCHIVE).unlink()
    part.write_bytes(b"x" * 6000)
    with pytest.raises(FetchError, match="not the one that was signed"):
        district.source().archive(district.parcel, tmp_path)
    assert not part.exists()


def test_an_endless_stream_ends(district: District, tmp_path: Path) -> None:
    """At the promised byte, for the archive; at the longest that any has, for the offer; nothing of it stays."""

    def for_ever(asked: BaseHTTPRequestHandler) -> None:
        asked.send_response(200)
        asked.end_headers()
        while True:
            asked.wfile.write(b"A" * 65536)

    with between(district, for_ever) as port:
        with pytest.raises(FetchError, match="more than any offer"):
            district.source(port).offer()
        with pytest.raises(FetchError, match="longer than was promised"):
            district.source(port).archive(district.parcel, tmp_path)
    assert not [*tmp_path.glob("*.part"), *tmp_path.glob(ARCHIVE)]


def test_a_slow_line_is_cut_off_and_goes_on(district: District, tmp_path: Path) -> None:
    """One that sends a byte now and then holds nobody for ever."""
    clock = iter([0.0, fetch.MOST_S + 1, fetch.MOST_S + 1])
    source = Source(f"https://localhost:{district.port}", district.tls(), lambda: next(clock))
    with pytest.raises(FetchError, match="too slowly"):
        source.archive(district.parcel, tmp_path)
    assert district.source().archive(district.parcel, tmp_path).exists()


def test_no_redirect_is_followed(district: District) -> None:
    """Wherever it leads."""

    def elsewhere(asked: BaseHTTPRequestHandler) -> None:
        asked.send_response(302)
        asked.send_header("Location", f"https://localhost:{district.port}/updates/offer")
        asked.end_headers()

    with between(district, elsewhere) as port, pytest.raises(FetchError, match="302"):
        district.source(port).offer()


def test_a_filter_that_opens_the_line_gets_nothing(district: District, tmp_path: Path) -> None:
    """Whom the card does not name is not believed; nobody there is said."""
    other = tmp_path / "other"
    authority.make(other, "Filter", district.bench.clock.now_ns()).publish((), district.bench.clock.now_ns())
    tls = ssl.create_default_context(cafile=str(other / "ca" / "ca.pem"))
    for source in (
        Source(f"https://localhost:{district.port}", tls, time.monotonic),
        Source("https://localhost:1", tls, time.monotonic),
    ):
        with pytest.raises(FetchError, match="can't be reached"):
            source.offer()


def test_another_key_signs_nothing(district: District, tmp_path: Path) -> None:
    """Nor does the right key's signature carry another word, or one that was made for something else."""
    text = district.source().offer()
    stranger = Key(tmp_path / "stranger", make=True)
    offer = signature.verified(text, district.public)
    head, _, tail = text.partition(".")
    other_head, _, _ = stranger.sign(replace(offer, serial=8)).partition(".")
    for bad in (stranger.sign(offer), f"{other_head}.{tail}", f"{head}.{tail[:-4]}AA=="):
        with pytest.raises(OfferError, match=r"not signed|no offer"):
            signature.verified(bad, district.public)


def test_the_web_server_gives_nothing_else(district: District) -> None:
    """No other file by any name, and nothing more without a token than the two paths."""
    line = http.client.HTTPSConnection("localhost", district.port, timeout=10, context=district.tls())
    with closing(line):
        for path, status in (
            ("/updates/archive", 404),
            ("/updates/archive?sha256=../update-key", 404),
            (f"/updates/archive?sha256={'0' * 64}", 404),
            ("/updates/archive?sha256=offer", 404),
            ("/updates/", 401),
            (f"/updates/{district.parcel.sha256}.tar", 401),
            ("/boxes", 401),
        ):
            line.request("GET", path)
            answer = line.getresponse()
            answer.read()
            assert answer.status == status, path


def test_few_get_an_archive_at_once(district: District, tmp_path: Path) -> None:
    """More than four from one address are told to come later, and there is room again when those have gone."""
    big = district.bench.path.parent / "updates" / f"{'0' * 64}.tar"
    with big.open("wb") as file:
        file.truncate(200_000_000)
    held: list[ssl.SSLSocket] = []
    try:
        for _ in range(MOST_FROM_ONE):
            sock = district.tls().wrap_socket(
                socket.create_connection(("localhost", district.port)), server_hostname="localhost"
            )
            sock.sendall(
                f"GET /updates/archive?sha256={'0' * 64} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
            )
            assert b"200 OK" in sock.recv(100)
            held.append(sock)
        with pytest.raises(FetchError, match="503"):
            district.source().archive(district.parcel, tmp_path)
    finally:
        for sock in held:
            sock.close()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            district.source().archive(district.parcel, tmp_path)
            break
        except FetchError:
            threading.Event().wait(0.05)
    assert (tmp_path / ARCHIVE).exists()


# --- by the commands ----------------------------------------------------------------------------------


def say(*argv: str, code: int = 0) -> Any:
    """What a command answers, as JSON; in words where it fails."""
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    return json.loads(ended.stdout) if code == 0 else ended.stdout + ended.stderr


@pytest.mark.slow
def test_offers_are_made_shown_and_stopped(tmp_path: Path) -> None:
    """By the district's command; serials only grow, an archive nobody is offered goes, mistakes are said."""
    firstbell = [sys.executable, "-m", "collector.cli", "--data", str(tmp_path / "data"), "update"]
    stick = str(tmp_path / "stick" / "key")
    public = say(*firstbell, "key", "--key", stick, "--json")["key"]
    assert len(public) == 64
    assert not (tmp_path / "data" / "update-key").exists()
    assert Path(stick).stat().st_mode & 0o777 == 0o600
    assert say(*firstbell, "show", "--json")["offer"] is None
    made = bundles.bundle(tmp_path / "bundle", "0.2.0")
    offer = [*firstbell, "offer", str(made), "--key", stick]
    first = say(*offer, "--pilot", "lincoln-1", "--hours", "20:00-04:30", "--stages", "2:20,4:100", "--json")
    assert (first["from_minute"], first["until_minute"]) == (1200, 270)
    assert [stage["after_h"] for stage in first["stages"]] == [48, 96]
    shown = say(*firstbell, "show", "--box", "lincoln-1", "--json")
    assert shown["boxes"] == {"lincoln-1": first["begins_s"]}
    folder = tmp_path / "data" / "updates"
    assert [path.stem for path in folder.glob("*.tar")] == [first["parcels"][0]["sha256"]]
    text = (folder / "offer").read_text(encoding="ascii")
    assert signature.verified(text, [bytes.fromhex(public)]).serial == first["serial"]
    again = say(*offer, "--at-once", "--json")
    stopped = say(*firstbell, "stop", "--key", stick, "--json")
    assert first["serial"] < again["serial"] < stopped["serial"]
    assert (stopped["parcels"], [*folder.glob("*.tar")]) == ([], [])
    assert "two times of day" in say(*offer, "--hours", "noon", code=2)
    assert "days and percent" in say(*offer, "--stages", "x", code=2)
    assert "pilots" in say(*offer, "--pilot", "Lincoln High", code=1)
    (made / "wheels" / "firstbell-0.2.0-py3-none-any.whl").write_bytes(b"changed")
    assert "make the bundle again" in say(*offer, code=1)
    (made / "VERSION").unlink()
    assert "is no bundle" in say(*offer, code=1)
    vague = bundles.bundle(tmp_path / "vague", "0.2.0", kind="py3-none-any")
    assert "which one kind" in say(*firstbell, "offer", str(vague), "--key", stick, code=1)
    Path(stick).write_text("no key\n", encoding="ascii")
    assert "it is no key" in say(*firstbell, "key", "--key", stick, code=1)


def test_a_box_says_what_is_wrong(tmp_path: Path) -> None:
    """Where it has no key, no offer, or one of somebody else's; and what it would do."""
    (tmp_path / "agent.toml").write_text(
        '[box]\nname = "lincoln-1"\ntimezone = "America/Chicago"\n', encoding="utf-8"
    )
    got, opt = tmp_path / "got", tmp_path / "opt"
    got.mkdir()
    opt.mkdir()
    places = ["--folder", str(opt), "--got", str(got), "--key", str(tmp_path / "update.pub"), "--json"]
    agent = [sys.executable, "-m", "agent.cli", "--config", str(tmp_path / "agent.toml"), "update"]
    assert say(*agent, "show", *places)["says"] == "no offer was got yet"
    key, other = Key(tmp_path / "key", make=True), Key(tmp_path / "other", make=True)
    now_s = int(time.time())  # noqa: TID251 - the command's clock is the machine's
    parcel = Parcel(
        machine="z80", python="2.7", release="1-" + "a" * 12, sha256="b" * 64, size=1, listed="a" * 64
    )
    offer = Offer(
        serial=3,
        begins_s=now_s - 9,
        ends_s=now_s + 99,
        parcels=(parcel,),
        stages=(Stage(after_h=0, share_pct=100),),
    )
    (got / "offer").write_text(key.sign(offer), encoding="ascii")
    assert "there is no key" in say(*agent, "show", *places)["says"]
    (tmp_path / "update.pub").write_text(other.public, encoding="ascii")
    assert "not signed" in say(*agent, "show", *places)["says"]
    (tmp_path / "update.pub").write_text(f"{other.public}\n{key.public}\n", encoding="ascii")
    shown = say(*agent, "show", *places)
    assert (shown["why"], shown["current"], shown["turn_s"]) == ("machine", "", now_s - 9)
    assert say(*agent, "look", "--json") == {"agent": "lincoln-1", "testing": False, "epoch": "", "held": 0}
    assert say(*agent, "try", "--json")["spool_readable_since"] == 1
    assert "can't be asked" in say(*agent, "install", *places)["said"]
    assert json.loads((opt / "update.json").read_text(encoding="utf-8"))["seen"] == 3
