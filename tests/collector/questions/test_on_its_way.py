"""Where a box is on its way from its card to its first report, and what is said of one that was shut out."""

import json
from contextlib import closing
from pathlib import Path

from click.testing import CliRunner

from collector.cli import main
from collector.questions import boxes, on_its_way, status
from collector.store import identities
from collector.store.identities import Certificate
from tests.collector.questions.morning import AT_NS, Morning, folder
from tests.collector.questions.test_boxes import groups, one
from tests.collector.web.test_enrolling import DAY_NS, FIRST, SECOND, came
from tests.collector.workbench import BOX, Bench, reports
from tests.support.let_in import let_in


def way(bench: Bench, agent: str, at_ns: int = AT_NS) -> str:
    """What is said of a box that never called."""
    return on_its_way.before_its_first_report(bench.reads.enrolments(), agent, at_ns)


def offered(bench: Bench, agent: str) -> None:
    """A card that nobody has used yet, good for three days."""
    identities.offer(
        bench.journal, agent.encode(), agent, automatic=False, now_ns=AT_NS, expires_ns=AT_NS + 3 * DAY_NS - 1
    )


def test_each_step_has_its_sentence(bench: Bench) -> None:
    """No card yet, not used yet, ended, at the door, refused, let in; nothing where no cards are given."""
    assert not way(bench, "box-204")
    offered(bench, "box-203")
    assert way(bench, "box-204").startswith("No card yet: firstbell box card box-204")
    assert "wasn\u2019t used yet, and is good for 3 days more" in way(bench, "box-203")
    assert way(bench, "box-203", AT_NS + 4 * DAY_NS).startswith("Its card ended, and nobody used it")
    number = came(bench, "box-204", FIRST)
    assert way(bench, "box-204").endswith(f"firstbell box let-in {number}")
    came(bench, "box-205", SECOND, let_in=False)
    identities.decide(bench.journal, number, let_in=True, now_ns=AT_NS)
    assert way(bench, "box-204").startswith("Let in, and no report yet")


def test_who_waits_is_named_where_people_look(bench: Bench) -> None:
    """On the boxes' page instead of a question for its plug, and by `firstbell status`."""
    number = came(bench, "box-204", FIRST)
    sentence = f"Waits at the door: let it in on the boxes\u2019 page, or: firstbell box let-in {number}"
    assert one(boxes.ask(bench.reads, folder(), AT_NS), "box-204").look == (sentence,)
    assert status.ask(bench.reads, AT_NS).at_the_door == (f"box-204: {sentence}",)


def test_who_was_shut_out_does_not_talk(bench: Bench) -> None:
    """Though it was heard of a minute ago: it stands first, in a group of its own."""
    morning = Morning(bench)
    for agent in ("box-203", "box-204"):
        morning.sees(agent, "online", since=20)
    given = Certificate("Maple", "1", "box-204", FIRST, AT_NS - DAY_NS, AT_NS + DAY_NS, "pem")
    let_in(bench.journal, given, AT_NS)
    before = boxes.ask(bench.reads, folder(), AT_NS)
    identities.revoke(bench.journal, "box-204", AT_NS)
    answer = boxes.ask(bench.reads, folder(), AT_NS)
    assert answer.talking == before.talking - 1
    assert groups(answer)["shut_out"] == ["box-204"]
    assert answer.groups[0].id == "shut_out"
    assert "ne box is shut out" in answer.rest
    assert one(answer, "box-204").look == (on_its_way.shut_out("box-204"),)


def test_box_show_says_that_it_is_shut_out(tmp_path: Path) -> None:
    """Above its starts; where it never reported, too."""
    with closing(Bench(tmp_path)) as made:
        made.send(1, reports(1, 2))
        for agent in (BOX, "box-9"):
            given = Certificate("Maple", agent, agent, agent.encode(), 0, 2**62, "pem")
            let_in(made.journal, given, 1)
            identities.revoke(made.journal, agent, 2)
    argv = ["--data", str(tmp_path), "box", "show"]
    assert CliRunner().invoke(main, [*argv, BOX]).output.startswith(on_its_way.shut_out(BOX))
    assert json.loads(CliRunner().invoke(main, [*argv, BOX, "--json"]).output)["note"]
    assert "Shut out" in CliRunner().invoke(main, [*argv, "box-9"]).output
