"""A district folder's texts: read whole or not at all, with everything that is wrong told at once."""

import contextlib
from datetime import UTC, date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell import calendar as calendars
from firstbell import district as districts
from firstbell import folder, tables
from firstbell.folder import COLUMNS, SCHOOLS
from firstbell.report import Medium
from firstbell.tables import FolderError, Problem

GOOD = {
    "district.toml": 'name = "Maple Valley"\ntz = "America/Chicago"\nexamples = ["school.people"]\n',
    "schools.csv": "id,name,students,staff,tz\nlincoln,Lincoln High,1080,120,\nadams,Adams,300,30,America/Denver\n",
    "circuits.csv": (
        "id,kind,parent,role,down_mbps,up_mbps,since,until,schools\n"
        "mv-1,internet,,primary,1000,100.5,2026-07-01,,lincoln;adams\n"
        "mv-2,internet,,backup,,,,,lincoln adams\n"
    ),
    "seats.csv": "agent,school,room,circuit,since,medium\nmain-closet,lincoln,101,mv-1,2026-08-15,wired\n",
}


def problems(**changed: str | None) -> list[str]:
    """What is said of the good folder with these files (dots as underscores) changed or taken away."""
    contents = dict(GOOD)
    for name, text in changed.items():
        file = name.replace("_", ".")
        contents.pop(file)
        if text is not None:
            contents[file] = text
    with pytest.raises(FolderError) as caught:
        folder.parse(contents)
    return [str(problem) for problem in caught.value.problems]


def test_a_good_folder() -> None:
    """Every column finds its field."""
    district = folder.parse(GOOD)
    assert district.settings.name == "Maple Valley"
    lincoln, adams = district.schools
    assert (lincoln.name, lincoln.people, lincoln.tz) == ("Lincoln High", 1200, "America/Chicago")
    assert adams.tz == "America/Denver"
    line, spare = district.circuits
    assert (line.down_mbps, line.up_mbps, line.since, line.until) == (1000, 100.5, date(2026, 7, 1), None)
    assert (line.schools, spare.schools) == (("lincoln", "adams"), ("lincoln", "adams"))
    assert (spare.role, spare.down_mbps) == ("backup", None)
    assert district.seats[0].medium is Medium.WIRED
    assert district.seats[0].since == date(2026, 8, 15)
    assert district.examples == {"school.people"}


def test_only_schools_and_one_line_are_needed() -> None:
    """Everything else has a default; the time zone that nobody entered is an example."""
    district = folder.parse(
        {
            "schools.csv": "id,name,students\nlincoln,Lincoln High,1080\n",
            "circuits.csv": "id,schools\nline,lincoln\n",
        }
    )
    assert (district.schools[0].staff, district.schools[0].tz) == (0, "America/New_York")
    assert district.schools[0].calendar == calendars.hours(time(7, 30), time(15, 30))
    assert (district.circuits[0].kind, district.circuits[0].role) == ("internet", "primary")
    assert district.seats == ()
    assert district.examples == {"school.tz"}


def test_the_hours_of_class_reach_the_schools() -> None:
    """TOML has times of day."""
    changed = dict(GOOD)
    changed["district.toml"] += "class_from = 08:00:00\nclass_to = 14:00:00\n"
    assert folder.parse(changed).schools[0].calendar.usual_bells[0].since == time(8)


def test_the_digest_names_the_contents() -> None:
    """Any changed character, and a text that moved to another file, is another folder."""
    digest = folder.parse(GOOD).digest
    assert digest == folder.digest_of(dict(reversed(GOOD.items())))
    assert digest != folder.digest_of({**GOOD, "seats.csv": GOOD["seats.csv"] + "\n"})
    assert folder.digest_of({"a": "xb", "b": ""}) != folder.digest_of({"a": "x", "b": "b"})


