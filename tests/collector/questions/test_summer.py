"""Summer over real journals: who is called away and not silent, who is back in August, and what stays as it was."""

import csv
import io
from collections.abc import Sequence
from datetime import date

import msgspec
import pytest

from collector import registry
from collector.cli.status import text as status_text
from collector.questions import banners, board_now, boxes, roll_call, status, summer
from collector.questions.ask import QuestionError
from collector.questions.judged import judged, years_of
from collector.questions.roll_call import RollCall
from collector.registry import Folder
from collector.store import summers
from collector.store.reads import Box, Reads
from collector.web.roll_call import HEAD, as_csv
from firstbell import folder as folders
from firstbell.points import Placer
from firstbell.report import Medium, Segment, Stored
from tests.collector.questions.morning import AT_NS, FILES, MINUTE_NS, Morning, folder, said
from tests.collector.workbench import Bench

DAY_NS = 86_400 * 10**9
BACK = date(2026, 12, 10)
"""Two days after the morning of these tests; it is summer in their December."""


@pytest.fixture
def morning(bench: Bench) -> Morning:
    """Boxes in two schools; those of one stopped half an hour ago, and so did its gateway."""
    day = Morning(bench)
    for agent in ("box-203", "box-204"):
        day.sees(agent, "online", since=20)
    day.sees("box-p", "online", since=40, until=28)
    day.gateway("192.0.2.2", lambda ago: ago > 27)
    return day


def begun(morning: Morning, school: str = "", back: date | None = BACK, ago_ns: int = 0) -> int:
    """A summer that began so long ago."""
    return summers.begin(morning.bench.journal, school, back, AT_NS - ago_ns)


def grouped(morning: Morning, at_ns: int = AT_NS) -> dict[str, list[str]]:
    """The names in each group of the boxes' page."""
    found = boxes.ask(morning.bench.reads, folder(), at_ns)
    return {group.id: [box.name for box in group.boxes] for group in found.groups}


def test_a_box_that_is_silent_in_summer_is_away(morning: Morning) -> None:
    """Until its day: from then on it is silent again, and the page says for how long it was waited for."""
    assert grouped(morning)["with_school"] == ["box-p"]
    begun(morning, "prairie")
    found = boxes.ask(morning.bench.reads, folder(), AT_NS)
    (away,) = next(group.boxes for group in found.groups if group.id == "summer")
    assert (away.name, away.look) == ("box-p", ("Expected back on 10 December.",))
    assert "One box is silent for the summer" in found.sentence
    assert (found.talking, found.total) == (2, 5)
    after = grouped(morning, AT_NS + 2 * DAY_NS)
    assert "summer" not in after
    late = boxes.ask(morning.bench.reads, folder(), AT_NS + 2 * DAY_NS)
    looks = [box.look for group in late.groups for box in group.boxes if box.name == "box-p"]
    assert looks[0][0] == "Not back from the summer: it was expected on 10 December."


def test_a_summer_without_a_day_ends_by_itself(morning: Morning) -> None:
    """After 200 days, where neither anybody nor a calendar knows when boxes are back."""
    begun(morning, back=None)
    assert grouped(morning, AT_NS + 199 * DAY_NS)["summer"] == ["box-p", "box-203", "box-204"]
    for days in (200, 3 * 365):
        assert "summer" not in grouped(morning, AT_NS + days * DAY_NS)
        assert summer.ask(morning.bench.reads, folder(), AT_NS + days * DAY_NS).summers == ()
    known = boxes.ask(morning.bench.reads, folder(), AT_NS + 3 * 365 * DAY_NS)
    assert roll_call.wanted(morning.bench.reads, folder(), known) is None


def test_what_was_silent_before_the_summer_stays_silent(morning: Morning) -> None:
    """On the boxes' page, in the status and for alerts; boxes that were unplugged within the last day are away."""
    at_ns = AT_NS + 2 * DAY_NS
    morning.bench.clock.wall_ns = at_ns - 60 * MINUTE_NS
    for agent in ("box-203", "box-204"):
        morning.send(agent, [said("host", at_ns - 60 * MINUTE_NS)])
    summers.begin(morning.bench.journal, "", None, at_ns)
    found = grouped(morning, at_ns)
    assert (found["summer"], found["silent"]) == (["box-203", "box-204"], ["box-p"])
    answer = status.ask(morning.bench.reads, at_ns, district=folder().district)
    assert answer.away == ("box-203", "box-204")
    placer = Placer(folder().district, "Maple Valley")
    points = board_now.points(morning.bench.reads, folder(), registry.targets(), placer, at_ns)
    told = {point.tags["agent"]: point.fields for point in points if "agent" in point.tags}
    assert [told[agent]["summer"] for agent in ("box-203", "box-204", "box-p")] == [True, True, False]
    assert "Prairie Middle" in next(
        b.text for b in banners.of(morning.bench.reads, folder(), at_ns) if b.kind == "now"
    )


