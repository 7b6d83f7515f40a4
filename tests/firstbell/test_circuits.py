"""Through which lines a school's internet passes, and which schools a line carries."""

from datetime import date, timedelta
from time import process_time

import pytest

from firstbell import district as districts
from firstbell import folder
from firstbell.district import District, School, Seat
from firstbell.tables import FolderError

DAY = date(2026, 12, 1)
HUB = """id,kind,parent,role,since,until,schools
hub,internet,,,,,
ring,wan,hub,,,,
lincoln-wan,wan,ring,,,,lincoln
adams-wan,wan,ring,,,2026-06-30,adams
adams-fibre,wan,hub,,2026-07-01,,adams
monroe-line,internet,,,,,monroe
"""


def made(circuits: str = HUB, seats: str = "") -> District:
    """A district of three schools with these lines."""
    contents = {
        "schools.csv": "id,name,students\nlincoln,Lincoln,1000\nadams,Adams,300\nmonroe,Monroe,200\n",
        "circuits.csv": circuits,
    }
    return folder.parse(contents | ({"seats.csv": seats} if seats else {}))


def path(district: District, school: str, day: date = DAY) -> list[str]:
    """The ids of the lines on the way."""
    return [circuit.id for circuit in districts.path_of(district, school, day)]


def test_parents_are_followed_to_the_internet() -> None:
    """The school's own line first, the internet's last."""
    district = made()
    assert path(district, "lincoln") == ["lincoln-wan", "ring", "hub"]
    assert path(district, "monroe") == ["monroe-line"]
    assert path(district, "nobody") == []
    line = districts.internet_of(district, "lincoln", DAY)
    assert line is not None
    assert line.id == "hub"


def test_a_line_that_changed_is_another_way_from_that_day_on() -> None:
    """The last day of the old one, the first of the new one, asked in any order."""
    district = made()
    change = date(2026, 7, 1)
    assert path(district, "adams", change) == ["adams-fibre", "hub"]
    assert path(district, "adams", change - timedelta(days=1)) == ["adams-wan", "ring", "hub"]
    assert districts.schools_through(district, "ring", DAY) == ("lincoln",)
    assert districts.schools_through(district, "ring", change - timedelta(days=1)) == ("adams", "lincoln")


def test_a_shared_line_carries_all_schools_behind_it() -> None:
    """Also those that hang on other lines; a line that nobody knows carries none."""
    district = made()
    assert districts.schools_through(district, "hub", DAY) == ("adams", "lincoln")
    assert districts.schools_through(district, "monroe-line", DAY) == ("monroe",)
    assert districts.schools_through(district, "nothing", DAY) == ()


def test_a_line_to_the_district_without_a_parent_goes_on_through_the_schools_internet() -> None:
    """Where both name the school, nobody need say how they hang together."""
    district = made("id,kind,schools\nline,internet,lincoln adams\nlincoln-wan,wan,lincoln\n")
    assert path(district, "lincoln") == ["lincoln-wan", "line"]
    assert path(district, "adams") == ["line"]


def test_a_backup_stands_in_where_the_line_is_out_of_use() -> None:
    """And only there; a way that does not reach the internet is no way as long as another does."""
    district = made(
        "id,kind,parent,role,until,schools\n"
        "hub,internet,,,2026-11-30,\nwan,wan,hub,,,lincoln\nradio,internet,,backup,,lincoln\n"
    )
    assert path(district, "lincoln", date(2026, 11, 30)) == ["wan", "hub"]
    assert path(district, "lincoln", DAY) == ["radio"]


def test_a_way_that_ends_short_of_the_internet_is_told_as_it_is() -> None:
    """The lines there are, and no internet line."""
    district = made("id,kind,schools\nwan,wan,lincoln\n")
    assert path(district, "lincoln") == ["wan"]
    assert districts.internet_of(district, "lincoln", DAY) is None


def chain(behind: int) -> str:
    """Lincoln's line and so many others behind it, each the next one's."""
    lines = [f"w{n},wan,w{n + 1}," for n in range(behind)]
    return "\n".join([lines[0] + "lincoln", *lines[1:], f"w{behind},internet,,"]) + "\n"


@pytest.mark.parametrize(
    ("circuits", "said"),
    [
        ("a,wan,b,\nb,wan,a,lincoln\n", "line 2: the line a leads back to itself, by way of b"),
        ("a,wan,a,lincoln\n", "line 2: parent names the line itself"),
        (chain(21), "line 2: the line w0 leads through more than 20 others"),
        ("a,wan,,\nb,internet,,lincoln\n", "line 2: schools is empty, and no other line has this one"),
        ("a,wan,,lincoln\nb,wan,,lincoln\n", "line 3: 'lincoln' has the line a at the same time"),
    ],
)
def test_wrong_ways(circuits: str, said: str) -> None:
    """Circles, lines for nobody, and two at once are told with their line."""
    with pytest.raises(FolderError, match=said):
        made("id,kind,parent,schools\n" + circuits)


def test_thousands_of_lines_in_a_row_are_refused_in_no_time() -> None:
    """Twenty may stand behind each other; 8,000 are looked at once each, not each with all behind it."""
    assert len(path(made("id,kind,parent,schools\n" + chain(20)), "lincoln")) == 21
    begun = process_time()
    with pytest.raises(FolderError, match="more than 20 others"):
        made("id,kind,parent,schools\n" + chain(8000))
    assert process_time() - begun < 4


def test_a_box_at_the_hub_stands_in_no_school() -> None:
    """It measures a line that schools share, by the district's clock; two there in one closet are one place."""
    district = made(seats="agent,school,room,circuit,since\nhub-1,,MDF,hub,2026-08-15\nhub-2,,MDF,hub,\n")
    first, second = district.seats
    assert first.place == second.place == "hub/MDF"
    spans = districts.seats_on(district, "hub")
    assert [span.agent for span in spans] == ["hub-1", "hub-2"]
    assert spans[0].since_ns == districts.midnight_ns(
        School(id="", name="", students=0), date(2026, 8, 15)
    )  # the default zone


def test_a_box_without_a_line_measures_its_schools_own() -> None:
    """Where there is one; where there are more somebody has to say."""
    header = "agent,school,room,circuit\n"
    assert made(seats=f"{header}box,lincoln,204,\n").seats[0].circuit == "lincoln-wan"
    with pytest.raises(FolderError, match="circuit is empty, and the school adams has 2 lines of its own"):
        made(seats=f"{header}box,adams,204,\n")
    with pytest.raises(FolderError, match="names neither a school nor a circuit"):
        made(seats=f"{header}box,,204,\n")


def test_a_box_may_measure_any_line_on_its_schools_way() -> None:
    """The shared ones too, and none that the school's way does not touch."""
    header = "agent,school,circuit\n"
    assert made(seats=f"{header}box,lincoln,hub\n").seats == (
        Seat(agent="box", school="lincoln", circuit="hub"),
    )
    with pytest.raises(FolderError, match="the line hub does not serve the school monroe"):
        made(seats=f"{header}box,monroe,hub\n")
