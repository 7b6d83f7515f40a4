"""What boards show beside reports: the same verdicts, states and events that First Bell itself tells."""

from collections.abc import Sequence
from typing import Any

import pytest

from collector import registry
from collector.questions import boxes as box_list
from collector.questions import judged
from collector.questions.boards import Boards
from collector.store import quiets
from collector.store.copied import Copied
from collector.store.errors import UnreadableError
from collector.store.outbox import Outbox
from collector.store.quiets import Ordered
from collector.store.reads import Reads
from firstbell import copies
from firstbell.catalogue import Reading
from firstbell.points import Point
from tests.influx.town import DISTRICT, MovedClock, Town

NS = 10**9
_TYPES = {"float": "float", "int": "integer", "bool": "boolean", "text": "string"}


def rows(town: Town, copy: copies.Copy, where: str = "") -> list[dict[str, Any]]:
    """All points of a copy."""
    return town.server.query(f'SELECT * FROM "{copy.name}" {where}', "verified")


def test_only_what_the_vocabulary_names_is_shipped(town: Town) -> None:
    """Tags, fields and types of copies are those that boards may count on."""
    for row in town.server.query("SHOW FIELD KEYS", "verified"):
        if copy := copies.COPIES.get(row["name"]):
            assert _TYPES[copy.kinds()[row["fieldKey"]]] == row["fieldType"], row
    for row in town.server.query("SHOW TAG KEYS", "verified"):
        if copy := copies.COPIES.get(row["name"]):
            assert row["tagKey"] in copy.tags, row


def test_every_school_s_verdict_is_there_in_every_way_of_teaching(town: Town) -> None:
    """Sentence, label and rank are those that the district's table is made of; one of them is the plan."""
    targets = registry.targets()
    found = {
        (row["school"], row["model"]): row
        for row in rows(
            town, copies.VERDICT, f"WHERE subject = 'school' AND time = {town.home.clock.now_ns()}"
        )
    }
    reads = Reads(town.journal)
    for model in targets.models:
        answers = judged.judged(reads, town.folder, targets, model, 3, town.home.clock.now_ns()).answers
        for answer in answers:
            row = found[answer.school_id, model]
            assert (row["sentence"], row["label"]) == (answer.sentence, answer.measured.label)
            assert row["state_rank"] == copies.STATE_RANKS[answer.measured.state.value]
    plans = [key for key, row in found.items() if row["plan"]]
    assert sorted(school for school, _ in plans) == sorted(each.id for each in town.folder.district.schools)


def test_every_link_and_line_is_there(town: Town) -> None:
    """Each link of each school, and each line, each way that is asked of it, with its contract."""
    reads = Reads(town.journal)
    found = judged.judged(reads, town.folder, registry.targets(), "flex", 3, town.home.clock.now_ns())
    expected = {
        (answer.school_id, link.link, link.circuit or "") for answer in found.answers for link in answer.links
    }
    told = {
        (row["school"], row["subject"], row["circuit"] or "")
        for row in rows(town, copies.VERDICT, "WHERE model = 'flex' AND subject <> 'school'")
    }
    assert told == expected
    lines = {(row["circuit"], row["subject"]): row["contract_mbps"] for row in rows(town, copies.LINE)}
    bought = {line.id: {"down": line.down_mbps, "up": line.up_mbps} for line in town.folder.district.circuits}
    plans = judged.judged(reads, town.folder, registry.targets(), None, 3, town.home.clock.now_ns())
    links = [link for answer in plans.answers for link in answer.links if link.circuit]
    asked = {(link.circuit, str(side.direction)) for link in links for side in link.sides}
    assert {circuit for circuit, _ in asked} == {circuit for _, _, circuit in expected if circuit}
    assert lines == {(circuit, way): bought[circuit][way] for circuit, way in asked if circuit}


def test_boxes_stand_as_on_their_page(town: Town) -> None:
    """The silent ones are those that First Bell calls silent, at every school."""
    reads = Reads(town.journal)
    shown = box_list.ask(reads, town.folder, town.home.clock.now_ns())
    silent = {box.name for group in shown.groups for box in group.boxes if box.silent_ns is not None}
    assert {row["agent"] for row in rows(town, copies.BOX_NOW) if row["silent"]} == silent
    schools = {row["school"]: row for row in rows(town, copies.SCHOOL_NOW)}
    assert schools.keys() == {school.id for school in town.folder.district.schools}
    assert sum(row["boxes"] for row in schools.values()) == sum(
        1 for group in shown.groups for box in group.boxes if box.school
    )


def test_outages_stand_at_their_beginning(town: Town) -> None:
    """As many as the journal tells, each with its length and its share of class."""
    reads = Reads(town.journal)
    as_of_ns = town.home.clock.now_ns()
    boxes = [(state.agent, 0, None) for state in reads.boxes()]
    down = reads.outages(boxes, 0, as_of_ns)
    rest = "WHERE (subject = 'line_down' OR subject = 'site_down') AND duration_s > 0"
    told = rows(town, copies.OUTAGE, rest)
    assert sorted((row["agent"], row["subject"], row["time"], row["duration_s"]) for row in told) == sorted(
        (each.agent, each.kind.value, each.begin_ns, (each.end_ns - each.begin_ns) / NS) for each in down
    )
    assert all(row["end_ns"] - row["time"] == pytest.approx(row["duration_s"] * NS) for row in told)
    assert all(0 <= row["class_min"] * 60 <= row["duration_s"] + 1 for row in told)
    assert any(row["class_min"] for row in told)


