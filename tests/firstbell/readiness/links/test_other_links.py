"""Pages, rooms and batteries: counted, never minimised, and never judged by what nobody measured."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.readiness.links import power, responsiveness, wifi
from firstbell.readiness.links.power import Battery
from firstbell.readiness.links.responsiveness import Hour, Replies
from firstbell.readiness.links.wifi import Air, RoomAir, RoomSeen
from firstbell.readiness.verdict import State
from tests.firstbell.readiness.town import TARGETS

NUMBERS = TARGETS.numbers
FLEX, STATION = TARGETS.models["flex"], TARGETS.models["station_rotation"]
FIRST = date(2026, 11, 2)


def hours(in_class_ms: float, quiet_ms: float = 15, days: int = 5) -> list[Hour]:
    """Six hours in class and six outside of it on each of some days."""
    return [
        Hour(FIRST + timedelta(days=day), day * 24 + n, n < 6, in_class_ms if n < 6 else quiet_ms)
        for day in range(days)
        for n in range(12)
    ]


@pytest.mark.parametrize(
    ("in_class_ms", "state", "have"),
    [
        (46, State.READY_THROUGH, 1304.3),
        (60, State.READY_THROUGH, 1000),
        (80, State.JUST_SHORT, 923.1),
        (150, State.JUST_SHORT, 444.4),
        (300, State.NOT_READY, 210.5),
    ],
)
def test_replies_a_minute(in_class_ms: float, state: State, have: float) -> None:
    """Replies are 60,000 / ms: from 1,000 on ready, below 300 not; what class adds to 15 ms counts where it is kinder."""
    seen = responsiveness.look(hours(in_class_ms), NUMBERS)
    assert seen is not None
    link = responsiveness.judge(seen, 1200, 2029, NUMBERS)
    assert link.measured.state is state
    assert link.have == pytest.approx(have, abs=0.1)


def test_a_long_way_is_no_slow_line() -> None:
    """90 ms by day and night is distance, and enough; 90 by day and 15 by night is the line."""
    far, slow = (responsiveness.look(hours(90, quiet), NUMBERS) for quiet in (88, 15))
    assert far
    assert slow
    assert responsiveness.judge(far, 1200, 2029, NUMBERS).measured.state.ready
    assert responsiveness.judge(slow, 1200, 2029, NUMBERS).measured.state.short


def test_quiet_hours_alone_never_pass() -> None:
    """Without an hour in class nothing is said; with too few it is open."""
    assert responsiveness.look([hour for hour in hours(20) if not hour.in_class], NUMBERS) is None
    few = responsiveness.look(hours(20, days=1), NUMBERS)
    assert few
    link = responsiveness.judge(few, 1200, 2029, NUMBERS)
    assert (link.assessed, link.have) == (False, None)
    assert link.note == "6 of 10 hours in class, on 1 of 3 days"


@given(st.floats(1, 2000), st.floats(0, 2000), st.floats(1, 500))
def test_more_delay_never_reads_better(ms: float, more: float, quiet: float) -> None:
    """Whatever the way itself takes."""
    less, longer = (Replies(60, 10, value, quiet) for value in (ms, ms + more))
    assert responsiveness.replies(longer, 1000) <= responsiveness.replies(less, 1000) + 1e-9


def room(name: str, busy: float = 0.2, rate: float | None = 400, seats: int | None = 28) -> RoomSeen:
    """A room whose air was that busy in class, seen for five days."""
    air = [
        Air(FIRST + timedelta(days=day), n < 3, busy if n < 3 else 0.1) for day in range(5) for n in range(6)
    ]
    return RoomSeen(name, seats, air, [] if rate is None else [rate] * 10)


@pytest.mark.parametrize(
    ("each", "people"),
    [(0.25, 194), (0.5, 97), (0.75, 64), (1.0, 48), (1.5, 32), (2.5, 19), (4.0, 12)],
)
def test_the_fact_sheets_own_table(each: float, people: int) -> None:
    """targets.md 4.3: a cell of 139 Mbit/s, half of the air less 15 % idle."""
    free = NUMBERS.air_busy.value - 0.15
    air = RoomAir("204", 28, 0.15, 0.2, 139 / NUMBERS.air_efficiency.value * 0.75 / each, True)
    assert free == pytest.approx(0.35)
    assert wifi.people_at_once(air, FLEX, NUMBERS) == people


def test_a_room_is_as_busy_as_in_its_worse_hours() -> None:
    """Three of four hours in class are no busier: of twelve, four full ones make it full, two do not."""

    def busy(full: int) -> float:
        air = [Air(FIRST + timedelta(days=n // 3), True, 0.9 if n < full else 0.1) for n in range(12)]
        seen = wifi.look([RoomSeen("204", 28, air, [])], 1, NUMBERS)
        assert seen
        return seen.seen[0].busy

    assert (busy(4), busy(2)) == (0.9, 0.1)


def test_rooms_are_counted_and_the_others_said() -> None:
    """38 of 45 rooms were checked and all carry a class: ready, and the seven are named as not assessed."""
    seen = wifi.look([room(f"{n}") for n in range(38)], 45, NUMBERS)
    assert seen
    link = wifi.judge(seen, FLEX, 1200, 2029, NUMBERS)
    assert (link.have, link.need, link.measured.state) == (38, 35, State.READY_THROUGH)
    assert link.note == "38 of 38 checked rooms carry a class; 7 not checked"


@pytest.mark.parametrize(("rooms", "checked", "bad", "need"), [(41, 5, 0, 19), (18, 2, 2, 9), (18, 8, 8, 9)])
def test_a_few_rooms_are_no_answer_for_a_school(rooms: int, checked: int, bad: int, need: int) -> None:
    """Neither ready by five good rooms of 41 nor not ready by two bad ones of 18: half must be checked."""
    seen = wifi.look([room(f"{n}", busy=0.7 if n < bad else 0.2) for n in range(checked)], rooms, NUMBERS)
    assert seen
    link = wifi.judge(seen, FLEX, 1200, 2029, NUMBERS)
    assert (link.measured.state, link.have, link.need) == (State.NOT_MEASURED, None, need)
    assert link.note.startswith(f"{checked - bad} of {checked} checked rooms carry a class")
    assert link.note.endswith(f"{rooms - checked} not checked; an answer needs {-(-rooms // 2)} checked")


def test_a_closet_with_a_box_on_a_cable_is_no_room_to_check() -> None:
    """One room of two is half of them, whatever closets the other boxes stand in."""
    seen = wifi.look(
        [room("204"), *(RoomSeen(name, None, [], []) for name in ("office", "closet"))], 2, NUMBERS
    )
    assert seen
    assert (
        wifi.judge(seen, FLEX, 1200, 2029, NUMBERS).note
        == "1 of 1 checked room carries a class; 1 not checked"
    )


def test_the_working_lists_the_rooms_with_what_was_seen() -> None:
    """Whoever asks how we know finds each room's values, and why it carries its class or doesn't."""
    once = room("3")._replace(air=[Air(FIRST, True, 0.25)])
    rooms = [room("1", busy=0.7), room("2", rate=None), once, room("4", rate=60)]
    seen = wifi.look(rooms, 4, NUMBERS)
    assert seen
    assert wifi.judge(seen, FLEX, 1200, 2029, NUMBERS).working[-4:] == (
        (
            "1: channel busy 70 % in class and 10 % when idle; a box at 400\u00a0Mbit/s, "
            "so enough for 74 at once of 28: carries no class."
        ),
        (
            "2: channel busy 20 % in class and 10 % when idle; "
            "no box hangs on its Wi-Fi, so by its channel alone: carries a class."
        ),
        "3: channel busy 25 % in class and 0 % when idle; too few hours in class, not counted.",
        (
            "4: channel busy 20 % in class and 10 % when idle; a box at 60\u00a0Mbit/s, "
            "so enough for 11 at once of 28: carries no class."
        ),
    )


@pytest.mark.parametrize(
    ("bad", "state"), [(2, State.READY_THROUGH), (7, State.JUST_SHORT), (11, State.NOT_READY)]
)
def test_a_bad_room_is_no_bad_school(bad: int, state: State) -> None:
    """Of 29 rooms: two are their own trouble, eleven the school's; the rooms are named."""
    full = [room(f"{n}", busy=0.7) for n in range(bad)]
    seen = wifi.look([*full, *(room(f"r{n}") for n in range(29 - bad))], 29, NUMBERS)
    assert seen
    link = wifi.judge(seen, STATION, 690, 2029, NUMBERS)
    assert link.measured.state is state
    assert link.note.startswith(f"{29 - bad} of 29 checked rooms carry a class; 0")


