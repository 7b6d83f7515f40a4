"""The room at 7:40, over real journals: every sentence that it can say, and none that is not so."""

import pytest

from agent.probes.radios import _gone
from collector.questions import room
from collector.questions.ask import QuestionError
from collector.questions.room import Room
from firstbell.ladder import Where
from firstbell.report import Medium, Opening, Status
from tests.collector.questions.morning import AT_NS, MINUTE_NS, Morning, folder, looks, no_wifi, said
from tests.collector.workbench import Bench, report

EVERYBODY = ("box-203", "box-204", "box-205", "box-mc", "box-p")


@pytest.fixture
def morning(bench: Bench) -> Morning:
    """A district's morning, silent yet."""
    return Morning(bench)


def asked(morning: Morning, name: str = "204", **files: str) -> Room:
    """The answer for a room of Lincoln High at 7:40:20."""
    return room.ask(morning.bench.reads, folder(**files), "lincoln", name, AT_NS)


def well(morning: Morning, *agents: str) -> None:
    """These boxes see a fine morning."""
    for agent in agents or EVERYBODY:
        morning.sees(agent, "online")


def places(answer: Room) -> list[str]:
    """The four places, the troubled one with a star."""
    return [f"{place.state}{'*' if place.it else ''}" for place in answer.places]


def rungs(answer: Room, kind: str) -> dict[str, tuple[str, str]]:
    """The steps of one way: state and value by name."""
    (found,) = [each for each in answer.ladders if each.kind == kind]
    return {rung.name: (rung.state, rung.value) for rung in found.rungs}


def test_a_room_that_is_fine(morning: Morning) -> None:
    """One sentence, four places, every step with its value, neighbours in the order of their numbers."""
    well(morning)
    morning.stands("box-204")
    answer = asked(morning)
    assert answer.where is Where.FINE
    assert answer.sentence == "204 is fine, as of 7:40."
    assert places(answer) == ["fine", "fine", "fine", "fine"]
    assert list(rungs(answer, "cable").values()) == [
        ("good", "steady"),
        ("good", "1,000\u00a0Mbit/s"),
        ("good", "has one"),
        ("good", "1.0\u00a0ms"),
        ("good", "9.0\u00a0ms"),
        ("good", "31\u00a0ms"),
        ("good", "120\u00a0ms"),
    ]
    assert [(n.room, n.fine) for n in answer.neighbours] == [
        ("203", True),
        ("205", True),
        ("206", False),
        ("Main closet", True),
    ]
    assert answer.neighbours[2].words == "not measured: the nearest box is in 205"
    assert answer.near == ("box-204",)


@pytest.mark.parametrize(("busy", "full"), [(91.0, True), (42.0, False)])
def test_a_room_whose_air_is_full_works_and_carries_no_class(
    morning: Morning, *, busy: float, full: bool
) -> None:
    """Everything answers, and the air is what the page speaks of; the steps behind it stay as they are."""
    well(morning)
    morning.wifi("box-204", goes=True)
    morning.send("box-204", [said("wifi_air", AT_NS - MINUTE_NS, busy_pct=20.0, ap_busy_pct=busy)])
    answer = asked(morning)
    assert answer.where is Where.FINE
    assert answer.bold == ("204 works, but its air is full," if full else "204 is fine,")
    assert ("its air is 91\u00a0% busy, where a class wants at most 50\u00a0%" in answer.lede) is full
    assert rungs(answer, "wifi")["Air"][0] == ("bad" if full else "good")
    assert rungs(answer, "cable")["Internet"][0] == "good"


def test_it_is_the_room(morning: Morning) -> None:
    """The room's Wi-Fi fails and its neighbours' go: the access point is named, and the last good minute."""
    well(morning)
    for agent in ("box-203", "box-205"):
        morning.wifi(agent, goes=True)
    morning.wifi("box-204", goes=True, until=15)
    morning.wifi("box-204", goes=False, since=10)
    answer = asked(morning)
    assert answer.where is Where.ROOM
    assert answer.sentence == (
        "It\u2019s the room. 204 can\u2019t get in by its Wi-Fi since 7:30; 203 and 205 are fine."
    )
    assert answer.lede == "Look at the access point in 204 (AP-204), or its switch port."
    assert places(answer) == ["fine", "trouble*", "fine", "fine"]
    assert rungs(answer, "wifi")["Joined"][0] == "bad"
    assert answer.last_good == "7:25. Signal \u221258 dBm."