def test_everything_wrong_is_told_at_once_with_file_and_line() -> None:
    """Ten mistakes in four files, in the order in which they stand."""
    found = problems(
        district_toml='nmae = "x"\ntz = "America/Atlantis"\n',
        schools_csv="id,name,students,staff\nlincoln,Lincoln,-5,1\nadams,Adams,\nlincoln,Twice,10,1\n",
        circuits_csv="id,down_mbps,schools\nline,fast,lincoln;jefferson\n",
        seats_csv='agent,school,circuit,since\nMAIN,adams,lnie,12/1/2026\n"box-2","lincoln","line",\n',
    )
    assert found == [
        "district.toml, line 1: nmae is no setting; did you mean name?",
        "district.toml, line 2: tz 'America/Atlantis' is no time zone known here, as America/Chicago",
        "schools.csv, line 2: students '-5' is no whole number, as 1200",
        "schools.csv, line 3: students is empty",
        "schools.csv, line 4: id lincoln stands already in line 2",
        "circuits.csv, line 2: down_mbps 'fast' is no speed in Mbit/s, as 1000 or 1.5",
        "circuits.csv, line 2: schools names 'jefferson', which is not in schools.csv",
        "seats.csv, line 2: agent 'MAIN' must be of a to z, 0 to 9 and dashes, at most 40",
        "seats.csv, line 2: since '12/1/2026' is no day, as 2026-12-01",
        "seats.csv, line 2: circuit names 'lnie', which is not in circuits.csv; did you mean line?",
    ]


def test_the_settings_mistakes_of_all_kinds_are_told_in_one_round() -> None:
    """A wrong number, a zone, a quiet time, its school and a calendar's texts: each with its own line."""
    toml = """tz = "US/Chicagoo"
[thresholds]
count = 1
[[quiet]]
since = 2027-04-12T07:00:00
until = 2027-04-14T07:00:00
[[quiet]]
since = 2027-04-14T07:00:00
until = 2027-04-12T07:00:00
schools = ["nope"]
[calendars.default]
weekdays = ["monday"]
holidays = ["Sep 7", "2026-9-7 Labor"]
"""
    found = problems(district_toml=toml)
    assert [int(line.partition("line ")[2].partition(":")[0]) for line in found] == [1, 3, 7, 10, 11, 13, 13]
    assert "quiet: schools names 'nope'" in found[3]


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('tz = "America/Atlantis"', "is no time zone known here"),
        ('tz = "../../etc/passwd"', "is no time zone known here"),
        ('tz = "America"', "is no time zone known here"),
        ("class_from = 16:00:00", "class_from must lie before class_to"),
        ("class_from = 04:00:00", "class_from must lie before class_to"),
        ("class_from = 7", "class_from"),
        ('examples = ["school.roof"]', "'school.roof' is none of"),
        ('name = ""', "name must be 1 to 80"),
        ('name = "a\\u202eb"', "name must be 1 to 80"),
        ("name = ", "is no TOML"),
        ("x" * (1 << 21), "longer than"),
        ("a." * 3000 + "b = 1", "district.toml"),
    ],
)
def test_wrong_settings(toml: str, said: str) -> None:
    """Each in words that say what would be right."""
    found = problems(district_toml=toml)
    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Lincoln High,Lincoln,10,,", "id 'Lincoln High' must be of a to z"),
        ("lincoln,,10,,", "name is empty"),
        (",Lincoln,10,,", "id is empty"),
        ("lincoln,Lincoln,12.5,,", "no whole number"),
        ('lincoln,Lincoln,"1,200",,', "'1,200' is no whole number, as 1200"),
        ("lincoln,Lincoln,99999999,,", "no whole number"),
        ("lincoln,Lincoln,\u0661\u0662,,", "no whole number"),
        ("lincoln,Lincoln,0,0,", "nobody at this school"),
        ("lincoln,Lincoln,10,,Mars/Olympus", "no time zone"),
        ("lincoln,Lincoln,10,,,x", "has 6 cells where the header has 5"),
        (
            "lincoln,Lincoln, High,10,,",
            "has 6 cells where the header has 5; a name with a comma wants quotes",
        ),
        ("lincoln,Lin\x07coln,10,,", "can't be printed"),
        ("lincoln,Lin\u202ecoln,10,,", "can't be printed"),
        (f"lincoln,{'x' * 81},10,,", "longer than 80"),
        ('lincoln,"Lincoln,10,,', "can't be read as a table"),
        (f"lincoln,{'x' * 200_000},10,,", "can't be read as a table"),
    ],
)
def test_wrong_schools(line: str, said: str) -> None:
    """Each mistake is named in its line, and is the only thing said."""
    found = problems(
        schools_csv=f"id,name,students,staff,tz\nadams,Adams,10,,\n{line}\n",
        circuits_csv="id,schools\nmv-1,adams\n",
        seats_csv=None,
    )
    assert len(found) == 1
    assert found[0].startswith("schools.csv, line 3: ")
    assert said in found[0]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("line,,,,0,,,,lincoln", "down_mbps is 0; leave it empty"),
        ("line,,,,-1,,,,lincoln", "no speed"),
        ("line,,,,nan,,,,lincoln", "no speed"),
        ("line,,,,1e3,,,,lincoln", "no speed"),
        ("line,fibre,,,,,,,lincoln", "kind must be one of: internet, wan"),
        ("line,,,main,,,,,lincoln", "role must be one of: primary, backup"),
        ("line,,,,,,2026-02-30,,lincoln", "a day that no calendar has"),
        ("line,,,,,,0001-01-01,,lincoln", "is no day"),
        ("line,,,,,,2026-07-01,2026-06-30,lincoln", "until lies before since"),
        ("line,,line,,,,,,lincoln", "parent names the line itself"),
        ("line,,,,,,,,", "schools is empty"),
        ("line,,,,,,,,jefferson", "'jefferson', which is not in schools.csv"),
    ],
)
def test_wrong_lines(line: str, said: str) -> None:
    """Contracts are numbers above 0, days are days, references lead somewhere."""
    header = "id,kind,parent,role,down_mbps,up_mbps,since,until,schools"
    found = problems(circuits_csv=f"{header}\n{line}\n", seats_csv=None)
    assert len(found) == 1
    assert found[0].startswith("circuits.csv, line 2: ")
    assert said in found[0]


