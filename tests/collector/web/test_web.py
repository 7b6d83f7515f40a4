"""Health and figures over real HTTP, and who may not ask."""

import http.client
import json
from collections.abc import Iterator
from threading import Event, Semaphore, Thread
from typing import NamedTuple

import pytest

from collector.registry import EMPTY, Folder
from collector.store.offers import Offer, Outcome
from collector.store.outbox import Outbox
from firstbell.report import Loss, Opening
from tests.collector.web.site import FakeLink, parts_of, serving
from tests.collector.workbench import (
    BOX,
    EPOCH,
    NOW_NS,
    NS,
    Bench,
    files_no_larger_than,
    report,
    reports,
    wait_until,
)


class Site(NamedTuple):
    """The server, and what it looks at."""

    port: int
    bench: Bench
    link: FakeLink

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        """Status and text of a page; `host_`, `origin_` and the like are sent as headers."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            line.putrequest("GET", path, skip_host="host_" in headers)
            for name, value in headers.items():
                line.putheader(name.strip("_"), value)
            line.endheaders()
            answer = line.getresponse()
            return answer.status, answer.read().decode()
        finally:
            line.close()

    def health(self) -> tuple[int, dict[str, object]]:
        """Status and answer of /healthz."""
        status, text = self.get("/healthz")
        found: dict[str, object] = json.loads(text)
        return status, found

    def figures(self) -> dict[str, float]:
        """All figures of /metrics, by name with labels."""
        status, text = self.get("/metrics")
        assert status == 200
        lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, value in lines}


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The same over an empty journal, for tests that change nothing."""
    bench, link = Bench(tmp_path_factory.mktemp("still")), FakeLink()
    with serving(parts_of(bench, link)) as port:
        yield Site(port, bench, link)
    bench.close()


@pytest.fixture
def site(bench: Bench) -> Iterator[Site]:
    """The application, served on loopback as the program does."""
    link = FakeLink()
    parts = parts_of(bench, link)
    with serving(parts) as port:
        yield Site(port, bench, link)


def test_a_collector_that_works_is_healthy(site: Site) -> None:
    """200, with what there is to see."""
    site.bench.send(1, reports(1, 3))
    status, health = site.health()
    assert status == 200
    assert health["ok"] is True
    assert (health["boxes"], health["suspended_boxes"], health["waiting_reports"]) == (1, 0, 0)
    assert health["trouble"] == ""
    assert isinstance(health["last_commit_age_s"], float)


@pytest.mark.parametrize(("trouble", "figure"), [(None, None), ("", 1), ("InfluxDB can't be reached", 0)])
def test_influxdb_that_fails_is_told_and_one_that_nobody_named_is_not(
    bench: Bench, trouble: str | None, figure: int | None
) -> None:
    """What holds the sink up is worth a look, and no reason to be called ill."""
    parts = parts_of(bench)._replace(influx_trouble=None if trouble is None else lambda: trouble)
    with serving(parts) as port:
        site = Site(port, bench, FakeLink())
        status, health = site.health()
        assert (status, health["influx_trouble"], health["influx_behind"]) == (200, trouble, None)
        assert site.figures().get("firstbell_influx_working") == figure


def test_how_far_influxdb_is_behind_is_told_once_something_was_shipped(bench: Bench) -> None:
    """So many reports of the journal are not in it."""
    outbox = Outbox(bench.journal)
    outbox.begin("a bucket", "", "")
    bench.send(1, reports(1, 3))
    outbox.move("a bucket", 1, bench.clock.now_ns(), shipped=1)
    outbox.close()
    with serving(parts_of(bench)) as port:
        site = Site(port, bench, FakeLink())
        assert site.health()[1]["influx_behind"] == 2
        assert site.figures()["firstbell_influx_behind_reports"] == 2


def test_before_the_first_commit_there_is_no_age(site: Site) -> None:
    """An age that does not exist is null, not a number."""
    assert site.health()[1]["last_commit_age_s"] is None


