"""The district's answer: sentence, tally and rows from what stands in a real journal."""

from pathlib import Path

import pytest

from collector import registry
from collector.questions import school, schools
from collector.questions.ask import QuestionError
from collector.questions.rows import figures
from collector.questions.schools import Schools
from tests.collector.questions import planted
from tests.collector.workbench import NOW_NS, Bench, wait_until

FOUR = {"ash": 200, "birch": 400, "cedar": 450, "dogwood": 100}
BOUGHT: dict[str, float | str] = {"ash": 1000, "birch": 500, "cedar": 1000, "dogwood": ""}
"""Flex needs 0.86 Mbit/s a person: 172, 344, 387 and 86 today."""


PAPER = "On paper, not measured: 3 of 4. Not known for 1: nobody entered what their lines buy."


def asked(bench: Bench, folder: registry.Folder, model: str | None = None, years: int = 3) -> Schools:
    """The question of the tests, now."""
    targets = registry.targets()
    return schools.ask(bench.reads, folder, targets, model=model, years=years, as_of_ns=NOW_NS)


def test_a_district_answers_in_a_sentence_a_tally_and_rows(bench: Bench, tmp_path: Path) -> None:
    """One carries what it needs, one is just short, one far too small, one has no checks: worst first."""
    folder = planted.write(tmp_path / "d", FOUR, BOUGHT)
    planted.send(bench, "ash", planted.quiet(950))
    planted.send(bench, "birch", planted.quiet(300))
    planted.send(bench, "cedar", planted.quiet(100))
    said = asked(bench, folder)
    assert said.sentence == "1 of 4 schools can today, and it is ready through fall 2029."
    assert said.more == "2\u00a0cannot yet."
    assert said.paper_sentence == PAPER
    assert [row.id for row in said.schools] == ["cedar", "birch", "dogwood", "ash"]
    assert [(group.kind, group.schools, group.students) for group in said.tally] == [
        ("no", 1, 450),
        ("short", 1, 400),
        ("open", 1, 100),
        ("through", 1, 200),
    ]
    birch = said.schools[1]
    assert (birch.stops_note, birch.buys, birch.short) == ("carries 300 of 340 needed", 500, True)
    assert figures(said.schools[2]).buys == "\u2013"


def test_without_schools_it_says_so(bench: Bench) -> None:
    """One sentence, no empty table."""
    said = asked(bench, registry.EMPTY)
    assert (said.state, said.sentence, said.schools) == ("no_schools", "No schools yet.", ())


def test_before_any_check_the_paper_answer_leads(bench: Bench, tmp_path: Path) -> None:
    """Nothing measured is not a red district: the state says so, and paper is counted."""
    said = asked(bench, planted.write(tmp_path / "d", FOUR, BOUGHT))
    assert said.state == "not_measured"
    assert said.paper_sentence == PAPER
    assert [group.kind for group in said.tally] == ["open"]


def test_where_no_contract_and_no_box_is_known_nobody_is_accused(bench: Bench, tmp_path: Path) -> None:
    """The NCES knows neither: not "none can", and what is missing is a box, not a check of ours."""
    folder = planted.write(tmp_path / "d", {"ash": 200, "birch": 400}, {"ash": "", "birch": ""}, seats=())
    said = asked(bench, folder)
    assert said.sentence == "Not known on paper for 2 of 2: nobody entered what their lines buy."
    assert {(row.stops, row.stops_note) for row in said.schools} == {("No box", "none stands on this line")}
    steps = school.ask(
        bench.reads, folder, registry.targets(), school="ash", model=None, as_of_ns=NOW_NS
    ).steps
    assert steps[0].title == "Put a box on the internet line."


def test_only_boxes_that_called_promise_an_answer(bench: Bench, tmp_path: Path) -> None:
    """Two schools wait for more checks: the one whose box never called is not counted among those to come."""
    folder = planted.write(tmp_path / "d", {"ash": 200, "birch": 400}, {"ash": 1000, "birch": 500})
    assert asked(bench, folder).open_sentence == "2 schools aren't measured enough yet to say."
    assert {row.stops_note for row in asked(bench, folder).schools} == {"no check yet"}
    planted.send(bench, "ash", [planted.check(planted.NOW.replace(hour=3), 950)])
    said = asked(bench, folder)
    assert said.open_sentence.startswith(
        "2 schools aren't measured enough yet to say; 1 of those answers comes by"
    )


