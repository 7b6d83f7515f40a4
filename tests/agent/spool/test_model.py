"""The spool against a model: whatever happens in whatever order, each report is in exactly one place."""

import random
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agent.spool import Page, Spool
from agent.spool.schema import SpoolFullError
from firstbell import wire
from firstbell.report import Draft
from tests.support.clocks import HandClock
from tests.support.spools import crash, draft, numbers, pages, stored, timeline

Identity = tuple[str, int]
BOUND = 100_000
"""Half of it is the file's own; some 150 reports fit the rest."""


class SpoolModel(RuleBasedStateMachine):
    """Puts, sends, answers, crashes, clean ends, steps of the clock and other journals, in any order."""

    @initialize()
    def begin(self) -> None:
        """An empty spool."""
        self.folder = Path(tempfile.mkdtemp())
        self.lives = 0
        self.clock, self.random = HandClock(), random.Random(1)
        self.spool: Spool = self.open(self.folder / "spool.db")
        self.next = 0
        self.where: dict[Identity, int | None] = {}
        self.waiting: dict[Identity, int | None] = {}
        self.kept: dict[Identity, str] = {}
        self.refused: set[Identity] = set()
        self.lost: set[Identity] = set()
        self.sent: dict[Identity, bytes] = {}
        self.epochs = {self.spool.epoch}
        self.journal = "journal-1"
        self.tellers: set[Identity] = set()
        self.look()

    def open(self, path: Path) -> Spool:
        """A spool whose epochs can be foreseen by hypothesis, and by nobody else."""
        return Spool.open(path, max_bytes=BOUND, clock=self.clock, random=self.random)

    def look(self) -> None:
        """Compare the file with the model after something that may add reports and give up old ones."""
        found = stored(self.spool)
        new = {identity: number for identity, number in found.items() if identity not in self.where}
        gone = set(self.waiting) - set(found)
        told = {(loss.epoch, seq) for loss in self.spool.losses() for seq in range(loss.first, loss.last + 1)}
        assert gone <= told, "a report left the queue and nobody was told"
        measured = False
        for identity, number in self.waiting.items():
            measured |= identity not in gone and number is not None
            if identity in gone and number is None and measured:
                assert identity in self.tellers, "a word of the box was given up before older measurements"
        self.tellers = tellers(self.spool)
        self.lost |= gone
        self.where |= new
        self.waiting = found
        assert not told - self.lost, "a loss was told of a report that is not lost"
        self.epochs.add(self.spool.epoch)

    @rule(count=st.integers(1, 40), pause_s=st.floats(0.001, 100))
    def put(self, count: int, pause_s: float) -> None:
        """Measure something."""
        self.clock.advance(pause_s)
        drafts = [draft(self.clock, self.next + i) for i in range(count)]
        expected = [*numbers_in(self.waiting), *range(self.next, self.next + count)]
        if self.stores(drafts):
            self.next += count
        else:
            del expected[-count:]
        self.look()
        left = numbers_in(self.waiting)
        assert left == expected[len(expected) - len(left) :], "not the oldest were given up"

    def stores(self, drafts: list[Draft]) -> bool:
        """Put them; False if the spool is so full of the box's own words that it takes nothing else."""
        try:
            self.spool.put(drafts)
        except SpoolFullError:
            assert not numbers_in(stored(self.spool)), "something could have been given up"
            return False
        return True

    @rule()
    def put_own_word(self) -> None:
        """The box says something of itself."""
        self.spool.put([draft(self.clock, 0, probe="box")])
        self.look()

    @rule(back=st.integers(0, 60))
    def send(self, back: int) -> None:
        """Offer a stretch; what was sent before must be the same bytes."""
        page = self.spool.offer(timeline(self.spool, self.clock), max(1, self.spool.newest() - back))
        if page:
            self.note_sent(page)

    def note_sent(self, page: Page) -> None:
        """Remember what went out, byte by byte."""
        for step, row in enumerate(page.rows):
            identity = (page.epoch, page.first + step)
            assert identity in self.waiting
            assert self.sent.setdefault(identity, row) == row, "a report changed after it was sent"
            number = self.waiting[identity]
            assert numbers([wire.read_report(row)]) == ([] if number is None else [number])

    @rule(first=st.integers(1, 400), length=st.integers(0, 100))
    def hold(self, first: int, length: int) -> None:
        """The collector holds a range of the present epoch: what was sent of it leaves the queue."""
        self.spool.held(self.spool.epoch, [(first, first + length)], self.journal)
        for identity in [i for i in self.waiting if i[0] == self.spool.epoch and i in self.sent]:
            if first <= identity[1] <= first + length:
                del self.waiting[identity]
                self.kept[identity] = self.journal

    @rule()
    def hold_everything(self) -> None:
        """The collector holds all there is."""
        for page in pages(self.spool, self.clock):
            self.note_sent(page)
            self.spool.held(page.epoch, [(page.first, page.first + len(page.rows) - 1)], self.journal)
        self.kept |= dict.fromkeys(self.waiting, self.journal)
        self.waiting = {}

    @rule(number=st.integers(2, 5))
    def meet(self, number: int) -> None:
        """The collector names a journal: what others hold, and the box still keeps, waits again."""
        self.journal = f"journal-{number}"
        while self.spool.meet(self.journal):
            pass
        found = stored(self.spool)
        back = set(found) - set(self.waiting)
        assert all(self.kept[identity] != self.journal for identity in back)
        with self.spool._file.read() as db:
            assert db.execute("SELECT count(*) FROM kept WHERE journal <> ?", (self.journal,)).fetchone() == (
                0,
            )
        for identity in back:
            del self.kept[identity]
        self.waiting = found

    @precondition(lambda self: self.waiting)
    @rule(which=st.integers(0, 1000))
    def refuse(self, which: int) -> None:
        """The collector refuses one report."""
        epoch, seq = list(self.waiting)[which % len(self.waiting)]
        self.spool.refuse(epoch, [(seq, seq, "no")])
        del self.waiting[epoch, seq]
        self.refused.add((epoch, seq))

    @rule(off_s=st.floats(1, 1000), reboots=st.booleans())
    def crash(self, off_s: float, reboots: bool) -> None:
        """The process is killed, or the power goes; it starts again."""
        self.lives += 1
        left = crash(self.spool._file._path, self.folder / f"life-{self.lives}")
        self.spool._file.shut()
        if reboots:
            self.clock.reboot(off_s, synchronised=True)
        self.spool = self.open(left)
        assert self.spool.epoch not in self.epochs, "an epoch was drawn twice"
        self.look()

    @rule()
    def end_cleanly(self) -> None:
        """The process ends and starts again."""
        path = self.spool._file._path
        self.spool.close()
        self.spool = self.open(path)
        assert self.spool.epoch not in self.epochs, "an epoch was drawn twice"
        self.look()

    @rule(back_s=st.floats(0, 5))
    def step_back(self, back_s: float) -> None:
        """NTP sets the clock back, and something is measured."""
        self.clock.wrong_ns -= round(back_s * 1e9)
        self.next += self.stores([draft(self.clock, self.next)])
        self.look()
        self.clock.advance(60)

    @invariant()
    def is_conserved(self) -> None:
        """Every report that was ever put is in exactly one place, and the spool counts what waits."""
        if not self.epochs:
            return
        assert self.spool.waiting() == len(self.waiting)
        places = [set(self.waiting), set(self.kept), self.refused, self.lost]
        assert sum(map(len, places)) == len(set().union(*places)), "a report is in two places"
        put = sorted(number for number in self.where.values() if number is not None)
        assert put == list(range(self.next))
        assert set().union(*places) == set(self.where)

    def teardown(self) -> None:
        """Let go of the file."""
        if hasattr(self, "spool"):
            self.spool._file.shut()
            shutil.rmtree(self.folder)


def tellers(spool: Spool) -> set[Identity]:
    """The box's words that tell of losses: they may go at any time, to be told once more in fewer words."""
    with spool._file.read() as db:
        query = (
            "SELECT epoch, place & 0xFFFFFFFF, body FROM waiting JOIN epochs ON n = place >> 32 WHERE box = 1"
        )
        return {(epoch, seq) for epoch, seq, body in db.execute(query) if b'"losses"' in body}


def numbers_in(waiting: dict[Identity, int | None]) -> list[int]:
    """The numbers of measurements, in the queue's order."""
    return [number for number in waiting.values() if number is not None]


TestSpoolModel = pytest.mark.slow(SpoolModel.TestCase)
TestSpoolModel.settings = settings(max_examples=60, stateful_step_count=40)
