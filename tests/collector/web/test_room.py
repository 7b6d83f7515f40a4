"""The room's page and its button: who is asked, how often, and what the page says while it waits."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from collector.tokens import Tokens
from collector.web.room import EVERY_NS, PATIENCE_NS, Checks, _word
from tests.collector.questions.morning import AT_NS, Morning, folder, looks
from tests.collector.web.site import FakeLink, parts_of, serving
from tests.collector.workbench import NS, Bench, StillClock
from tests.support import tls_server

PAGE = "/rooms/lincoln/204"


@pytest.fixture
def link() -> FakeLink:
    """The broker's line, which notes who is nudged."""
    return FakeLink()


@pytest.fixture
def morning(bench: Bench) -> Morning:
    """All boxes of a fine morning."""
    made = Morning(bench)
    bench.clock.wall_ns = AT_NS - 8 * 10**9
    for agent in ("box-203", "box-204", "box-205"):
        made.sees(agent, "online", since=20)
    bench.clock.wall_ns = AT_NS
    return made


@pytest.fixture
def client(morning: Morning, link: FakeLink) -> Iterator[httpx.Client]:
    """A browser without script, at the pages of that morning."""
    with (
        serving(parts_of(morning.bench, link, folder())) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False) as client,
    ):
        yield client


def test_the_page_answers_in_a_sentence(client: httpx.Client) -> None:
    """The sentence is the heading; the JSON and the terminal's words are named at the foot."""
    text = client.get(PAGE).text
    assert '<h1 class="answer"><b>204 is fine,</b> as of 7:40.' in text
    assert "firstbell room lincoln 204" in text
    assert client.get("/api/v1/rooms/lincoln/204").json()["sentence"] == "204 is fine, as of 7:40."


def test_names_with_blanks_and_unknown_rooms(client: httpx.Client) -> None:
    """A room is called as the folder calls it; one that is none is a page that says so."""
    assert client.get("/rooms/lincoln/main%20closet").status_code == 200
    assert client.get("/rooms/lincoln/999").status_code == 404
    assert client.get("/rooms/nowhere/204").status_code == 404


@pytest.mark.parametrize("name", ["a/b", "x/check", "check"])
def test_a_room_s_name_may_hold_a_slash(bench: Bench, name: str) -> None:
    """Its page, its JSON and its button are all there."""
    rooms = f"school,room\nlincoln,{name}\n"
    seats = f"agent,school,room,circuit\nbox-9,lincoln,{name},line-l\n"
    with (
        serving(parts_of(bench, folder=folder(rooms=rooms, seats=seats))) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False) as client,
    ):
        assert client.get(f"/rooms/lincoln/{name}").status_code == 200
        assert client.get(f"/api/v1/rooms/lincoln/{name}").json()["room"] == name
        assert client.post(f"/rooms/lincoln/{name}/check").status_code == 303


def test_check_now_asks_the_room_s_box_and_waits(
    client: httpx.Client, link: FakeLink, morning: Morning
) -> None:
    """The button says Checking, the page looks again by itself with script and without, until it came."""
    answer = client.post(f"{PAGE}/check")
    assert (answer.status_code, link.nudged) == (303, ["box-204"])
    page = client.get(answer.headers["location"])
    assert ">Checking</button>" in page.text
    assert 'hx-trigger="every 1s"' in page.text
    assert '<noscript><meta http-equiv="refresh"' in page.text
    assert page.text.count("checking</span>") == 7
    morning.bench.clock.wall_ns = AT_NS + 3 * 10**9
    morning.send("box-204", looks("no internet", AT_NS + 2 * 10**9))
    page = client.get(answer.headers["location"])
    assert ">Check now</button>" in page.text
    assert "Checked." in page.text
    assert "the room.</b> 204 doesn" in page.text
    assert "hx-trigger" not in page.text


def test_after_half_a_minute_nobody_waits_any_more(client: httpx.Client, morning: Morning) -> None:
    """A box that says nothing keeps no page waiting."""
    where = client.post(f"{PAGE}/check").headers["location"]
    morning.bench.clock.wall_ns += PATIENCE_NS
    assert "No answer came." in client.get(where).text


def test_without_a_box_in_the_room_the_nearest_is_asked(client: httpx.Client, link: FakeLink) -> None:
    """206 has none; 205 is next door, and the page says so before and after."""
    assert "The box in 205 does it." in client.get("/rooms/lincoln/206").text
    client.post("/rooms/lincoln/206/check")
    assert link.nudged == ["box-205"]