def test_a_summer_that_is_ended_is_over_at_once(morning: Morning) -> None:
    """And one at another school changes nothing here."""
    summers.end(morning.bench.journal, [begun(morning)], AT_NS)
    begun(morning, "lincoln")
    assert grouped(morning)["with_school"] == ["box-p"]


def test_status_and_the_banner_say_that_it_is_summer(morning: Morning) -> None:
    """The silent box is named by neither; before, it was by both."""
    reads, district, now_ns = morning.bench.reads, folder().district, AT_NS + 20 * MINUTE_NS
    morning.bench.clock.wall_ns = now_ns
    for agent in ("box-203", "box-204"):
        morning.send(agent, [said("host", now_ns)])
    assert "box-p is silent" in status_text(status.ask(reads, now_ns, district=district), now_ns)
    assert [banner.kind for banner in banners.of(reads, folder(), now_ns)] == ["now"]
    begun(morning)
    told = status_text(status.ask(reads, now_ns, district=district), now_ns)
    assert "is silent" not in told
    assert told.startswith("It is summer at all schools until 10 December")
    (banner,) = banners.of(reads, folder(), now_ns)
    assert (banner.kind, banner.label) == ("summer", "Summer")
    assert "no alert is about them" in banner.text


def test_boards_are_told_so_that_alerts_keep_quiet(morning: Morning) -> None:
    """What is silent stays a fact; whether anybody is called for it is a field beside it."""
    begun(morning, "prairie")
    placer = Placer(folder().district, "Maple Valley")
    points = list(board_now.points(morning.bench.reads, folder(), registry.targets(), placer, AT_NS))
    told = {tuple(point.tags.get(name) for name in ("school", "agent")): point.fields for point in points}
    assert told["prairie", "box-p"]["silent"] is True
    assert told["prairie", "box-p"]["summer"] is True
    assert told["prairie", None]["summer"] is True
    assert told["lincoln", "box-203"]["summer"] is False


# --- the roll call ------------------------------------------------------------------------------------


def way(agent: str, first: str, at_ns: int, morning: Morning) -> None:
    """A trace of the box by this first router."""
    trace = said("path", at_ns, hops=4, hop01_address=first, hop01_rtt_ms=1.0)
    placed = msgspec.structs.replace(trace, target="site", segment=Segment.INTERNET, medium=Medium.WIRED)
    morning.send(agent, [placed])


def called(morning: Morning, files: Folder | None = None) -> RollCall:
    """The roll call at 7:40:20."""
    return roll_call.ask(morning.bench.reads, files or folder(), AT_NS)


def states(answer: RollCall) -> dict[str, str]:
    """By box."""
    return {box.name: box.state for school in answer.schools for box in school.boxes}


@pytest.fixture
def august(bench: Bench) -> Morning:
    """A summer of 60 days, before which each box was traced; this morning most are back."""
    day = Morning(bench)
    summers.begin(bench.journal, "", BACK, AT_NS - 60 * DAY_NS)
    for agent, router in (("box-203", "10.1.0.1"), ("box-204", "10.1.0.1"), ("box-p", "10.2.0.1")):
        way(agent, router, AT_NS - 61 * DAY_NS, day)
    return day


def test_the_roll_call_tells_who_is_back_who_is_not_and_what_is_wrong(august: Morning) -> None:
    """The school where most is to be done comes first, and in it the boxes to which somebody has to walk."""
    for agent in ("box-203", "box-204"):
        august.sees(agent, "online", since=20)
    august.send("box-204", [said("power", AT_NS - MINUTE_NS, undervoltage_now=True)])
    answer = called(august)
    assert states(answer) == {
        "box-mc": "not_back",
        "box-205": "not_back",
        "box-204": "trouble",
        "box-203": "back",
        "box-p": "not_back",
    }
    assert [(each.name, each.back, len(each.boxes)) for each in answer.schools] == [
        ("Lincoln High", 2, 4),
        ("Prairie Middle", 0, 1),
    ]
    assert answer.sentence == "2 of 5 boxes are back, 3 are not and 1 wants a look."
    assert answer.schools[0].expected == "2026-12-10"
    back = next(box for box in answer.schools[0].boxes if box.name == "box-203")
    assert back.back_ns == pytest.approx(AT_NS - 20 * MINUTE_NS, abs=2 * MINUTE_NS)


