"""The boxes, over real journals: who is silent with whom, who wants a look, and who wants none."""

import csv
import io
from collections.abc import Callable

import msgspec
import pytest

from collector.questions import boxes
from collector.questions.box_looks import number
from collector.questions.boxes import DAY_NS, Box, Boxes
from collector.web.boxes import ago, as_csv, drawn
from firstbell.catalogue import Reading
from firstbell.report import ClockQuality, LimitedBy, Loss, Opening, Report
from tests.collector.questions.morning import AT_NS, MINUTE_NS, Morning, folder, looks, said
from tests.collector.workbench import Bench, report

LINCOLN = ("box-203", "box-204", "box-205", "box-mc")


@pytest.fixture
def morning(bench: Bench) -> Morning:
    """A district's morning, silent yet."""
    return Morning(bench)


def asked(morning: Morning, **files: str) -> Boxes:
    """All boxes at 7:40:20."""
    return boxes.ask(morning.bench.reads, folder(**files), AT_NS)


def groups(answer: Boxes) -> dict[str, list[str]]:
    """The names in each group."""
    return {group.id: [box.name for box in group.boxes] for group in answer.groups}


def one(answer: Boxes, name: str) -> Box:
    """The box of that name."""
    (found,) = [box for group in answer.groups for box in group.boxes if box.name == name]
    return found


def test_a_district_in_which_something_of_everything_is(morning: Morning) -> None:
    """Silent with its school, silent alone, never heard from, unplaced, to be looked at, and fine."""
    for agent in ("box-203", "box-204", "stranger"):
        morning.sees(agent, "online", since=20)
    morning.sees("box-205", "online", since=40, until=30)
    morning.sees("box-p", "online", since=40, until=28)
    morning.gateway("192.0.2.1", lambda _ago: True)
    morning.gateway("192.0.2.2", lambda ago: ago > 27)
    morning.send("box-204", [said("power", AT_NS - MINUTE_NS, undervoltage_now=True)])
    answer = asked(morning)
    assert groups(answer) == {
        "with_school": ["box-p"],
        "alone": ["box-205"],
        "never": ["box-mc"],
        "unplaced": ["stranger"],
        "look": ["box-204"],
        "fine": ["box-203"],
    }
    assert answer.sentence == (
        "3 of 6 boxes are talking. One school is silent, and one box is silent while its school is fine."
    )
    assert answer.lede == "1 talks but wants a look. 1 has never called. Of 1 nobody said where it stands."
    assert one(answer, "box-p").look == (
        "Its gateway doesn\u2019t answer either since 7:13. Power or the line, not our box.",
    )
    assert one(answer, "box-205").look == ("The gateway answers: the school is fine.",)
    assert one(answer, "box-204").place == "Lincoln High, 204"
    assert one(answer, "box-mc").last_ns is None
    assert one(answer, "box-mc").look == (
        "Never called: is it plugged in, and does its name stand in agent.toml?",
    )


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        ("cut", "Doesn\u2019t reach the internet since 7:30: see its room."),
        ("no internet", "Doesn\u2019t reach the internet since 7:30: see its room."),
        ("no wifi", "Doesn\u2019t get in by its Wi-Fi since 7:30: see its room."),
        ("never had wifi", None),
        ("empty", "Its battery is at 16\u00a0% and it isn\u2019t plugged in: plug it in."),
        ("full", None),
    ],
)
def test_a_box_whose_own_latest_looks_are_bad_wants_a_look(
    morning: Morning, seen: str, told: str | None
) -> None:
    """What its room's page calls trouble is not called nothing to do among the boxes."""
    trouble = seen in {"cut", "no internet"}
    morning.sees("box-204", "online", until=11 if trouble else 0)
    if trouble:
        morning.sees("box-204", seen, since=10)
    if seen == "no wifi":
        morning.wifi("box-204", goes=True, until=15)
    if "wifi" in seen:
        morning.wifi("box-204", goes=False, since=10)
    if seen in {"empty", "full"}:
        pct = 16.4 if seen == "empty" else 61.0
        morning.send("box-204", [said("power", AT_NS - MINUTE_NS, plugged_in=False, battery_pct=pct)])
    box = one(asked(morning), "box-204")
    assert (box.group, box.look) == (("look", (told,)) if told else ("fine", ()))


def test_a_silent_box_of_a_school_that_nobody_tries_is_not_called_alone(morning: Morning) -> None:
    """Without a gateway and without another box it isn't known whether the school is fine."""
    morning.sees("box-p", "online", since=40, until=28)
    answer = asked(morning, schools="id,name,students\nlincoln,Lincoln High,9\nprairie,Prairie Middle,9\n")
    assert groups(answer)["silent"] == ["box-p"]
    assert answer.rest == "One box is silent, and why isn\u2019t known."
    assert "schools.csv" in one(answer, "box-p").look[0]


