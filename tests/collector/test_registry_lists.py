"""A list of schools that somebody has already becomes a district folder, and what it lacks is said."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector import registry
from collector.registry import Entry, ListError, lists
from firstbell.readiness import beside
from firstbell.tables import FolderError

NCES = (
    "NCESSCH,SCH_NAME,LEAID,LEA_NAME,ST,MEMBER,FTE,SY_STATUS\n"
    "170001000001,LINCOLN HIGH SCHOOL,1700010,MAPLE VALLEY SD 9,IL,1080,71.5,1\n"
    "170001000002,Adams Elementary,1700010,MAPLE VALLEY SD 9,IL,M,22,1\n"
    "170001000003,Old Mill School,1700010,MAPLE VALLEY SD 9,IL,90,8,2\n"
    "170001000004,Night Program,1700010,MAPLE VALLEY SD 9,IL,0,1,1\n"
    "170002000001,Monroe School,1700020,Monroe CUSD,IL,200,12,1\n"
)


def file(path: Path, text: str | bytes) -> Path:
    """A file with this text."""
    found = path / "list.csv"
    found.write_bytes(text.encode() if isinstance(text, str) else text)
    return found


def test_a_district_out_of_the_countrys_file(tmp_path: Path) -> None:
    """Its open schools with students and teachers, its state's time zone; the closed ones are named."""
    found = lists.nces(file(tmp_path, NCES), "maple valley")
    assert (found.district, found.tz) == ("Maple Valley Sd 9", "America/Chicago")
    assert [(entry.name, entry.students, entry.staff) for entry in found.entries] == [
        ("Lincoln High School", 1080, 72),
        ("Adams Elementary", None, 22),
    ]
    said = "\n".join(found.notes)
    assert "Old Mill School was left out: closed." in said
    assert "Night Program was left out: it has no students." in said
    assert "Nobody entered the number of students at Adams Elementary: 500 is an example" in said
    assert "teachers only" in said
    assert "The time zone is that of the state: America/Chicago." in said


def test_what_it_gave_is_a_folder_that_can_be_read(tmp_path: Path) -> None:
    """With a line for each school whose speed nobody knows, no box, and the made-up number marked."""
    found = lists.nces(file(tmp_path, NCES), "1700010")
    district = registry.write_folder(tmp_path / "district", found.district, found.entries, found.tz).district
    assert [school.people for school in district.schools] == [1152, 522]
    assert [(line.id, line.down_mbps, line.schools) for line in district.circuits] == [
        ("lincoln-high-school-line", None, ("lincoln-high-school",)),
        ("adams-elementary-line", None, ("adams-elementary",)),
    ]
    assert district.seats == ()
    assert district.examples == {"school.people:adams-elementary"}


def test_a_made_up_number_is_said_of_its_own_school_alone(tmp_path: Path) -> None:
    """Lincoln's number was entered, so its answer names no example; Oak's does, with the one made up."""
    entries = [Entry("Lincoln High", 1120, 80, 1000), Entry("Oak Elementary", None, None, 500)]
    district = registry.write_folder(tmp_path / "district", "Maple Valley", entries, "UTC").district
    flex = registry.targets().models["flex"]
    said = [
        beside.examples(district, school, line, flex, people_given=False)
        for school, line in zip(district.schools, district.circuits, strict=True)
    ]
    assert said == [{}, {"school.people": "500 people"}]


def test_an_example_is_of_somebody_that_is_there(tmp_path: Path) -> None:
    """A slip in the id is told, or nobody would hear of the example."""
    home = tmp_path / "district"
    registry.write_folder(home, "Maple Valley", [Entry("Oak"), Entry("Elm", 10)], "UTC")
    text = (home / "district.toml").read_text(encoding="utf-8")
    (home / "district.toml").write_text(text.replace("people:oak", "people:ork"), encoding="utf-8")
    with pytest.raises(FolderError, match=r"'school\.people:ork' is of none that the folder has"):
        registry.read(home)


@pytest.mark.parametrize(
    "header",
    [
        "ncessch,sch_name,leaid,lea_name,st,total,teachers",
        "NCESSCH,SCHNAM,LEAID,LEANM,LSTATE,MEMBER,FTE",
        "ncessch,school_name,leaid,lea_name,state_location,enrollment,teachers_fte",
        (
            "School ID (12-digit) - NCES Assigned [Public School] Latest available year,School Name,"
            "Agency ID - NCES Assigned [Public School] Latest available year,"
            "Agency Name [Public School] 2022-23,State Abbr [Public School] Latest available year,"
            '"Total Students, All Grades (Excludes AE) [Public School] 2022-23",'
            "Full-Time Equivalent (FTE) Teachers [Public School] 2022-23"
        ),
    ],
)
def test_columns_are_known_by_all_their_names(tmp_path: Path, header: str) -> None:
    """Files of several years, and ELSI's export with its lines of talk before the header."""
    talk = "ELSI Export\n\n" if "[Public" in header else ""
    text = f'{talk}{header}\n="170001000001",Lincoln,="1700010",Maple Valley,CO,"1,080",71.5\n'
    found = lists.nces(file(tmp_path, text))
    assert found.entries[0][:3] == ("Lincoln", 1080, 72)
    assert (found.district, found.tz) == ("Maple Valley", "America/Denver")