def test_without_a_broker_it_is_not_healthy(site: Site) -> None:
    """503 while no box can be heard."""
    site.link.connected = False
    status, health = site.health()
    assert (status, health["ok"], health["broker_connected"]) == (503, False, False)
    assert site.figures()["firstbell_broker_connected"] == 0


def test_monitors_never_wait_for_pages(bench: Bench) -> None:
    """Health and figures come while more pages than there are threads all wait for something slow."""
    asked, go_on = Semaphore(0), Event()

    def slow_folder() -> Folder:
        asked.release()
        assert go_on.wait(20)
        return EMPTY

    parts = parts_of(bench)._replace(folder_now=slow_folder)
    with serving(parts) as port:
        site = Site(port, bench, FakeLink())
        readers = [Thread(target=site.get, args=("/boxes",), daemon=True) for _ in range(45)]
        try:
            for reader in readers:
                reader.start()
            for _ in range(40):
                assert asked.acquire(timeout=20)
            assert site.health()[0] == 200
            assert site.figures()["firstbell_journal_readable"] == 1
        finally:
            go_on.set()
            for reader in readers:
                reader.join(20)


def test_a_journal_that_takes_nothing_is_not_healthy(site: Site) -> None:
    """503 with the trouble in words, and 200 again after it is over."""
    site.bench.send(1, reports(1, 1))
    with files_no_larger_than(0):
        assert site.bench.send(2, reports(2, 1)).later
        status, health = site.health()
    assert (status, health["journal_writable"]) == (503, False)
    assert "takes nothing" in str(health["trouble"])
    assert site.figures()["firstbell_journal_writable"] == 0
    site.bench.send(2, reports(2, 1))
    assert site.health()[0] == 200


def test_a_write_that_hangs_is_not_healthy(site: Site) -> None:
    """A disk that neither takes nor refuses is told after a minute, and forgotten when it goes on."""
    began, go_on = Event(), Event()

    def hang(_outcome: Outcome) -> None:
        began.set()
        go_on.wait(20)

    try:
        assert site.bench.writer.put(Offer(BOX, EPOCH, NOW_NS, (), (), hang))
        assert began.wait(20)
        site.bench.clock.passes(30 * NS)
        assert site.health()[0] == 200
        site.bench.clock.passes(31 * NS)
        status, health = site.health()
        assert (status, health["ok"], health["journal_writable"]) == (503, False, False)
        assert "has not ended a write for 61 s" in str(health["trouble"])
        assert site.figures()["firstbell_journal_writable"] == 0
    finally:
        go_on.set()
    wait_until(lambda: site.health()[0] == 200, "it goes on")


def test_a_writer_that_ended_is_not_healthy(site: Site) -> None:
    """503 when nobody writes, whatever the disk says."""
    site.bench.writer.stop()
    status, health = site.health()
    assert (status, health["trouble"]) == (503, "the writer does not run")


def test_a_journal_that_is_gone_is_not_healthy(site: Site) -> None:
    """503, not a crash; the figures that need no journal are still there."""
    site.bench.path.rename(site.bench.path.with_name("moved.db"))
    status, health = site.health()
    assert (status, health["journal_readable"], health["boxes"]) == (503, False, None)
    figures = site.figures()
    assert figures["firstbell_journal_readable"] == 0
    assert "firstbell_boxes" not in figures


def test_a_suspended_box_and_a_stranger_are_shown(site: Site) -> None:
    """Two boxes with one name and a box of a newer version stand in the health answer."""
    for epoch in ("b" * 16, "c" * 16):
        opening = Opening(predecessor="a" * 16, last_seq=1, ended="clean")
        site.bench.send(1, [report(1, opening=opening)], epoch=epoch)
    site.bench.take(
        b'{"v":9,"agent":"lincoln-1","epoch":"00000000000000aa","first":1,"count":1,"digest":"d"}\n{}'
    )
    status, health = site.health()
    assert (status, health["suspended_boxes"]) == (200, 1)
    assert health["unknown_versions"] == {BOX: "version 9 is not spoken here; known: (1,)"}
    assert site.figures()["firstbell_boxes_unknown_version"] == 1