def test_a_silent_box_beside_one_that_talks_is_silent_alone(morning: Morning) -> None:
    """Another box of the school tells as much as its gateway."""
    morning.sees("box-203", "online", since=20)
    morning.sees("box-205", "online", since=40, until=30)
    answer = asked(morning)
    assert groups(answer)["alone"] == ["box-205"]
    assert one(answer, "box-205").look == ("box-203 of the same school talks.",)


def says(
    probe: str, name: str, value: float, more: dict[str, Reading] | None = None
) -> Callable[[Morning], None]:
    """What `box-203` says in a report of that probe."""
    readings: dict[str, Reading] = {name: value, **(more or {})}
    row = msgspec.structs.replace(said(probe, AT_NS - MINUTE_NS), readings=readings)
    return lambda morning: morning.send("box-203", [row])


def lost(morning: Morning) -> None:
    """`box-203` owns up to what it lost."""
    row = report(
        1,
        at_ns=AT_NS - MINUTE_NS,
        losses=[Loss(epoch="f" * 16, first=1, last=212, reason="card full of errors")],
    )
    morning.send("box-203", [row])


def unsure(morning: Morning) -> None:
    """`box-203` has the collector's time."""
    morning.send("box-203", [report(1, at_ns=AT_NS - MINUTE_NS, clock=ClockQuality.COLLECTOR)])


def doubled(morning: Morning) -> None:
    """A second box calls itself `box-203`."""
    for epoch in ("b" * 16, "c" * 16):
        opening = Opening(predecessor="a" * 16, last_seq=1, ended="clean")
        row = report(1, at_ns=AT_NS - MINUTE_NS, opening=opening)
        morning.bench.send(1, [row], agent="box-203", epoch=epoch)


def older(morning: Morning) -> None:
    """`box-203` is two versions behind another one."""
    morning.send("box-203", [said("box", AT_NS - MINUTE_NS, agent_version="0.9.1")])
    morning.send("box-204", [said("box", AT_NS - MINUTE_NS, agent_version="0.10.0")])


@pytest.mark.parametrize(
    ("happens", "words"),
    [
        (says("box", "spool_used_pct", 83.0), "Its spool is 83\u00a0% full"),
        (
            says("box", "spool_reports", 1840, {"spool_used_pct": 1.0}),
            "Catching up: 1,840 reports wait in its spool.",
        ),
        (says("box", "unstored_reports", 3), "Its card did not take 3 measurements"),
        (says("host", "disk_free_mib", 120.0), "Its card has 120\u00a0MiB left."),
        (says("host", "port_speed_mbps", 100), "Its port agreed on 100\u00a0Mbit/s; its line has 1,000."),
        (lost, "212 reports lost: card full of errors."),
        (unsure, "Its time server doesn\u2019t answer."),
        (doubled, "Two boxes have this name"),
        (older, "Old version 0.9.1; others have 0.10.0."),
    ],
)
def test_what_is_to_be_looked_at_is_said(
    morning: Morning, happens: Callable[[Morning], None], words: str
) -> None:
    """Each trouble of a box that talks in words, and it stands in the group that wants a look."""
    morning.sees("box-203", "online", since=10, until=1)
    happens(morning)
    answer = asked(morning)
    assert "box-203" in groups(answer)["look"]
    assert words in " ".join(one(answer, "box-203").look)


def test_a_box_that_is_well_wants_no_look(morning: Morning) -> None:
    """Nothing is said of a box that says nothing unusual."""
    morning.sees("box-203", "online", since=20)
    morning.send(
        "box-203",
        [said("box", AT_NS - MINUTE_NS, agent_version="0.2.1", spool_reports=2, spool_used_pct=0.1)],
    )
    morning.stands("box-203")
    box = one(asked(morning), "box-203")
    assert (box.group, box.look, box.spool, box.version) == ("fine", (), 2, "0.2.1")
    assert (box.clock, box.missing, box.lost, box.starts) == (ClockQuality.NTP, 0, 0, 1)


