"""`firstbell district`: written once, checked with file and line, shown with its defaults."""

import json
import os
import pty
import sys
from pathlib import Path
from subprocess import Popen

from click.testing import CliRunner, Result

from collector.cli import main

SCHOOLS = "id,name,students,staff\nlincoln,Lincoln High,1080,120\nadams,Adams,300,\n"
CIRCUITS = "id,kind,parent,down_mbps,schools\nhub,internet,,2000,\nwan,wan,hub,1000,lincoln adams\n"


def run(data: Path, *arguments: str) -> Result:
    """What the command says about the data folder."""
    return CliRunner().invoke(main, ["--data", str(data), "district", *arguments])


def district(data: Path, **changed: str) -> Path:
    """A data folder with a district in it."""
    contents = {"schools.csv": SCHOOLS, "circuits.csv": CIRCUITS}
    contents |= {name.replace("_", "."): text for name, text in changed.items()}
    (data / "district").mkdir()
    for name, text in contents.items():
        (data / "district" / name).write_text(text)
    return data


def test_a_good_folder_is_shown_with_what_nobody_entered(tmp_path: Path) -> None:
    """Schools with their way to the internet, lines with their schools, and each default in a sentence."""
    data = district(tmp_path, seats_csv="agent,school,room,circuit\nhub-1,,,hub\nlincoln-1,lincoln,204,\n")
    said = run(data, "show").output
    assert "District: 2 schools, 2 lines, 2 boxes." in said
    assert "wan > hub" in said
    assert "Adams has no number of staff: only students are counted." in said
    assert "Adams has no box: nothing is measured there." in said
    assert "Lincoln High and Adams have no gateway" in said
    assert "Nobody entered school.tz" in said
    assert "school Monday to Friday all year, 07:30 to 15:30" in said
    answer = json.loads(run(data, "show", "--json").output)
    assert [school["path"] for school in answer["schools"]] == [["wan", "hub"], ["wan", "hub"]]
    assert [(line["id"], line["schools"]) for line in answer["lines"]] == [("hub", 2), ("wan", 2)]


def test_people_without_a_known_split_are_called_so(tmp_path: Path) -> None:
    """People of whom nobody knows who is a student are not said to be students, nor an example to be none."""
    toml = 'tz = "America/Chicago"\nexamples = ["school.students:adams"]\n'
    said = run(district(tmp_path, district_toml=toml), "show").output
    assert (
        "Adams has people, and nobody entered who of them are students: published targets take all for students."
        in said
    )
    assert "no number of staff" not in said
    assert "Nobody entered" not in said


def test_check_tells_all_mistakes_with_file_and_line(tmp_path: Path) -> None:
    """And that nothing is half-loaded: exit code 1, in words and as JSON."""
    data = district(
        tmp_path,
        circuits_csv="id,schools\nwan,lincon\n",
        seats_csv="agent,school,circuit\nB,lincoln,wan\n",
        district_toml='tz = "Mars"\n',
    )
    result = run(data, "check")
    assert result.exit_code == 1
    for line in (
        "circuits.csv, line 2: schools names 'lincon', which is not in schools.csv; did you mean lincoln?",
        "seats.csv, line 2: agent 'B' must be of a to z",
        "district.toml, line 1: tz 'Mars' is no time zone known here",
    ):
        assert line in result.output
    result = run(data, "check", "--json")
    assert result.exit_code == 1
    answer = json.loads(result.output)
    assert (answer["ok"], {problem["file"] for problem in answer["problems"]}) == (
        False,
        {"circuits.csv", "seats.csv", "district.toml"},
    )


def test_check_of_a_good_folder_says_what_looks_like_a_slip(tmp_path: Path) -> None:
    """A box in a room that the school's list of rooms does not have; any folder can be named."""
    data = district(
        tmp_path,
        rooms_csv="school,room\nlincoln,204\n",
        seats_csv="agent,school,room\nlincoln-1,lincoln,402\n",
    )
    result = run(tmp_path / "elsewhere", "check", str(data / "district"))
    assert result.exit_code == 0
    assert "can be read as a whole" in result.output
    assert "lincoln-1 stands in '402', which rooms.csv does not list." in result.output


def test_init_from_a_list_and_never_twice(tmp_path: Path) -> None:
    """The second time nothing is touched, whatever is given."""
    table = tmp_path / "schools.csv"
    table.write_text("name,students,down_mbps\nLincoln High,1080,1000\nAdams,,\n")
    data = tmp_path / "data"
    result = run(data, "init", "--csv", str(table), "--name", "Maple Valley", "--tz", "America/Chicago")
    assert result.exit_code == 0, result.output
    assert "2 schools of Maple Valley" in result.output
    assert "Nobody entered the number of students at Adams" in result.output
    before = {path.name: path.read_text() for path in (data / "district").iterdir()}
    result = run(data, "init", "--csv", str(table), "--json")
    assert result.exit_code == 1
    assert "is there already and stays as it is" in result.output
    assert {path.name: path.read_text() for path in (data / "district").iterdir()} == before
    assert run(data, "check").exit_code == 0


def test_init_without_a_terminal_or_a_list(tmp_path: Path) -> None:
    """Nobody is waited for, and nothing is written."""
    result = run(tmp_path, "init")
    assert result.exit_code == 1
    assert "no terminal to ask at: give a list of schools with --csv or --nces" in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_time_zone_that_is_none_writes_nothing(tmp_path: Path) -> None:
    """What was given on the command line is read as the folder's own files are."""
    table = tmp_path / "list.csv"
    table.write_text("name,students\nLincoln,10\n")
    result = run(tmp_path / "data", "init", "--csv", str(table), "--tz", "Mars")
    assert result.exit_code == 1
    assert "'Mars' is no time zone" in result.output
    assert not (tmp_path / "data").exists() or list((tmp_path / "data").iterdir()) == []


def test_init_asks_at_a_terminal(tmp_path: Path) -> None:
    """Name, zone, then schools until an empty name; a speed of 0 is one that nobody knows."""
    answers = [
        "Maple Valley",
        "America/Chicago",
        "Lincoln High",
        "1080",
        "120",
        "1000",
        "Adams",
        "300",
        "",
        "",
        "",
    ]
    leader, follower = pty.openpty()
    argv = [sys.executable, "-m", "collector.cli", "--data", str(tmp_path / "data"), "district", "init"]
    try:
        with Popen(argv, stdin=follower, stdout=follower, stderr=follower) as process:
            os.write(leader, ("\n".join(answers) + "\n").encode())
            assert process.wait(60) == 0, os.read(leader, 1 << 16).decode()
    finally:
        os.close(leader)
        os.close(follower)
    answer = json.loads(run(tmp_path / "data", "show", "--json").output)
    assert answer["name"] == "Maple Valley"
    assert [(school["name"], school["students"], school["staff"]) for school in answer["schools"]] == [
        ("Lincoln High", 1080, 120),
        ("Adams", 300, 0),
    ]
    assert [line["down_mbps"] for line in answer["lines"]] == [1000, None]
