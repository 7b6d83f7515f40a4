"""The collector's own refusal of who was shut out: nothing is kept, nothing is lost, and nobody else notices."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from collector.coordinator.coordinator import Coordinator
from collector.identity import authority
from collector.identity.registrar import Registrar
from collector.identity.shut_out import LOOK_S, ShutOut
from collector.intake import SHUT_OUT, Intake
from collector.store import erasing
from firstbell.enrolment import Claim, Granted
from tests.collector.test_intake import envelope
from tests.collector.workbench import BOX, NS, Bench, answer_of, batch, reports, wait_until
from tests.support.box_keys import request


class Door:
    """A collector with an authority, which a box is enrolled at and shut out of by another process."""

    def __init__(self, folder: Path, bench: Bench) -> None:
        self.folder, self.bench = folder, bench
        signs = authority.make(folder, "Example", bench.clock.now_ns())
        self.registrar = Registrar(bench.journal, signs, bench.clock)
        self.shut_out = ShutOut(bench.journal, look_s=0.05)
        bench.intake = Intake(bench.writer, bench.clock, bench.journal.id, self.shut_out.out)

    def enrolled(self, agent: str) -> None:
        """Let a box in."""
        _, token = self.registrar.offer(agent, automatic=True)
        word = self.registrar.claim(Claim(token=token, request=request(self.folder, agent)))
        assert isinstance(word, Granted)


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """Two boxes are enrolled, one is not."""
    with closing(Bench(tmp_path)) as bench:
        made = Door(tmp_path, bench)
        for agent in (BOX, "cedar-1"):
            made.enrolled(agent)
        made.shut_out.start()
        yield made
        made.shut_out.stop()


def test_of_who_is_shut_out_nothing_is_kept_and_nothing_is_lost(door: Door) -> None:
    """Answered later, with the reason; taken once the mistake is taken back; others go on all the while."""
    bench = door.bench
    assert bench.send(1, reports(1, 3)).held == ((1, 3),)
    door.registrar.revoke(BOX)
    wait_until(lambda: BOX in door.shut_out.names(), "the collector knows")
    digest, payload = batch(4, reports(4, 3))
    answer = bench.take(payload)
    assert answer is not None
    assert (answer.digest, answer.held, answer.refused, answer.halve) == (digest, (), (), "")
    assert answer.later == SHUT_OUT
    for agent in ("cedar-1", "nobody-enrolled-me"):
        assert bench.send(1, reports(1, 1), agent=agent).held == ((1, 1),)
    assert len(bench.held()) == 3
    assert door.registrar.restore(BOX) == 1
    wait_until(lambda: BOX not in door.shut_out.names(), "it is let back")
    assert bench.send(4, reports(4, 3)).held == ((4, 6),)


@pytest.mark.parametrize(
    "payload", [b"", b"{}", envelope(b"x", digest="0" * 32), envelope(b"x", agent="cedar-1"), b"\xff" * 900]
)
def test_who_is_shut_out_fills_no_shelf(door: Door, payload: bytes) -> None:
    """What can't be read is set aside of others; of this box it is not even that."""
    door.registrar.revoke(BOX)
    door.shut_out.look()
    answer = answer_of(door.bench.intake.take(BOX, payload, 0))
    assert answer is None or answer.later == SHUT_OUT
    assert door.bench.reads.quarantined() == []
    assert door.bench.intake.messages == {"shut_out": 1}


def test_who_is_shut_out_is_lent_no_line(door: Door) -> None:
    """Its questions for a lease are not even read; without an answer no box loads a line."""
    door.registrar.revoke(BOX)
    door.shut_out.look()
    coordinator = Coordinator(None, door.bench.clock, door.shut_out.out)  # type: ignore[arg-type]  # never asked
    coordinator.hear(BOX, b"x")
    assert coordinator.unheard == 1
    coordinator.hear("cedar-1", b"x")
    assert coordinator.unheard == 1


def test_it_is_known_at_the_start_and_within_a_minute(door: Door) -> None:
    """A collector that starts knows before it hears anybody; one that runs looks often enough."""
    door.registrar.revoke(BOX)
    fresh = ShutOut(door.bench.journal)
    fresh.start()
    assert fresh.names() == {BOX}
    fresh.stop()
    assert LOOK_S <= 60 / 2


def test_who_was_shut_out_and_erased_stays_out(door: Door) -> None:
    """On the session that it still has nothing is kept, though its name stands nowhere; a new card lets it in."""
    bench = door.bench
    bench.send(1, reports(1, 3))
    for agent in (BOX, "cedar-1"):
        door.registrar.revoke(agent)
    for agent in (BOX, "cedar-1"):
        erasing.erase(bench.journal, [(agent, 0, None)], lambda *_: None)
        door.shut_out.look()
        assert agent in door.shut_out.out()
    assert door.shut_out.names() == frozenset()
    answer = bench.take(batch(4, reports(4, 3))[1])
    assert answer is not None
    assert answer.later == SHUT_OUT
    assert bench.held() == []
    assert "nobody-enrolled-me" not in door.shut_out.out()
    _, token = door.registrar.offer(BOX, automatic=True)
    door.registrar.claim(Claim(token=token, request=request(door.folder, "second")))
    door.shut_out.look()
    assert (BOX in door.shut_out.out(), "cedar-1" in door.shut_out.out()) == (False, True)
    assert bench.send(4, reports(4, 3)).held == ((4, 6),)


def test_a_journal_that_cant_be_read_lets_nobody_in(door: Door, tmp_path: Path) -> None:
    """Who was out stays out while nobody can look."""
    door.registrar.revoke(BOX)
    door.shut_out.look()
    (tmp_path / "journal.db").rename(tmp_path / "gone.db")
    time.sleep(0.2)  # some looks in vain
    assert door.shut_out.names() == {BOX}
    (tmp_path / "gone.db").rename(tmp_path / "journal.db")


def test_what_is_not_shut_out_cant_be_let_back(door: Door) -> None:
    """Nor a key that another one followed: only the last one is known again."""
    assert door.registrar.restore(BOX) == 0
    _, token = door.registrar.offer(BOX, automatic=True)
    door.registrar.claim(Claim(token=token, request=request(door.folder, "second")))
    door.bench.clock.passes(NS)
    door.registrar.revoke(BOX)
    assert door.registrar.restore(BOX) == 1
    again = door.registrar.offer(BOX, automatic=True)[1]
    old = door.registrar.claim(Claim(token=again, request=request(door.folder, BOX)))
    assert not isinstance(old, Granted)