def test_figures_count_what_happened(site: Site) -> None:
    """Held, repeated, refused, set aside, missing, lost: each in its place."""
    site.bench.send(1, reports(1, 3))
    site.bench.send(1, reports(1, 3))
    lost = Loss(epoch="00000000000000aa", first=6, last=7, reason="full")
    site.bench.send(4, [b"bad", report(5, losses=[lost])])
    site.bench.send(10, reports(10, 1))
    site.bench.take(b"garbage")
    figures = site.figures()
    assert {name: figures[f"firstbell_{name}"] for name in FIGURES} == FIGURES
    assert figures["firstbell_commit_seconds_count"] == 5
    assert figures['firstbell_commit_seconds_bucket{le="+Inf"}'] == 5
    assert figures['firstbell_commit_seconds_bucket{le="0.001"}'] <= 5


FIGURES = {
    'reports_total{outcome="held"}': 5,
    'reports_total{outcome="repeated"}': 3,
    'reports_total{outcome="refused"}': 1,
    'reports_total{outcome="later"}': 0,
    'messages_total{result="good"}': 3,
    'messages_total{result="NotAReportError"}': 1,
    'messages_total{result="EnvelopeError"}': 1,
    'mqtt_messages_total{step="received"}': 7,
    'mqtt_messages_total{step="unsaid"}': 2,
    'mqtt_messages_total{step="oversized"}': 4,
    "mqtt_rebuilt_total": 3,
    "boxes": 1,
    "boxes_suspended": 0,
    "journal_reports": 5,
    "missing_reports": 2,
    "lost_reports": 2,
    "quarantine_rows": 2,
    "quarantine_dropped_total": 0,
    "waiting_reports": 0,
}


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]:8000"])
def test_loopback_names_may_ask(still: Site, host: str) -> None:
    """Whatever this machine calls itself on its own line."""
    assert still.get("/healthz", host_=host)[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:80",
        "evil.example@127.0.0.1.x",
        "",
        "[::1",
        "10.0.0.7",
    ],
)
@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/nothing"])
def test_a_name_that_was_pointed_here_may_not(still: Site, host: str, path: str) -> None:
    """A web page whose own name leads to 127.0.0.1 reaches nothing: 421."""
    status, text = still.get(path, host_=host)
    assert status == 421
    assert "firstbell" not in text


def test_two_hosts_are_none(still: Site) -> None:
    """A request that names two hosts is refused by one hand or the other."""
    assert still.get("/healthz", host="evil.example")[0] in (400, 421)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example"])
def test_a_page_of_another_origin_may_not(still: Site, origin: str) -> None:
    """A browser that says on whose behalf it asks is believed: 403."""
    assert still.get("/healthz", origin_=origin)[0] == 403


def test_there_is_nothing_else(still: Site) -> None:
    """What isn't there is said so, and what is to be read is read only."""
    status, text = still.get("/nothing")
    assert status == 404
    assert "There is no such page." in text
    line = http.client.HTTPConnection("127.0.0.1", still.port, timeout=20)
    line.request("POST", "/healthz")
    assert line.getresponse().status == 405
    line.close()


def test_what_ends_soon_stands_on_the_pages_and_for_machines(bench: Bench) -> None:
    """The pages say that something does, for people; /healthz and the status say what and what to do."""
    told = [
        "/x/web/localhost.pem ends on 2027-01-01 and was not renewed: `firstbell authority renew` does it."
    ]
    parts = parts_of(bench)._replace(certificates=lambda: told)
    with serving(parts) as port:
        site = Site(port, bench, FakeLink())
        assert "A certificate of this server" in site.get("/")[1]
        status, health = site.health()
        assert (status, health["certificate_troubles"]) == (200, told)
        assert json.loads(site.get("/api/v1/status")[1])["certificates"] == told
    with serving(parts_of(bench)) as port:
        assert "A certificate of this server" not in Site(port, bench, FakeLink()).get("/")[1]