AGAIN = pytest.mark.parametrize("again", [False, True], ids=["goes on", "was started again"])


def fields_of(points: Sequence[Point], name: str) -> list[dict[str, Reading]]:
    """The fields of a measurement's points."""
    return [point.fields for point in points if point.measurement == name]


def started(town: Town) -> Boards:
    """What makes copies, as after a start of the collector."""
    return Boards(Reads(town.journal), Copied(town.journal), lambda: town.folder, registry.targets())


@pytest.fixture
def boards(town: Town) -> Boards:
    """The same, where nothing was said before."""
    Copied(town.journal).note("none", DISTRICT, {})
    return started(town)


def test_verdicts_go_out_once_a_day_and_at_each_change(town: Town, boards: Boards) -> None:
    """Once written no verdict is said again in the same minute; states of the moment are."""
    as_of_ns = town.home.clock.now_ns()
    first = boards.points("a store", DISTRICT, as_of_ns)
    assert fields_of(boards.points("a store", DISTRICT, as_of_ns), "verdict") == fields_of(first, "verdict")
    boards.written()
    second = boards.points("a store", DISTRICT, as_of_ns)
    assert fields_of(first, "verdict")
    assert not fields_of(second, "verdict")
    assert len(fields_of(second, "school_now")) == len(fields_of(first, "school_now"))
    assert not fields_of(second, "outage")


def of_quiet(points: Sequence[Point]) -> list[tuple[Reading, int, Reading, Reading]]:
    """The quiet times that are marked: why, their beginning, length and end."""
    return [
        (point.fields["text"], point.at_ns, point.fields["duration_s"], point.fields["until_ns"])
        for point in points
        if point.measurement == "quiet"
    ]


@AGAIN
def test_a_quiet_time_is_marked_and_taken_back(town: Town, boards: Boards, again: bool) -> None:
    """One that somebody ordered stands at its beginning; ended before its time it has no length."""
    as_of_ns = town.home.clock.now_ns()
    begin_s = as_of_ns // 10**9
    number = quiets.order(
        town.journal, Ordered(begin_s, begin_s + 3600, local=False, school="", why="a fire drill"), as_of_ns
    )
    try:
        told = of_quiet(boards.points("a store", DISTRICT, as_of_ns))
        boards.written()
        assert ("a fire drill", begin_s * NS, 3600.0, (begin_s + 3600) * NS) in told
    finally:
        quiets.end(town.journal, [number], as_of_ns)
    boards = started(town) if again else boards
    gone = of_quiet(boards.points("a store", DISTRICT, as_of_ns))
    assert [one for one in gone if one[1] == begin_s * NS] == [("", begin_s * NS, 0.0, begin_s * NS)]


def noted(town: Town) -> dict[str, str]:
    """What the journal says boards were told in the made-up store."""
    return Copied(town.journal).of("a store", DISTRICT)


