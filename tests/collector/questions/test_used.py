"""What First Bell itself took of a line: of every kind of heavy test, by reports and by leases."""

from collector.questions import boxes, status, used
from collector.questions.used import Taken
from collector.registry import EMPTY
from collector.store.leases import Kept, Leases
from firstbell.catalogue import Reading
from firstbell.report import Report, Status
from tests.collector.workbench import BOX, NOW_NS, NS, Bench, report

HOUR_NS = 3600 * NS
DAY = NOW_NS - 24 * HOUR_NS, NOW_NS


def heavy(
    probe: str, hours_ago: int, seconds: float, status: Status = Status.OK, **readings: Reading
) -> Report:
    """A heavy test so many hours ago."""
    made = report(probe=probe, target="hub", at_ns=NOW_NS - hours_ago * HOUR_NS)
    reason = "" if status is Status.OK else "a reason"
    return Report(
        status=status,
        reason=reason,
        probe=probe,
        target="hub",
        at_ns=made.at_ns,
        duration_s=seconds,
        clock=made.clock,
        readings=readings,
    )


def lease(
    bench: Bench, kind: str, hours_ago: int, told: tuple[int | None, float | None], agent: str = BOX
) -> None:
    """A lease so many hours ago, and what its box told of it."""
    store = Leases(bench.journal)
    kept = Kept(
        lease=f"{kind}-{hours_ago}-{agent}",
        agent=agent,
        nonce=f"{kind}-{hours_ago}",
        kind=kind,
        site="school x",
        day="2026-09-20",
        stretch_ns=0,
        loads=(),
        targets=("hub",),
        max_bytes=10**9,
        max_seconds=30.0,
        granted_ns=NOW_NS - hours_ago * HOUR_NS,
    )
    store.grant(kept)
    store.end(kept.lease, kept.granted_ns + 30 * NS, "settled", told)
    store.close()


def taken(bench: Bench) -> dict[str, Taken]:
    """What the box took in the last day."""
    return used.by_box(bench.reads, [(BOX, 0, None)], *DAY)


def test_every_kind_of_heavy_test_counts(bench: Bench) -> None:
    """Seconds as a test says that it loaded the line, else as long as it took; bytes both ways."""
    bench.send(
        1,
        [
            heavy("internet", 3, 20.0, bytes_received=100, bytes_sent=50),
            heavy("throughput", 2, 19.0, loaded_s=8.5, bytes_received=300),
            heavy("capacity", 1, 100.0, loaded_s=90.0, bytes_received=1000, bytes_sent=1),
            heavy("throughput", 1, 4.0, Status.FAILED),
            heavy("throughput", 1, 1.0, Status.SKIPPED),
            heavy("throughput", 25, 30.0, bytes_received=10**9),
        ],
    )
    assert taken(bench) == {BOX: Taken(4, 122.5, 1451)}


def test_a_test_that_reported_nothing_counts_by_its_lease(bench: Bench) -> None:
    """Of each kind whichever says more: what is both leased and reported counts once."""
    bench.send(1, [heavy("throughput", 2, 19.0, loaded_s=8.5, bytes_received=300)])
    lease(bench, "throughput", 2, (310, 9.0))
    lease(bench, "throughput", 3, (None, 6.0))
    lease(bench, "internet", 4, (7, 1.0))
    lease(bench, "internet", 5, (None, None))
    lease(bench, "internet", 30, (10**9, 30.0))
    lease(bench, "internet", 4, (10**9, 30.0), agent="another")
    assert taken(bench) == {BOX: Taken(3, 16.0, 317)}


def test_boxes_and_status_say_it_of_each_box(bench: Bench) -> None:
    """Of the district's day before; a box that tested nothing took nothing."""
    bench.clock.wall_ns = NOW_NS + 24 * HOUR_NS
    bench.send(1, [heavy("throughput", 0, 19.0, loaded_s=8.5, bytes_received=300), report(2)])
    bench.send(1, [report(1)], agent="idle")
    now_ns = bench.clock.wall_ns
    (group,) = boxes.ask(bench.reads, EMPTY, now_ns).groups
    assert {box.name: (box.used_s, box.used_bytes) for box in group.boxes} == {
        BOX: (8.5, 300),
        "idle": (0.0, 0),
    }
    told = status.ask(bench.reads, now_ns).boxes
    assert {box.name: (box.used_s, box.used_bytes) for box in told} == {BOX: (8.5, 300), "idle": (0.0, 0)}
