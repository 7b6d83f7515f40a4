"""A report and its point: nothing is lost on the way there and back, and nothing else becomes a tag."""

import json
from datetime import date, time
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firstbell import calendar as calendars
from firstbell import points
from firstbell.catalogue import METRICS, OF_PEOPLE, PROBES
from firstbell.circuits import Circuit
from firstbell.copies import COPIES
from firstbell.district import District, School, Seat, Settings, Thresholds
from firstbell.points import (
    AHEAD,
    MEASUREMENTS,
    MOST_NAMES,
    MOST_TWINS,
    OTHER,
    RECORD,
    STRANGE,
    TAG_CHARS,
    TAGS,
    TWINS,
    UNKNOWN,
    Names,
    Placer,
    Point,
    Row,
    of_report,
    report_of,
    tag_text,
)
from firstbell.report import AHEAD_NS, ClockQuality, Medium, Report, Segment, Status, Stored
from tests.support.reports import NOW_NS, any_report, stored, words

BOX = "lincoln-1"
KINDS = {"float": float, "int": int, "bool": bool, "text": str, "address": str}
KIND_OF_RECORD = {
    **dict.fromkeys(("seq", "arrival", "received_ns", "not_before_ns", "not_after_ns", "others"), int),
    **dict.fromkeys(("duration_s", "clock_error_ms"), float),
    **dict.fromkeys(("epoch", "clock", "reason", "limited_by", "marks"), str),
    **dict.fromkeys(("opening", "losses", "named"), str),
}
MONDAY_NS = 1_789_970_400 * 10**9
"""21 September 2026, 06:00 UTC: two o'clock at night in New York."""
HOUR_NS = 3600 * 10**9


def district(**settings: Any) -> District:
    """A school with a room in which a box stands, one at the hub, and one that moved."""
    return District(
        settings=Settings(name="Maple Valley", **settings),
        schools=(School(id="lincoln", name="Lincoln", students=500), School(id="mill", name="M", students=5)),
        circuits=(Circuit(id="line", schools=("lincoln", "mill")),),
        seats=(
            Seat(agent=BOX, school="lincoln", circuit="line", room="12"),
            Seat(agent="hub-1", school="", circuit="line"),
            Seat(agent="moved", school="lincoln", circuit="line", since=date(2026, 9, 1)),
            Seat(agent="moved", school="mill", circuit="line", since=date(2026, 9, 21)),
        ),
    )


PLACER = Placer(district())


def made(row: Stored, names: Names | None = None, twin: int = 0, placer: Placer = PLACER) -> Point:
    """The point of a report, which must have one."""
    point = of_report(Row(row, twin), placer, names or Names())
    assert isinstance(point, Point), point
    return point


def plain(at_ns: int = MONDAY_NS, **more: Any) -> Stored:
    """A report as a latency probe makes it."""
    found = {"probe": "latency", "target": "gateway", "status": Status.OK, **more}
    report = Report(at_ns=at_ns, duration_s=1.5, clock=ClockQuality.NTP, **found)
    return Stored(BOX, "00000000000000aa", 7, 3, NOW_NS, report)


def seen(row: Stored, threshold: int = 10) -> Stored:
    """The report without counts of people that are too small to be shown, and without what nobody knows."""
    readings = {
        name: value
        for name, value in row.report.readings.items()
        if name in METRICS and (name not in OF_PEOPLE or float(value) >= threshold)
    }
    return row._replace(report=msgspec.structs.replace(row.report, readings=readings))


@given(stored(any_report()), st.integers(0, MOST_TWINS), st.integers(0, 2))
def test_a_report_comes_back_from_its_point_to_the_last_digit(row: Stored, twin: int, most: int) -> None:
    """Any valid one, named or beyond what its box may name; small counts of people and unknown readings stay away."""
    point = of_report(Row(row, twin), PLACER, Names(most=most))
    if most == 0 and row.report.probe not in PROBES:
        assert point == STRANGE
        return
    assert isinstance(point, Point)
    assert report_of(point) == seen(row)


@given(stored(any_report()), st.integers(0, MOST_TWINS))
def test_tags_come_out_of_the_vocabulary_and_fields_keep_their_types(row: Stored, twin: int) -> None:
    """No tag but those listed, none empty; each field has the one type of its name; the measurement is known."""
    point = made(row, twin=twin)
    assert set(point.tags) <= set(TAGS)
    assert all(value and len(value) <= TAG_CHARS for value in point.tags.values())
    assert point.measurement in MEASUREMENTS
    for name, value in point.fields.items():
        kind = KINDS[METRICS[name].kind] if name in METRICS else KIND_OF_RECORD[name]
        assert type(value) is kind, name


