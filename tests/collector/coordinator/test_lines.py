"""One heavy test at a time on a line, in a building, on an access point: which tests meet, and which don't."""

import pytest

from collector.store.reads import Reads
from firstbell.district import Seat
from firstbell.lease import Ask, Grant, Refuse
from tests.collector.coordinator.town import MB, House, town

Question = tuple[str, str, str]


@pytest.mark.parametrize(
    ("first", "second", "meet"),
    [
        (("lincoln-1", "internet", ""), ("lincoln-2", "internet", ""), True),
        (("lincoln-1", "internet", ""), ("roosevelt-1", "internet", ""), True),
        (("lincoln-1", "wan", ""), ("roosevelt-1", "wan", ""), False),
        (("lincoln-1", "wan", ""), ("lincoln-2", "internet", ""), True),
        (("lincoln-1", "site", ""), ("roosevelt-1", "internet", ""), False),
        (("lincoln-1", "site", ""), ("lincoln-2", "site", ""), True),
        (("lincoln-1", "site", ""), ("lincoln-2", "internet", ""), True),
        (("lincoln-1", "internet", ""), ("alone-1", "internet", ""), False),
        (("hub-1", "internet", ""), ("roosevelt-1", "internet", ""), True),
        (("hub-1", "internet", ""), ("roosevelt-1", "wan", ""), True),
        (("hub-1", "internet", ""), ("roosevelt-1", "site", ""), False),
        (("lincoln-1", "", ""), ("roosevelt-1", "internet", ""), True),
        (("stray-1", "internet", ""), ("stray-2", "site", ""), True),
        (("stray-1", "internet", ""), ("lincoln-1", "internet", ""), False),
        (("lincoln-1", "self", ""), ("lincoln-2", "internet", ""), True),
        (("lincoln-1", "internet", ""), ("lincoln-2", "self", ""), True),
        (("roosevelt-1", "internet", ""), ("lincoln-2", "my own", ""), True),
        (("hub-1", "self", ""), ("roosevelt-1", "wan", ""), True),
    ],
)
def test_two_tests_meet_only_where_their_ways_do(
    house: House, first: Question, second: Question, meet: bool
) -> None:
    """The second box is refused exactly where it would load what the first one loads."""
    agent, segment, medium = first
    house.granted(agent, segment=segment, medium=medium)
    agent, segment, medium = second
    answer = house.ask(agent, segment=segment, medium=medium)
    assert isinstance(answer, Refuse if meet else Grant)
    if isinstance(answer, Refuse):
        assert answer.reason == "another test is loading the line"
        assert answer.again_s == 30


def test_a_settled_lease_frees_its_line_at_once(house: House) -> None:
    """The next box is granted in the same second."""
    grant = house.granted("lincoln-1")
    house.refused("lincoln-2")
    house.settle(grant.lease, "lincoln-1")
    house.granted("lincoln-2")


def test_a_target_without_a_segment_is_taken_for_the_whole_way(house: House) -> None:
    """A box that does not say how far its test goes loads the line that all schools share."""
    ask = Ask(nonce="n", kind="throughput", targets=("s",), max_bytes=500 * MB, max_seconds=30.0)
    assert isinstance(house.desk.hear("lincoln-1", ask), Grant)
    house.refused("roosevelt-1")
    house.granted("alone-1")


def test_a_box_that_is_moved_while_it_tests_tests_no_second_time(house: House) -> None:
    """Its lease names the lines of before; the box itself carries one test at a time wherever it stands."""
    house.granted("stray-1")
    house.district = town(seats=(Seat(agent="stray-1", school="alone", circuit="alone-line"),))
    assert house.refused("stray-1", "internet").reason == "another test is loading the line"
    house.granted("alone-1")


@pytest.mark.parametrize(
    ("agent", "medium", "air"),
    [
        ("wifi-1", "", {"access point ap-2", "access point ap-3"}),
        ("wifi-1", "wifi", {"access point ap-2", "access point ap-3"}),
        ("wifi-1", "wired", set()),
        ("attic-1", "wifi", {"air of lincoln/attic"}),
        ("lincoln-1", "", set()),
    ],
)
def test_a_test_over_wifi_loads_the_access_points_of_its_room(
    house: House, agent: str, medium: str, air: set[str]
) -> None:
    """By the box's own word, else by its seat; where nobody named them, the room's air."""
    house.district = town(
        seats=(Seat(agent="attic-1", school="lincoln", circuit="lincoln-wan", room="attic"),)
    )
    house.granted(agent, segment="site", medium=medium)
    (lease,) = Reads(house.journal).leases(0, 1 << 62)
    assert set(lease.loads) - {f"box {agent}", "building lincoln"} == air
