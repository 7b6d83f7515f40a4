"""The scripted server does as it is told: what a client sees, and what is stored."""

import gzip
import threading
import time

import pytest

from tests.support import influx_script
from tests.support.influx_script import LIE, TOO_LARGE, Asked, Say
from tests.support.influxdb import Answer, ask
from tests.support.refusing_influx import RefusingInflux

KEY = ("m", (), 1)


def said(answer: Answer) -> tuple[int, str]:
    """Status and code."""
    return answer.status, answer.json["code"]


def test_it_keeps_what_the_real_one_would(refusing: RefusingInflux) -> None:
    """A point written again is one point, its fields those of both; each line that was taken is on the list."""
    for line in ("m f=1 1", "m f=1 1", "m g=2 1", "m,a=b f=3 1"):
        assert refusing.write(line).status == 204
    assert refusing.points() == {KEY: {"f": 1, "g": 2}, ("m", (("a", "b"),), 1): {"f": 3}}
    assert refusing.accepted == ["m f=1 1", "m f=1 1", "m g=2 1", "m,a=b f=3 1"]


def test_it_reads_gzip(refusing: RefusingInflux) -> None:
    """A packed body is read, and noted as such; what is no gzip is an error of the server's, as in the real one."""
    url = f"{refusing.url}/api/v2/write?org=district&bucket=firstbell"
    headers = {"Authorization": f"Token {refusing.token}", "Content-Encoding": "gzip"}
    body = gzip.compress(b"m f=1 1\n" * 1000)
    assert ask(url, body, headers).status == 204
    (asked,) = refusing.asked
    assert (asked.gzipped, asked.size, asked.unpacked, len(asked.lines)) == (True, len(body), 8000, 1000)
    assert ask(url, b"m f=1 1", headers).status == 500
    assert ask(url, body[:-9], headers).status == 500


def test_a_list_is_said_once_and_then_the_truth(refusing: RefusingInflux) -> None:
    """One answer a write, in order; nothing is stored of what was refused."""
    refusing.says([influx_script.busy(429, 3), influx_script.busy(), TOO_LARGE, influx_script.refuse(401)])
    answers = [refusing.write("m f=1 1") for _ in range(4)]
    assert [said(answer) for answer in answers] == [
        (429, "too many requests"),
        (503, "unavailable"),
        (413, "request too large"),
        (401, "unauthorized"),
    ]
    assert [answer.headers.get("Retry-After") for answer in answers] == ["3", None, None, None]
    assert refusing.points() == {}
    assert refusing.write("m f=1 1").status == 204
    assert [asked.number for asked in refusing.asked] == [1, 2, 3, 4, 5]


def test_a_function_sees_what_it_answers(refusing: RefusingInflux) -> None:
    """A rule of the test's own, here for batches of more than one line."""

    def script(asked: Asked) -> Say:
        return TOO_LARGE if len(asked.lines) > 1 else Say()

    refusing.says(script)
    assert refusing.write("m f=1 1\nm f=2 2").status == 413
    assert refusing.write("m f=1 1").status == 204


def test_a_limit_is_on_the_unpacked_body(refusing: RefusingInflux) -> None:
    """Where a limit is set, 413 is said to what is larger."""
    refusing.max_bytes = 15
    assert refusing.write("m f=1 1\nm f=2 2").status == 204
    assert said(refusing.write("m f=1 1\nm f=2 2\n")) == (413, "request too large")


def test_a_line_that_it_cannot_stand_fails_all_or_is_dropped(refusing: RefusingInflux) -> None:
    """400 and nothing stored; or, partly, 422 and all others stored."""
    refusing.says(lambda _asked: influx_script.unless(lambda line: "evil" in line))
    assert said(refusing.write("m f=1 1\nevil f=1 2\nm f=3 3")) == (400, "invalid")
    assert refusing.points() == {}
    refusing.says(lambda _asked: influx_script.unless(lambda line: "evil" in line, partly=True))
    answer = refusing.write("m f=1 1\nevil f=1 2\nm f=3 3")
    assert answer.status == 422
    assert answer.json["message"].endswith("dropped=1")
    assert [at for _, _, at in refusing.points()] == [1, 3]


def test_it_lies(refusing: RefusingInflux) -> None:
    """204, and nothing was stored."""
    refusing.says([LIE])
    assert refusing.write("m f=1 1").status == 204
    assert refusing.points() == {}


@pytest.mark.parametrize("stores", [False, True])
@pytest.mark.parametrize("sent", [0, 9])
def test_it_hangs_up(refusing: RefusingInflux, stores: bool, sent: int) -> None:
    """The answer never comes, or not whole; what was asked for was done, or not."""
    refusing.says([influx_script.hang_up(stores=stores, sent=sent)])
    with pytest.raises(ConnectionError):
        refusing.write("m f=1 1")
    assert list(refusing.points()) == ([KEY] if stores else [])
    assert refusing.write("m f=1 1").status == 204


def test_it_hangs_up_within_a_body(refusing: RefusingInflux) -> None:
    """A connection that breaks before the body has come through: nobody was asked anything."""
    refusing.reads = 3
    with pytest.raises(ConnectionError):
        refusing.write("m f=1 1\n" * 100_000)
    assert refusing.asked == []


def test_it_hangs_until_it_is_released(refusing: RefusingInflux) -> None:
    """No answer while it hangs; then the connection ends without one, and the next is answered."""
    refusing.says([influx_script.hang(stores=True)])
    ended = threading.Event()

    def write() -> None:
        with pytest.raises(ConnectionError):
            refusing.write("m f=1 1")
        ended.set()

    thread = threading.Thread(target=write)
    thread.start()
    assert not ended.wait(0.3)
    assert list(refusing.points()) == [KEY]
    refusing.release()
    thread.join(10)
    assert ended.is_set()
    assert refusing.write("m f=1 1").status == 204


def test_it_is_slow(refusing: RefusingInflux) -> None:
    """The answer is the true one, and late."""
    refusing.says([influx_script.slow(0.3)])
    began = time.monotonic()
    assert refusing.write("m f=1 1").status == 204
    assert time.monotonic() - began >= 0.3


def test_it_goes_and_comes_back(refusing: RefusingInflux) -> None:
    """Stopped, it refuses connections, and whoever hung is cut off; it is back with all it held."""
    assert refusing.write("m f=1 1").status == 204
    url = refusing.url
    refusing.stop()
    with pytest.raises(ConnectionRefusedError):
        refusing.write("m f=2 2")
    refusing.start()
    assert refusing.url == url
    assert refusing.query("SELECT * FROM m") == [{"name": "m", "time": 1, "f": 1}]