def test_no_two_things_have_one_name() -> None:
    """Metrics, the record's fields and tags share no name; nor do probes, copies and the unknown."""
    assert not set(METRICS) & (RECORD | set(TAGS) | {"time", "_field", "_measurement"})
    assert not RECORD & set(TAGS)
    assert set(KIND_OF_RECORD) == RECORD
    assert not set(MEASUREMENTS) & set(COPIES)
    assert len(set(MEASUREMENTS)) == len(MEASUREMENTS)
    assert UNKNOWN not in PROBES


@pytest.mark.parametrize(("stations", "there"), [(0, False), (9, False), (10, True), (31, True)])
def test_few_people_are_not_counted(stations: int, there: bool) -> None:
    """A count below the district's threshold is in no field, whatever it is called there."""
    point = made(plain(probe="wifi_air", readings={"ap_stations": stations, "busy_pct": 4}))
    assert ("ap_stations" in point.fields) is there
    assert str(point.fields).count("stations") == there
    assert point.fields["busy_pct"] == 4.0


def test_the_threshold_is_the_districts() -> None:
    """Where it hides more, less is shown."""
    placer = Placer(district(thresholds=Thresholds(count=50)))
    assert "ap_stations" not in made(plain(readings={"ap_stations": 49}), placer=placer).fields
    assert made(plain(readings={"ap_stations": 50}), placer=placer).fields["ap_stations"] == 50


@pytest.mark.parametrize(
    ("agent", "at_ns", "place"),
    [
        (BOX, MONDAY_NS, {"school": "lincoln", "room": "12", "circuit": "line", "period": "night"}),
        (BOX, MONDAY_NS + 6 * HOUR_NS, {"period": "class period 1"}),
        (BOX, MONDAY_NS - 24 * HOUR_NS, {"period": "weekend, night"}),
        ("hub-1", MONDAY_NS + 6 * HOUR_NS, {"circuit": "line", "period": "class period 1"}),
        ("moved", MONDAY_NS - 48 * HOUR_NS, {"school": "lincoln"}),
        ("moved", MONDAY_NS, {}),
        ("moved", MONDAY_NS + 24 * HOUR_NS, {"school": "mill"}),
        ("nobody", MONDAY_NS, {}),
    ],
)
def test_where_a_box_stood(agent: str, at_ns: int, place: dict[str, str]) -> None:
    """The seat of that moment; none on the day of a move, nor for a box that nobody has entered."""
    tags = made(plain(at_ns)._replace(agent=agent, received_ns=at_ns)).tags
    assert tags["agent"] == agent
    assert tags["district"] == "Maple Valley"
    assert tags | place == tags
    if not place:
        assert not {"school", "room", "circuit", "period"} & set(tags)
    if agent == "hub-1":
        assert not {"school", "room"} & set(tags)


def test_the_hubs_day_has_the_districts_hours() -> None:
    """A box in no school is in class when the district is."""
    placer = Placer(district(class_from=time(3), class_to=time(7), tz="UTC"))
    assert made(plain()._replace(agent="hub-1"), placer=placer).tags["period"] == "class period 4"


@given(st.integers(0, 3 * 24 * 60), st.integers(0, 59))
def test_what_is_remembered_of_a_minute_holds_for_all_of_it(minute: int, second: int) -> None:
    """A placer that was asked before answers like a new one: bells ring on the minute."""
    at_ns = MONDAY_NS + minute * 60 * 10**9
    _ASKED.tags(BOX, at_ns)
    later = at_ns + second * 10**9 + 999_999_999
    assert _ASKED.tags(BOX, later) == Placer(_ASKED.district).tags(BOX, later)


_ASKED = Placer(district(calendars={}))


def test_what_is_remembered_of_one_school_holds_for_no_other() -> None:
    """At one moment it is night at a school and class at the hub, whoever is asked for first."""
    placer = Placer(district(class_from=time(3), class_to=time(7), tz="UTC"))
    periods = [placer.tags(agent, MONDAY_NS)["period"] for agent in ("hub-1", BOX, "hub-1")]
    assert periods == ["class period 4", "night", "class period 4"]