def lost_wifi(morning: Morning) -> None:
    """Box 204 has Wi-Fi alone, which goes at 7:28; its neighbours are well by cable."""
    well(morning, "box-203", "box-205", "box-p")
    morning.sees("box-204", "online", until=13, medium=Medium.WIFI)
    morning.sees("box-204", "cut", since=12, medium=Medium.WIFI)
    morning.wifi("box-204", goes=True, until=15)
    morning.wifi("box-204", goes=False, since=10)


def test_a_box_that_has_wifi_alone_speaks_of_the_wifi(morning: Morning) -> None:
    """Whoever is sent to such a room is sent to the access point, not to a cable that isn't there."""
    lost_wifi(morning)
    for agent in ("box-203", "box-205"):
        morning.wifi(agent, goes=True)
    answer = asked(morning)
    assert answer.sentence == (
        "It\u2019s the room. 204 can\u2019t get in by its Wi-Fi since 7:28; 203 and 205 are fine."
    )
    assert answer.lede == "Look at the access point in 204 (AP-204), or its switch port."


def test_one_box_of_wifi_alone_accuses_nobody(morning: Morning) -> None:
    """Where nobody else measures Wi-Fi it may be the room's, the building's, or the box's own radio or key."""
    lost_wifi(morning)
    answer = asked(morning)
    assert answer.sentence == (
        "There is trouble, and where isn\u2019t known. 204 can\u2019t get in by its Wi-Fi since 7:28; "
        "nobody else measures Wi-Fi: the room\u2019s or the building\u2019s Wi-Fi, or our box."
    )
    assert places(answer) == ["not known", "not known", "not known", "fine"]
    neighbour = {n.room: n.words for n in asked(morning, "205").neighbours}["204"]
    assert neighbour == "can\u2019t get in by its Wi-Fi"


def test_it_is_the_building(morning: Morning) -> None:
    """No room reaches a gateway that answered before; without our own tries of it the line isn't known."""
    for agent in EVERYBODY[:4]:
        morning.sees(agent, "online", until=13)
        morning.sees(agent, "cut", since=12)
    morning.sees("box-p", "online")
    answer = asked(morning)
    assert answer.where is Where.BUILDING
    assert answer.sentence.startswith(
        "It\u2019s the building. No room at Lincoln High reaches the gateway since 7:28"
    )
    assert places(answer) == ["fine", "not known", "trouble*", "not known"]
    assert rungs(answer, "cable")["Gateway"] == ("bad", "not since 7:28")
    assert rungs(answer, "cable")["Internet"] == ("off", "not reached")


def test_it_is_the_line(morning: Morning) -> None:
    """The gateway answers and nothing beyond it does, in every room."""
    for agent in EVERYBODY[:4]:
        morning.sees(agent, "online", until=29)
        morning.sees(agent, "no internet", since=28)
    answer = asked(morning)
    assert answer.where is Where.LINE
    assert answer.sentence == (
        "It\u2019s the line. Lincoln High is cut off since 7:12; everything inside the building answers."
    )
    assert places(answer) == ["fine", "fine", "fine", "trouble*"]
    assert rungs(answer, "cable")["Internet"] == ("bad", "not since 7:12")


def test_it_is_only_our_box(morning: Morning) -> None:
    """A silent box among others that talk accuses nobody else."""
    well(morning, "box-203", "box-205", "box-mc", "box-p")
    morning.sees("box-204", "online", until=10)
    answer = asked(morning)
    assert answer.where is Where.BOX
    assert answer.sentence == (
        "It\u2019s only our box. Box box-204 is silent since 7:31; 203, 205 and Main closet are fine."
    )
    assert places(answer) == ["silent*", "not known", "fine", "fine"]
    assert {state for state, _ in rungs(answer, "cable").values()} == {"off"}


def test_a_silent_box_that_has_wifi_alone_may_be_the_rooms_wifi(morning: Morning) -> None:
    """It is not called our box where the room's Wi-Fi would look the same."""
    well(morning, "box-203", "box-p")
    morning.sees("box-204", "online", until=10, medium=Medium.WIFI)
    answer = asked(morning)
    assert answer.where is Where.UNKNOWN
    assert answer.sentence.endswith("203 is fine: our box or the Wi-Fi.")


