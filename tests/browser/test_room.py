"""The room's page in each of its states, in a real browser: on a screen, on a phone, on paper, and checking."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.watch import PHONE, WIDE, overhang, sheets, violations, watched
from tests.collector.questions.morning import AT_NS, Morning, folder, looks
from tests.collector.web.site import FakeLink, parts_of, serving
from tests.collector.workbench import Bench

PAGE = "/rooms/lincoln/204"
LINCOLN = ("box-203", "box-204", "box-205", "box-mc")
TRIED = {"192.0.2.1": True, "192.0.2.2": True}


@pytest.fixture
def morning(tmp_path: Path) -> Iterator[Morning]:
    """A district's morning, silent yet."""
    bench = Bench(tmp_path)
    made = Morning(bench)
    bench.clock.wall_ns = AT_NS - 8 * 10**9
    yield made
    bench.close()


def fine(morning: Morning, *agents: str) -> None:
    """These boxes are online, Wi-Fi and all."""
    for agent in agents:
        morning.sees(agent, "online", since=20)
        morning.wifi(agent, goes=True, since=20)
    morning.gateway("192.0.2.1", lambda _ago: True)


def room(morning: Morning) -> None:
    """204 has lost its Wi-Fi."""
    fine(morning, "box-203", "box-205", "box-p")
    morning.sees("box-204", "online", since=20)
    morning.wifi("box-204", goes=True, since=20, until=15)
    morning.wifi("box-204", goes=False, since=10)
    morning.stands("box-204")


def building(morning: Morning) -> None:
    """No room reaches the gateway."""
    for agent in LINCOLN:
        morning.sees(agent, "online", since=20, until=13)
        morning.sees(agent, "cut", since=12)
    morning.gateway("192.0.2.1", lambda _ago: True)


def line(morning: Morning) -> None:
    """The internet is gone."""
    for agent in LINCOLN:
        morning.sees(agent, "online", since=20, until=13)
        morning.sees(agent, "no internet", since=12)


def box(morning: Morning) -> None:
    """204's box is silent alone."""
    fine(morning, "box-203", "box-205", "box-p")
    morning.sees("box-204", "online", since=20, until=10)


def well(morning: Morning) -> None:
    """Nothing is wrong."""
    fine(morning, *LINCOLN, "box-p")
    morning.stands("box-204")


def nobody(morning: Morning) -> None:
    """204 has no box that ever called."""
    fine(morning, "box-203", "box-p")


def school(morning: Morning) -> None:
    """The school is dark."""
    morning.sees("box-204", "online", since=60, until=28)
    morning.sees("box-p", "online", since=20)
    morning.gateway("192.0.2.1", lambda ago: ago > 27)


def unknown(morning: Morning) -> None:
    """204 reaches nothing and nobody else can tell."""
    morning.sees("box-204", "online", since=20, until=13)
    morning.sees("box-204", "cut", since=12)


def empty(_morning: Morning) -> None:
    """No box at all."""


STATES: list[tuple[Callable[[Morning], None], str, str]] = [
    (room, "It\u2019s the room. 204 can\u2019t get in by its Wi", "the room"),
    (
        building,
        "It\u2019s the building. No room at Lincoln High reaches the gateway since 7:28",
        "the building",
    ),
    (line, "It\u2019s the line. Lincoln High is cut off since 7:28", "the line"),
    (
        box,
        "It\u2019s only our box. Box box-204 is silent since 7:31; the school\u2019s gateway answers",
        "our box",
    ),
    (well, "204 is fine, as of 7:40.", ""),
    (nobody, "Nobody measures 204. The nearest box is in 203; it is fine.", ""),
    (school, "The whole school is silent since 7:13: neither its box nor its gateway answers.", ""),
    (
        unknown,
        "There is trouble, and where isn\u2019t known. 204 doesn\u2019t reach its gateway since 7:28",
        "",
    ),
    (empty, "Nobody measures 204. No box at Lincoln High is near.", ""),
]


@pytest.mark.parametrize(("happens", "sentence", "place"), STATES, ids=[s[0].__name__ for s in STATES])
def test_every_state_of_a_room(
    browser: Browser, morning: Morning, happens: Callable[[Morning], None], sentence: str, place: str
) -> None:
    """The sentence is read first, one place at most is pointed at, and it fits a phone and a sheet."""
    happens(morning)
    morning.bench.clock.wall_ns = AT_NS
    only = "agent,school,room,circuit\nbox-204,lincoln,204,line-l\nbox-p,prairie,101,line-p\n"
    district = folder(seats=only) if happens in {school, unknown, empty} else folder()
    with serving(parts_of(morning.bench, folder=district)) as port:
        origin = f"http://127.0.0.1:{port}"
        with watched(browser, origin, WIDE) as seen:
            page = seen.open(PAGE)
            said = page.locator("h1").inner_text().replace("\u2011", "-")
            assert said.startswith(sentence)
            pointed = page.locator(".where .it b").all_inner_texts()
            assert pointed == ([place] if place else [])
            assert violations(page) == []
            page.emulate_media(media="print")
            assert sheets(page) == 1
            assert not page.locator("button").first.is_visible()
            page.emulate_media(media="screen")
            page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
            assert overhang(page) == []


def test_check_now_fills_the_ladder_without_leaving_the_page(browser: Browser, morning: Morning) -> None:
    """The button says Checking and keeps its place; what comes in appears by itself, and it ends."""
    well(morning)
    morning.bench.clock.wall_ns = AT_NS
    link = FakeLink()
    with (
        serving(parts_of(morning.bench, link, folder())) as port,
        watched(browser, f"http://127.0.0.1:{port}") as seen,
    ):
        page = seen.open(PAGE)
        before = page.locator(".ask button").bounding_box()
        page.get_by_role("button", name="Check now").click()
        page.get_by_role("button", name="Checking").wait_for()
        assert page.locator(".ask button").bounding_box()["y"] == before["y"]  # type: ignore[index]
        assert page.locator(".ladder li.off").count() > 0
        assert link.nudged == ["box-204"]
        morning.bench.clock.wall_ns = AT_NS + 3 * 10**9
        morning.send("box-204", looks("online", AT_NS + 2 * 10**9))
        page.get_by_role("button", name="Check now").wait_for()
        assert "Checked." in page.locator(".ask small").inner_text()
        assert page.get_by_text("7:40:22").count() > 0
