"""The district folder on a real disk: read whole or not at all, written once."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import registry
from collector.registry import ExampleError
from firstbell import folder as folders
from firstbell.tables import FolderError

SCHOOLS = "id,name,students\nlincoln,Lincoln High,1080\n"
CIRCUITS = "id,schools\nline,lincoln\n"


@pytest.fixture
def district(tmp_path: Path) -> Path:
    """A good folder of two files."""
    (tmp_path / "schools.csv").write_text(SCHOOLS)
    (tmp_path / "circuits.csv").write_text(CIRCUITS)
    return tmp_path


def problems(path: Path) -> list[str]:
    """What is said of the folder."""
    with pytest.raises(FolderError) as caught:
        registry.read(path)
    return [str(problem) for problem in caught.value.problems]


def test_a_folder_and_its_texts(district: Path) -> None:
    """The texts that were read give the same district again, digest and all."""
    found = registry.read(district)
    assert found.contents == {"schools.csv": SCHOOLS, "circuits.csv": CIRCUITS}
    assert folders.parse(found.contents) == found.district
    assert found.district.digest == folders.digest_of(found.contents)


def test_what_a_spreadsheet_saves_is_read(district: Path) -> None:
    """A byte order mark and carriage returns change nothing, not even the digest."""
    plain = registry.read(district).district
    (district / "schools.csv").write_bytes(b"\xef\xbb\xbf" + SCHOOLS.replace("\n", "\r\n").encode())
    assert registry.read(district).district == plain


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (SCHOOLS.encode("utf-16"), "is not UTF-8 (byte 1): save it as CSV UTF-8"),
        (SCHOOLS.replace("Lincoln", "L\u00edncoln").encode("latin-1"), "is not UTF-8"),
        (b"PK\x03\x04" + bytes(range(256)), "is not UTF-8"),
        (b"\x00" * 100, "is no column"),
    ],
)
def test_bad_encodings_are_said(district: Path, data: bytes, said: str) -> None:
    """A spreadsheet's own format, UTF-16 and Latin-1 are named, and the other file's mistakes with them."""
    (district / "schools.csv").write_bytes(data)
    (district / "circuits.csv").write_text("id,down_mbps,schools\nline,fast,lincoln\n")
    found = problems(district)
    assert any(problem.startswith("schools.csv") and said in problem for problem in found)
    assert found[-1].startswith("circuits.csv, line 2: down_mbps 'fast'")


def test_a_file_of_50_mb_is_not_read(district: Path) -> None:
    """It is refused by its size; no more of it than the limit comes into memory."""
    with (district / "seats.csv").open("wb") as file:
        file.truncate(50_000_000)
    assert problems(district) == ["seats.csv: is larger than 5 MB: is this the right file?"]


def test_what_is_no_file_or_folder_is_said(district: Path) -> None:
    """A missing folder, a file in its place, a folder in a file's place."""
    assert problems(district / "nowhere")[0].endswith(
        "is no folder; it should hold schools.csv and circuits.csv"
    )
    assert "is no folder" in problems(district / "schools.csv")[0]
    (district / "seats.csv").mkdir()
    assert problems(district) == ["seats.csv: is no file"]


def test_a_pipe_is_not_waited_for(district: Path) -> None:
    """What would never end is refused before it is opened."""
    os.mkfifo(district / "seats.csv")
    assert problems(district) == ["seats.csv: is no file"]


def test_a_loop_of_links_is_said(district: Path) -> None:
    """A link to itself leads to no file."""
    (district / "schools.csv").unlink()
    (district / "schools.csv").symlink_to(district / "schools.csv")
    assert problems(district)[0].startswith("schools.csv: ")


def test_whole_or_not_at_all(district: Path) -> None:
    """One wrong line in one file: no district, though the rest is good."""
    (district / "seats.csv").write_text("agent,school,circuit\nbox,lincoln,nowhere\n")
    assert problems(district) == ["seats.csv, line 2: circuit names 'nowhere', which is not in circuits.csv"]


def test_the_example_of_one_school(tmp_path: Path) -> None:
    """What `up` asked for comes back, with what nobody entered marked."""
    path = tmp_path / "data" / "district"
    found = registry.write_example(
        path,
        "Lincoln High",
        1200,
        1000,
        100.5,
        "this-box",
        ["school.people", "circuit.up_mbps"],
        "America/Chicago",
    )
    district = found.district
    assert registry.read(path) == found
    school, line, seat = district.schools[0], district.circuits[0], district.seats[0]
    assert (school.id, school.name, school.people, school.tz) == (
        "lincoln-high",
        "Lincoln High",
        1200,
        "America/Chicago",
    )
    assert (line.down_mbps, line.up_mbps, line.schools) == (1000, 100.5, ("lincoln-high",))
    assert (seat.agent, seat.school, seat.circuit) == ("this-box", "lincoln-high", line.id)
    assert district.examples == {"school.people", "circuit.up_mbps"}
    assert sorted(file.name for file in path.parent.iterdir()) == ["district"]


