"""What is asked of one box costs the same however many boxes there are: ten thousand are asked one by one."""

from collector.store import reads
from tests.collector.workbench import Bench, report


def boxes(bench: Bench, number: int) -> list[str]:
    """So many boxes, each with a word of three probes."""
    names = [f"box-{n:03}" for n in range(number)]
    for n, name in enumerate(names):
        rows = [report(1, probe=probe, target="") for probe in ("box", "host", "power")]
        bench.send(1, rows, agent=name, epoch=f"{n:016x}")
    return names


def test_the_newest_of_one_box_is_what_is_said_of_it_among_all(bench: Bench) -> None:
    """Two ways to ask, one answer."""
    names = boxes(bench, 12)
    of_all = bench.reads.latest()
    assert [row for name in names for row in bench.reads.latest(name)] == of_all
    assert [row.report.probe for row in bench.reads.latest(names[3])] == ["box", "host", "power"]
    assert bench.reads.latest("nobody") == []


def test_the_newest_of_one_box_is_looked_up_and_not_looked_for(bench: Bench) -> None:
    """No table is gone through from its begin: the verdicts of 500 schools took half an hour by that."""
    boxes(bench, 2)
    db = bench.journal.writer()
    plan = db.execute(f"EXPLAIN QUERY PLAN {reads._LATEST_OF_ONE}", ("box-001",)).fetchall()
    db.close()
    told = [row[3] for row in plan]
    assert told
    assert not [step for step in told if step.startswith("SCAN")], told