def test_a_silent_school_whose_gateway_nobody_tried_is_not_accused(morning: Morning) -> None:
    """Without our own tries of its gateway nothing more is said than that it is silent."""
    for agent in EVERYBODY[:4]:
        morning.sees(agent, "online", until=28)
    morning.sees("box-p", "online")
    answer = asked(morning)
    assert answer.where is Where.UNKNOWN
    assert "our box, the school\u2019s power or its line" in answer.sentence


@pytest.mark.parametrize(("answers", "where"), [(True, Where.UNKNOWN), (False, Where.SCHOOL)])
def test_a_silent_school(morning: Morning, *, answers: bool, where: Where) -> None:
    """Neither its boxes nor its gateway answer: power or the line. If the gateway does, that isn't said."""
    morning.gateway("192.0.2.1", lambda ago: answers or ago > 27)
    for agent in EVERYBODY[:4]:
        morning.sees(agent, "online", until=28)
    morning.sees("box-p", "online")
    answer = asked(morning)
    assert answer.where is where
    if where is Where.SCHOOL:
        assert answer.sentence == (
            "The whole school is silent since 7:13: neither a box nor the gateway answers."
        )
        assert answer.lede == "Power or the line."


def test_a_gateway_that_was_silent_while_a_box_was_online_accuses_no_school(morning: Morning) -> None:
    """Replaced at 7:00, it answers us no more; what falls silent at 7:13 may be the box alone."""
    morning.gateway("192.0.2.1", lambda ago: ago > 40)
    for agent in EVERYBODY[:4]:
        morning.sees(agent, "online", until=28)
    morning.sees("box-p", "online")
    assert asked(morning).where is Where.UNKNOWN


def test_when_nothing_arrives_from_any_school_it_is_ours(morning: Morning) -> None:
    """All boxes of all schools at once: the collector or its broker, no school."""
    for agent in EVERYBODY:
        morning.sees(agent, "online", until=28)
    answer = asked(morning)
    assert answer.where is Where.DEAF
    assert answer.sentence.startswith("Nothing reaches us since 7:13")


def test_nobody_measures_the_room(morning: Morning) -> None:
    """The nearest box is named with what it says, and is the one to be asked."""
    well(morning)
    answer = asked(morning, "206")
    assert answer.where is Where.NOBODY
    assert answer.sentence == "Nobody measures 206. The nearest box is in 205; it is fine."
    assert (answer.near_room, answer.near, answer.boxes) == ("205", ("box-205",), ())
    assert places(answer) == ["none here", "not known", "fine", "fine"]


def test_no_box_is_near(morning: Morning) -> None:
    """A school without boxes says that, and nothing can be asked to check."""
    answer = asked(morning, seats="agent,school,room,circuit\nbox-p,prairie,101,line-p\n")
    assert answer.sentence == "Nobody measures 204. No box at Lincoln High is near."
    assert answer.near == ()
    assert answer.ladders == ()


def test_a_box_that_never_was_online_accuses_nothing(morning: Morning) -> None:
    """A closed port looks like a dead line from the first day on: that is not called an outage."""
    well(morning, "box-203", "box-p")
    morning.sees("box-204", "no internet")
    answer = asked(morning)
    assert answer.where is Where.FINE
    assert places(answer)[1:] == ["fine", "fine", "fine"]


def test_a_gateway_that_never_answers_echoes_is_no_trouble(morning: Morning) -> None:
    """Online with a silent gateway is online."""
    for ago in range(30, -1, -1):
        at_ns = AT_NS - ago * MINUTE_NS - 8 * 10**9
        morning.send("box-204", [looks("cut", at_ns)[0], *looks("online", at_ns)[1:]])
    assert asked(morning).where is Where.FINE


def test_two_boxes_with_one_name_say_nothing(morning: Morning) -> None:
    """What a doubted box says is no evidence, and the page says so."""
    well(morning)
    for epoch in ("b" * 16, "c" * 16):
        opening = Opening(predecessor="a" * 16, last_seq=1, ended="clean")
        morning.bench.send(
            1, [report(1, at_ns=AT_NS - MINUTE_NS, opening=opening)], agent="box-204", epoch=epoch
        )
    answer = asked(morning)
    assert answer.where is Where.NOBODY
    assert answer.notes == ("Two boxes call themselves box-204: nothing that either says counts.",)


