"""One browser and one simulated district for all tests of a process."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser import watch
from tests.browser.site import Site, simulated


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with sync_playwright() as playwright:
        launched = watch.launch(playwright)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Eight simulated schools, served."""
    with simulated(tmp_path_factory.mktemp("simulated") / "home") as served:
        yield served
