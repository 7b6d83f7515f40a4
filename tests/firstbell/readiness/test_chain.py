"""The answer for a school: its words, its promises, and what never makes it better or worse."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from firstbell.district import Circuit, School, Seat
from firstbell.readiness import models
from firstbell.readiness.chain import SchoolAnswer
from firstbell.readiness.verdict import State
from firstbell.report import ClockQuality, LimitedBy, Medium
from tests.firstbell.readiness.town import (
    BOX,
    CHICAGO,
    CLASS,
    DAYS,
    NOW,
    QUIET,
    TARGETS,
    TEXT,
    ask,
    at,
    check,
    day,
    town,
    week,
    weighed,
)

NEED = 1032.75
"""Flex for 1,200 people today (example 20)."""


@pytest.mark.parametrize(
    ("have", "label"),
    [
        (NEED * 1.953125, "Ready through fall 2029"),
        (NEED * 1.953125 * 0.9801, "Ready through fall 2029"),
        (NEED * 1.953125 * 0.979, "Ready until fall 2029"),
        (NEED * 1.5625, "Ready until fall 2029"),
        (NEED * 1.25, "Ready until fall 2028"),
        (NEED, "Ready until fall 2027"),
        (NEED * 0.9801, "Ready until fall 2027"),
        (NEED * 0.979, "Just short"),
        (NEED * 0.8, "Just short"),
        (NEED * 0.799, "Not ready"),
        (0.0, "Not ready"),
    ],
)
def test_the_ladder(have: float, label: str) -> None:
    """design/README.md: measured / need 1.25^3 is through 2029, then until 2029, 2028, 2027; 0.8 just short. 2 % are none."""
    answer = ask(week(have))
    assert answer.label == label
    assert answer.sentence.startswith(label)


@pytest.mark.parametrize(
    ("bought", "label"),
    [
        (2018, "Ready through fall 2029"),
        (2017, "Ready until fall 2029"),
        (1614, "Ready until fall 2029"),
        (1291, "Ready until fall 2028"),
        (1033, "Ready until fall 2027"),
        (1032, "Just short"),
        (827, "Just short"),
        (826, "Not ready"),
    ],
)
def test_the_paper_answer_has_no_tolerance(bought: float, label: str) -> None:
    """Contract against need: 1,032 bought of 1,032.75 needed is just short, because paper measures nothing."""
    paper = ask(district=town(down=bought)).paper
    assert paper.label == label
    assert paper.sentence.startswith(f"On paper, not measured: {label[0].lower()}{label[1:]}.")


def test_lincoln_high_on_paper() -> None:
    """The design's own example, word for word."""
    assert ask().paper.sentence == (
        "On paper, not measured: just short. Lincoln High buys 1,000\u00a0Mbit/s; 1:1 flex needs 1,030 today."
    )


def test_lincoln_high_measured() -> None:
    """910 of 1,030 is just short, by 120; with 2,020 it would be ready to the horizon; 1,050 people would do."""
    answer = ask(week(910))
    assert answer.sentence == (
        "Just short: the internet line carries at least 910\u00a0Mbit/s about three times out of four; "
        "1:1 flex needs 1,030 today."
    )
    assert answer.weakest is not None
    assert answer.weakest.today
    assert (
        answer.weakest.sentence
        == "The weakest link: the line to the internet is 120\u00a0Mbit/s short today."
    )
    line, people = answer.changes
    assert line.mbps == pytest.approx(2017.1, abs=0.05)
    assert people.people == 1057
    assert "about 1,060 people" in people.sentence


def test_a_shortfall_within_two_per_cent_is_said_to_be_one() -> None:
    """1,015 of 1,033 reads like a shortfall: the sentence says why it is none."""
    answer = ask(week(1015))
    assert answer.sentence.endswith(
        "needs 1,030 today and 1,290 in fall 2027, within what measuring can be off by."
    )


def test_the_framing_factor_is_in_the_working() -> None:
    """941.5 Mbit/s of payload are a full gigabit line: 941.5 x 1538 / 1448 = 1,000."""
    tests = [check(f"{when} {time}", readings={"down_mbps": 941.5}) for when in DAYS for time in QUIET]
    side = ask(tests).links[0].sides[0]
    assert side.measured.have == pytest.approx(1000, abs=0.1)
    assert side.working.startswith("941.5 Mbit/s of payload")
    assert "1.0622" in side.working


