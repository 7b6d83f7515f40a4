"""Metered connections: what passes is counted, over TLS too, and can be cut."""

import socket
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from agent.load.meter import Meter
from agent.load.metered import BadPageError, metered_opener
from agent.machine.clock import SystemClock
from tests.support.web import certificate, head_of, saying, serving

_BODY = b"x" * 300_000


def answer_of(
    body: bytes, *, kind: str = "image/jpeg", status: str = "200 OK", promised: int | None = None
) -> bytes:
    """An answer with `body`, which promises as many bytes or `promised`."""
    length = len(body) if promised is None else promised
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n".encode() + body


@pytest.fixture
def meter() -> Meter:
    """With room for everything."""
    meter = Meter(SystemClock().monotonic)
    meter.begin(max_bytes=10**9, seconds=60, started=lambda: None)
    return meter


def fetch(meter: Meter, url: str, data: bytes | None = None) -> tuple[bytes, set[str]]:
    """The body, and the peers that were seen."""
    seen: set[str] = set()
    opener = metered_opener(meter, 10, seen.add)
    with opener.open(urllib.request.Request(url, data)) as response:
        body = b""
        while chunk := response.read(10240):
            body += chunk
        return body, seen


def test_what_is_read_is_counted(meter: Meter) -> None:
    """300,000 bytes of body are 300,000 bytes received, in one transfer from this machine."""
    with serving(saying(answer_of(_BODY))) as port:
        body, seen = fetch(meter, f"http://127.0.0.1:{port}/picture.jpg")
    assert (body, seen) == (_BODY, {"127.0.0.1"})
    phase = meter.phase
    assert (phase.received, phase.transfers, phase.broken, phase.unread) == (300_000, 1, 0, 0)
    assert not phase.under_way