def test_what_a_class_needs_depends_on_how_it_is_taught() -> None:
    """At 60 Mbit/s of rate a room carries 11: enough for a test of 200 kbit/s each, not for flex."""
    seen = wifi.look([room("204", rate=60)], 1, NUMBERS)
    assert seen
    (air,) = seen.seen
    assert wifi.people_at_once(air, FLEX, NUMBERS) == 11
    assert not wifi.carries(air, FLEX, NUMBERS)
    assert wifi.carries(air, TARGETS.models["test_day"], NUMBERS)


def test_a_room_seen_for_a_day_is_not_assessed() -> None:
    """Three hours in class on one day say nothing, and turn nothing grey."""
    once = room("204", busy=0.9)._replace(air=[Air(FIRST, True, 0.9)] * 3)
    seen = wifi.look([once], 45, NUMBERS)
    assert seen
    link = wifi.judge(seen, FLEX, 1200, 2029, NUMBERS)
    assert (link.assessed, link.note) == (False, "no room checked enough yet, of 45")
    assert wifi.look([RoomSeen("204", 28, [], [])], 45, NUMBERS) is None


def test_batteries_that_last() -> None:
    """Flex takes 38.5 Wh a day (targets.md 5): 47.4 Wh last at 82 % and not at 80 %; ninety of a hundred are enough."""
    assert power.day_wh(FLEX, NUMBERS) == pytest.approx(38.53, abs=0.01)
    assert power.lasts(Battery(47.4 * 0.82, 82), FLEX, NUMBERS)
    assert not power.lasts(Battery(47.4 * 0.80, 80), FLEX, NUMBERS)
    assert power.lasts(Battery(None, 80), FLEX, NUMBERS)
    fleet = [Battery(45, 95)] * 90 + [Battery(20, 42)] * 10
    link = power.judge(fleet, FLEX, 1200, 2029, NUMBERS)
    assert (link.have, link.need, link.measured.state) == (90, 90, State.READY_THROUGH)
    assert power.judge(fleet[1:], FLEX, 1200, 2029, NUMBERS).measured.state is State.JUST_SHORT