def test_four_of_ten_checks() -> None:
    """One day's four checks, asked on the next morning: the date is three school days after the first."""
    answer = ask(week(1000, days=DAYS[:1]), now="2026-12-02 07:00")
    assert answer.sentence == "Not measured enough yet: 4 of 10 checks, answer about 3 December."
    assert answer.measured.have is None
    assert answer.weakest is None
    assert "6 more checks" in answer.changes[0].sentence


def test_what_is_missing_is_said() -> None:
    """Days, times of day, a second place for Wi-Fi, a better box: each in its own words, with a date if one is known."""
    two_days = [
        check(f"2026-12-0{n % 2 + 1} {hour:02}:10", 1000) for n in range(2) for hour in (0, 2, 5, 6, 16, 18)
    ]
    assert ask(two_days, now="2026-12-02 23:00").sentence == (
        "Not measured enough yet: 12 of 10 checks, on 2 of 3 days, answer about 3 December."
    )
    nights = [check(f"{when} 0{hour}:10", 1000) for when in DAYS for hour in (0, 1, 2, 3)]
    assert ask(nights, now="2026-12-04 01:00").sentence == (
        "Not measured enough yet: 12 of 10 checks, at 1 of 3 times of day, answer about 4 December."
    )
    wifi = [check(f"{when} {time}", 1000, medium=Medium.WIFI) for when in DAYS for time in QUIET]
    answer = ask(wifi)
    assert answer.sentence == "Not measured enough yet: 12 of 10 checks, all over Wi-Fi in one place."
    assert answer.changes[0].sentence == "A box on a cable, or one in a second place, would settle it."
    slow = [check(f"{DAYS[0]} {time}", 94, limited_by=LimitedBy.PORT) for time in QUIET]
    answer = ask(slow)
    assert (
        answer.sentence == "Not measured enough yet: 0 of 10 checks; in 4 more the box itself was the limit."
    )
    assert answer.changes[0].kind == "box"


SILENT = "they say nothing about it."


def test_the_proof_counts_the_checks_that_can_speak() -> None:
    """Three that ended at the box's own port, lower than the line, stand beside the twelve that count."""
    capped = [check(f"{DAYS[0]} {hour}:40", 94, limited_by=LimitedBy.PORT) for hour in (18, 22, 23)]
    (side, *_) = ask([*week(1000), *capped]).links[0].sides
    all_of_it = ask(week(1000)).links[0].sides[0].working
    assert "Of 12 checks outside class that can speak about this speed 0 lay lower;" in side.working
    assert side.working == f"{all_of_it} 3 more saw less and were limited by something else: {SILENT}"


def test_one_wired_box_answers_after_three_school_days() -> None:
    """Four quiet checks a day on a 100 Mbit/s line: nothing after two days, an answer in the third's evening."""
    district = town(people=100, down=100)
    tests = week(100)
    by = [sorted(tests, key=lambda stored: stored.report.at_ns)[:n] for n in range(len(tests) + 1)]
    states = [ask(seen, district=district).state for seen in by]
    assert states[:10] == [State.NOT_MEASURED] * 10
    assert states[10:] == [State.READY_UNTIL] * 3
    asked = [ask(seen, district=district, now="2026-12-01 00:00") for seen in by[:1]]
    assert "answer about 3 December" in asked[0].sentence


def test_no_box_and_no_line_are_said() -> None:
    """Without a seat on the line no date is promised; without a line the folder is asked for one."""
    answer = ask(district=town(seats=[]))
    assert answer.sentence == "Not measured yet: no box measures this line."
    assert answer.changes[0].kind == "box"
    gone = town(
        seats=[
            Seat(agent=BOX, school="lincoln", circuit="line"),
            Seat(agent=BOX, school="lincoln", circuit="x", since=day("2026-12-01")),
        ]
    )
    assert ask(district=gone).sentence == "Not measured yet: no box measures this line."
    bare = msgspec.structs.replace(town(), circuits=())
    answer = ask(district=bare)
    assert answer.sentence == "No line to the internet is entered for this school."
    assert answer.paper.state is State.NOT_KNOWN
    assert answer.changes[0].kind == "folder"


def test_a_contract_that_nobody_knows() -> None:
    """Paper is then not known; the measured answer stands all the same."""
    answer = ask(week(2500), district=town(down=None))
    assert answer.paper.state is State.NOT_KNOWN
    assert "Nobody has entered what Lincoln High buys; 1:1 flex needs 1,030 today." in answer.paper.sentence
    assert answer.state is State.READY_THROUGH


