"""The frame of every page: what browsers are told, what is served, and how things are drawn."""

import http.client
import re
import statistics
import time
from collections.abc import Iterator
from datetime import UTC
from importlib import resources
from pathlib import Path

import pytest

from collector.web import drawing, pages
from firstbell.readiness.verdict import State
from tests.collector.web.site import parts_of, serving
from tests.collector.workbench import NOW_NS, Bench

WEB = Path(str(resources.files("collector.web")))
NOON_NS = NOW_NS - NOW_NS % (86_400 * 10**9) + 12 * 3_600 * 10**9


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The application over an empty journal and no district folder."""
    bench = Bench(tmp_path_factory.mktemp("pages"))
    with serving(parts_of(bench)) as at:
        yield at
    bench.close()


def get(port: int, path: str) -> tuple[int, dict[str, str], str]:
    """Status, headers (names in small letters) and text."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        line.request("GET", path)
        answer = line.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, headers, answer.read().decode()
    finally:
        line.close()


@pytest.mark.parametrize("path", ["/nothing", "/healthz", "/static/style.css", "/static/nothing"])
def test_every_answer_binds_the_browser(port: int, path: str) -> None:
    """Whatever is answered, the browser may run our own files only, and nothing frames us."""
    _, headers, _ = get(port, path)
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_files_are_kept_as_long_as_their_address_says(port: int) -> None:
    """With its digest in the address a file is kept for good, without it never unasked."""
    page = get(port, "/nothing")[2]
    addresses = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert len(addresses) == 3
    for address in addresses:
        status, headers, _ = get(port, address)
        assert (status, "immutable" in headers["cache-control"]) == (200, True)
    assert get(port, "/static/style.css")[1]["cache-control"] == "no-cache"


def test_templates_hold_no_inline_script_or_style() -> None:
    """What the policy would refuse is not written in the first place."""
    for path in WEB.glob("templates/**/*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:|<script(?![^>]*\ssrc=)|\bhx-on", text), (
            path
        )


def test_nothing_comes_from_elsewhere() -> None:
    """No template and no stylesheet names another server."""
    for path in [*WEB.glob("templates/**/*.html"), WEB / "static" / "style.css"]:
        assert not re.search(r"https?://|//[a-z]|@import|url\((?!#)", path.read_text(encoding="utf-8")), path


def test_names_are_text() -> None:
    """A school's name is shown as it is written, whatever it holds."""
    text = pages.ENVIRONMENT.from_string("{{ name }}").render(name='<b>"Lincoln"&')
    assert text == "&lt;b&gt;&#34;Lincoln&#34;&amp;"


def test_what_is_missing_is_an_error() -> None:
    """A template that asks for what nobody gave it fails; it doesn't print nothing."""
    with pytest.raises(Exception, match="'nobody' is undefined"):
        pages.ENVIRONMENT.from_string("{{ nobody }}").render()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ 1033|number }}", "1,030"),
        ("{{ none|number }}", pages.NONE),
        ("{{ 1234567|figure }}", "1,234,567"),
        ("{{ at|clock(zone) }}", "12:00"),
        ("{{ at|clock(zone, seconds=True) }}", "12:00:00"),
        ("{{ at|moment(zone) }}", "Monday 21 September 2026, 12:00"),
        ("{{ at|since(at, zone) }}", "12:00"),
        ("{{ (at - 86400 * 10**9)|since(at, zone) }}", "Sunday 20 September, 12:00"),
        ("{{ count(4, 'check') }}", "4 checks"),
    ],
)
def test_filters(source: str, said: str) -> None:
    """Numbers and times as the design has them."""
    assert pages.ENVIRONMENT.from_string(source).render(at=NOON_NS, zone=UTC) == said


def test_every_state_has_its_mark_and_word() -> None:
    """No verdict without its mark, no mark without its word, and each mark is in the frame."""
    frame = (WEB / "templates" / "base.html").read_text(encoding="utf-8")
    for state in State:
        drawn = drawing.verdict(state, "its words")
        assert "its words" in drawn
        assert f'id="m-{drawing.state_class(state)}"' in frame


@pytest.mark.parametrize(
    ("bar", "parts"),
    [
        (drawing.bar(910, 1033, 1033), ['class="have" y="12" width="35.2%"', 'class="gap" x="35.2%"']),
        (drawing.bar(910, 1033, 2017, at_least=True), ['<path class="have"', 'x1="78.1%"']),
        (drawing.bar(None, 90, 90), ['class="open"']),
        (drawing.bar(9000, 100, 100), ['width="100.0%"', 'class="more"']),
        (drawing.bar(50, 100, 100, bought=100, height=26), ['class="bought" y="3" width="40.0%"']),
    ],
)
def test_bars(bar: str, parts: list[str]) -> None:
    """The need stands at 40 %; a gap, an arrow, a cut and an open outline are drawn where they belong."""
    for part in parts:
        assert part in bar


def test_an_answer_does_not_wait_for_an_acknowledgement(port: int) -> None:
    """Asked again on one connection, head and body come at once: without that each page takes 40 ms more."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    took = []
    for _ in range(10):
        begin = time.perf_counter()
        line.request("GET", "/static/icon.svg")
        line.getresponse().read()
        took.append(time.perf_counter() - begin)
    line.close()
    assert statistics.median(took) < 0.03
