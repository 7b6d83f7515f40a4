"""The page behind the QR code, as a secretary has it: on a phone, one screen, with a thumb, with or without script."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from collector.store import labels
from tests.browser.watch import PHONE, WIDE, overhang, violations, watched
from tests.collector.questions.morning import AT_NS, FILES, folder, looks
from tests.collector.web.site import parts_of, serving
from tests.collector.workbench import NS, Bench

LEAST = 44
"""Pixels that a thumb wants."""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A collector without its network."""
    with closing(Bench(tmp_path)) as made:
        yield made


@pytest.fixture
def origin(bench: Bench, tmp_path: Path) -> Iterator[str]:
    """The pages of a district in a folder, at which box-204 is heard."""
    bench.clock.wall_ns = AT_NS
    (tmp_path / "district").mkdir()
    for name, text in FILES.items():
        (tmp_path / "district" / name).write_text(text, encoding="utf-8")
    bench.send(1, looks("online", AT_NS - 60 * NS), agent="box-204")
    with serving(parts_of(bench, folder=folder())) as port:
        yield f"http://127.0.0.1:{port}"


def fits(page: Page) -> bool:
    """Whether all of it is on one screen, and each button as large as a thumb wants it."""
    heights = page.evaluate("[document.documentElement.scrollHeight, innerHeight]")
    buttons = page.locator("button:visible, summary, input:visible, select:visible").all()
    boxes = [button.bounding_box() for button in buttons]
    assert boxes
    return bool(heights[0] <= heights[1]) and all(box and box["height"] >= LEAST for box in boxes)


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_it_hangs_here_is_one_tap(browser: Browser, origin: str, bench: Bench, script: bool) -> None:
    """One screen; one button; thanks."""
    (label,) = labels.label(bench.journal, ["box-204"], AT_NS)
    with watched(browser, origin, PHONE, script=script) as seen:
        page = seen.open(f"/here/{label.code}")
        assert fits(page)
        assert overhang(page) == []
        if script:
            assert violations(page) == []
        page.get_by_role("button", name="It hangs here").click()
        page.get_by_text("Box 1000 hangs where it should.").wait_for()
        if script:
            assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_hangs_elsewhere_and_the_operator_enters_it(
    browser: Browser, origin: str, bench: Bench, scheme: str, tmp_path: Path
) -> None:
    """A tap, a school, a room; and one click at a desk later it stands in seats.csv."""
    (label,) = labels.label(bench.journal, ["box-204"], AT_NS)
    with watched(browser, origin, PHONE, scheme="dark" if scheme == "dark" else "light") as seen:
        page = seen.open(f"/here/{label.code}")
        page.get_by_text("It hangs somewhere else").click()
        assert violations(page) == []
        assert overhang(page) == []
        page.get_by_label("School").select_option("prairie")
        page.get_by_label("Room").fill("Front office")
        page.get_by_role("button", name="It hangs there").click()
        page.get_by_text("box 1000 hangs at Prairie Middle, Front office.").wait_for()
    with watched(browser, origin, WIDE) as seen:
        page = seen.open("/boxes")
        assert violations(page) == []
        assert overhang(page) == []
        page.get_by_role("button", name="Enter it for box-204").click()
        page.get_by_text("say those who stand there").wait_for(state="detached")
    assert "Front office" in (tmp_path / "district" / "seats.csv").read_text(encoding="utf-8")


def test_a_label_that_is_none_says_so(browser: Browser, origin: str) -> None:
    """In words that help, without a name of the district."""
    with watched(browser, origin, PHONE) as seen:
        page = seen.open("/here/nothing", 404)
        assert "No box has this label." in page.locator("h1").inner_text()
        assert violations(page) == []
