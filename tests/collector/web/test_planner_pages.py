"""The planner's pages as they leave the server: every state, the form's fields, the spreadsheet."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import pytest

from collector import registry
from collector.questions import ask as asking
from collector.questions import banners, known
from tests.collector.questions import planted
from tests.collector.web.site import parts_of, serving
from tests.collector.web.test_pages import get
from tests.collector.workbench import Bench

FOUR = {"ash": 200, "birch": 400, "cedar": 400, "dogwood": 100}
BOUGHT: dict[str, float | str] = {"ash": 1000, "birch": 500, "cedar": 1000, "dogwood": ""}
FORBIDDEN = ("agent", "quantile", "segment", "goodput", "evidence")
"""Technicians' words, which a planner's page keeps within "how do you know?"."""


class Words(HTMLParser):
    """What a reader sees of a page while nothing is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.folded = 0

    def handle_starttag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        """Count what is folded away."""
        self.folded += tag == "details"

    def handle_endtag(self, tag: str) -> None:
        """And what isn't."""
        self.folded -= tag == "details"

    def handle_data(self, data: str) -> None:
        """Keep what is seen."""
        if not self.folded:
            self.text.append(data)


def seen(html: str) -> str:
    """The words of a page, one space apart."""
    reader = Words()
    reader.feed(html)
    return re.sub(r"\s+", " ", "".join(reader.text))


@pytest.fixture
def port(bench: Bench, tmp_path: Path) -> Iterator[int]:
    """Four schools: one ready, one just short, one not ready, one without a check."""
    folder = planted.write(tmp_path / "d", FOUR, BOUGHT)
    for school, mbps in (("ash", 950), ("birch", 300), ("cedar", 100)):
        planted.send(bench, school, planted.quiet(mbps))
    with serving(parts_of(bench, folder=folder)) as at:
        yield at


def test_the_district_answers_worst_first(port: int) -> None:
    """The sentence, paper beside it, and the rows in order, each with a link to its school."""
    status, _, page = get(port, "/?model=flex")
    words = seen(page)
    assert status == 200
    assert "1 of 4 schools can today, and it is ready through fall 2029." in words
    assert "On paper, not measured: 3 of 4." in words
    assert re.findall(r'scope="row"><a href="/schools/(\w+)\?', page) == ["cedar", "birch", "dogwood", "ash"]
    assert "firstbell schools --model flex" in words


def test_the_form_asks_for_another_fall_and_way(port: int) -> None:
    """Station rotation needs a third: more schools can; and the form shows what was asked."""
    page = get(port, "/?model=station_rotation&through=2026")[2]
    assert "2 of 4 schools can today" in seen(page)
    assert '<option value="station_rotation" selected>' in page
    assert '<option value="2026" selected>' in page


@pytest.mark.parametrize("query", ["model=hogwarts", "through=soon", "through=1926", "through=9999"])
@pytest.mark.parametrize("path", ["/", "/schools/ash", "/schools.csv"])
def test_a_question_that_can_not_be_asked_is_a_page_too(port: int, path: str, query: str) -> None:
    """404 with words, never a failure."""
    assert get(port, f"{path}?{query}")[0] == 404


def test_a_school_that_is_not_there_is_a_page_too(port: int) -> None:
    """It names those there are."""
    status, _, page = get(port, "/schools/hogwarts")
    assert (status, "Cedar" in page) == (404, True)


@pytest.mark.parametrize("query", ["", "?model=flex", "?model=station_rotation&through=2026"])
def test_a_school_s_page_leads_to_its_json(port: int, query: str) -> None:
    """The address at its foot answers the same question."""
    page = get(port, f"/schools/ash{query}")[2]
    (address,) = re.findall(r'<a href="([^"]+)">JSON</a>', page)
    status, _, text = get(port, address.replace("&amp;", "&"))
    assert (status, json.loads(text)["school_id"]) == (200, "ash")


@pytest.mark.parametrize(
    ("school", "says"),
    [
        ("ash", ["Ready through fall 2029.", "What will stop it first, and when"]),
        ("birch", ["Just short.", "What to do next", "The weakest link"]),
        ("cedar", ["Not ready.", "How sure: fairly sure"]),
        ("dogwood", ["Not measured enough yet. 0 of 10 checks", "How sure: not sure yet"]),
    ],
)
def test_a_school_answers_in_each_state(port: int, school: str, says: list[str]) -> None:
    """Ready, just short, not ready, and nothing measured nor entered."""
    status, _, page = get(port, f"/schools/{school}?model=flex")
    words = seen(page)
    assert status == 200
    for sentence in says:
        assert sentence in words, words


