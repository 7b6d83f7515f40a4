"""Letting boxes in, as operators do it: in a real browser, with and without script, on a desk and on a phone."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from collector.identity import authority
from collector.identity.registrar import Registrar
from collector.store import identities
from tests.browser.watch import PHONE, WIDE, overhang, violations, watched
from tests.collector.questions.morning import AT_NS, folder
from tests.collector.web.site import parts_of, serving
from tests.collector.web.test_enrolling import FIRST, SECOND, came
from tests.collector.workbench import Bench


@pytest.fixture
def door(bench: Bench, tmp_path: Path) -> Iterator[str]:
    """A district at whose door two boxes wait, one of them with a card that was copied."""
    bench.clock.wall_ns = AT_NS
    signs = authority.make(tmp_path / "data", "Maple Valley", AT_NS)
    registrar = Registrar(bench.journal, signs, bench.clock)
    came(bench, "box-203", FIRST)
    came(bench, "box-204", SECOND, copies=1)
    with serving(parts_of(bench, folder=folder())._replace(registrar=registrar)) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A collector without its network."""
    with closing(Bench(tmp_path)) as made:
        yield made


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_one_is_let_in_and_one_refused(
    browser: Browser, door: str, bench: Bench, size: tuple[int, int], script: bool
) -> None:
    """Two clicks; each is decided, is gone from the list, and nothing on the page is hard to read."""
    with watched(browser, door, size, script=script) as seen:
        page = seen.open("/boxes")
        if script:
            assert violations(page) == []
        assert overhang(page) == []
        page.get_by_role("button", name="Let box-203 in").click()
        page.get_by_text("1 box at the door").wait_for()
        page.get_by_role("button", name="Refuse").click()
        page.get_by_text("at the door").wait_for(state="detached")
    with closing(bench.journal.reader()) as db:
        decided = {card.agent: card.let_in for card in identities.enrolments(db)}
    assert decided.get("box-203") is True
    assert not decided.get("box-204")


def test_on_a_phone_no_name_lies_over_a_place(browser: Browser, door: str) -> None:
    """Each box's name ends above where its place begins, and nothing of a row lies over anything else."""
    with watched(browser, door, PHONE, script=True) as seen:
        page = seen.open("/boxes")
        rows = page.locator("table.boxes tbody tr:has(td.place)")
        assert rows.count()
        for row in rows.all():
            name, place = row.locator("th").bounding_box(), row.locator("td.place").bounding_box()
            assert name is not None
            assert place is not None
            assert name["y"] + name["height"] <= place["y"]
