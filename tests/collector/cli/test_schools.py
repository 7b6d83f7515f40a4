"""The planner's two questions in a terminal: text that can be read aloud, JSON, and a table for a spreadsheet."""

import csv
import io
import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from collector import config, registry
from collector.cli import main
from collector.cli import school as school_command
from collector.cli import schools as schools_command
from collector.questions import judged, links_table, school, schools, table
from collector.questions.ask import QuestionError
from collector.questions.banners import Banner
from tests.collector.questions import planted
from tests.collector.workbench import NOW_NS, Bench

GOLDEN = """\
Can every school teach 1:1 flex through fall 2029?
1 of 2 schools can today, and it is ready through fall 2029. 1\u00a0cannot yet.
On paper, not measured: 2 of 2.

What to fix first
  1. Birch\u2019s line: It carries 300 of the 500 Mbit/s bought: ask whoever sells it. Readies 400 students.

school  people  buys   needs  fall 2029  on paper                 measured                               what stops it
Birch   400     500    340    670        Ready until fall 2028    Just short (carries 300)               Line to the internet (carries 300 of 340 needed)
Ash     200     1,000  170    340        Ready through fall 2029  Ready through fall 2029 (carries 950)  Nothing (1 of 7 links assessed)

Speeds in Mbit/s. On paper is not measured."""


@pytest.fixture
def folder(bench: Bench, tmp_path: Path) -> registry.Folder:
    """One school that is ready and one that is just short."""
    found = planted.write(tmp_path / "d", {"ash": 200, "birch": 400}, {"ash": 1000, "birch": 500})
    planted.send(bench, "ash", planted.quiet(950))
    planted.send(bench, "birch", planted.quiet(300))
    return found


def asked(bench: Bench, folder: registry.Folder) -> schools.Schools:
    """Can every school teach 1:1 flex?"""
    return schools.ask(bench.reads, folder, registry.targets(), model="flex", as_of_ns=NOW_NS)


def test_the_district_in_a_terminal(bench: Bench, folder: registry.Folder) -> None:
    """Question, answer, paper beside it, what to fix first, and a row a school, worst first."""
    lines = [line.rstrip() for line in schools_command.text(asked(bench, folder)).splitlines()]
    said = "\n".join(lines).replace("\u00a0Mbit", " Mbit")
    assert said == GOLDEN


def test_a_school_in_a_terminal(bench: Bench, folder: registry.Folder) -> None:
    """The order of the page: question, answer, paper, chain, steps, how sure, what was seen, how we know."""
    answer = school.ask(bench.reads, folder, registry.targets(), school="birch", as_of_ns=NOW_NS)
    text = school_command.text(answer)
    order = [
        "Can Birch teach 1:1 flex through fall 2029?",
        "Just short:",
        "On paper, not measured: ready until fall 2028.",
        "Line to the internet  300   340   670",
        "Just short, the weakest link",
        "What to do next",
        "How sure: fairly sure",
        "Empty:",
        "How do you know?",
        "First Bell made no checks",
    ]
    places = [text.find(part) for part in order]
    assert -1 not in places, dict(zip(order, places, strict=True))
    assert places == sorted(places)


def test_the_table_reads_back(bench: Bench, folder: registry.Folder) -> None:
    """Exact numbers under their headers, and what isn't known is empty."""
    rows = list(csv.DictReader(io.StringIO(table.csv(asked(bench, folder)))))
    assert [(row["id"], row["buys_mbps"], row["measured"]) for row in rows] == [
        ("birch", "500", "Just short"),
        ("ash", "1000", "Ready through fall 2029"),
    ]
    assert {row["need_mbps"] for row in rows} == {"344.25", "172.125"}


def run(home: Path, *arguments: str) -> Result:
    """The command as users start it."""
    return CliRunner().invoke(main, ["--data", str(home), *arguments])