@pytest.mark.parametrize("path", ["/", *(f"/schools/{school}" for school in FOUR)])
def test_planners_read_planners_words(port: int, path: str) -> None:
    """No technicians' word outside "how do you know?"."""
    words = seen(get(port, path)[2]).lower()
    assert [word for word in FORBIDDEN if re.search(rf"\b{word}", words)] == []


def test_the_table_is_one_for_spreadsheets(port: int) -> None:
    """One header line, units in the names, exact numbers."""
    _, headers, text = get(port, "/schools.csv?model=flex")
    lines = text.splitlines()
    assert headers["content-type"].startswith("text/csv")
    assert lines[0].split(",")[6:8] == ["buys_mbps", "need_mbps"]
    assert len(lines) == 5
    assert lines[1].startswith('"school","cedar","Cedar","1:1 flex","400","400","1000","344.25"')


def test_a_name_that_is_a_formula_stays_a_name(bench: Bench, tmp_path: Path) -> None:
    """A spreadsheet gets an apostrophe, a browser plain text."""
    folder = planted.write(tmp_path / "d", {"ash": 10}, {"ash": 100})
    text = (tmp_path / "d" / "schools.csv").read_text(encoding="utf-8")
    (tmp_path / "d" / "schools.csv").write_text(text.replace("Ash", '"=1+<b>"'), encoding="utf-8")
    folder = registry.read(tmp_path / "d")
    with serving(parts_of(bench, folder=folder)) as at:
        assert '"\'=1+<b>"' in get(at, "/schools.csv")[2]
        assert "=1+&lt;b&gt;" in get(at, "/")[2]


def test_a_district_without_schools_says_what_to_write(bench: Bench) -> None:
    """One sentence and the two files; no table."""
    with serving(parts_of(bench)) as at:
        page = get(at, "/")[2]
    assert "No schools yet." in seen(page)
    assert "<table" not in page


def test_before_any_check_paper_is_the_headline(bench: Bench, tmp_path: Path) -> None:
    """Hatched, and said to be on paper."""
    folder = planted.write(tmp_path / "d", FOUR, BOUGHT)
    with serving(parts_of(bench, folder=folder)) as at:
        page = get(at, "/?model=flex")[2]
        assert "On paper, not measured: 3 of 4 schools can today." in seen(page)
        assert "On paper, not measured: ready until fall 2028." in seen(
            get(at, "/schools/birch?model=flex")[2]
        )


def test_the_head_states_the_moment_that_the_answer_knows(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that took long is kept for a while: the page over it does not claim to be of now."""
    monkeypatch.setattr(known, "QUICK_S", -1.0)
    monkeypatch.setattr(known, "RESTS", 1_000_000)
    folder = planted.write(tmp_path / "d", FOUR, BOUGHT)
    with serving(parts_of(bench, folder=folder)) as at:
        heads = []
        for _ in range(2):
            heads.append(re.findall(r"as of ([^<]+)<", get(at, "/")[2])[0])
            bench.clock.passes(5 * 60 * 10**9)
        assert heads[1] == heads[0]


def test_a_page_refuses_what_it_can_not_be_asked(port: int) -> None:
    """A number of people is for the terminal and the API: without a word it was another question's answer."""
    status, _, text = get(port, "/schools/ash?people=abc")
    assert status == 404
    assert "people can" in text
    assert get(port, "/schools/ash?model=flex&through=2029")[0] == 200


def test_a_schools_page_weighs_nothing_that_is_kept(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its district's page it is made of what is there, and what stands above all is asked for once."""
    assert get(port, "/")[0] == 200
    asked: list[str] = []

    def counted(module: ModuleType, name: str) -> None:
        real = getattr(module, name)

        def call(*given: object, **more: object) -> object:
            asked.append(name)
            return real(*given, **more)

        monkeypatch.setattr(module, name, call)

    counted(asking, "weigh")
    counted(banners, "of")
    assert get(port, "/schools/ash")[0] == 200
    assert asked == ["of"]