def test_a_box_that_saw_no_more_says_at_least() -> None:
    """Through a port of 1,000 the line may carry more: ready until at least; too little stays open."""
    tests = [check(f"{when} {time}", 1400, limited_by=LimitedBy.PORT) for when in DAYS for time in QUIET]
    answer = ask(tests)
    assert answer.label == "Ready until at least fall 2028"
    assert "about three times out of four (the box itself saw no more); 1:1 flex needs" in answer.sentence
    assert answer.measured.at_least
    assert [change.kind for change in answer.changes] == ["line", "box"]
    assert ask(tests, people=3000).state is State.NOT_MEASURED
    bought = ask(tests, district=town(down=2500))
    assert [change.kind for change in bought.changes] == ["box"], "enough is bought: nothing larger to order"


def test_left_over_in_class_that_covers_the_need_is_certain() -> None:
    """It makes the answer certain, and stands for quiet checks that are too few."""
    in_class = week(1100, times=CLASS)
    answer = ask([*week(2500), *in_class])
    side = answer.links[0].sides[0]
    assert side.left_over.certain
    assert "the answer is certain" in side.left_over.sentence
    assert side.measured.have == pytest.approx(2500)
    alone = ask(in_class)
    assert alone.state is State.READY_UNTIL
    assert "even in class the internet line has at least 1,100" in alone.sentence


def test_left_over_far_below_asks_for_the_lines_use() -> None:
    """Little left over in class says nothing against a line that carries enough, but is told."""
    far = ask([*week(2500), *week(400, times=CLASS)]).links[0].sides[0].left_over
    near = ask([*week(2500), *week(800, times=CLASS)]).links[0].sides[0].left_over
    short = ask([*week(600), *week(400, times=CLASS)]).links[0].sides[0].left_over
    assert far.settle
    assert "reading the line's use would settle" in far.sentence
    assert not near.settle
    assert not short.settle


def test_the_worst_tenth_stands_beside_from_29_checks_on() -> None:
    """Seven days have 28 checks, eight have 32."""
    days = [f"2026-12-{n:02}" for n in (1, 2, 3, 4, 7, 8, 9, 10)]
    tests = week(1200, days=days)
    seven = ask(
        [stored for stored in tests if stored.report.at_ns < at("2026-12-10 00:00")], now="2026-12-10 21:00"
    )
    assert seven.links[0].sides[0].worst is None
    eight = ask(tests, now="2026-12-10 21:00").links[0].sides[0]
    assert eight.worst_sentence == "At least 1,200\u00a0Mbit/s about nine times out of ten."


def test_down_and_up_are_judged_apart_where_a_source_gives_an_up() -> None:
    """A test day needs 324 both ways for 1,200 people; a line that carries 100 up is not ready, flex doesn't ask."""
    tests = [check(f"{when} {time}", 2500, up=100) for when in DAYS for time in QUIET]
    answer = ask(tests, model="test day", district=town(down=1000, up=100))
    down, up = answer.links[0].sides
    assert (down.measured.state, up.measured.state) == (State.READY_THROUGH, State.NOT_READY)
    assert up.need.today == pytest.approx(324)
    assert answer.state is State.NOT_READY
    assert answer.paper.state is State.NOT_READY
    assert "upwards" in answer.sentence
    assert len(ask(tests).links[0].sides) == 1


def test_years_are_the_horizon() -> None:
    """With no years only today counts; with six the same line falls short on the way."""
    tests = week(2450)
    assert ask(tests, years=0).label == "Ready through fall 2026"
    assert ask(tests).label == "Ready through fall 2029"
    assert ask(tests, years=6).label == "Ready until fall 2030"
    assert (
        ask(tests).changes[0].sentence == "At 25 % growth a year the line would first be short in fall 2030."
    )


def test_the_first_of_september_moves_the_falls() -> None:
    """The same tests asked before and after 1 September: the school year in the answer is the next."""
    days = ("2027-08-24", "2027-08-25", "2027-08-26")
    tests = week(NEED, days=days)
    assert ask(tests, now="2027-08-31 23:00").label == "Ready until fall 2027"
    assert ask(tests, now="2027-09-01 01:00").label == "Ready until fall 2028"


