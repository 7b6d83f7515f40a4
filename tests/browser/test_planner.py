"""The planner's two pages in a real browser, in each of their states."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from collector import registry
from collector.registry import EMPTY, Folder
from tests.browser.watch import PHONE, overhang, sheets, violations, watched
from tests.collector.questions import planted
from tests.collector.web.site import parts_of, serving
from tests.collector.workbench import Bench

FOUR = {"ash": 200, "birch": 400, "cedar": 400, "dogwood": 100}
MOST_PDF_BYTES = 1_000_000
BOUGHT: dict[str, float | str] = {"ash": 1000, "birch": 500, "cedar": 1000, "dogwood": ""}


@contextmanager
def served(folder: Path, plant: Callable[[Bench, Path], Folder]) -> Iterator[str]:
    """The origin of a district that `plant` made."""
    bench = Bench(folder)
    try:
        with serving(parts_of(bench, folder=plant(bench, folder / "d"))) as port:
            yield f"http://127.0.0.1:{port}"
    finally:
        bench.close()


def mixed(bench: Bench, folder: Path) -> Folder:
    """Ready, just short, not ready, and without a check."""
    for school, mbps in (("ash", 950), ("birch", 300), ("cedar", 100)):
        planted.send(bench, school, planted.quiet(mbps))
    return planted.write(folder, FOUR, BOUGHT)


def changed(bench: Bench, folder: Path) -> Folder:
    """A line that was replaced yesterday."""
    planted.send(bench, "ash", planted.quiet(300))
    since = (planted.NOW - timedelta(days=1)).date().isoformat()
    return planted.write(folder, {"ash": 400}, {"ash": 500}, since=since)


def example(_bench: Bench, folder: Path) -> Folder:
    """Numbers that nobody entered."""
    names = ("school.people", "circuit.down_mbps")
    return registry.write_example(folder, "Lincoln High", 900, 1000, None, "box-1", names, "UTC")


def nobody(_bench: Bench, _folder: Path) -> Folder:
    """A district without schools."""
    return EMPTY


def unmeasured(_bench: Bench, folder: Path) -> Folder:
    """No check has come yet."""
    return planted.write(folder, FOUR, BOUGHT)


def simulated(_bench: Bench, folder: Path) -> Folder:
    """A made-up district."""
    return planted.write(folder, FOUR, BOUGHT, settings="simulated = true\n")


def forty(_bench: Bench, folder: Path) -> Folder:
    """As many schools as two sheets must hold."""
    schools = {f"school-number-{n:02}": 300 + n for n in range(40)}
    return planted.write(folder, schools, dict.fromkeys(schools, 300.0))


@pytest.mark.parametrize(
    ("plant", "address", "says"),
    [
        (
            mixed,
            "/?model=flex",
            "1 of 4 schools can today, and it is ready through fall 2029. 2\u00a0cannot yet.",
        ),
        (mixed, "/schools/ash?model=flex", "Ready through fall 2029. The internet line carries"),
        (mixed, "/schools/birch?model=flex", "Just short. The internet line carries at least 300"),
        (mixed, "/schools/cedar?model=flex", "Not ready. The internet line carries at least 100"),
        (nobody, "/", "No schools yet."),
        (unmeasured, "/?model=flex", "On paper, not measured: 3 of 4 schools can today."),
        (unmeasured, "/schools/birch?model=flex", "On paper, not measured: ready until fall 2028."),
        (changed, "/schools/ash", "Not measured enough yet. 0 of 10 checks since the line was changed"),
        (example, "/", "On paper, not measured: The one school can today."),
        (simulated, "/", "On paper, not measured: 3 of 4 schools can today."),
    ],
)
def test_each_state_says_so_first_and_everybody_can_read_it(
    browser: Browser, tmp_path: Path, plant: Callable[[Bench, Path], Folder], address: str, says: str
) -> None:
    """The answer's sentence, nothing serious for axe, no sideways scrolling, wide and on a phone."""
    with served(tmp_path, plant) as origin, watched(browser, origin) as seen:
        page = seen.open(address)
        assert page.locator(".answer").inner_text().strip().startswith(says)
        assert violations(page) == []
        assert overhang(page) == []
        assert (page.locator(".banner.simulated").count() == 1) == (plant is simulated)
        if plant is example:
            assert "Examples that nobody entered" in page.locator("main").inner_text()
        page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        assert overhang(page) == []


def test_the_form_answers_at_once_with_a_script_and_by_its_button_without(
    browser: Browser, tmp_path: Path
) -> None:
    """Another way of teaching changes the sentence, the address, and what the form shows."""
    with served(tmp_path, mixed) as origin:
        for script in (True, False):
            with watched(browser, origin, script=script) as seen:
                page = seen.open("/?model=flex")
                page.select_option("select[name=model]", "station_rotation")
                if not script:
                    page.click("text=Ask")
                page.wait_for_url("**/?model=station_rotation&through=2029")
                page.locator(".answer", has_text="2 of 4 schools can today").wait_for()
                assert page.locator("select[name=model]").input_value() == "station_rotation"


def test_a_row_leads_to_its_school_with_the_same_question(browser: Browser, tmp_path: Path) -> None:
    """Way and fall go along, and the way back stands above."""
    with served(tmp_path, mixed) as origin, watched(browser, origin) as seen:
        page = seen.open("/?model=flex&through=2026")
        page.click("text=Birch >> nth=-1")
        page.wait_for_url("**/schools/birch?model=flex&through=2026")
        page.click(".crumb a")
        page.wait_for_url("**/")


def test_forty_schools_are_two_sheets_and_every_drawing_has_its_words(
    browser: Browser, tmp_path: Path
) -> None:
    """On paper the table keeps its head on each sheet, in a file to mail; no number is only drawn."""
    with served(tmp_path, forty) as origin, watched(browser, origin) as seen:
        page = seen.open("/")
        assert page.locator("table.schools [role=row]").count() >= 41
        assert page.locator("main svg:not([aria-hidden=true]):not([aria-hidden=true] svg)").count() == 0
        page.emulate_media(media="print")
        assert sheets(page) <= 2
        assert len(page.pdf(prefer_css_page_size=True)) < MOST_PDF_BYTES
