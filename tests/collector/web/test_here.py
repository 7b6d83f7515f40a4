"""The page behind the QR code: no token, one code, one thing; and an operator who takes over what was said."""

import csv
import json
import os
import re
import ssl
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from collector import registry
from collector.cli import main
from collector.registry import moving
from collector.store import labels
from collector.tokens import Tokens
from collector.web.access import Slowness
from tests.collector.questions.morning import AT_NS, FILES, folder, looks
from tests.collector.web.site import parts_of, serving
from tests.collector.workbench import NS, Bench
from tests.support.web import certificate


class Door:
    """The pages over TLS with tokens, a label on box-204, and what a wrong code would have had to wait."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.bench, self.slept = bench, list[float]()
        self.place = folder / "district"
        self.place.mkdir()
        for name, text in FILES.items():
            (self.place / name).write_text(text, encoding="utf-8")
        (self.label,) = labels.label(bench.journal, ["box-204"], AT_NS)
        self.tokens = Tokens(folder)
        self.operator = {"Authorization": f"Bearer {self.tokens.add('Ada', 'operator', 1)}"}
        self.viewer = {"Authorization": f"Bearer {self.tokens.add('Bob', 'viewer', 1)}"}
        self.client: httpx.Client

    async def pause(self, seconds: float) -> None:
        """Take down what a wrong code costs."""
        self.slept.append(seconds)

    def say(self, **fields: str) -> httpx.Response:
        """Press a button on the page; three seconds pass, as they do between two words of people."""
        self.bench.clock.passes(4 * NS)
        return self.client.post(f"/here/{self.label.code}", data=fields)

    def shown(self, word: str) -> dict[str, str]:
        """What the operator's button sends, of the page as it is now."""
        page = self.client.get("/boxes", headers=self.operator).text
        form = page.partition('action="/boxes/place"')[2].partition("</form>")[0]
        return dict(re.findall(r'name="(\w+)" value="([^"]*)">\n', form)) | {"word": word}

    def seats(self) -> list[dict[str, str]]:
        """What stands in seats.csv of box-204."""
        text = (self.place / "seats.csv").read_text(encoding="utf-8")
        return [row for row in csv.DictReader(text.splitlines()) if row["agent"] == "box-204"]


@pytest.fixture
def door(bench: Bench, tmp_path: Path) -> Iterator[Door]:
    """A district in a folder and its pages."""
    bench.clock.wall_ns = AT_NS
    made = Door(bench, tmp_path)
    certificate(tmp_path, "localhost")
    trusting = ssl.create_default_context(cafile=tmp_path / "cert.pem")
    with (
        serving(parts_of(bench, folder=folder()), made.tokens, Slowness(made.pause), tls=tmp_path) as port,
        httpx.Client(base_url=f"https://localhost:{port}", verify=trusting, trust_env=False) as made.client,
    ):
        yield made


def test_the_label_leads_to_its_box_and_to_nothing_else(door: Door) -> None:
    """School, room, whether it is heard; no other page opens for whoever has the code."""
    page = door.client.get(f"/here/{door.label.code}").text
    assert "Box 1000 belongs to <b>Lincoln High, 204</b>" in page
    assert "We have not heard it yet." in page
    assert "<nav" not in page
    assert "box-203" not in page
    for path in ("/boxes", "/boxes.csv", "/", "/api/v1/boxes", "/here"):
        assert door.client.get(path).status_code in {303, 401}, path


def test_it_says_whether_the_box_is_heard(door: Door) -> None:
    """Now, or since when not."""
    door.bench.send(1, looks("online", AT_NS - 60 * NS), agent="box-204")
    assert "<b>We hear it</b>, last at 7:39" in door.client.get(f"/here/{door.label.code}").text
    door.bench.clock.passes(3600 * NS)
    assert "<b>We don\u2019t hear it</b> since 7:39" in door.client.get(f"/here/{door.label.code}").text


def test_a_guessed_code_finds_nothing_and_gets_slower(door: Door) -> None:
    """A page without a name on it, half a second, then twice as long; a right one ends it."""
    for code in ("a" * 16, "1000", "box-204"):
        answer = door.client.get(f"/here/{code}")
        assert (answer.status_code, "Maple Valley" in answer.text) == (404, False)
    assert door.client.post("/here/guess", data={"word": "yes"}).status_code == 404
    assert door.slept == [0.5, 1.0, 2.0, 4.0]
    door.client.get(f"/here/{door.label.code}")
    door.client.get("/here/again")
    assert door.slept[-1] == 0.5