def test_the_file_of_members_gives_the_sum_of_each_school(tmp_path: Path) -> None:
    """Its lines for each grade, race and sex are no schools of their own."""
    text = (
        "NCESSCH,SCH_NAME,LEAID,ST,STUDENT_COUNT,TOTAL_INDICATOR\n"
        "1,Lincoln,17,TX,40,Category Set A\n1,Lincoln,17,TX,1080,Education Unit Total\n"
    )
    found = lists.nces(file(tmp_path, text))
    assert [(entry.name, entry.students) for entry in found.entries] == [("Lincoln", 1080)]
    said = "\n".join(found.notes)
    assert "The file has no column for: staff." in said
    assert "TX has more than one: see whether it is yours" in said


def test_a_file_of_many_districts_wants_a_word(tmp_path: Path) -> None:
    """Which ones there are is said; a name that is none, or is in two, is no answer."""
    path = file(tmp_path, NCES)
    with pytest.raises(ListError, match=r"holds 2 districts: say with --lea .*Monroe CUSD \(1700020\)"):
        lists.nces(path)
    with pytest.raises(ListError, match="has no district 'Adams'"):
        lists.nces(path, "Adams")


def test_a_table_of_ones_own(tmp_path: Path) -> None:
    """Whatever the case of its columns; what is empty is not known."""
    text = 'School,Enrollment,Down Mbps,Box\nLincoln High,"1,080",1000,lincoln-1\nLincoln High,300,,\n,,,\n'
    found = lists.own(file(tmp_path, text), "Maple Valley", "America/Chicago")
    district = registry.write_folder(tmp_path / "d", found.district, found.entries, found.tz).district
    assert [(school.id, school.students) for school in district.schools] == [
        ("lincoln-high", 1080),
        ("lincoln-high-2", 300),
    ]
    assert [line.down_mbps for line in district.circuits] == [1000, None]
    assert [(seat.agent, seat.school) for seat in district.seats] == [("lincoln-1", "lincoln-high")]
    assert found.notes == ("The file has no column for: staff.",)


def test_all_that_is_wrong_in_a_list_is_told_at_once(tmp_path: Path) -> None:
    """Nobody mends one number to hear of the next."""
    text = "name,students,staff\nLincoln,many,few\nAdams,300,\nWest,x,3\n"
    with pytest.raises(ListError) as told:
        lists.own(file(tmp_path, text), "District")
    assert str(told.value).splitlines() == [
        "line 2: students 'many' is no number",
        "line 2: staff 'few' is no number",
        "line 4: students 'x' is no number",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "has no column for the name of a school; it has: a, b"),
        ("", "has no column for the name"),
        ("name,students\nLincoln,many\n", "line 2: students 'many' is no number"),
        ("name,students\n", "has no line with a name of a school"),
        ("name,students\n" + "x" * 200_000 + ",1\n", "can't be read as a table"),
    ],
)
def test_lists_that_are_none(tmp_path: Path, text: str, said: str) -> None:
    """In words that say what would be right."""
    with pytest.raises(ListError, match=said):
        lists.own(file(tmp_path, text), "District")


def test_what_american_offices_wrote_before_utf8(tmp_path: Path) -> None:
    """An accent of the old kind is the letter that it was."""
    text = "name,students\nC\u00e9sar Ch\u00e1vez,10\n".encode("cp1252")
    assert lists.own(file(tmp_path, text), "D").entries[0].name == "C\u00e9sar Ch\u00e1vez"


@settings(max_examples=80)
@given(st.text(max_size=120) | st.lists(st.text(max_size=10), max_size=12).map(",".join))
def test_any_list_is_schools_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Whatever lies in the file: nothing but a list error is ever raised."""
    path = file(tmp_path_factory.getbasetemp(), f"name,students\n{text}\n".encode("utf-8", "replace"))
    with suppress(ListError):
        assert lists.own(path, "D").entries
    with suppress(ListError):
        assert lists.nces(path).entries


@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_a_table_may_have_anything_between_its_cells_that_spreadsheets_write(
    tmp_path: Path, between: str
) -> None:
    """Commas, the semicolons of countries that write 1,5, and tabs."""
    rows = [["name", "students", "down_mbps"], ["Lincoln High", "1120", "1000"]]
    found = lists.own(file(tmp_path, "\n".join(between.join(row) for row in rows) + "\n"), "Maple Valley")
    assert found.entries[0][:4] == ("Lincoln High", 1120, None, 1000)