@pytest.mark.parametrize(
    ("router", "told"),
    [
        ("10.1.0.1", None),
        ("10.2.0.1", "Its way out is that of Prairie Middle: is it there?"),
        ("10.9.0.1", "Its first router is 10.9.0.1 and was 10.1.0.1: does it stand where it stood?"),
    ],
)
def test_a_box_that_comes_back_by_another_router_may_stand_elsewhere(
    august: Morning, router: str, told: str | None
) -> None:
    """By the router of another school it is named; by an unknown one it is asked for."""
    august.sees("box-203", "online", since=20)
    way("box-203", router, AT_NS - 5 * MINUTE_NS, august)
    (box,) = [box for school in called(august).schools for box in school.boxes if box.name == "box-203"]
    assert (box.state, box.look) == (("elsewhere", (told,)) if told else ("back", ()))


@pytest.mark.parametrize(("days", "state"), [(13, "elsewhere"), (15, "back")])
def test_what_was_long_before_the_summer_counts_for_nothing(august: Morning, days: int, state: str) -> None:
    """Two weeks before it tell where a box stood."""
    way("box-205", "10.9.0.1", AT_NS - (60 + days) * DAY_NS, august)
    august.sees("box-205", "online", since=20)
    way("box-205", "10.1.0.1", AT_NS - 5 * MINUTE_NS, august)
    assert states(called(august))["box-205"] == state


def test_a_view_of_the_roll_call_reads_few_traces(august: Morning) -> None:
    """However many were sent before the summer; one after it in which the first router was silent says nothing."""
    for at in range(40):
        way("box-203", "10.1.0.1", AT_NS - 62 * DAY_NS + at * MINUTE_NS, august)
    august.sees("box-203", "online", since=20)
    way("box-203", "10.2.0.1", AT_NS - 5 * MINUTE_NS, august)
    august.send("box-203", [said("path", AT_NS - 4 * MINUTE_NS, hops=4)])
    reads = Counting(august.bench.journal)
    known = boxes.ask(reads, folder(), AT_NS)
    reads.traces = 0
    answer = roll_call.wanted(reads, folder(), known)
    reads.close()
    assert answer is not None
    assert states(answer)["box-203"] == "elsewhere"
    assert 0 < reads.traces <= 20


class Counting(Reads):
    """Counts the traces that were read."""

    traces = 0

    def tests(
        self, boxes: Sequence[Box], probe: str, *, since_ns: int = 0, facts_until: int | None = None
    ) -> list[Stored]:
        """The same, counted."""
        return self._counted(super().tests(boxes, probe, since_ns=since_ns, facts_until=facts_until))

    def newest(self, boxes: Sequence[Box], probe: str, most: int) -> list[Stored]:
        """The same, counted."""
        return self._counted(super().newest(boxes, probe, most))

    def latest(self, agent: str | None = None) -> list[Stored]:
        """The same, counted."""
        return self._counted(super().latest(agent))

    def _counted(self, found: list[Stored]) -> list[Stored]:
        self.traces += sum(stored.report.probe == "path" for stored in found)
        return found


def test_the_page_calls_the_roll_of_this_summers_schools(august: Morning) -> None:
    """A summer at another school that was over months ago is nobody's trouble now."""
    journal = august.bench.journal
    summers.end(journal, [each.number for each in august.bench.reads.summers()], AT_NS - 61 * DAY_NS)
    begun(august, "lincoln", ago_ns=DAY_NS)
    known = boxes.ask(august.bench.reads, folder(), AT_NS)
    answer = roll_call.wanted(august.bench.reads, folder(), known)
    assert answer is not None
    assert [school.id for school in answer.schools] == ["lincoln"]