def test_two_lines_at_the_same_time_are_told() -> None:
    """One after the other is a change of line; both at once want one to be the backup."""
    header = "id,role,since,until,schools\n"
    found = problems(circuits_csv=f"{header}a,,,,lincoln\nb,,2026-07-01,,lincoln\n", seats_csv=None)
    assert len(found) == 1
    assert found[0].startswith("circuits.csv, line 3: 'lincoln' has the line a at the same time; make one")
    same_day = "a,,,2026-07-01,lincoln\nb,,2026-07-01,,lincoln\n"
    assert len(problems(circuits_csv=header + same_day, seats_csv=None)) == 1
    within = "a,,2026-01-01,2026-12-31,lincoln\nb,,2026-02-01,2026-02-28,lincoln\nc,,2026-04-01,,lincoln\n"
    assert [found[:22] for found in problems(circuits_csv=header + within, seats_csv=None)] == [
        "circuits.csv, line 3: ",
        "circuits.csv, line 4: ",
    ]
    later = "a,,,2026-06-30,lincoln\nb,,2026-07-01,2026-12-31,lincoln\nc,,2026-10-01,,lincoln\n"
    assert "has the line b at the same time" in problems(circuits_csv=header + later, seats_csv=None)[0]
    for good in (
        "a,,,2026-06-30,lincoln\nb,,2026-07-01,,lincoln\n",
        "a,,,,lincoln\nb,backup,,,lincoln\n",
        "a,,,,lincoln\nb,,,,adams\n",
    ):
        contents = {k: v for k, v in GOOD.items() if k != "seats.csv"}
        assert len(folder.parse({**contents, "circuits.csv": header + good}).circuits) == 2


