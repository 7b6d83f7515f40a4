"""Signing in, as people do it: in a real browser, over TLS."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from collector.tokens import Tokens
from tests.browser.watch import PHONE, Watched, overhang, violations
from tests.collector.web.site import parts_of, serving
from tests.collector.workbench import Bench
from tests.support.web import certificate


@pytest.fixture
def door(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A server that asks for tokens: its origin, and a viewer's token."""
    certificate(tmp_path, "localhost")
    tokens = Tokens(tmp_path)
    token = tokens.add("Ann", "viewer", 1)
    bench = Bench(tmp_path)
    with serving(parts_of(bench), tokens, tls=tmp_path) as port:
        yield f"https://localhost:{port}", token
    bench.close()


def test_people_sign_in_and_out(browser: Browser, door: tuple[str, str]) -> None:
    """The form, a wrong token said in words, the page that was asked for, and out again."""
    origin, token = door
    context = browser.new_context(ignore_https_errors=True, viewport={"width": PHONE[0], "height": PHONE[1]})
    try:
        seen = Watched(context.new_page(), origin)
        page = seen.open("/boxes?all=1")
        assert page.url == f"{origin}/login?next=%2Fboxes%3Fall%3D1"
        assert violations(page) == []
        assert overhang(page) == []
        assert _cookies(page) == []
        page.get_by_label("Token").fill("fb_wrong")
        page.keyboard.press("Enter")
        page.get_by_text("That token opens nothing.").wait_for()
        page.get_by_label("Token").fill(token)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{origin}/boxes?all=1")
        assert page.evaluate("document.cookie") == ""
        assert [cookie["name"] for cookie in _cookies(page)] == ["__Host-firstbell"]
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url(f"{origin}/login")
        assert _cookies(page) == []
        assert not [fault for fault in seen.faults if not fault.startswith("console: Failed to load")]
    finally:
        context.close()


def _cookies(page: Page) -> list[dict[str, object]]:
    return [dict(cookie) for cookie in page.context.cookies()]
