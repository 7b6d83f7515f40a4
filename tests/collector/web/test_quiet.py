"""The red button: who has it, what it does, and that every page says so while a quiet time holds."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from collector.tokens import Tokens
from collector.web.quiet import HOURS
from tests.collector.questions.morning import AT_NS, folder
from tests.collector.web.site import parts_of, serving
from tests.collector.workbench import NS, Bench
from tests.support.web import certificate

PAGES = ("/", "/schools/lincoln", "/rooms", "/rooms/lincoln/204", "/boxes")
BUTTON = "<details><summary>Quiet now</summary>"


@pytest.fixture
def client(bench: Bench) -> Iterator[httpx.Client]:
    """A browser without script, at the pages of a district."""
    bench.clock.wall_ns = AT_NS
    with (
        serving(parts_of(bench, folder=folder())) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False) as client,
    ):
        yield client


def banner(text: str) -> str:
    """The line about a quiet time on a page; "" where there is none."""
    found = [line for line in text.splitlines() if 'class="banner quiet"' in line]
    return found[0] if found else ""


def orders(bench: Bench) -> list[tuple[int, str, str]]:
    """How long from now, where, and why, of each quiet time that stands."""
    now_s = bench.clock.wall_ns // NS
    return [
        (order.until_s - now_s, order.school, order.why)
        for order in bench.reads.quiet_times(bench.clock.wall_ns)
    ]


def test_the_button_asks_back_and_then_every_page_says_so(client: httpx.Client, bench: Bench) -> None:
    """The district's page for all schools; back to where it was pressed; ended by another button."""
    page = client.get("/").text
    assert BUTTON in page
    assert "Yes, keep all lines quiet" in page
    pressed = client.post("/quiet", data={"hours": "2", "why": "state tests", "school": ""})
    assert (pressed.status_code, pressed.headers["location"]) == (303, "/")
    assert orders(bench) == [(7200, "", "state tests")]
    for path in PAGES:
        said = banner(client.get(path).text)
        assert "state tests until Tuesday 8 December, 9:40" in said, path
        assert "No line is being loaded" in said
    assert "End the quiet time" in client.get("/").text
    ended = client.post("/quiet/end", data={"school": ""})
    assert ended.headers["location"] == "/"
    assert orders(bench) == []
    assert not banner(client.get("/").text)


def test_a_schools_button_is_for_that_school(client: httpx.Client, bench: Bench) -> None:
    """Its own lines alone; the banner says how many schools keep it; only its page ends it."""
    assert "Yes, keep its lines quiet" in client.get("/schools/lincoln").text
    pressed = client.post("/quiet", data={"hours": "1", "school": "lincoln"})
    assert pressed.headers["location"] == "/schools/lincoln"
    assert orders(bench) == [(3600, "lincoln", "")]
    assert "A quiet time at 1 school until" in banner(client.get("/").text)
    assert "End the quiet time" in client.get("/schools/lincoln").text


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"hours": "9999"},
        {"hours": "-1"},
        {"hours": "2", "school": "nowhere"},
        {"hours": "2", "why": "x" * 300},
    ],
    ids=["nothing", "long", "negative", "nowhere", "wordy"],
)
def test_what_the_form_cannot_say_is_refused(
    client: httpx.Client, bench: Bench, fields: dict[str, str]
) -> None:
    """And nothing is ordered."""
    assert client.post("/quiet", data=fields).status_code == 404
    assert orders(bench) == []


def test_a_form_longer_than_any_is_not_read(client: httpx.Client, bench: Bench) -> None:
    """It says nothing, however much it holds."""
    assert client.post("/quiet", data={"hours": "2", "why": "x" * 10_000}).status_code == 404
    assert orders(bench) == []


def test_a_page_from_elsewhere_cannot_press_it(client: httpx.Client, bench: Bench) -> None:
    """As every act here: only our own pages may ask."""
    refused = client.post("/quiet", data={"hours": "2"}, headers={"Origin": "https://elsewhere.example"})
    assert refused.status_code == 403
    assert orders(bench) == []


def test_only_operators_have_the_button(bench: Bench, tmp_path: Path) -> None:
    """A viewer sees what holds, has no button, and may not press it by hand either."""
    bench.clock.wall_ns = AT_NS
    tokens = Tokens(tmp_path)
    viewer, operator = tokens.add("v", "viewer", 1), tokens.add("o", "operator", 1)
    certificate(tmp_path, "localhost")
    trusting = ssl.create_default_context(cafile=tmp_path / "cert.pem")
    with (
        serving(parts_of(bench, folder=folder()), tokens, tls=tmp_path) as port,
        httpx.Client(
            base_url=f"https://localhost:{port}",
            verify=trusting,
            trust_env=False,
        ) as client,
    ):
        as_viewer = {"Authorization": f"Bearer {viewer}"}
        as_operator = {"Authorization": f"Bearer {operator}"}
        assert BUTTON not in client.get("/", headers=as_viewer).text
        assert client.post("/quiet", data={"hours": "2"}, headers=as_viewer).status_code == 403
        assert orders(bench) == []
        assert BUTTON in client.get("/", headers=as_operator).text
        assert client.post("/quiet", data={"hours": "2"}, headers=as_operator).status_code == 303
    assert len(orders(bench)) == 1


def test_a_made_up_district_has_no_lines_to_keep_free(bench: Bench) -> None:
    """No button, and whoever asks by hand is told why not."""
    bench.clock.wall_ns = AT_NS
    parts = parts_of(bench, folder=folder())._replace(simulated=True)
    with (
        serving(parts) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        assert BUTTON not in client.get("/").text
        refused = client.post("/quiet", data={"hours": str(HOURS[0])})
    assert (refused.status_code, "Simulated" in refused.text) == (404, True)
    assert orders(bench) == []