def test_a_few_batteries_are_no_answer() -> None:
    """Nine devices say little of a school's."""
    link = power.judge([Battery(10, 20)] * 9, FLEX, 1200, 2029, NUMBERS)
    assert (link.assessed, link.have) == (False, None)


@pytest.mark.parametrize(("health", "lasts"), [(79.9, False), (80.0, True), (None, False)])
def test_health_alone_tells_whether_a_battery_lasts(health: float | None, lasts: bool) -> None:
    """Four fifths of what it held when new are enough, less is not; what is not known never lasts."""
    assert power.lasts(Battery(None, health), FLEX, NUMBERS) is lasts


@pytest.mark.parametrize(
    ("hours_a_day", "assessed"), [((5, 5), True), ((5, 4), False), ((10,), False), ((1, 9), True)]
)
def test_a_room_is_assessed_by_ten_hours_in_class_on_two_days(
    hours_a_day: tuple[int, ...], assessed: bool
) -> None:
    """Nine hours are too few, and so are ten on one day; hours outside of class are none of them."""
    air = [
        Air(FIRST + timedelta(days=day), True, 0.2)
        for day, many in enumerate(hours_a_day)
        for _ in range(many)
    ]
    air += [Air(FIRST + timedelta(days=day), False, 0.1) for day in range(5) for _ in range(10)]
    seen = wifi.look([RoomSeen("204", 28, air, [400.0])], 1, NUMBERS)
    assert seen
    assert seen.seen[0].assessed is assessed


@pytest.mark.parametrize(("busy", "good"), [(0.0, True), (0.46, True), (0.5, True), (0.51, False)])
def test_a_channel_may_be_busy_for_half_of_the_time(busy: float, good: bool) -> None:
    """And no more, whatever the rates are; a box on a cable tells nothing of these."""
    for rate in (None, 5000.0):
        air = RoomAir("204", 28, 0.1, busy, rate, True)
        assert wifi.carries(air, FLEX, NUMBERS) is good
