"""Reports arrive from networks that let little out: a dropped port, a proxy, a filter that opens TLS or cuts WebSockets."""

import json
import logging
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from agent import lines
from agent.config import Settings
from agent.machine.clock import SystemClock
from agent.machine.machine import Machine
from agent.signing import Signer
from agent.uplink.ladder import Rung, remembered
from collector.clock import SystemClock as DistrictClock
from firstbell import letter
from firstbell.lease import Lease, Refusal
from firstbell.report import Stamp
from tests.support.field import Field, Sending, field
from tests.support.mosquitto import wait_until
from tests.support.outskirts import dropping, proxy
from tests.support.tls_server import certificates

pytestmark = pytest.mark.slow

BOX = "lincoln-1"


@pytest.fixture
def district(tmp_path: Path) -> Iterator[Field]:
    """Authority, broker and collector, running."""
    with field(tmp_path) as made:
        yield made


def toml(settings: Settings) -> str:
    """The tables of settings that these tests change."""
    tables = {name: msgspec.to_builtins(getattr(settings, name)) for name in ("box", "broker", "uplink")}
    return "".join(
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
        for name, table in tables.items()
    )


def arrive(district: Field, box: Sending, count: int = 40) -> None:
    """Measure, and see that each report is in the journal once, and none waits."""
    before = len(district.reports(BOX))
    box.put(count)
    box.delivered()
    held = district.reports(BOX)
    assert len(held) >= before + count
    assert len(set(held)) == len(held)


@pytest.mark.parametrize("rung", ["mqtt", "websocket", "https"])
def test_each_way_carries(district: Field, rung: Rung) -> None:
    """Alone, in both directions."""
    with district.box(BOX, rungs=[rung]) as box:
        arrive(district, box)
        assert box.ladder.rung == rung


def test_a_dropped_port_is_gone_around_and_remembered(district: Field, tmp_path: Path) -> None:
    """8883 answers nothing: through a WebSocket within seconds, and after a new start at once."""
    with dropping() as port:
        with district.box(BOX, port=port) as box:
            arrive(district, box)
            assert box.ladder.rung == "websocket"
        assert remembered(tmp_path / BOX / "uplink.json") == "websocket"
        with district.box(BOX, port=port, patience_s=[3000, 3000]) as box:
            arrive(district, box)
            assert box.ladder.rung == "websocket"


def test_where_websockets_are_cut_requests_carry(district: Field, tmp_path: Path) -> None:
    """A filter opens TLS and lets no WebSocket through, and 8883 is dropped."""
    (tmp_path / "filter").mkdir()
    with dropping() as port, proxy(opens=tmp_path / "filter") as filter_:
        filter_.cuts_upgrades = True
        with district.box(BOX, port=port, proxy=f"http://127.0.0.1:{filter_.port}") as box:
            arrive(district, box)
            assert box.ladder.rung == "https"


@pytest.mark.parametrize("rung", ["websocket", "https"])
def test_a_proxy_that_asks_who_it_is(district: Field, tmp_path: Path, rung: Rung) -> None:
    """CONNECT with a name and a password; with a wrong one the reason is the proxy's."""
    with proxy(user="box", password="bell : 5%") as asks:
        (tmp_path / BOX).mkdir()
        (tmp_path / BOX / "proxy.password").write_text("bell : 5%\n", encoding="utf-8")
        told = {"proxy": f"http://127.0.0.1:{asks.port}", "proxy_user": "box", "rungs": [rung]}
        with district.box(BOX, **told, proxy_password_file="proxy.password") as box:
            arrive(district, box)
        (tmp_path / BOX / "proxy.password").write_text("bell\n", encoding="utf-8")
        with district.box(BOX, **told, proxy_password_file="proxy.password") as box:
            assert "407" in box.ladder._line.feel()
    assert asks.asked[0].startswith("CONNECT localhost:")