def test_it_hangs_here_is_kept_and_wants_nobody(door: Door) -> None:
    """Thanks on the page; the operator is shown it, with no button beside it."""
    answer = door.say(word="yes")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/here/{door.label.code}")
    assert "Box 1000 hangs where it should." in door.client.get(answer.headers["location"]).text
    page = door.client.get("/boxes", headers=door.operator).text
    assert "1 box hangs where it should, said those who stood there" in page
    assert "/boxes/place" not in page
    assert len(door.seats()) == 1


def test_another_place_waits_for_an_operator_and_is_entered_with_its_day(door: Door) -> None:
    """One click writes a dated line with the school's own line; the one before stays."""
    door.say(word="elsewhere", school="prairie", room="  Front   office ")
    assert door.seats() == [{"agent": "box-204", "school": "lincoln", "room": "204", "circuit": "line-l"}]
    page = door.client.get("/boxes", headers=door.operator).text
    assert "It hangs at <b>Prairie Middle, Front office</b>" in page
    assert "Enter it for box-204" not in door.client.get("/boxes", headers=door.viewer).text
    pressed = door.shown("yes")
    assert door.client.post("/boxes/place", data=pressed, headers=door.viewer).status_code == 403
    assert door.client.post("/boxes/place", data=pressed).status_code == 401
    assert door.client.post("/boxes/place", data=pressed, headers=door.operator).status_code == 303
    before, now = door.seats()
    assert (before["school"], before["since"]) == ("lincoln", "")
    assert {name: value for name, value in now.items() if value} == {
        "agent": "box-204",
        "school": "prairie",
        "room": "Front office",
        "since": "2026-12-08",
    }
    assert registry.read(door.place).district.seats[-1].circuit == "line-p"
    assert door.client.post("/boxes/place", data=pressed, headers=door.operator).status_code == 404
    assert "Prairie Middle, Front office</b>" not in door.client.get("/boxes", headers=door.operator).text


@pytest.mark.parametrize("word", ["yes", "no"])
def test_what_the_page_did_not_show_is_neither_entered_nor_left(door: Door, word: str) -> None:
    """Somebody in the hall says another place before the operator clicks: a sentence, and it still waits."""
    door.say(word="elsewhere", school="prairie", room="3")
    pressed = door.shown(word)
    door.say(word="elsewhere", school="lincoln", room="66")
    answer = door.client.post("/boxes/place", data=pressed, headers=door.operator)
    assert (answer.status_code, "something else is said now" in answer.text) == (404, True)
    assert len(door.seats()) == 1
    said = labels.open_of(door.bench.journal, "box-204")
    assert said is not None
    assert said.room == "66"


def test_an_older_copy_of_the_folder_is_not_silently_believed(door: Door) -> None:
    """What was entered and was overwritten (by a deployment from elsewhere) is said, a minute after."""
    door.say(word="elsewhere", school="lincoln", room="206")
    pressed = door.shown("yes")
    door.client.post("/boxes/place", data=pressed, headers=door.operator)
    assert "Entered, and lost again" not in door.client.get("/boxes", headers=door.operator).text
    door.bench.clock.passes(61 * NS)  # the pages' own copy of the district is the one before
    assert "Entered, and lost again" in door.client.get("/boxes", headers=door.operator).text
    data = ["--data", str(door.place.parent), "box"]
    assert json.loads(CliRunner().invoke(main, [*data, "said", "--json"]).stdout) == []


def test_what_is_left_is_left(door: Door) -> None:
    """The folder stays as it is, and the word is gone from the list."""
    door.say(word="elsewhere", school="prairie", room="101")
    before = (door.place / "seats.csv").read_bytes()
    pressed = door.shown("no")
    assert door.client.post("/boxes/place", data=pressed, headers=door.operator).status_code == 303
    assert (door.place / "seats.csv").read_bytes() == before
    assert "say those who stand there" not in door.client.get("/boxes", headers=door.operator).text