def test_the_commands_answer_from_a_data_folder(tmp_path: Path) -> None:
    """Text, JSON and CSV; a mistake is a sentence and no traceback."""
    bench = Bench(tmp_path)
    bench.close()
    registry.write_example(tmp_path / "district", "Lincoln High", 900, 1000, None, "box-1", tz="UTC")
    text = run(tmp_path, "schools").output
    assert text.startswith("Can every school teach the way it plans to")
    assert "\nOn paper, not measured: The one school can today.\n" in text
    assert json.loads(run(tmp_path, "schools", "--json").output)["state"] == "not_measured"
    assert run(tmp_path, "schools", "--csv").output.startswith("kind,id,name")
    assert json.loads(run(tmp_path, "school", "lincoln", "--json").output)["on_paper"] is True
    assert "On paper, not measured" in run(tmp_path, "school", "lincoln", "--model", "flex").output
    for mistake, said in (
        (("school", "hogwarts"), "is no school here"),
        (("schools", "--model", "hogwarts"), "no way of teaching"),
        (("ask", "lincoln", "--model", "flexx"), "Did you mean flex?"),
        (("ask", "lincoln", "--people", "abc"), "'abc' is not a valid number."),
        (("schools", "--csv", "--json"), "either --csv or --json"),
        (("school", "--csv", "--json"), "either --csv or --json"),
    ):
        failed = run(tmp_path, *mistake)
        assert failed.exit_code != 0
        assert said in failed.output


def test_one_school_needs_no_name(tmp_path: Path) -> None:
    """Where there is one school it is meant; where there are two, the answer is the question which."""
    Bench(tmp_path).close()
    planted.write(tmp_path / "district", {"ash": 200}, {"ash": 1000})
    for command in ("ask", "school"):
        assert run(tmp_path, command).output == run(tmp_path, command, "ash").output
    planted.write(tmp_path / "district", {"ash": 200, "elm": 300}, {"ash": 1000, "elm": 1000})
    for command in ("ask", "school"):
        failed = run(tmp_path, command)
        assert failed.exit_code == 1
        assert "which of the 2 schools?" in failed.output


def test_every_answer_of_a_made_up_district_says_so(tmp_path: Path) -> None:
    """In its first line, in a column of each CSV, and in a field of every JSON."""
    bench = Bench(tmp_path)
    bench.close()
    planted.write(tmp_path / "district", {"ash": 200}, {"ash": 1000}, settings="simulated = true\n")
    for question in (
        ("schools",),
        ("school", "ash"),
        ("ask", "ash"),
        ("room", "ash", "204"),
        ("boxes",),
        ("district", "check"),
    ):
        assert run(tmp_path, *question).output.startswith("Simulated: every number here is made up.\n")
        assert json.loads(run(tmp_path, *question, "--json").output)["simulated"] is True
    for question in (("schools",), ("school", "ash"), ("boxes",)):
        rows = list(csv.DictReader(io.StringIO(run(tmp_path, *question, "--csv").output)))
        assert [row["simulated"] for row in rows] == ["yes"] * len(rows) != []


def test_a_real_district_never_says_simulated(tmp_path: Path) -> None:
    """Not in words, and no column that would be empty for ever."""
    Bench(tmp_path).close()
    planted.write(tmp_path / "district", {"ash": 200}, {"ash": 1000})
    for question in (
        ("schools",),
        ("schools", "--csv"),
        ("school", "--csv"),
        ("boxes", "--csv"),
        ("ask", "ash"),
        ("quarantine",),
        ("district", "check"),
    ):
        assert "imulated" not in run(tmp_path, *question).output


def test_the_terminal_says_which_school_is_silent_now(bench: Bench, folder: registry.Folder) -> None:
    """The line that stands above the page stands above the terminal's answer, too."""
    now = Banner(kind="now", label="Now", text="Ash hasn\u2019t answered since 7:11.")
    said = msgspec.structs.replace(asked(bench, folder), banners=(now,))
    assert schools_command.text(said).startswith(f"Now: {now.text}\nCan every school")


