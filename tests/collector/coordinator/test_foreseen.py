"""What is foreseen of a refusal is what the coordinator then says."""

import msgspec
import pytest

from collector.coordinator import foreseen
from collector.store.reads import Reads
from firstbell.district import School
from tests.collector.coordinator.town import House, at


def why_not(house: House, agent: str = "lincoln-1", kind: str = "throughput", opens_ns: int = 0) -> str:
    """What is foreseen of a test of half a minute at this moment."""
    reads = Reads(house.journal)
    try:
        return foreseen.why_not(
            house.district, reads.leases, agent, kind, 30.0, house.clock.now_ns(), opens_ns
        )
    finally:
        reads.close()


@pytest.mark.parametrize(
    ("clock", "near"),
    [
        ("2026-12-07T07:34:59", True),
        ("2026-12-07T07:35:00", False),
        ("2026-12-07T09:24:29", False),
        ("2026-12-07T09:24:31", True),
        ("2026-12-07T23:58:00", True),
        ("2026-12-12T09:31:00", True),
        ("2026-12-12T09:00:00", False),
    ],
)
def test_near_a_bell_it_is_foreseen_and_only_there(house: House, clock: str, near: bool) -> None:
    """To the second, on days with school and without."""
    house.clock.to(at(clock))
    why = why_not(house)
    assert bool(why) is near
    if not near:
        house.granted()
        return
    reason = house.refused().reason
    assert why == f"{reason}, and within 5 minutes of a bell no line is loaded"
    assert reason.endswith(("has just begun", "is about to end"))


def test_the_second_of_a_period_is_foreseen(house: House) -> None:
    """Of that kind, for that box, in that period."""
    house.settle(house.granted().lease)
    house.clock.to(at("2026-12-07T08:10"))
    assert why_not(house) == "there was one in class period 1 already"
    assert house.refused().reason == "this box has had its test in this period"
    assert why_not(house, kind="internet") == why_not(house, "lincoln-2") == ""
    house.clock.to(at("2026-12-07T09:40"))
    assert why_not(house) == ""


def test_it_is_the_bells_of_the_box_s_own_school(house: House) -> None:
    """Whatever the first school of the district has."""
    here = next(school for school in house.district.schools if school.id == "lincoln")
    elsewhere = School(id="aa-first", name="Elsewhere", students=1, tz="Asia/Kathmandu")
    house.district = msgspec.structs.replace(house.district, schools=(elsewhere, *house.district.schools))
    house.clock.to(at("2026-12-07T09:31:00"))
    assert here.tz == "America/Chicago"
    assert why_not(house).startswith("class period 2 has just begun")
    house.refused()


def test_a_lease_that_was_given_back_is_no_test(house: House) -> None:
    """A grant that came too late for the box and was not used."""
    house.settle(house.granted().lease, used=0, seconds=0.0)
    house.clock.to(at("2026-12-07T08:10"))
    assert why_not(house) == ""
    house.granted()


def test_just_after_a_start_it_is_foreseen(house: House) -> None:
    """Until the coordinator grants anything at all."""
    now_ns = house.clock.now_ns()
    said = why_not(house, opens_ns=now_ns + 1)
    house.restart()
    assert house.refused().reason == said
    assert why_not(house, opens_ns=now_ns) == ""