@pytest.mark.parametrize("people", [0, -5, 10**9])
def test_impossible_people_are_refused(people: int) -> None:
    """Nobody, fewer, and more than any school has."""
    with pytest.raises(ValueError, match="people can't be judged"):
        ask(people=people)


@pytest.mark.parametrize("years", [-1, 21])
def test_impossible_years_are_refused(years: int) -> None:
    """The past, and beyond what anybody can plan."""
    with pytest.raises(ValueError, match="years ahead"):
        ask(years=years)


def test_unknown_schools_and_models_are_named() -> None:
    """Both say what there is."""
    with pytest.raises(LookupError, match="known: lincoln"):
        weighed(school="lincon")
    with pytest.raises(LookupError, match="station_rotation"):
        ask(model="flexible")


def test_examples_that_nobody_entered_are_said() -> None:
    """Only those that this answer used, with their values; people given with the question are no example."""
    district = town(
        examples=["school.name", "school.people", "circuit.down_mbps", "circuit.up_mbps", "school.tz"]
    )
    answer = ask(district=district)
    assert answer.examples == ("school.name", "school.tz", "school.people", "circuit.down_mbps")
    assert answer.examples_sentence == (
        "Examples that nobody entered: the name Lincoln High, the time zone America/Chicago, "
        "1,200 people and 1,000\u00a0Mbit/s bought."
    )
    assert "school.people" not in ask(district=district, people=800).examples
    assert ask().examples_sentence == ""


@pytest.mark.parametrize("model", list(TARGETS.models))
def test_home_internet_is_named_where_students_learn_at_home(model: str) -> None:
    """Flipped and enriched virtual: not measured, ask families, and how (25 down, 12 up: CoSN)."""
    home = ask(model=model).home
    if model not in {"flipped", "enriched_virtual"}:
        assert home is None
        return
    assert home is not None
    assert home.sentence.startswith("Home internet: not measured.")
    assert "ask families" in home.sentence
    assert (home.down_mbps, home.up_mbps) == (25, 12)
    assert "25 down and 12" in home.how


def test_other_published_targets_stand_beside() -> None:
    """For 1,200 people on 1,000 Mbit/s: FCC's short term is met, its long term and SETDA 2019 (2,400) are not."""
    found = {need.id: need for need in ask(week(1000)).published}
    assert (found["fcc_short_term"].mbps, found["fcc_short_term"].paper_meets) == (120, True)
    assert (found["fcc_long_term"].mbps, found["fcc_long_term"].measured_meets) == (1200, False)
    assert (found["setda_2019"].mbps, found["setda_2019"].paper_meets) == (2400, False)
    assert found["guide_online"].mbps == pytest.approx(255)
    assert {need.measured_meets for need in ask().published} == {None}
    capped = [check(f"{when} {time}", 1000, limited_by=LimitedBy.CAP) for when in DAYS for time in QUIET]
    seen = {need.id: need.measured_meets for need in ask(capped).published}
    assert (seen["fcc_short_term"], seen["fcc_long_term"]) == (True, None)


def test_a_target_for_students_says_when_all_people_were_taken_for_some() -> None:
    """Where nobody knows who of the people is a student: of each student, and of each class of size."""
    district = town(examples=["school.students"])
    taken = {need.id: need.taken for need in ask(district=district, people=1040).published}
    told = {key for key, words in taken.items() if words}
    assert told == {key for key, t in TARGETS.published.items() if t.per == "student" or len(t.bands) > 1}
    assert "setda_2019" in told
    assert {taken[key] for key in told} == {"taken as if all 1,040 people were students"}
    assert {need.taken for need in ask(people=1040).published} == {""}


def test_a_shared_line_is_judged_for_all_its_schools() -> None:
    """A second school of 800 on the same line: the need is that of 2,000 people, for each of the two."""
    one = town()
    other = School(id="adams", name="Adams", students=800, tz=CHICAGO)
    shared = msgspec.structs.replace(
        one,
        schools=(*one.schools, other),
        circuits=(msgspec.structs.replace(one.circuits[0], schools=("lincoln", "adams")),),
    )
    answer = ask(week(1500), district=shared)
    assert answer.links[0].people == 2000
    assert answer.measured.need == pytest.approx(1721.25)
    assert answer.state is State.JUST_SHORT
    assert ask(week(1500)).state is State.READY_UNTIL
    levels = {need.level for need in answer.published if need.paper_meets is not None}
    assert levels == {"district"}