def test_the_answer_on_paper_needs_no_collector(tmp_path: Path) -> None:
    """With a folder alone every question answers on paper, says why nothing is measured, and makes no file."""
    planted.write(tmp_path / "district", {"ash": 200}, {"ash": 1000})
    for question in (("schools",), ("school", "ash"), ("ask", "ash")):
        answered = run(tmp_path, *question)
        assert answered.exit_code == 0
        assert answered.stderr == (
            "nothing measured yet: no collector has run here (`firstbell collector run`)\n"
        )
        assert "On paper" in answered.stdout
        assert json.loads(run(tmp_path, *question, "--json").stdout)
    assert [path.name for path in tmp_path.iterdir()] == ["district"]
    assert "firstbell collector run" in run(tmp_path / "none", "schools").output


def test_what_is_printed_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`firstbell` where the shell finds it, else its path from here; the folder where it isn't the usual one."""
    program = tmp_path / ".venv" / "bin" / "firstbell"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(program.with_name("python")))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv(config.DATA_VARIABLE, str(tmp_path / "usual"))
    assert config.program(config.home(None)) == ".venv/bin/firstbell"
    assert config.program(config.home("/a b")) == ".venv/bin/firstbell --data '/a b'"
    monkeypatch.setenv("PATH", str(program.parent))
    assert config.program(config.home(None)) == "firstbell"


def test_the_demos_folder_is_named_before_or_after_its_command(tmp_path: Path) -> None:
    """`scripts/demo --data FOLDER` is what its own help says."""
    ended = CliRunner().invoke(main, ["demo", "--data", str(tmp_path), "--remove"])
    assert "No such option" not in ended.output
    assert str(tmp_path) in ended.output


def test_a_wrong_way_of_teaching_is_not_sent_to_the_schools() -> None:
    """What to do is about ways of teaching where the way is what was wrong."""
    with pytest.raises(QuestionError) as wrong:
        judged.model_of(registry.targets(), "flexx")
    assert wrong.value.what_to_do.startswith("Choose one of the ways of teaching")


def test_what_was_set_aside_of_a_demo_is_made_up(tmp_path: Path) -> None:
    """A demo's quarantine says so in its first line, and in each row of its JSON."""
    bench = Bench(tmp_path)
    bench.take(b"no envelope")
    bench.close()
    planted.write(tmp_path / "district", {"ash": 200}, {"ash": 1000})
    assert "imulated" not in run(tmp_path, "quarantine").output
    mark = config.Demo(seed=7, schools=1, days=1, as_of_ns=NOW_NS)
    config.home(str(tmp_path)).demo_file.write_bytes(msgspec.json.encode(mark))
    assert run(tmp_path, "quarantine").output.startswith("Simulated: every number here is made up.\n")
    assert [row["simulated"] for row in json.loads(run(tmp_path, "quarantine", "--json").output)] == [True]


def test_a_schools_links_are_a_table(bench: Bench, tmp_path: Path) -> None:
    """In the order of a lesson, each with its numbers in its unit, exactly; unknown is empty."""
    folder = planted.write(tmp_path / "d", {"ash": 400}, {"ash": 500})
    planted.send(bench, "ash", planted.quiet(300))
    asked = school.ask(bench.reads, folder, registry.targets(), school="ash", model="flex", as_of_ns=NOW_NS)
    asked = msgspec.structs.replace(asked, school="=Ash")
    (row,) = csv.DictReader(io.StringIO(links_table.csv(asked)))
    assert row == {
        "school": "'=Ash",
        "how": "1:1 flex",
        "link": "Line to the internet",
        "counted_in": "Mbit/s",
        "have": "300",
        "have_at_least": "no",
        "need": "344.25",
        "need_at_last_fall": "672.3633",
        "on_paper": "Ready until fall 2028",
        "measured": "Just short",
        "about_it": "",
        "stops_first": "yes",
        "last_fall": "2029",
    }