def test_where_no_box_is_near_the_page_says_that(client: httpx.Client, link: FakeLink) -> None:
    """No button that does nothing."""
    page = client.get("/rooms/prairie/101").text
    assert "No box is near: there is nobody to ask." in page
    assert "<button" not in page
    asked = client.post("/rooms/prairie/101/check", headers={"Accept": "application/json"}).json()
    assert (asked["boxes"], asked["at_ns"], link.nudged) == ([], None, [])


def test_without_a_broker_the_page_says_that(client: httpx.Client, link: FakeLink) -> None:
    """What can't be asked isn't waited for."""
    link.connected = False
    where = client.post(f"{PAGE}/check").headers["location"]
    page = client.get(where).text
    assert "no connection to the broker" in page
    assert ">Check now</button>" in page


@pytest.mark.parametrize("since", ["-1", "x", "9" * 40, "%F0%9F", "0"])
def test_an_address_that_is_no_moment_is_none(client: httpx.Client, since: str) -> None:
    """Whatever stands in the address, the page stays a page."""
    page = client.get(f"{PAGE}?since={since}")
    assert page.status_code == 200
    assert "Checking" not in page.text


def test_a_box_is_asked_once_a_minute() -> None:
    """Somebody who presses again is shown what the first press brings."""
    clock = StillClock()
    link = FakeLink()
    checks = Checks(link.nudge, clock)
    first = checks.ask(["a", "b"])
    clock.passes(EVERY_NS - NS)
    assert checks.ask(["a"]) == type(first)(boxes=("a",), at_ns=first.at_ns, why="")
    clock.passes(NS)
    assert checks.ask(["a"]).at_ns == clock.wall_ns
    assert link.nudged == ["a", "b", "a"]


def test_nobody_is_called_asked_for_a_nudge_that_is_long_past() -> None:
    """An hour after one good nudge, without a broker, nobody was asked, and it says why."""
    clock, link = StillClock(), FakeLink()
    checks = Checks(link.nudge, clock)
    checks.ask(["a"])
    clock.passes(3600 * NS)
    link.connected = False
    asked = checks.ask(["a"])
    assert (asked.boxes, asked.at_ns) == ((), None)
    assert "no connection to the broker" in asked.why


def test_a_clock_that_is_put_back_keeps_nobody_from_being_asked() -> None:
    """The minute between two nudges is one of a clock that never steps."""
    clock, link = StillClock(), FakeLink()
    checks = Checks(link.nudge, clock)
    checks.ask(["a"])
    clock.passes(EVERY_NS)
    clock.wall_ns -= 3600 * NS
    assert checks.ask(["a"]).at_ns == clock.wall_ns
    assert link.nudged == ["a", "a"]


def test_who_may_only_read_has_no_button(morning: Morning, tmp_path: Path) -> None:
    """A viewer is told who may, and asks nobody; an operator has the button."""
    certificate, key, ca = tls_server.certificates(tmp_path)
    certificate.rename(tmp_path / "cert.pem")
    key.rename(tmp_path / "key.pem")
    tokens = Tokens(morning.bench.path.parent)
    viewer, operator = tokens.add("viewer", "viewer", 1), tokens.add("operator", "operator", 1)
    link = FakeLink()
    with (
        serving(parts_of(morning.bench, link, folder()), tokens, tls=tmp_path) as port,
        httpx.Client(
            base_url=f"https://localhost:{port}",
            verify=ssl.create_default_context(cafile=ca),
            timeout=20,
            trust_env=False,
        ) as client,
    ):
        as_viewer = {"Authorization": f"Bearer {viewer}"}
        page = client.get(PAGE, headers=as_viewer).text
        assert "Check now" not in page
        assert "An operator can have the boxes here look at once." in page
        assert client.post(f"{PAGE}/check", headers=as_viewer).status_code == 403
        assert link.nudged == []
        assert "Check now" in client.get(PAGE, headers={"Authorization": f"Bearer {operator}"}).text


@pytest.mark.parametrize(("name", "typed"), [("204", "204"), ("a b", "'a b'"), ("$(id)", "'$(id)'")])
def test_a_room_is_named_as_a_shell_takes_it(name: str, typed: str) -> None:
    """The command on the page can be pasted, whatever somebody called a room."""
    assert _word(name) == typed
