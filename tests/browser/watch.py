"""A real browser, and a page in it that is watched: what it says, what it asks for, what it can't get."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Request, Response

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDE, PHONE = (1280, 900), (390, 844)
SERIOUS = {"serious", "critical"}


def launch(playwright: Playwright) -> Browser:
    """Debian's Chromium, without a window."""
    found = shutil.which("chromium")
    if not found:
        pytest.skip("chromium is not installed")
    return playwright.chromium.launch(executable_path=found, headless=True, args=list(FLAGS))


class Watched:
    """A page, and everything that went wrong on it."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self.faults: list[str] = []
        self._origin = origin
        self._answered = 200
        page.set_default_timeout(10_000)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        page.on("request", self._asked)
        page.on("requestfailed", self._failed)
        page.on("response", self._got)

    def open(self, address: str, status: int = 200) -> Page:
        """Go there and wait until everything is there."""
        self._answered = status
        answer = self.page.goto(self._origin + address, wait_until="load")
        assert answer is not None
        assert answer.status == status, f"{address}: {answer.status}"
        return self.page

    def _said(self, message: ConsoleMessage) -> None:
        # A page that is missing on purpose is told of here, too.
        if message.type in {"error", "warning"} and not (
            self._answered >= 400 and "Failed to load resource" in message.text
        ):
            self.faults.append(f"console: {message.text}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self._origin + "/", "data:")):
            self.faults.append(f"left for {request.url}")

    def _failed(self, request: Request) -> None:
        # The browser gives up what it still waits for when a page is left.
        if request.failure != "net::ERR_ABORTED":
            self.faults.append(f"{request.failure}: {request.url}")

    def _got(self, response: Response) -> None:
        if response.status >= 400 and not response.request.is_navigation_request():
            self.faults.append(f"{response.status}: {response.url}")


@contextmanager
def watched(
    browser: Browser,
    origin: str,
    size: tuple[int, int] = WIDE,
    *,
    scheme: Literal["light", "dark"] = "light",
    scale: float = 1,
    script: bool = True,
) -> Iterator[Watched]:
    """A page of its own; fails at the end if anything went wrong on it."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,
        device_scale_factor=scale,
        java_script_enabled=script,
        locale="en-US",
    )
    try:
        seen = Watched(context.new_page(), origin)
        yield seen
        assert seen.faults == [], seen.faults
    finally:
        context.close()


def violations(page: Page, *rules: str) -> list[str]:
    """What axe finds that is serious or critical, by all rules or these: each with the place and why."""
    options = {"runOnly": list(rules)} if rules else None
    found: list[dict[str, Any]] = Axe().run(page, options=options).response["violations"]
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found
        if rule["impact"] in SERIOUS
        for node in rule["nodes"]
    ]


def overhang(page: Page) -> list[str]:
    """What makes the page wider than its window: the elements that stick out; empty if nothing does."""
    found: list[str] = page.evaluate(
        """() => {
            const wide = document.documentElement.clientWidth;
            if (document.documentElement.scrollWidth <= wide) return [];
            return [...document.querySelectorAll("main *, header *, footer *")]
                .filter(e => e.getBoundingClientRect().right > wide + 1 && !e.closest("svg.defs"))
                .slice(0, 8)
                .map(e => `${e.tagName}.${e.getAttribute("class")}: ${(e.textContent || "").slice(0, 40)}`);
        }"""
    )
    return found


def words(page: Page) -> str:
    """What a reader sees without opening anything: all text but what stands in details."""
    text: str = page.evaluate(
        """() => {
            const copy = document.body.cloneNode(true);
            copy.querySelectorAll("details, code, script, svg").forEach(e => e.remove());
            return copy.textContent;
        }"""
    )
    return text


def sheets(page: Page) -> int:
    """How many sheets of paper the page takes, as its stylesheet prints it."""
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", page.pdf(prefer_css_page_size=True)))
