"""Takes the README's pictures of the pages: a simulated district of 40 schools in Debian's Chromium.

Usage: .venv/bin/python -m scripts.pictures [folder, by default docs/pictures]
"""

import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from playwright.sync_api import sync_playwright

from tests.browser.site import SMALL, simulated
from tests.browser.watch import launch, watched

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "pictures"
AS_OF = datetime(2026, 12, 8, 7, 40, tzinfo=ZoneInfo("America/Chicago"))
MOST_BYTES = 150_000


class Picture(NamedTuple):
    """One page: its file, its address, and how much of it is shown, in pixels."""

    name: str
    address: str
    width: int
    height: int


PICTURES = (
    Picture("district", "/", 1000, 700),
    Picture("school", "/schools/lincoln-high", 1000, 740),
    Picture("room", "/rooms/lincoln-high/204", 1000, 760),
    Picture("boxes", "/boxes", 1200, 700),
)


def main() -> None:
    """Take them."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    moment = int(AS_OF.timestamp()) * 10**9
    demo = msgspec.structs.replace(SMALL, schools=40, days=30, as_of_ns=moment)
    with (
        tempfile.TemporaryDirectory() as home,
        simulated(Path(home) / "home", demo) as site,
        sync_playwright() as playwright,
    ):
        browser = launch(playwright)
        for picture in PICTURES:
            path = folder / f"{picture.name}.png"
            with watched(browser, site.origin, (picture.width, picture.height)) as seen:
                seen.open(picture.address).screenshot(path=str(path))
            print(f"{path}: {path.stat().st_size:,} bytes, of {MOST_BYTES:,} at most")
        browser.close()


if __name__ == "__main__":
    main()