def test_the_line_in_use_is_the_one_that_is_judged() -> None:
    """A line that ended, one that has not begun, and a backup are not asked about."""
    one = town().circuits[0]
    lines = (
        Circuit(id="old", down_mbps=50, until=day("2026-11-30"), schools=("lincoln",)),
        Circuit(id="spare", down_mbps=60, role="backup", schools=("lincoln",)),
        Circuit(id="next", down_mbps=5000, since=day("2027-07-01"), schools=("lincoln",)),
        one,
    )
    answer = ask(district=msgspec.structs.replace(town(), circuits=lines))
    assert answer.links[0].circuit == "line"


FORBIDDEN = re.compile(r"\b(agent|quantile|segment|goodput|evidence|percentile|probe)s?\b", re.IGNORECASE)
EXEMPT = {"working", "name", "id", "epoch", "limit", "source", "unit"}


def sentences(value: Any, key: str = "") -> Iterator[str]:
    """Every text in an answer that people read."""
    if isinstance(value, dict):
        for name, part in value.items():
            if name not in {"factors", "rules", "checks"}:
                yield from sentences(part, name)
    elif isinstance(value, list):
        for part in value:
            yield from sentences(part, key)
    elif isinstance(value, str) and key not in EXEMPT:
        yield value


@pytest.mark.parametrize("model", list(TARGETS.models))
def test_planners_words_only(model: str) -> None:
    """Not one technician's word in any sentence of any kind of answer."""
    capped = [check(f"{when} {time}", 500, limited_by=LimitedBy.PROBE) for when in DAYS for time in QUIET]
    answers = [
        ask(model=model),
        ask(week(910), model=model),
        ask(capped, model=model),
        ask(week(9000), model=model),
        ask(
            [*week(2500), *week(50, times=CLASS), check("2026-12-02 19:05", clock=ClockQuality.BOUNDED)],
            model=model,
        ),
        ask(week(900, days=DAYS[:1]), model=model, district=town(seats=[])),
    ]
    for answer in answers:
        for sentence in sentences(msgspec.to_builtins(answer)):
            assert not FORBIDDEN.search(sentence), sentence


def test_an_answer_is_data() -> None:
    """It goes to JSON and back unchanged."""
    answer = ask([*week(910), *week(400, times=CLASS)], model="enriched virtual")
    assert msgspec.json.decode(msgspec.json.encode(answer), type=SchoolAnswer) == answer


def test_the_same_question_has_the_same_answer_in_any_order() -> None:
    """(as_of, facts_until, targets, district) reproduce it, whatever order the rows come in."""
    tests = [*week(910), *week(400, times=CLASS)]
    one, other = ask(tests), ask(tests[::-1])
    assert one == other
    assert (one.targets_digest, one.district_digest) == (TARGETS.digest, "d" * 32)
    assert (one.as_of_ns, one.as_of) == (at(NOW), "2026-12-03T21:00-06:00")


def test_every_judgement_stands_in_the_answer() -> None:
    """Changing a number that nobody published changes the answer, and it is listed with its source."""
    answer = ask(week(910))
    assert {rule.name for rule in answer.rules if rule.judgement} >= {
        "just_short",
        "tolerance",
        "days",
        "times",
    }
    strict = models.load(TEXT.replace("just_short      = { value = 0.8", "just_short      = { value = 0.9"))
    judged = ask(week(910), targets=strict)
    assert (answer.state, judged.state) == (State.JUST_SHORT, State.NOT_READY)


def test_what_is_not_assessed_is_named() -> None:
    """The internet line alone is no school: the other links of the chain are named."""
    answer = ask(week(2500))
    assert "Wi-Fi by room" in answer.assessed_sentence
    assert answer.weakest is None


def test_the_link_says_the_same_in_the_chains_own_words() -> None:
    """Have, need and the horizon's need stand on the link with their unit; one link at most is the weak one."""
    answer = ask(week(910))
    (link,) = answer.links
    assert (link.link, link.counted_in, link.weak, link.assessed) == ("internet", "Mbit/s", True, True)
    assert (link.have, link.need, link.need_then) == pytest.approx((910, NEED, NEED * 1.953125))
    assert (answer.assessed, answer.ready_on, answer.students) == (1, 0, 1200)
    assert any("1,200 people" in sentence for sentence in link.working)
    few = ask(week(910, days=DAYS[:1])).links[0]
    assert (few.have, few.weak, few.note) == (None, False, few.measured.sentence)
    assert not ask(week(2500)).links[0].weak