def test_the_last_day_is_drawn_with_its_holes(morning: Morning) -> None:
    """The upper bar stops where the box did, the lower where its gateway did."""
    morning.sees("box-203", "online", since=120, until=61)
    morning.sees("box-203", "online", since=30)
    morning.gateway("192.0.2.1", lambda ago: ago > 30, since=120)
    box = one(asked(morning), "box-203")
    assert [(end - begin) // MINUTE_NS for begin, end in box.heard] == [60, 30]
    assert [(end - begin) // MINUTE_NS for begin, end in box.gateway] == [90]
    drawing = drawn(box, AT_NS)
    assert drawing.count("<rect x=") == 2
    assert drawing.count('class="gw"') == 1
    assert box.heard[0][0] > AT_NS - DAY_NS


def test_a_box_that_moves_is_roving_and_one_at_the_hub_is_at_a_big_line(morning: Morning) -> None:
    """The kind follows from the folder."""
    seats = (
        "agent,school,room,circuit,since\nbox-203,lincoln,203,line-l,\nbox-204,lincoln,204,line-l,2026-11-02\n"
        "box-204,lincoln,205,line-l,2026-12-01\nbox-hub,,rack 2,line-l,\n"
    )
    answer = asked(morning, seats=seats)
    assert {box.name: box.kind for group in answer.groups for box in group.boxes} == {
        "box-203": "base",
        "box-204": "roving",
        "box-hub": "big line",
    }
    assert one(answer, "box-hub").place == "District hub, rack 2"


def test_no_boxes_is_a_sentence(morning: Morning) -> None:
    """No empty table."""
    answer = asked(morning, seats="agent,school,room,circuit\n")
    assert (answer.sentence, answer.groups) == ("No boxes yet.", ())


def test_the_sheet_has_a_line_a_box_and_calculates_nothing(morning: Morning) -> None:
    """A cell that begins like a formula is text."""
    morning.send("box-203", looks("online", AT_NS - MINUTE_NS))
    schools = "id,name,students\nlincoln,'=1+1,9\nprairie,Prairie Middle,9\n"
    rows = list(csv.DictReader(io.StringIO(as_csv(asked(morning, schools=schools)))))
    assert [row["box"] for row in rows] == ["box-204", "box-205", "box-mc", "box-p", "box-203"]
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


@pytest.mark.parametrize("version", ["\uff1d1+1", "\t=1", "\r=1"])
def test_the_sheet_holds_back_every_letter_that_begins_a_formula(morning: Morning, version: str) -> None:
    """Wide letters, tabs and line ends before a formula count as one."""
    morning.send("box-203", looks("online", AT_NS - MINUTE_NS))
    answer = asked(morning)
    groups = tuple(
        msgspec.structs.replace(
            group, boxes=tuple(msgspec.structs.replace(box, version=version) for box in group.boxes)
        )
        for group in answer.groups
    )
    sheet = as_csv(msgspec.structs.replace(answer, groups=groups))
    assert f"'{version}" in sheet
    assert f",{version}" not in sheet


def test_versions_are_numbers() -> None:
    """0.10 comes after 0.9; what is none comes first."""
    assert sorted(["0.10.0", "", "0.9.1", "dev"], key=number) == ["", "dev", "0.9.1", "0.10.0"]


@pytest.mark.parametrize(
    ("minutes", "words"), [(0, "0 min"), (53, "53 min"), (413, "6 h 53 min"), (5640, "3 d 22 h")]
)
def test_how_long_ago(minutes: int, words: str) -> None:
    """In the units that fit."""
    assert ago(minutes * MINUTE_NS) == words


def test_how_long_a_box_may_say_nothing_is_the_districts_word(morning: Morning) -> None:
    """Nine minutes are no silence by default; where the district says five, they are."""
    for agent in ("box-203", "box-204"):
        morning.sees(agent, "online", since=40, until=9 if agent == "box-204" else 0)
    assert "box-204" in groups(asked(morning))["fine"]
    plain = folder()
    thresholds = msgspec.structs.replace(plain.district.settings.thresholds, silent_after_s=300)
    settings = msgspec.structs.replace(plain.district.settings, thresholds=thresholds)
    strict = plain._replace(district=msgspec.structs.replace(plain.district, settings=settings))
    answer = boxes.ask(morning.bench.reads, strict, AT_NS)
    assert "box-204" in groups(answer)["alone"]
    assert "box-203" in groups(answer)["fine"]


def test_a_box_that_limits_itself_is_to_look_at_unless_another_sees_more(morning: Morning) -> None:
    """What the judgement takes for the box's own limit stands in the list, until a faster one is on that line."""

    def test(mbps: float, limited_by: LimitedBy) -> Report:
        row = report(1, probe="internet", target="internet", at_ns=AT_NS - MINUTE_NS)
        return msgspec.structs.replace(row, readings={"down_mbps": mbps}, limited_by=limited_by)

    morning.send("box-203", [test(89.2, LimitedBy.PROBE), said("host", AT_NS, port_speed_mbps=1000)])
    answer = asked(morning)
    assert one(answer, "box-203").look == (
        "It sees no more than 89\u00a0Mbit/s, its own limit; its line has 1,000: put a faster machine there.",
    )
    assert one(answer, "box-203").group == "look"
    morning.send("box-204", [test(930, LimitedBy.LINE)])
    assert one(asked(morning), "box-203").look == ()