def test_wrong_seats() -> None:
    """Doubles, strangers, and a line that does not serve the school."""
    header = "agent,school,circuit,since,medium\n"
    found = problems(
        circuits_csv="id,schools\nmv-1,lincoln\nmv-2,adams\n",
        seats_csv=header
        + "box,lincoln,mv-1,,\nbox,lincoln,mv-1,,wired\nbox,lincoln,mv-2,2026-08-01,\nbox-3,monroe,mv-1,,air\n",
    )
    assert found == [
        "seats.csv, line 3: the box box since ever stands already in line 2",
        "seats.csv, line 4: the line mv-2 does not serve the school lincoln",
        "seats.csv, line 5: medium must be one of: wired, wifi",
        "seats.csv, line 5: school names 'monroe', which is not in schools.csv",
        "seats.csv, line 5: the line mv-1 does not serve the school monroe",
    ]


def test_missing_files_and_empty_tables() -> None:
    """Schools and lines must be there, with a line each; a missing one is not told again by all who refer to it."""
    assert problems(schools_csv=None) == [
        "schools.csv: is missing; its columns: id, name, students, staff, tz, calendar, gateway, model"
    ]
    assert problems(schools_csv="id,name,students\n") == ["schools.csv: has no line below its header"]
    assert problems(schools_csv="") == ["schools.csv: has no line below its header"]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (
            "id,name,studnets",
            ["the column students is missing", "'studnets' is no column; did you mean students?"],
        ),
        ("id;name;students", ["the column id is missing", "is no column"]),
        ("id,name,students,id", ["the column 'id' comes twice"]),
        (
            "id,name,students,principal",
            ["'principal' is no column; known here: id, name, students, staff, tz, calendar, gateway, model"],
        ),
    ],
)
def test_wrong_headers(header: str, said: list[str]) -> None:
    """A wrong header is told by itself; the lines below it and what refers to them are left in peace."""
    found = problems(schools_csv=f"{header}\nlincoln,Lincoln,10,lincoln\n")
    assert all(problem.startswith("schools.csv, line 1: ") for problem in found)
    assert all(any(part in problem for problem in found) for part in said)


def test_what_could_not_be_read_is_told_with_the_rest() -> None:
    """A file that is no text does not hide the mistakes in the others, and starts no flood of its own."""
    contents = {name: text for name, text in GOOD.items() if name != "schools.csv"}
    contents["seats.csv"] += "x,,,,,\n"
    with pytest.raises(FolderError) as caught:
        folder.parse(contents, [Problem("schools.csv", None, "is not UTF-8")])
    assert [str(problem) for problem in caught.value.problems] == [
        "schools.csv: is not UTF-8",
        "seats.csv, line 3: agent 'x' must be of a to z, 0 to 9 and dashes, at most 40",
        "seats.csv, line 3: names neither a school nor a circuit",
    ]


def test_lines_are_counted_as_an_editor_shows_them() -> None:
    """Blank lines and names over two lines count; a name over two lines can't be printed."""
    text = 'id,name,students\n\n"adams","Ad\nams",10\nlincoln,Lincoln,x\n'
    found = problems(schools_csv=text, circuits_csv="id,schools\nmv-1,adams\n", seats_csv=None)
    assert found == [
        "schools.csv, line 3: name has a character that can't be printed",
        "schools.csv, line 5: students 'x' is no whole number, as 1200",
    ]


@pytest.mark.parametrize("name", [".", "..", "a/../b"])
def test_a_room_that_no_address_can_name_is_refused(name: str) -> None:
    """Browsers take such parts of an address away before they ask."""
    with pytest.raises(FolderError, match="can't stand in the address of a page"):
        folder.parse({**GOOD, "rooms.csv": f"school,room\nlincoln,101\nlincoln,{name}\n"})


