"""A district in summer, in a real browser: the banner on every page, and the roll call on the boxes' page."""

from collections.abc import Iterator
from datetime import date

import pytest
from playwright.sync_api import Browser

from collector.store import summers
from collector.store.journal import open_journal
from tests.browser.site import Site, simulated
from tests.browser.watch import PHONE, WIDE, overhang, violations, watched

DAY_NS = 86_400 * 10**9


@pytest.fixture(scope="module")
def dark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Simulated schools whose summer began two days ago; some of their boxes are silent."""
    with simulated(tmp_path_factory.mktemp("summer") / "home") as served:
        journal = open_journal(served.parts.folder / "journal.db")
        summers.begin(journal, "", date(2026, 12, 20), served.parts.clock.now_ns() - 2 * DAY_NS)
        yield served


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_the_boxes_page_calls_the_roll(browser: Browser, dark: Site, size: tuple[int, int]) -> None:
    """Everybody can read it, nothing hangs over, and every school that misses somebody is named."""
    with watched(browser, dark.origin, size) as seen:
        page = seen.open("/boxes")
        assert "It is summer at all schools until 20 December" in page.locator(".banner.summer").inner_text()
        roll = page.locator("#roll-call")
        assert "boxes are back" in roll.locator("p").inner_text()
        assert "expected on 20 December" in roll.inner_text()
        assert "not back yet" in roll.inner_text()
        assert violations(page) == []
        assert overhang(page) == []
        answered = page.request.get(f"{dark.origin}/roll-call.csv")
        assert answered.status == 200
        assert answered.text().startswith(
            "school,box,room,state,expected,last_seen,back_since,look,simulated"
        )


def test_every_page_says_that_it_is_summer(browser: Browser, dark: Site) -> None:
    """So that nobody looks for an outage where the power is off on purpose."""
    with watched(browser, dark.origin) as seen:
        for address in sorted(dark.first_ones):
            page = seen.open(address, 404 if address == "/nothing" else 200)
            assert page.locator(".banner.summer").count() == 1, address