def test_the_environments_proxy_is_used(district: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTPS_PROXY with its user; NO_PROXY goes before it."""
    with proxy(user="box", password="x@y") as asks:
        monkeypatch.setenv("HTTPS_PROXY", f"http://box:x%40y@127.0.0.1:{asks.port}")
        with district.box(BOX, proxy="", rungs=["https"]) as box:
            arrive(district, box)
        seen = len(asks.asked)
        assert seen
        monkeypatch.setenv("NO_PROXY", "localhost")
        with district.box(BOX, proxy="", rungs=["https"]) as box:
            arrive(district, box)
        assert len(asks.asked) == seen


@pytest.mark.parametrize("rung", ["websocket", "https"])
def test_a_filter_that_opens_tls_is_let_do_it(
    district: Field, tmp_path: Path, rung: Rung, caplog: pytest.LogCaptureFixture
) -> None:
    """Reports pass and it is said; inside a WebSocket the filter reads nothing of MQTT."""
    (tmp_path / "filter").mkdir()
    with proxy(opens=tmp_path / "filter") as filter_, caplog.at_level(logging.WARNING):
        with district.box(BOX, proxy=f"http://127.0.0.1:{filter_.port}", rungs=[rung]) as box:
            arrive(district, box)
        assert "a filter opens this line" in caplog.text
        assert filter_.seen
        assert (b"firstbell/v1" in filter_.seen) is False
        assert (b'"agent":"lincoln-1"' in filter_.seen) is (rung == "https")


def test_a_forged_answer_takes_nothing_out_of_the_spool(district: Field, tmp_path: Path) -> None:
    """A filter changes a bit of each reply: the box believes none of them, and keeps all."""
    (tmp_path / "filter").mkdir()
    told = {"rungs": ["https"]}
    with (
        proxy(opens=tmp_path / "filter") as filter_,
        district.box(BOX, proxy=f"http://127.0.0.1:{filter_.port}", **told) as box,
    ):
        arrive(district, box)
        filter_.forges = True
        held = len(district.reports(BOX))
        box.put(10)
        wait_until(lambda: len(district.reports(BOX)) > held, "the reports have arrived")
        wait_until(lambda: bool(box.ladder.trouble), "a reply was refused")
        assert box.spool.waiting() >= 10
        filter_.forges = False
        box.delivered()
    assert len(set(district.reports(BOX))) == len(district.reports(BOX))


def test_a_broker_that_is_started_anew_sends_nobody_away(district: Field) -> None:
    """As for a revocation: the box comes back by itself, on the way it had."""
    with district.box(BOX, patience_s=[20, 30]) as box:
        arrive(district, box)
        district.broker.kill()
        wait_until(lambda: not box.ladder.connected(), "the box has noticed")
        district.broker.start()
        arrive(district, box)
        assert box.ladder.rung == "mqtt"


def test_a_collector_that_is_away_sends_nobody_away(district: Field) -> None:
    """Nothing answers on any way: the box stays, whatever it feels for meanwhile."""
    with district.box(BOX, patience_s=[1, 1]) as box:
        arrive(district, box)
        district.collector.kill()
        box.put(10)
        wait_until(
            lambda: box.ladder._look_at > box.machine.clock.monotonic(), "it has looked for another way"
        )
        assert box.ladder.rung == "mqtt"
        district.start()
        box.delivered()
        assert box.ladder.rung == "mqtt"


def test_it_climbs_back(district: Field, tmp_path: Path) -> None:
    """From the last way to the first, once that is open again."""
    with district.box(BOX, rungs=["https"]) as box:
        arrive(district, box)
    with district.box(BOX, again_s=1) as box:
        assert box.ladder.rung == "https"
        wait_until(lambda: box.ladder.rung == "mqtt", "MQTT is taken again")
        arrive(district, box)
    assert remembered(tmp_path / BOX / "uplink.json") == "mqtt"


def test_leases_and_nudges_come_by_requests_too(district: Field) -> None:
    """A box that only requests get out of asks the coordinator, and hears it."""
    with district.box(BOX, rungs=["https"]) as box:
        arrive(district, box)
        wanted = Lease(kind="internet", max_bytes=1_000_000, max_seconds=5)
        said = box.leases.ask(wanted, {"internet": "internet"})
        assert isinstance(said, Refusal | Lease)
        assert box.leases.unheard == 0
        # A coordinator that has just started grants nothing yet, and says so.
        assert isinstance(said, Lease) or "did not say" not in said.reason


def test_a_collector_that_was_started_anew_is_asked_for_its_time(district: Field) -> None:
    """What a box knew of its clock counts no more: reports and questions arrive again by themselves."""
    with district.box(BOX, rungs=["https"]) as box:
        arrive(district, box)
        district.collector.kill()
        district.start()
        arrive(district, box, 5)
        wanted = Lease(kind="internet", max_bytes=1_000_000, max_seconds=5)
        assert isinstance(box.leases.ask(wanted, {"internet": "internet"}), Refusal | Lease)
        assert box.leases.unheard == 0


def test_who_is_shut_out_is_out_at_once(district: Field) -> None:
    """Of the requests: the journal says it. The box is told why, and keeps what it has."""
    with district.box(BOX, rungs=["https"]) as box:
        arrive(district, box)
        district.registrar.revoke(BOX)
        held = district.reports(BOX)
        box.put(5)
        wait_until(lambda: "shut out" in box.ladder.trouble, "it is refused")
        assert box.spool.waiting() >= 5
        assert district.reports(BOX) == held


def test_check_says_which_way_is_open(district: Field, tmp_path: Path) -> None:
    """One open way is enough; the closed one is named, and so is the one that carried last."""
    with dropping() as port:
        with district.box(BOX, port=port) as box:
            arrive(district, box)
        settings = district.settings(BOX, port=port)
        (tmp_path / BOX / "agent.toml").write_text(toml(settings), encoding="utf-8")
        argv = [sys.executable, "-m", "agent.cli", "--config", str(tmp_path / BOX / "agent.toml"), "check"]
        ended = subprocess.run([*argv, "--json"], capture_output=True, text=True, timeout=60, check=True)
    said = json.loads(ended.stdout)
    assert said["broker"]["doubts"]
    assert "can't be used" in said["broker"]["says"]
    assert "lets this box in" in said["websocket"]["says"]
    assert "lets this box in" in said["https"]["says"]
    assert said["uplink"]["says"] == "reports went by MQTT through a WebSocket last"


def held_by_ntp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boxes know the date from here on, whatever the machine that tests says."""
    real = SystemClock.stamp
    monkeypatch.setattr(
        SystemClock, "stamp", lambda self: msgspec.structs.replace(real(self), synchronised=True)
    )


def of_1970(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boxes do not know the date from here on."""
    real = SystemClock.stamp

    def stamp(self: SystemClock) -> Stamp:
        found = real(self)
        return msgspec.structs.replace(
            found, wall_ns=found.boottime_ns, synchronised=False, error_ms=16_000.0
        )

    monkeypatch.setattr(SystemClock, "stamp", stamp)


@pytest.mark.parametrize("rung", ["mqtt", "websocket"])
def test_a_box_of_1970_is_let_in(
    district: Field, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rung: Rung
) -> None:
    """The broker's certificate is not good yet, as each is to a box of 1970: it counts all the same, and to no other."""
    young(district, "broker", tmp_path / "data" / "ca" / "broker")
    settings = district.settings(BOX)
    make = lines.makes(settings, tmp_path / BOX, Machine.real())[rung]
    with monkeypatch.context() as held:
        held_by_ntp(held)
        assert "not yet valid" in make().try_out(10)
    of_1970(monkeypatch)
    assert make().try_out(10) == ""
    assert make().feel() == ""


def young(district: Field, what: str, path: Path) -> None:
    """Give the broker, or the pages, a certificate that is good in two years only, and start them with it."""
    now_ns = DistrictClock().now_ns() + 2 * 365 * 86_400 * 10**9
    given, key = district.house.signs.for_server(["localhost"], now_ns)
    path.with_suffix(".pem").write_text(given.pem, encoding="ascii")
    path.with_suffix(".key").write_text(key, encoding="ascii")
    if what == "broker":
        district.broker.kill()
        district.broker.start()
    else:
        district.collector.kill()
        district.start()


def test_a_box_of_1970_takes_the_district_for_no_filter(
    district: Field, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its reports arrive by requests, it learns the time there, and it accuses nobody."""
    young(district, "pages", tmp_path / "data" / "web")
    of_1970(monkeypatch)
    with district.box(BOX, rungs=["https"]) as box:
        arrive(district, box)
    assert "filter" not in caplog.text


@contextmanager
def swapping(district: Field, thief: Signer, folder: Path) -> Iterator[tuple[int, list[int]]]:
    """Somebody on the way with another box's key: answers reports with what the collector says to a letter of its own.

    Where it listens, and the statuses that its letters got.
    """
    certificate, key, _ = certificates(folder)
    serves = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serves.load_cert_chain(certificate, key)
    got: list[int] = []

    class Swap(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            came = letter.read_letter(raw)
            if came.head.verb == "report":
                told = json.loads(came.payload.partition(b"\n")[0]) | {"agent": thief.name}
                raw = self.signed(came.head, json.dumps(told).encode() + b"\nno report")
            trusting = ssl.create_default_context(cafile=str(district.data / "ca" / "ca.pem"))
            with closing(HTTPSConnection("localhost", district.web_port, context=trusting)) as line:
                line.request("POST", letter.PATH, raw)
                answer = line.getresponse()
                said = answer.read()
            got.extend([answer.status] if came.head.verb == "report" else [])
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def signed(self, head: letter.Head, payload: bytes) -> bytes:
            signature = thief.sign(letter.to_sign(head.verb, head.nonce, payload, head.moment))
            own = msgspec.structs.replace(head, certificate=thief.certificate, signature=signature)
            return letter.write(own, payload)

        def log_message(self, *_args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Swap) as server:
        server.socket = serves.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1], got
        server.shutdown()
        thread.join(10)


def test_no_other_box_answers_in_the_collectors_place(district: Field, tmp_path: Path) -> None:
    """A stolen box's key and a place on the way: what the collector says to the thief counts for the thief alone."""
    stolen = district.identity("lincoln-9")
    thief = Signer(stolen / "box.pem", stolen / "box.key", stolen / "ca.pem")
    (tmp_path / "filter").mkdir()
    with (
        swapping(district, thief, tmp_path / "filter") as (port, got),
        district.box(BOX, rungs=["https"], collector=f"https://localhost:{port}") as box,
    ):
        box.put(5)
        wait_until(lambda: 200 in got and "signature is wrong" in box.ladder.trouble, "it was tried")
        assert (box.spool.waiting() >= 5, box.spool.refused()) == (True, [])
    assert district.reports(BOX) == []