def test_a_flood_of_mistakes_is_bounded() -> None:
    """Twenty thousand wrong lines: a thousand are told, quickly, and how many more there are."""
    lines = "".join(f"box-{n},lincoln-{n},mv-1-{n}\n" for n in range(20_000))
    with pytest.raises(FolderError) as caught:
        folder.parse({**GOOD, "seats.csv": "agent,school,circuit\n" + lines})
    assert len(caught.value.problems) == tables.MOST_PROBLEMS
    assert str(caught.value).endswith("and 39000 more")
    assert 1 <= str(caught.value).count("did you mean lincoln?") <= 50


@pytest.mark.parametrize(
    "name", ["=1+1", "+cmd", "-2", "@SUM(A1)", "'=x", "''=x", "\uff1d1", "\t=1", "\r1", "\n=1"]
)
def test_formulas_are_written_as_texts(name: str) -> None:
    """Nothing that a spreadsheet would run begins a cell, and the name comes back as it was."""
    assert tables.escape(name).startswith("'")
    assert tables.unescape(tables.escape(name)) == name


@pytest.mark.parametrize("name", ["'Iolani School", "Lincoln = High", "O'Neill", "", "''x"])
def test_other_names_are_written_as_they_are(name: str) -> None:
    """An apostrophe that is part of a name stays one."""
    assert tables.escape(name) == name == tables.unescape(name)


@given(st.text(max_size=40))
def test_escaping_loses_nothing(name: str) -> None:
    """Whatever the text, reading gives back what was written."""
    assert tables.unescape(tables.escape(name)) == name


names = st.text(
    st.characters(exclude_categories=["C", "Z"]) | st.sampled_from(' ,"\u200d'), min_size=1, max_size=60
)


@given(names.map(str.strip).filter(bool))
def test_names_survive_the_table(name: str) -> None:
    """Commas, quotes, accents, emoji: a school's name comes back from the table as it went in."""
    text = tables.render(COLUMNS[SCHOOLS], [{"id": "s", "name": tables.escape(name), "students": "9"}])
    district = folder.parse({"schools.csv": text, "circuits.csv": "id,schools\nl,s\n"})
    assert district.schools[0].name == name


@given(
    st.dictionaries(
        st.sampled_from(folder.FILES),
        st.text(max_size=200) | st.lists(st.text(max_size=12), max_size=8).map(",".join),
    )
)
def test_no_text_gets_through_or_breaks_out(contents: dict[str, str]) -> None:
    """Whatever the files say, the folder is refused with its problems and nothing else is raised."""
    with pytest.raises(FolderError):
        folder.parse(contents)


@given(st.sampled_from(list(GOOD)), st.integers(0, 400), st.text(max_size=3))
def test_one_slip_of_the_keyboard_is_told_or_harmless(file: str, place: int, typed: str) -> None:
    """A good folder with a few characters put anywhere is either a district or a list of problems."""
    text = GOOD[file]
    place = min(place, len(text))
    with contextlib.suppress(FolderError):
        folder.parse({**GOOD, file: text[:place] + typed + text[place:]})


ROOMS = "school,room,name,seats,access_points\n"


def test_rooms() -> None:
    """Access points by name, which rooms may share, or by number, which no other room shares."""
    lines = "lincoln,204,Room 204,32,ap-1; ap-2\nlincoln,206,,,ap-2\nadams,7,Gym,120,2\n"
    district = folder.parse({**GOOD, "rooms.csv": ROOMS + lines})
    first, second = districts.rooms_of(district, "lincoln")
    assert (first.name, first.seats, first.access_points) == ("Room 204", 32, ("ap-1", "ap-2"))
    assert (second.name, second.seats, second.access_points) == ("206", None, ("ap-2",))
    (gym,) = districts.rooms_of(district, "adams")
    assert gym.access_points == ("adams/7/1", "adams/7/2")
    assert districts.rooms_of(district, "monroe") == ()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("monroe,204,,,", "school names 'monroe', which is not in schools.csv"),
        ("lincoln,,,,", "room is empty"),
        ("lincoln,204,,many,", "seats 'many' is no whole number"),
        ("lincoln,101,,,", "the room 101 of lincoln stands already in line 2"),
        ("lincoln,204,,,a\u202eb", "is no name"),
    ],
)
def test_wrong_rooms(line: str, said: str) -> None:
    """Each mistake with its line."""
    with pytest.raises(FolderError) as caught:
        folder.parse({**GOOD, "rooms.csv": f"{ROOMS}lincoln,101,,,\n{line}\n"})
    (problem,) = caught.value.problems
    assert str(problem).startswith("rooms.csv, line 3: ")
    assert said in str(problem)