def test_an_example_without_a_zone_or_a_contract(tmp_path: Path) -> None:
    """The default zone is an example by itself; a contract that nobody knows stays empty."""
    district = registry.write_example(tmp_path / "d", "Lincoln", 10, None, None, "box-1").district
    assert district.examples == {"school.tz"}
    assert (district.circuits[0].down_mbps, district.circuits[0].up_mbps) == (None, None)


@pytest.mark.parametrize(
    ("name", "school_id"),
    [
        ('Lincoln, "Abe" High', "lincoln-abe-high"),
        ("\u00c9cole Sacr\u00e9-C\u0153ur", "ecole-sacre-cur"),
        ("'Iolani School", "iolani-school"),
        ("=1+1", "1-1"),
        ("\u5317\u4eac\u4e2d\u5b66", "school"),
        ("P.S. 118 \U0001f3eb", "p-s-118"),
        ("x" * 80, "x" * 40),
    ],
)
def test_names_survive_the_disk(tmp_path: Path, name: str, school_id: str) -> None:
    """Commas, quotes, accents, other scripts, emoji and formulas; the id is made of what plain letters there are."""
    found = registry.write_example(tmp_path / "d", name, 10, 100, 10, "box-1")
    assert found.district.schools[0].name == name
    assert found.district.settings.name == name
    assert found.district.schools[0].id == school_id


def test_no_formula_lies_in_the_table(tmp_path: Path) -> None:
    """A name that a spreadsheet would run is kept a text."""
    registry.write_example(tmp_path / "d", '=HYPERLINK("http://x")', 10, 100, 10, "box-1")
    assert '"\'=HYPERLINK(""http://x"")"' in (tmp_path / "d" / "schools.csv").read_text()


@given(st.text(max_size=90))
def test_any_name_survives_or_is_refused(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    """Whatever somebody types: it comes back stripped, or a clear error and no folder."""
    path = tmp_path_factory.mktemp("d") / "district"
    try:
        found = registry.write_example(path, name, 10, 100, 10, "box-1")
    except ExampleError:
        assert not path.exists()
    else:
        assert found.district.schools[0].name == name.strip()


@pytest.mark.parametrize(
    ("name", "people", "down", "agent", "said"),
    [
        ("", 10, 100.0, "box-1", "name is empty"),
        ("x" * 81, 10, 100.0, "box-1", "longer than 80"),
        ("a\nb", 10, 100.0, "box-1", "can't be printed"),
        ("\ud800", 10, 100.0, "box-1", "can't be printed"),
        ("Lincoln", 0, 100.0, "box-1", "nobody at this school"),
        ("Lincoln", -1, 100.0, "box-1", "no whole number"),
        ("Lincoln", 10, 0.0, "box-1", "down_mbps is 0"),
        ("Lincoln", 10, -5.0, "box-1", "no speed"),
        ("Lincoln", 10, float("nan"), "box-1", "no speed"),
        ("Lincoln", 10, 1e12, "box-1", "no speed"),
        ("Lincoln", 10, 100.0, "Box 1", "agent 'Box 1'"),
    ],
)
def test_impossible_inputs_write_nothing(
    tmp_path: Path, name: str, people: int, down: float, agent: str, said: str
) -> None:
    """The error says what is wrong, and nothing is left on the disk."""
    with pytest.raises(ExampleError, match=said):
        registry.write_example(tmp_path / "d", name, people, down, None, agent)
    assert list(tmp_path.iterdir()) == []


def test_an_example_never_overwrites(district: Path) -> None:
    """A folder that somebody has filled stays as it is, and nothing is left beside it."""
    before = registry.read(district)
    with pytest.raises(ExampleError, match="can't be written"):
        registry.write_example(district, "Other", 10, 100, 10, "box-1")
    assert registry.read(district) == before
    assert list(district.parent.glob(f".{district.name}-*")) == []


def test_the_packaged_targets_load() -> None:
    """They are found inside the package, wherever that lies."""
    assert registry.targets().find("flex")[0] == "flex"


def test_the_machines_zone_is_read_from_its_link(tmp_path: Path) -> None:
    """The link's target names the zone; a plain file, or nothing at all, tells none."""
    link = tmp_path / "localtime"
    assert registry.local_zone(link) == ""
    link.symlink_to("/usr/share/zoneinfo/America/Chicago")
    assert registry.local_zone(link) == "America/Chicago"
    plain = tmp_path / "plain"
    plain.write_text("")
    assert registry.local_zone(plain) == ""