def test_tls_is_counted_and_checked(meter: Meter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a trusted certificate the same is counted; with a name that isn't the server's it is refused."""
    trusted, context = certificate(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with serving(saying(answer_of(_BODY)), context) as port:
        body, _ = fetch(meter, f"https://localhost:{port}/picture.jpg")
        assert (body, meter.phase.received) == (_BODY, 300_000)
        with pytest.raises(urllib.error.URLError, match="certificate"):
            fetch(meter, f"https://127.0.0.1:{port}/picture.jpg")
    assert meter.phase.broken == 1


def test_less_than_promised_is_a_broken_transfer(meter: Meter) -> None:
    """A server that hangs up half way is noticed, though http.client says nothing."""
    with serving(saying(answer_of(_BODY, promised=600_000))) as port:
        fetch(meter, f"http://127.0.0.1:{port}/picture.jpg")
    assert (meter.phase.received, meter.phase.broken) == (300_000, 1)


@pytest.mark.parametrize(
    ("answer", "status"),
    [(answer_of(b"<html>", kind="text/html"), 200), (answer_of(b"no", status="403 Forbidden"), 403)],
)
def test_a_page_or_an_error_is_no_file(meter: Meter, answer: bytes, status: int) -> None:
    """A filter's page with status 200 counts as a failed transfer, like a refusal."""
    with serving(saying(answer)) as port:
        try:
            fetch(meter, f"http://127.0.0.1:{port}/picture.jpg")
        except urllib.error.HTTPError as error:
            error.close()
    assert meter.phase.broken == 1
    assert isinstance(meter.phase.first_trouble, BadPageError)
    assert meter.phase.first_trouble.status == status


def test_files_are_not_opened(meter: Meter, tmp_path: Path) -> None:
    """A list of servers that names a file of this machine gets nothing."""
    (tmp_path / "secret").write_text("secret")
    opener = metered_opener(meter, 10, lambda _: None)
    assert opener.open(f"file://{tmp_path}/secret") is None


def test_a_stuck_download_is_woken(meter: Meter) -> None:
    """A server that stops in the middle keeps nobody waiting once the phase is cut; nobody is to blame."""
    over, first = threading.Event(), threading.Event()

    def answer(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(answer_of(_BODY, promised=600_000))
        first.set()
        over.wait(30)

    with serving(answer) as port:
        thread = threading.Thread(target=fetch, args=(meter, f"http://127.0.0.1:{port}/picture.jpg"))
        thread.start()
        assert first.wait(10)
        while meter.phase.received < 290_000:
            thread.join(0.01)
            assert thread.is_alive()
        meter.stop()
        meter.look()
        thread.join(5)
        assert not thread.is_alive()
        over.set()
    assert meter.phase.broken == 0
    assert not meter.phase.under_way


def test_what_came_in_unread_has_used_the_line(meter: Meter) -> None:
    """Of a picture that the engine drops after 10 kB the rest stands in the kernel, and is the port's."""
    sent = threading.Event()

    def answer(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(answer_of(_BODY[:60_000], promised=600_000))
        sent.set()

    with serving(answer) as port:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/picture.jpg")
        response = metered_opener(meter, 10, lambda _: None).open(request)
        assert len(response.read(10240)) == 10240
        assert sent.wait(10)
        response.close()
    assert meter.phase.received == 10240
    # All but what http.client had buffered.
    assert 60_000 - 10240 - 10_000 < meter.phase.unread <= 60_000 - 10240


def test_what_the_kernel_never_sent_is_not_delivered(meter: Meter) -> None:
    """A server that reads nothing: megabytes are handed over, and only what its kernel took has left."""
    over = threading.Event()
    body = b"y" * 50_000_000

    def upload(port: int) -> None:
        with pytest.raises(OSError):
            fetch(meter, f"http://127.0.0.1:{port}/upload.php", body)

    def answer(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        over.wait(30)

    with serving(answer) as port:
        thread = threading.Thread(target=upload, args=(port,))
        thread.start()
        while not meter.phase.under_way:
            thread.join(0.01)
        thread.join(0.3)
        meter.stop()
        meter.look()
        thread.join(5)
        assert not thread.is_alive()
        over.set()
    assert meter.phase.delivered < 10_000_000


def test_what_was_handed_over_is_not_sent_after_the_end(meter: Meter) -> None:
    """A whole upload stands in the kernel when time is up: the server gets a reset, and not the rest."""
    over, asked = threading.Event(), threading.Event()
    outcome: list[object] = []

    def upload(port: int) -> None:
        with pytest.raises(OSError):
            fetch(meter, f"http://127.0.0.1:{port}/upload.php", b"y" * 1_000_000)

    def answer(connection: socket.socket) -> None:
        asked.set()
        over.wait(30)
        try:
            while data := connection.recv(1 << 16):
                outcome.append(len(data))
            outcome.append("end")
        except ConnectionResetError:
            outcome.append("reset")
        answered.set()

    answered = threading.Event()
    with serving(answer) as port:
        thread = threading.Thread(target=upload, args=(port,))
        thread.start()
        assert asked.wait(10)
        while meter.phase.sent < 1_000_000:
            thread.join(0.01)
        meter.stop()
        meter.look()
        thread.join(5)
        over.set()
        assert answered.wait(10)
    assert outcome[-1] == "reset"


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
def test_nobody_is_sent_elsewhere(meter: Meter, status: str) -> None:
    """A filter that points to its own page, or to a file of any size, is not followed: the test has failed."""
    asked: list[bytes] = []

    def elsewhere(connection: socket.socket) -> None:
        asked.append(head_of(connection))
        connection.sendall(answer_of(_BODY))

    with serving(elsewhere) as other:
        head = f"HTTP/1.1 {status}\r\nLocation: http://127.0.0.1:{other}/big\r\nContent-Length: 0\r\n\r\n"
        with serving(saying(head.encode())) as port, pytest.raises(urllib.error.HTTPError) as refused:
            fetch(meter, f"http://127.0.0.1:{port}/picture.jpg")
        refused.value.close()
    assert asked == []
    assert meter.phase.received == 0