def test_gateways_and_ways_of_teaching() -> None:
    """Addresses of both kinds and names; a way of teaching that there is."""
    header = "id,name,students,gateway,model\n"
    for gateway in ("10.1.0.1", "2001:db8::1", "gw-lincoln.example.org", ""):
        text = f"{header}lincoln,L,10,{gateway},lab\nadams,A,10,,\n"
        found = folder.parse({**GOOD, "schools.csv": text}, models=["flex", "lab"])
        assert (found.schools[0].gateway, found.schools[0].model) == (gateway, "lab")
    for wrong in ("10.1.0.1/24", "-x", "a b", "http://x"):
        with pytest.raises(FolderError, match=r"line 2: gateway .* is neither an address"):
            folder.parse({**GOOD, "schools.csv": f"{header}lincoln,L,10,{wrong},\nadams,A,10,,\n"})
    with pytest.raises(FolderError, match="line 2: model 'flip' is none of flex, lab"):
        folder.parse(
            {**GOOD, "schools.csv": f"{header}lincoln,L,10,,flip\nadams,A,10,,\n"}, models=["lab", "flex"]
        )
    with pytest.raises(FolderError, match=r"district\.toml: model 'flex' is none of lab"):
        folder.parse(GOOD, models=["lab"])


def test_thresholds_quiet_times_and_a_made_up_district() -> None:
    """Defaults that are stated, bounds that hold, and a quiet time by the clock of each school."""
    settings = folder.parse(GOOD).settings
    assert (settings.thresholds.count, settings.simulated, settings.model) == (10, False, "flex")
    quiet = (
        "[[quiet]]\nsince = 2027-04-13T07:00:00\nuntil = 2027-04-13T16:00:00\n"
        'why = "state tests"\nschools = ["adams"]\n'
    )
    district = folder.parse({**GOOD, "district.toml": GOOD["district.toml"] + "simulated = true\n" + quiet})
    assert district.settings.simulated
    lincoln, adams = district.schools
    noon = int(datetime(2027, 4, 13, 21, 30, tzinfo=UTC).timestamp()) * districts.NS
    found = districts.quiet_at(district, adams, noon)  # 15:30 in Denver
    assert found is not None
    assert found.why == "state tests"
    assert districts.quiet_at(district, adams, noon + 1800 * districts.NS) is None
    assert districts.quiet_at(district, lincoln, noon) is None


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("thresholds.count = 4", "thresholds.count"),
        ("thresholds.silent_after_s = 10", "thresholds.silent_after_s"),
        (
            "[[quiet]]\nsince = 2027-04-13T07:00:00\nuntil = 2027-04-13T07:00:00",
            "since must lie before until",
        ),
        ("[[quiet]]\nsince = 2027-04-13T07:00:00Z\nuntil = 2027-04-14T07:00:00Z", "without a zone"),
        (
            '[[quiet]]\nsince = 2027-04-13T07:00:00\nuntil = 2027-04-14T07:00:00\nschools = ["x"]',
            "names 'x', which is not in schools.csv",
        ),
    ],
)
def test_wrong_thresholds_and_quiet_times(toml: str, said: str) -> None:
    """Each in words that say what would be right."""
    (found,) = problems(district_toml=f'tz = "America/Chicago"\n{toml}\n')
    assert found.startswith("district.toml")
    assert said in found
