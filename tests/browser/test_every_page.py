"""Every page in a real browser: nothing fails, nothing leaves the origin, and everybody can read it."""

import re

import pytest
from playwright.sync_api import Browser, Page

from collector.web import drawing
from tests.browser.site import Site
from tests.browser.watch import PHONE, WIDE, overhang, sheets, violations, watched, words

PLANNERS = re.compile(r"^/($|\?|school|room)")
TECHNICIANS_WORDS = re.compile(r"\b\w*(?:agent|quantile|segment|goodput|evidence)\w*\b", re.IGNORECASE)
MOST_SHEETS = 2


def status_of(address: str) -> int:
    """What a page answers with."""
    return 404 if address == "/nothing" else 200


def test_there_is_a_page_of_each_kind(site: Site) -> None:
    """The pages are found by following links from the three in the head."""
    kinds = {address.split("?")[0].split("/")[1] for address in site.addresses}
    assert kinds == {"", "schools", "rooms", "boxes", "lines", "nothing"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_fails_and_axe_finds_nothing_serious(browser: Browser, site: Site, scheme: str) -> None:
    """No console error, no failed or foreign request, no serious finding, in the light and in the dark."""
    with watched(browser, site.origin, scheme="dark" if scheme == "dark" else "light") as seen:
        for address in site.addresses:
            page = seen.open(address, status_of(address))
            if scheme == "light":
                assert violations(page) == [], address
            elif address in site.first_ones:  # only colours differ
                assert violations(page, "color-contrast") == [], address
            assert overhang(page) == [], address


BLACK = """() => [...document.querySelectorAll("main svg :is(rect, path, circle)")]
    .filter(e => getComputedStyle(e).fill === "rgb(0, 0, 0)" && !e.closest("symbol"))
    .map(e => e.outerHTML.slice(0, 90))"""


def test_no_drawing_falls_back_to_black(browser: Browser, site: Site) -> None:
    """The style sheet knows every shape, in the weakest row or not: one that it forgets is a black block."""
    with watched(browser, site.origin) as seen:
        for address in site.addresses:
            page = seen.open(address, status_of(address))
            short = str(drawing.bar(1, 2, 3))
            page.evaluate("bar => document.querySelector('main').insertAdjacentHTML('beforeend', bar)", short)
            assert page.evaluate(BLACK) == [], address


@pytest.mark.parametrize(
    ("size", "scale"),
    [(PHONE, 2.0), ((640, 450), 2.0), ((800, 600), 1.0)],
    ids=["phone", "zoomed to 200 %", "tablet"],
)
def test_nothing_scrolls_sideways(browser: Browser, site: Site, size: tuple[int, int], scale: float) -> None:
    """On a phone and at 200 % everything fits; on the phone axe finds nothing either."""
    with watched(browser, site.origin, size, scale=scale) as seen:
        for address in site.addresses:
            page = seen.open(address, status_of(address))
            assert overhang(page) == [], address
            if size == PHONE and address in site.first_ones:
                assert violations(page) == [], address


def test_the_keyboard_reaches_everything_and_shows_where_it_is(browser: Browser, site: Site) -> None:
    """The first stop skips to the answer; every stop has an outline and lies in sight."""
    with watched(browser, site.origin) as seen:
        for address in site.addresses:
            page = seen.open(address, status_of(address))
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.className") == "skip", address
            assert page.locator(".skip").bounding_box()["x"] >= 0  # type: ignore[index]
            for stop in range(12):
                if not _stop(page):
                    break
                assert _outlined(page), f"{address}, stop {stop}"
                page.keyboard.press("Tab")
            page.evaluate("document.querySelector('.skip').focus()")
            page.keyboard.press("Enter")
            assert page.evaluate("document.activeElement.id") == "main", address


def _stop(page: Page) -> bool:
    stands: bool = page.evaluate("document.activeElement !== document.body")
    return stands


def _outlined(page: Page) -> bool:
    """Whether what has the focus shows it, where people look."""
    seen: bool = page.evaluate(
        """() => {
            const e = document.activeElement, style = getComputedStyle(e), at = e.getBoundingClientRect();
            return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2
                && at.right > 0 && at.bottom > 0 && at.top < innerHeight && at.width > 0;
        }"""
    )
    return seen


def test_on_paper_it_is_two_sheets_and_says_when_it_is_simulated(browser: Browser, site: Site) -> None:
    """Controls don't print, closed details neither, and the answer stays."""
    with watched(browser, site.origin, WIDE) as seen:
        for address in site.addresses:
            page = seen.open(address, status_of(address))
            page.emulate_media(media="print")
            assert not page.locator("nav").is_visible(), address
            assert page.locator("main").is_visible(), address
            assert page.locator(".banner.simulated").is_visible(), address
            assert 1 <= sheets(page) <= MOST_SHEETS, address
            page.emulate_media(media="screen")


def test_on_paper_a_planners_page_ends_with_its_sources(browser: Browser, site: Site) -> None:
    """Nobody can open a closed detail on paper: where each number comes from is printed, and only there."""
    with watched(browser, site.origin) as seen:
        for address in (one for one in site.addresses if re.match(r"^/($|\?|schools)", one)):
            page = seen.open(address)
            assert not page.locator(".sources").is_visible(), address
            page.emulate_media(media="print")
            assert "EducationSuperHighway: buy 30 to 40 % above peak use, 2016" in (
                page.locator(".sources").inner_text()
            ), address
            page.emulate_media(media="screen")


def test_a_pages_link_to_its_json_leads_there(browser: Browser, site: Site) -> None:
    """The foot's link is an address that answers."""
    with watched(browser, site.origin) as seen:
        for address in site.addresses:
            link = seen.open(address, status_of(address)).locator(".foot a", has_text="JSON")
            if link.count():
                answered = seen.page.request.get(f"{site.origin}{link.get_attribute('href')}")
                assert answered.status == 200, address


def test_planners_read_planners_words(browser: Browser, site: Site) -> None:
    """What stands open on their pages names no agent, quantile, segment, goodput or evidence."""
    with watched(browser, site.origin) as seen:
        for address in filter(PLANNERS.match, site.addresses):
            found = TECHNICIANS_WORDS.findall(words(seen.open(address)))
            assert found == [], address


def test_every_page_says_that_it_is_simulated_and_what_time_it_speaks_of(
    browser: Browser, site: Site
) -> None:
    """The banner that can't be closed, and the head's date."""
    with watched(browser, site.origin) as seen:
        for address in site.addresses:
            page = seen.open(address, status_of(address))
            assert "is made up, and so is every number" in page.locator(".banner.simulated").inner_text()
            assert "as of Tuesday 8 December 2026" in page.locator(".when").inner_text()
            assert page.locator("h1").count() == 1, address


def test_no_page_needs_a_script(browser: Browser, site: Site) -> None:
    """With scripts switched off every page opens and says the same first sentence."""
    with (
        watched(browser, site.origin, script=False) as plain,
        watched(browser, site.origin) as full,
    ):
        for address in site.addresses:
            first = plain.open(address, status_of(address)).locator("main").inner_text()
            assert first == full.open(address, status_of(address)).locator("main").inner_text(), address


def test_a_foreign_picture_is_refused_by_the_browser_itself(browser: Browser, site: Site) -> None:
    """Were a name ever to become markup, the policy still lets nothing in and nothing out."""
    with watched(browser, site.origin) as seen:
        page = seen.open("/nothing", 404)
        ran = page.evaluate(
            """async () => {
                const heard = new Promise(done =>
                    addEventListener("securitypolicyviolation", e => done(e.effectiveDirective)));
                const image = new Image();
                image.src = "http://127.0.0.2:9/x.png";
                document.body.append(image);
                return heard;
            }"""
        )
        assert ran == "img-src"
        seen.faults.clear()
