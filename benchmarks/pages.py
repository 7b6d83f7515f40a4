"""First paint of each kind of page, in a real browser over a whole simulated district, from a warm store.

Warm: the page was asked for once before, so the judgements it needs are there. What is counted is the
browser's own figure, from the start of the navigation to the first pixels (`first-contentful-paint`), each
time in a fresh context that has no file of ours yet; and beside it what the server alone takes. The peer is
a page of one line from the same server.
"""

import statistics
import tempfile
import time
from pathlib import Path

import httpx
import msgspec
from playwright.sync_api import Browser, sync_playwright

from benchmarks.bench import Figure, options, show
from tests.browser.site import SMALL, Site, simulated
from tests.browser.watch import launch

AIM_MS = 300.0
_PAINT = """() => new Promise(done => {
    const found = () => performance.getEntriesByName("first-contentful-paint")[0];
    if (found()) return done(found().startTime);
    const watch = new PerformanceObserver(() => found() && done(found().startTime));
    watch.observe({type: "paint", buffered: true});
})"""


def main() -> None:
    """Print the figures."""
    parser = options(__doc__ or "")
    parser.add_argument("--schools", type=int, default=40)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--runs", type=int, default=9)
    told = parser.parse_args()
    demo = msgspec.structs.replace(SMALL, schools=told.schools, days=told.days)
    with (
        tempfile.TemporaryDirectory() as folder,
        simulated(Path(folder) / "home", demo) as site,
        sync_playwright() as playwright,
    ):
        browser = launch(playwright)
        figures = [
            figure for address in _kinds(site) for figure in _measured(browser, site, address, told.runs)
        ]
        browser.close()
    show("pages", figures, told)


def _kinds(site: Site) -> list[str]:
    """One address of each kind of page, the peer last."""
    kinds = {address.split("?")[0].split("/")[1]: address for address in reversed(site.addresses)}
    return sorted(kinds.values(), key=lambda address: (address == "/nothing", address))


def _measured(browser: Browser, site: Site, address: str, runs: int) -> list[Figure]:
    name = "a page of one line" if address == "/nothing" else address
    with httpx.Client(base_url=site.origin, timeout=120, trust_env=False) as client:
        cold = _asked(client, address)
        warm = statistics.median(_asked(client, address) for _ in range(runs))
    paints = [_painted(browser, site.origin + address) for _ in range(runs)]
    return [
        Figure(f"{name}: first paint", statistics.median(paints), "ms", f"{AIM_MS:.0f}"),
        Figure(f"{name}: first paint, slowest of {runs}", max(paints), "ms"),
        Figure(f"{name}: the server alone, warm", warm, "ms"),
        Figure(f"{name}: the server alone, asked for the first time since it was found", cold, "ms"),
    ]


def _asked(client: httpx.Client, address: str) -> float:
    begin = time.perf_counter()
    client.get(address)
    return (time.perf_counter() - begin) * 1000


def _painted(browser: Browser, url: str) -> float:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    try:
        page = context.new_page()
        page.goto(url, wait_until="load")
        return float(page.evaluate(_PAINT))
    finally:
        context.close()


if __name__ == "__main__":
    main()
