"""Takes the README's pictures of the pages: a simulated district of 40 schools in Debian's Chromium.

Usage: .venv/bin/python -m scripts.pictures [folder, by default docs/pictures]
"""

import sys
import tempfile
from pathlib import Path

import msgspec
from playwright.sync_api import sync_playwright

from tests.browser.site import SMALL, simulated
from tests.browser.watch import launch, watched

SIZES = {"school": (1200, 1480)}
USUAL = (1200, 880)
PICTURES = {
    "district": "/",
    "school": "/schools/lincoln-high",
    "room": "/rooms/lincoln-high/204",
    "boxes": "/boxes",
}


def main() -> None:
    """Take them."""
    folder = Path(sys.argv[1] if sys.argv[1:] else "docs/pictures")
    folder.mkdir(parents=True, exist_ok=True)
    demo = msgspec.structs.replace(SMALL, schools=40, days=30)
    with (
        tempfile.TemporaryDirectory() as home,
        simulated(Path(home) / "home", demo) as site,
        sync_playwright() as playwright,
    ):
        browser = launch(playwright)
        for name, address in PICTURES.items():
            with watched(browser, site.origin, SIZES.get(name, USUAL)) as seen:
                seen.open(address).screenshot(path=str(folder / f"{name}.png"))
            print(folder / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