def test_a_box_that_was_moved_on_purpose_is_at_home(august: Morning) -> None:
    """seats.csv tells the move: no riddle."""
    august.sees("box-203", "online", since=20)
    way("box-203", "10.2.0.1", AT_NS - 5 * MINUTE_NS, august)
    moved = FILES["seats.csv"].replace("circuit\n", "circuit,since\n").replace("line-l\n", "line-l,\n")
    moved = moved.replace("line-p\n", "line-p,\n") + "box-203,prairie,101,line-p,2026-11-20\n"
    contents = FILES | {"seats.csv": moved}
    answer = called(august, Folder(folders.parse(contents), contents))
    assert states(answer)["box-203"] == "back"


def test_the_table_for_the_technician_has_a_line_a_box(august: Morning) -> None:
    """Also of those that are back, each with its day."""
    august.sees("box-203", "online", since=20)
    rows = list(csv.DictReader(io.StringIO(as_csv(called(august)))))
    assert tuple(rows[0]) == HEAD
    assert {row["box"]: row["state"] for row in rows}["box-203"] == "back"
    assert {row["expected"] for row in rows} == {"2026-12-10"}


def test_nobody_is_called_who_was_never_away(morning: Morning) -> None:
    """Without a summer there is no roll call, and the boxes' page has none."""
    answer = called(morning)
    assert (answer.total, answer.schools) == (0, ())
    assert "nobody is missed: firstbell summer begin" in answer.sentence
    known = boxes.ask(morning.bench.reads, folder(), AT_NS)
    assert roll_call.wanted(morning.bench.reads, folder(), known) is None


# --- answers ------------------------------------------------------------------------------------------

TERMS = '[calendars.default]\nterms = ["2026-01-05 to 2026-09-25", "2026-12-08 to 2027-05-28"]\n'


def watched(bench: Bench, terms: str) -> dict[str, float]:
    """Was it up, after days in which neither the box nor, as far as was tried, its school's gateway answered."""
    contents = FILES | {"district.toml": f'name = "Maple Valley"\ntz = "America/Chicago"\n{terms}'}
    dark = Folder(folders.parse(contents), contents)
    found = judged(bench.reads, dark, registry.targets(), None, years_of(registry.targets(), None), AT_NS)
    uptime = next(answer.uptime for answer in found.answers if answer.school_id == "prairie")
    return {"days": uptime.days, "lost": uptime.minutes} if uptime else {"days": 0, "lost": 0.0}


def test_a_dark_summer_costs_a_school_with_terms_nothing(bench: Bench) -> None:
    """Where the calendar has no terms it would count as outages in class: `summer show` says so beforehand."""
    day = Morning(bench)
    day.sees("box-p", "online", since=60 * 24 * 12, until=60 * 24 * 12 - 30)
    day.gateway("192.0.2.2", lambda ago: ago < 30, since=60 * 24 * 3)
    day.sees("box-p", "online", since=30)
    summers.begin(bench.journal, "", BACK, AT_NS - 12 * DAY_NS)
    with_terms, without = watched(bench, TERMS), watched(bench, "")
    assert without["lost"] > 0
    assert with_terms["lost"] == pytest.approx(0)


def test_show_names_the_schools_whose_calendars_know_of_no_summer(morning: Morning) -> None:
    """They are few with terms, and all without."""
    begun(morning)
    told = summer.ask(morning.bench.reads, folder(), AT_NS)
    assert told.in_class == ("lincoln", "prairie")
    assert "write the terms into district.toml" in told.calendars
    terms = FILES | {"district.toml": FILES["district.toml"] + TERMS.replace("2026-12-08", "2027-01-04")}
    quiet = summer.ask(morning.bench.reads, Folder(folders.parse(terms), terms), AT_NS)
    assert (quiet.in_class, quiet.calendars) == ((), "")


def test_the_calendar_says_when_boxes_are_back_where_nobody_does() -> None:
    """The first day of the next term; a day that nobody can mean is refused."""
    terms = FILES | {"district.toml": FILES["district.toml"] + TERMS.replace("2026-12-08", "2027-01-04")}
    district = folders.parse(terms)
    assert summer.meant(district, "", "", AT_NS) == ("", date(2027, 1, 4))
    assert summer.meant(district, "2026-12-20", "Prairie", AT_NS) == ("prairie", date(2026, 12, 20))
    for wrong in ("soon", "2026-12-08", "2029-01-01"):
        with pytest.raises(QuestionError, match="day"):
            summer.meant(district, wrong, "", AT_NS)