def test_what_cannot_be_asked_is_refused(bench: Bench, tmp_path: Path) -> None:
    """A way of teaching that isn't known, and years beyond reason."""
    folder = planted.write(tmp_path / "d", FOUR, BOUGHT)
    with pytest.raises(QuestionError, match="no way of teaching"):
        asked(bench, folder, model="hogwarts")
    with pytest.raises(QuestionError, match="0 to 20"):
        asked(bench, folder, years=99)


def test_a_shared_line_is_a_row_and_the_first_thing_to_fix(bench: Bench, tmp_path: Path) -> None:
    """Two schools behind one line that is too small: judged once, it stops both, and mending it readies both."""
    said = asked(bench, behind_a_hub(bench, tmp_path / "d", 300, 280), model="flex")
    assert [(row.id, row.people, row.short, row.stops) for row in said.lines] == [
        ("hub", 600, True, "Its size")
    ]
    assert {(row.stops_line, row.stops_note) for row in said.schools} == {("hub", "shared by 2 schools")}
    assert said.more.endswith("cannot yet, and one shared line holds back 2 of the 2.")
    assert [(fix.line, fix.schools, fix.students) for fix in said.fixes] == [("hub", 2, 600)]


def test_a_schools_number_is_that_of_the_link_that_its_verdict_speaks_of(
    bench: Bench, tmp_path: Path
) -> None:
    """Held back by a shared line, its own need and its own line's speed say nothing of why."""
    said = asked(bench, behind_a_hub(bench, tmp_path / "d", 300, 295), model="flex")
    assert {row.measured.state.short for row in said.schools} == {True}
    assert {row.note for row in said.schools} == {"280 of 520 needed"}


def test_no_school_is_better_than_the_lines_it_passes_through(bench: Bench, tmp_path: Path) -> None:
    """Its own line carries 800 and the one behind it 700: 700 is what it has, ready as it is."""
    said = asked(bench, behind_a_hub(bench, tmp_path / "d", 1000, 800, hub=700), model="flex", years=0)
    assert {(row.have and round(row.have), row.note) for row in said.schools} == {(700, "carries 700")}


def behind_a_hub(bench: Bench, home: Path, bought: float, own: float, *, hub: float = 290) -> registry.Folder:
    """Two schools with a line of their own each, behind one that they share; what boxes on each have seen."""
    planted.write(home, {"ash": 200, "birch": 400}, {"ash": 1000, "birch": 1000})
    rows = [
        "id,kind,parent,down_mbps,schools",
        f"hub,internet,,{bought},",
        "line-ash,wan,hub,1000,ash",
        "line-birch,wan,hub,1000,birch",
    ]
    (home / "circuits.csv").write_text("\n".join([*rows, ""]), encoding="utf-8")
    with (home / "seats.csv").open("a", encoding="utf-8") as seats:
        seats.write("box-hub,,hub\n")
    for box in ("ash", "birch", "hub"):
        planted.send(bench, box, planted.quiet(hub if box == "hub" else own))
    return registry.read(home)


def test_a_district_with_one_line_for_all_shows_what_each_school_needs(bench: Bench, tmp_path: Path) -> None:
    """The row has the school's own need and no bar of a line that it doesn't have."""
    folder = planted.write(tmp_path / "d", {"ash": 200, "birch": 400}, {"ash": 1, "birch": 1})
    (tmp_path / "d" / "circuits.csv").write_text(
        "id,down_mbps,schools\nhub,900,ash birch\n", encoding="utf-8"
    )
    (tmp_path / "d" / "seats.csv").write_text("agent,school,circuit\n", encoding="utf-8")
    folder = registry.read(tmp_path / "d")
    said = asked(bench, folder, model="flex")
    assert [(row.id, round(row.need), row.line, row.have) for row in said.schools] == [
        ("ash", 172, "", None),
        ("birch", 344, "", None),
    ]


def test_what_was_asked_before_is_kept_until_something_new_comes(bench: Bench, tmp_path: Path) -> None:
    """The same question weighs nothing twice; a new test, another folder and another minute do."""
    folder = planted.write(tmp_path / "d", {"ash": 400}, {"ash": 500})
    planted.send(bench, "ash", planted.quiet(300)[:12])
    wait_until(lambda: bench.reads.counts().underived == 0)  # what is derived is new, too
    first = asked(bench, folder)
    assert asked(bench, folder).schools[0] is first.schools[0]
    bench.send(14, planted.quiet(100)[12:], agent="box-ash", epoch=planted.epoch_of("ash"))
    second = asked(bench, folder)
    assert second.facts_until > first.facts_until
    assert second.schools[0] is not first.schools[0]
    larger = planted.write(tmp_path / "d", {"ash": 400}, {"ash": 5000})
    assert asked(bench, larger).schools[0].buys == 5000