def test_what_is_remembered_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A year of minutes of every box would fill the memory."""
    monkeypatch.setattr(points, "_MOST_REMEMBERED", 10)
    placer = Placer(district())
    for minute in range(100):
        placer.tags(BOX, MONDAY_NS + minute * 60 * 10**9)
        assert len(placer._places) <= 11
        assert len(placer._periods) <= 11


def test_more_names_than_a_box_may_have_become_one() -> None:
    """Beyond a hundred of its own a box's series are one; the names themselves are kept as a text."""
    names = Names()
    for number in range(MOST_NAMES):
        assert made(plain(target=f"t{number}"), names).tags["target"] == f"t{number}"
    more = made(plain(target="one-more", engine="own", segment=Segment.WAN), names)
    assert more.tags["target"] == OTHER
    assert not {"engine", "segment", "medium"} & set(more.tags)
    assert json.loads(str(more.fields["named"])) == ["one-more", "own", "wan", None]
    assert made(plain(target="t7"), names).tags["target"] == "t7"
    assert made(plain(target="one-more")._replace(agent="other"), names).tags["target"] == "one-more"


@pytest.mark.parametrize(
    "more",
    [
        {"probe": "host"},
        {"target": "b"},
        {"engine": "own"},
        {"segment": Segment.WAN},
        {"medium": Medium.WIFI},
    ],
)
def test_each_word_of_its_own_makes_another_name(more: dict[str, Any]) -> None:
    """Probe, target, engine, segment and medium: what begins another series counts as one more."""
    names = Names(most=1)
    assert made(plain(), names).tags["target"] == "gateway"
    assert made(plain(**more), names).tags["target"] == OTHER


def test_names_that_came_up_are_told_once_and_known_for_ever() -> None:
    """Whoever keeps them gets each once; with those of before the guard goes on where it stood."""
    names = Names({BOX: {("latency", "a", "")}}, most=2)
    assert names.allow(BOX, ("latency", "a", ""))
    assert names.allow(BOX, ("latency", "b", ""))
    assert not names.allow(BOX, ("latency", "c", ""))
    assert names.taken() == [(BOX, ("latency", "b", ""))]
    assert names.taken() == []


def test_a_probe_that_nobody_knows_is_kept_under_its_name() -> None:
    """In one measurement for all of them; no point once its box has named too much."""
    point = made(plain(probe="smell", readings={"rtt_p50_ms": 3}))
    assert (point.measurement, point.tags["subject"]) == (UNKNOWN, "smell")
    assert of_report(Row(plain(probe="smell"), 0), PLACER, Names(most=0)) == STRANGE


def test_two_reports_of_one_moment_stay_two() -> None:
    """Two boxes of one name: the second is another series. Beyond a few, the journal alone has them."""
    row = plain()
    keys = {tuple(sorted(made(row, twin=n).tags.items())) for n in range(MOST_TWINS + 1)}
    assert len(keys) == MOST_TWINS + 1
    assert "twin" not in made(row).tags
    assert of_report(Row(row, MOST_TWINS + 1), PLACER, Names()) == TWINS


def test_a_clock_that_is_ahead_makes_no_point() -> None:
    """More than five minutes ahead of the collector: a store would keep it for years to come."""
    assert of_report(Row(plain(NOW_NS + AHEAD_NS + 1), 0), PLACER, Names()) == AHEAD
    assert made(plain(NOW_NS + AHEAD_NS)).at_ns == NOW_NS + AHEAD_NS


def test_a_number_is_a_number_however_it_was_written() -> None:
    """5 and 5.0 of one metric are one type; what no catalogue has is counted, for it may count people."""
    point = made(
        plain(readings={"rtt_p50_ms": 5, "echoes_sent": 5, "smell": 5, "seq": 8}, segment=Segment.WAN)
    )
    assert (type(point.fields["rtt_p50_ms"]), type(point.fields["echoes_sent"])) == (float, int)
    assert point.fields["others"] == 2
    assert "smell" not in str(point)
    assert (point.fields["seq"], point.tags["segment"]) == (7, "wan")


@given(words(200) | st.text(max_size=200))
@example("a" * (TAG_CHARS - 1) + " b")
def test_what_people_write_becomes_a_tag_on_one_line(text: str) -> None:
    """Printable, short, without a backslash, and the same when it is made a tag again."""
    tag = tag_text(text)
    assert tag.isprintable()
    assert len(tag) <= TAG_CHARS
    assert "\\" not in tag
    assert tag_text(tag) == tag


@pytest.mark.parametrize(
    "point", [Point("latency", {}, {}, 1), Point("latency", {"agent": BOX}, {"seq": 1}, 1)]
)
def test_what_was_made_of_no_report_is_none(point: Point) -> None:
    """It is said, and nothing is made up."""
    with pytest.raises((ValueError, KeyError)):
        report_of(point)


def test_calendars_hours_are_quarters() -> None:
    """The hours by which these tests reckon: from 07:30, in four parts."""
    assert [bell.since for bell in calendars.DEFAULT.usual_bells][:2] == [time(7, 30), time(9, 30)]