def test_the_last_trouble_and_the_same_period_yesterday(morning: Morning) -> None:
    """What was before stands on the page: Monday's class period 1, and this morning's nine minutes."""
    yesterday = 1440
    morning.sees("box-204", "online", since=yesterday + 5, until=yesterday)
    morning.sees("box-204", "no internet", since=yesterday - 1, until=yesterday - 3)
    morning.sees("box-204", "online", since=yesterday - 4, until=yesterday - 8)
    morning.sees("box-204", "online", since=30, until=20)
    morning.sees("box-204", "no internet", since=19, until=11)
    morning.sees("box-204", "online", since=10)
    answer = asked(morning)
    assert answer.sentence == "204 is fine, as of 7:40. Last trouble: today 7:21, 9 minutes."
    assert answer.same_period == "Same class period yesterday: cut off for 3 minutes."


def test_a_box_that_has_too_little_power_says_so_on_the_ladder(morning: Morning) -> None:
    """Under-voltage and a slow port are steps of the ladder, not the room's trouble."""
    well(morning)
    morning.send(
        "box-204",
        [
            said("power", AT_NS - MINUTE_NS, undervoltage_now=True),
            said("host", AT_NS - MINUTE_NS, port_speed_mbps=100),
        ],
    )
    answer = asked(morning)
    assert answer.where is Where.FINE
    assert rungs(answer, "cable")["Power"] == ("bad", "voltage too low")
    assert rungs(answer, "cable")["Cable"] == ("good", "100\u00a0Mbit/s")
    assert rungs(answer, "cable")["Internet"][0] == "good"


def test_a_machine_without_wifi_has_no_such_ladder_trouble(morning: Morning) -> None:
    """`nothing` is no failure."""
    well(morning)
    morning.send(
        "box-204", [said("wifi_link", AT_NS - MINUTE_NS, Status.NOTHING, "this machine has no Wi-Fi")]
    )
    answer = asked(morning)
    assert answer.where is Where.FINE
    assert rungs(answer, "wifi")["Joined"] == ("off", "this machine has no Wi-Fi")


@pytest.mark.parametrize(
    ("reason", "medium"),
    [
        ("iw gave no answer in 5 s", None),
        ("iw is not installed on this machine: sudo apt install iw", None),
        (_gone("wifi").reason, Medium.WIFI),
    ],
)
def test_a_look_that_could_not_be_made_accuses_no_room(
    morning: Morning, reason: str, medium: Medium | None
) -> None:
    """A tool that fails, or an adapter that was pulled out, is nothing that the room did."""
    well(morning)
    for agent in ("box-203", "box-204", "box-205"):
        morning.wifi(agent, goes=True, until=5)
    morning.send("box-204", [no_wifi(reason, AT_NS - MINUTE_NS, medium)])
    answer = asked(morning)
    assert answer.where is Where.FINE
    assert rungs(answer, "wifi")["Joined"] == ("off", reason)


def test_a_room_that_is_none_is_refused(morning: Morning) -> None:
    """Where the folder lists the rooms, another is a mistake and the answer names those there are."""
    with pytest.raises(QuestionError, match="204"):
        asked(morning, "999")
    with pytest.raises(QuestionError, match="prairie"):
        room.ask(morning.bench.reads, folder(), "nowhere", "204", AT_NS)


@pytest.mark.parametrize("name", ["Room 204", " room 204 ", "204"])
def test_a_room_is_found_by_the_name_that_is_shown(morning: Morning, name: str) -> None:
    """By what rooms.csv calls it as by its number; a slip is answered with the room that was meant."""
    here = folder(rooms="school,room,name,seats\nlincoln,204,Room 204,30\nlincoln,205,Room 205,30\n")
    assert room.ask(morning.bench.reads, here, "lincoln", name, AT_NS).room == "204"
    with pytest.raises(QuestionError, match="no room 'Room 2044'; did you mean 204"):
        room.ask(morning.bench.reads, here, "lincoln", "Room 2044", AT_NS)


def test_a_box_that_never_got_through_is_not_said_to_have_checked_nothing(morning: Morning) -> None:
    """It checked seconds ago and failed, as far back as anybody knows; beside it, nothing is known of it."""
    morning.sees("box-204", "cut", since=5)
    answer = asked(morning)
    assert answer.where is Where.UNKNOWN
    assert "doesn\u2019t get through, as far back as is known" in answer.sentence
    assert asked(morning, "206").sentence.endswith("The nearest box is in 204; of it nothing is known.")