def test_what_is_told_no_more_is_noted_no_more(town: Town, boards: Boards) -> None:
    """A quiet time that was ended, and a school that left the district: the note does not grow for ever."""
    as_of_ns = town.home.clock.now_ns()
    left = f'["verdict","{DISTRICT}","a-school-that-left","flex","school"]'
    Copied(town.journal).note("a store", DISTRICT, {left: '["Ready",5]'})
    ordered = Ordered(as_of_ns // NS, as_of_ns // NS + 60, local=False, school="", why="a short one")
    number = quiets.order(town.journal, ordered, as_of_ns)

    def told() -> set[str]:
        boards.points("a store", DISTRICT, as_of_ns)
        boards.written()
        return {place for place in noted(town) if place.startswith('["quiet"') or place == left}

    with_it = told()
    quiets.end(town.journal, [number], as_of_ns)
    without = told()
    assert len(with_it - without) == 1
    assert left not in with_it


def test_an_outage_that_was_none_is_taken_back_after_a_start(town: Town, boards: Boards) -> None:
    """A backlog filled the silence while nothing ran. What is older than five weeks stays as it is."""
    as_of_ns = town.home.clock.now_ns()
    begin_ns, old_ns = as_of_ns - 3 * 86_400 * NS + 1, as_of_ns - 36 * 86_400 * NS
    places = [f'["outage",{{"agent":"gone-1","district":"{DISTRICT}"}},{at}]' for at in (begin_ns, old_ns)]
    Copied(town.journal).note("a store", DISTRICT, dict.fromkeys(places, ""))
    made = boards.points("a store", DISTRICT, as_of_ns)
    boards.written()
    (gone,) = [point for point in made if point.tags.get("agent") == "gone-1"]
    assert (gone.measurement, gone.at_ns) == ("outage", begin_ns)
    wanted = {"duration_s": 0.0, "text": "", "class_min": 0.0, "open": False, "end_ns": begin_ns}
    assert gone.fields == wanted
    assert not {*places} & noted(town).keys()


def test_a_folder_that_is_away_takes_nothing_back(town: Town, boards: Boards) -> None:
    """A collector that starts with a slip in a table tells nothing, and forgets nothing."""
    as_of_ns = town.home.clock.now_ns()
    boards.points("a store", DISTRICT, as_of_ns)
    boards.written()
    before = noted(town)
    empty = Boards(Reads(town.journal), Copied(town.journal), lambda: registry.EMPTY, registry.targets())
    assert empty.points("a store", DISTRICT, as_of_ns) == []
    empty.written()
    assert noted(town) == before


def test_what_a_command_told_meanwhile_counts(town: Town, boards: Boards) -> None:
    """`influx ship` beside a collector that runs: what it told is no news, and what differs from it is."""
    as_of_ns = town.home.clock.now_ns()
    early_ns = as_of_ns - 13 * 86_400 * NS
    boards.points("a store", DISTRICT, early_ns)
    boards.written()
    command = started(town)
    command.points("a store", DISTRICT, as_of_ns)
    command.written()
    made = boards.points("a store", DISTRICT, as_of_ns)
    assert not any(fields["changed"] for fields in fields_of(made, "verdict"))
    back = boards.points("a store", DISTRICT, early_ns)
    assert any(fields["changed"] for fields in fields_of(back, "verdict"))


@pytest.mark.parametrize("word", ["no JSON", '["verdict",{}]'])
def test_words_of_another_first_bell_are_no_words(town: Town, boards: Boards, word: str) -> None:
    """They count as nothing told: all is told again, and noted as this one does."""
    as_of_ns = town.home.clock.now_ns()
    Copied(town.journal).note("a store", DISTRICT, {word: "?"})
    assert fields_of(boards.points("a store", DISTRICT, as_of_ns), "verdict")
    boards.written()
    assert word not in noted(town)


def test_a_journal_that_takes_no_note_holds_nothing_up(
    town: Town, boards: Boards, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk: what was written is written, is not said again at each turn, and is noted when there is room."""
    as_of_ns = town.home.clock.now_ns()

    def full(*_: object) -> None:
        raise UnreadableError("the disk is full")

    boards.points("a store", DISTRICT, as_of_ns)
    with monkeypatch.context() as context:
        context.setattr(Copied, "note", full)
        boards.written()
    assert "the disk is full" in caplog.text
    assert not fields_of(boards.points("a store", DISTRICT, as_of_ns), "verdict")
    boards.written()
    assert noted(town)


def test_what_ships_notes_what_boards_were_told(town: Town) -> None:
    """In the journal, under the bucket's own id."""
    way = town.way(MovedClock(town.home.clock.now_ns() + 60 * NS))
    way.catch_up()
    way.close()
    outbox = Outbox(town.journal)
    state = outbox.state()
    outbox.close()
    assert state
    assert Copied(town.journal).of(state.store, DISTRICT)


def test_how_far_the_sink_is_stands_beside(town: Town) -> None:
    """Nothing waits, nothing is set aside, and the journal's own number is told."""
    newest = rows(town, copies.SINK)[-1]
    assert (newest["behind_reports"], newest["aside_reports"], newest["days_again"]) == (0, 0, 0)
    assert newest["journal_reports"] == Reads(town.journal).facts_until()


@AGAIN
def test_a_verdict_that_changed_says_what_it_was(town: Town, boards: Boards, again: bool) -> None:
    """From the first days, with too few checks, to now: another answer, marked, with the label before it."""
    as_of_ns = town.home.clock.now_ns()
    made = boards.points("a store", DISTRICT, as_of_ns - 13 * 86_400 * NS)
    early = [point for point in made if point.measurement == "verdict"]
    boards.written()
    boards = started(town) if again else boards
    later = boards.points("a store", DISTRICT, as_of_ns)
    assert not any(point.fields["changed"] for point in early)
    before = {
        frozenset(point.tags.items()): (point.fields["label"], point.fields["state_rank"]) for point in early
    }
    changed = [point for point in later if point.measurement == "verdict" and point.fields["changed"]]
    assert changed
    for point in changed:
        was, rank = before[frozenset(point.tags.items())]
        assert (point.fields["was"], point.fields["was_rank"]) == (was, rank)
        assert was != point.fields["label"]


def test_another_store_is_told_everything(town: Town, boards: Boards) -> None:
    """What was written into a bucket, or under a name, that is gone counts for nothing."""
    as_of_ns = town.home.clock.now_ns()
    first = boards.points("a store", DISTRICT, as_of_ns)
    boards.written()
    assert fields_of(boards.points("another", DISTRICT, as_of_ns), "verdict") == fields_of(first, "verdict")
    boards.written()
    assert fields_of(boards.points("another", "Renamed", as_of_ns), "outage") == fields_of(first, "outage")