def test_a_place_that_cannot_stand_there_leaves_the_folder(door: Door) -> None:
    """A school with two lines of its own: the operator is told which to name, and the word still waits."""
    lines = "line-l,internet,,1000,lincoln\nline-p,internet,,1000,prairie\nline-q,wan,line-l,100,prairie\n"
    (door.place / "circuits.csv").write_text(f"id,kind,parent,down_mbps,schools\n{lines}", encoding="utf-8")
    seats = (door.place / "seats.csv").read_bytes()
    door.say(word="elsewhere", school="prairie", room="101")
    pressed = door.shown("yes")
    answer = door.client.post("/boxes/place", data=pressed, headers=door.operator)
    assert (answer.status_code, "has 2 lines" in answer.text) == (404, True)
    assert (door.place / "seats.csv").read_bytes() == seats
    assert labels.open_of(door.bench.journal, "box-204") is not None


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"word": "elsewhere"}, "choose the school from the list"),
        ({"word": "elsewhere", "school": "nowhere", "room": "1"}, "choose the school from the list"),
        ({"word": "elsewhere", "school": "lincoln", "room": "x" * 81}, "a short name"),
        ({"word": "elsewhere", "school": "lincoln", "room": "a\u202eb"}, "a short name"),
        ({"word": "elsewhere", "school": "lincoln", "room": ".."}, "a short name"),
    ],
)
def test_nonsense_is_told_and_not_kept(door: Door, fields: dict[str, str], said: str) -> None:
    """In a sentence, on the same page."""
    answer = door.say(**fields)
    assert (answer.status_code, said in answer.text) == (400, True)
    assert labels.open_of(door.bench.journal, "box-204") is None


def test_pressed_twice_is_once(door: Door) -> None:
    """Within three seconds the second word changes nothing; whatever is written into a room is no markup."""
    door.say(word="elsewhere", school="lincoln", room="<b>204</b>")
    door.client.post(f"/here/{door.label.code}", data={"word": "yes"})
    said = labels.open_of(door.bench.journal, "box-204")
    assert said is not None
    assert said.room == "<b>204</b>"
    assert "<b>204</b>" not in door.client.get("/boxes", headers=door.operator).text
    assert "<b>204</b>" not in door.client.get(f"/here/{door.label.code}").text


def test_the_commands_say_and_enter_the_same(door: Door) -> None:
    """`firstbell box said`, `firstbell box place`."""
    door.say(word="elsewhere", school="lincoln", room="206")
    data = ["--data", str(door.place.parent), "box"]
    (said,) = json.loads(CliRunner().invoke(main, [*data, "said", "--json"]).stdout)
    assert (said["agent"], said["number"], said["hangs"]) == ("box-204", 1000, "Lincoln High, 206")
    placed = CliRunner().invoke(main, [*data, "place", "box-204"])
    assert placed.output == "seats.csv says now that box-204 hangs at lincoln, 206.\n"
    assert [row["room"] for row in door.seats()] == ["204", "206"]
    again = CliRunner().invoke(main, [*data, "place", "box-204"])
    assert (again.exit_code, "nothing is said of box-204" in again.output) == (1, True)


def test_two_moves_on_one_day_are_one_line(door: Door) -> None:
    """The later one counts; what people wrote into the file beside it stays."""
    (door.place / "seats.csv").write_text(
        'school,agent,room,medium,since\nlincoln,box-204,"Room ""B"", 2",wifi,\nlincoln,box-203,203,,\n',
        encoding="utf-8",
    )
    (door.place / "seats.csv").chmod(0o640)
    for room in ("205", "206"):
        moving.move(door.place, "box-204", "lincoln", room, date(2026, 12, 8))
    assert [(row["room"], row["since"], row["medium"]) for row in door.seats()] == [
        ('Room "B", 2', "", "wifi"),
        ("206", "2026-12-08", "wifi"),
    ]
    assert (door.place / "seats.csv").stat().st_mode & 0o777 == 0o640


def test_a_move_is_on_the_disk_before_it_takes_the_old_tables_place(door: Door) -> None:
    """A power cut leaves the old seats.csv or the new one, and none that is empty."""
    called: list[object] = []
    before = sys.getprofile()
    sys.setprofile(lambda _frame, event, what: called.append(what) if event == "c_call" else None)
    try:
        moving.move(door.place, "box-204", "lincoln", "205", date(2026, 12, 8))
    finally:
        sys.setprofile(before)
    known = [what for what in called if what in {os.fsync, os.replace}]
    assert known == [os.fsync, os.replace]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_move_leaves_the_table_to_its_owner(door: Door) -> None:
    """The pages may run as another user than the one who edits the folder."""
    os.chown(door.place / "seats.csv", 1234, 2345)
    moving.move(door.place, "box-204", "lincoln", "205", date(2026, 12, 8))
    kept = (door.place / "seats.csv").stat()
    assert (kept.st_uid, kept.st_gid) == (1234, 2345)
