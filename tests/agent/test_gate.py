"""When a box lets itself load the line, and what it is charged for it."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from pathlib import Path
from random import SystemRandom
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.gate import Ceiling, Ceilings, Gate
from agent.machine.clock import SystemClock
from agent.spool import Spool
from firstbell.catalogue import PROBES
from firstbell.lease import Lease, Refusal
from firstbell.report import Stamp

CHICAGO = ZoneInfo("America/Chicago")
MB = 1_000_000


class Book:
    """A ledger that outlives the gates that write to it, as the spool does."""

    def __init__(self) -> None:
        self.days: dict[str, int] = {}

    def used_bytes(self, day: str) -> int:
        """Bytes of a day."""
        return self.days.get(day, 0)

    def add_used(self, day: str, amount: int) -> None:
        """Charge or give back."""
        self.days[day] = self.used_bytes(day) + amount


TWO_GB = Ceilings(day_bytes=2_000_000_000)
"""A day's budget that four tests use up."""


def gate(book: Book, ceilings: Ceilings | None = None, *, fill: float = 0.0, metered: bool = False) -> Gate:
    """A gate on a machine with so full a spool."""
    return Gate(ceilings or TWO_GB, book, CHICAGO, fill=lambda: fill, metered=lambda: metered)


def stamp(
    text: str = "2026-05-05T10:20", *, synchronised: bool = True, uptime_h: float = 1.0, boot: str = "b1"
) -> Stamp:
    """The clocks at a local time in Chicago."""
    wall = datetime.fromisoformat(text).replace(tzinfo=CHICAGO)
    return Stamp(
        boot_id=boot,
        boottime_ns=int(uptime_h * 3600e9),
        wall_ns=int(wall.timestamp()) * 10**9,
        synchronised=synchronised,
    )


def granted(answer: Lease | Refusal) -> Lease:
    """The lease, which must have been granted."""
    assert isinstance(answer, Lease), answer.reason
    return answer


def refused(answer: Lease | Refusal) -> str:
    """The reason, which must have been given."""
    assert isinstance(answer, Refusal)
    return answer.reason


class Voice:
    """A coordinator that says what it is told to say."""

    def __init__(self, answer: Lease | Refusal) -> None:
        self.answer = answer
        self.asked: list[tuple[Lease, dict[str, str]]] = []
        self.settled: list[tuple[str, int | None, float]] = []
        self.over = threading.Event()

    def ask(self, wanted: Lease, targets: Mapping[str, str]) -> Lease | Refusal:
        """Say it."""
        self.asked.append((wanted, dict(targets)))
        return self.answer

    def stop(self, _lease: Lease) -> threading.Event:
        """The one event."""
        return self.over

    def settle(self, lease: Lease, bytes_used: int | None, seconds: float) -> None:
        """Note it."""
        self.settled.append((lease.id, bytes_used, seconds))


def led(
    book: Book, voice: Voice, targets: Mapping[str, Mapping[str, str]] | None = None, busy: str = ""
) -> Gate:
    """A gate that asks this coordinator."""
    return Gate(
        TWO_GB,
        book,
        CHICAGO,
        fill=lambda: 0.0,
        metered=lambda: False,
        busy=lambda: busy,
        targets=targets,
        coordinator=voice,
    )


# --- the coordinator ----------------------------------------------------------------------------------


def test_what_the_coordinator_grants_is_cut_to_the_box_own_ceilings() -> None:
    """More bytes, more seconds, another kind, other targets: nothing over the network raises what the file allows."""
    generous = Lease(kind="flood", max_bytes=10**12, max_seconds=599, id="7", targets=("elsewhere",))
    book = Book()
    lease = granted(led(book, Voice(generous)).ask("throughput", stamp()))
    assert lease == Lease(
        kind="throughput", max_bytes=500 * MB, max_seconds=30, id="7", targets=("throughput",)
    )
    assert book.days == {"2026-05-05": 500 * MB}


def test_the_coordinator_may_grant_less() -> None:
    """A smaller grant holds, with its tickets; the end is told with bytes and seconds, and the rest given back."""
    book, little = (
        Book(),
        Lease(kind="throughput", max_bytes=9 * MB, max_seconds=4, id="7", tickets={"hub": "t"}),
    )
    voice = Voice(little)
    asking = led(book, voice, {"throughput": {"hub": "wan", "cellar": "site"}})
    lease = granted(asking.ask("throughput", stamp()))
    assert (lease.max_bytes, lease.max_seconds, lease.tickets) == (9 * MB, 4, {"hub": "t"})
    assert lease.targets == ("hub", "cellar")
    assert voice.asked[0][1] == {"hub": "wan", "cellar": "site"}
    assert book.days == {"2026-05-05": 1000 * MB}
    asking.settle(lease, 8 * MB, 3.5)
    assert voice.settled == [("7", 8 * MB, 3.5)]
    assert book.days == {"2026-05-05": 8 * MB}


def test_a_no_costs_nothing_and_frees_the_line() -> None:
    """What the coordinator refuses is given back in full, and the next question may be asked."""
    book, voice = Book(), Voice(Refusal("quiet time", 300.0))
    asking = led(book, voice)
    for _ in range(2):
        assert asking.ask("internet", stamp()) == Refusal("quiet time", 300.0)
    assert book.days == {"2026-05-05": 0}
    assert len(voice.asked) == 2


def test_a_busy_line_is_not_asked_for() -> None:
    """While this machine uses the line the test is put off, and the coordinator hears nothing of it."""
    book, voice = Book(), Voice(Refusal("never"))
    assert led(book, voice, busy="the line was busy").ask("internet", stamp()) == Refusal(
        "the line was busy", 300.0
    )
    assert voice.asked == []
    assert book.days == {"2026-05-05": 0}


def test_a_person_asks_no_coordinator() -> None:
    """A forced test runs whatever the line does, and is no lease of the coordinator's."""
    voice = Voice(Refusal("quiet time"))
    lease = granted(led(Book(), voice, busy="busy").ask("internet", stamp(), forced=True))
    assert (lease.id, voice.asked) == ("", [])


def test_the_coordinator_can_end_a_test() -> None:
    """The stop of a granted lease is the coordinator's; a lease of the box's own has none that is ever set."""
    voice = Voice(Lease(kind="internet", max_bytes=MB, max_seconds=1, id="7"))
    asking = led(Book(), voice)
    lease = granted(asking.ask("internet", stamp()))
    voice.over.set()
    assert asking.stop(lease).is_set()
    own = gate(Book())
    assert not own.stop(granted(own.ask("internet", stamp()))).is_set()


def test_a_target_is_asked_no_more_than_so_often_a_day(tmp_path: Path) -> None:
    """The forty-first question of a day is refused, also after a start and by hand; the next day it may be asked."""
    clock = SystemClock()
    for start in range(2):
        with closing(
            Spool.open(tmp_path / "s.db", max_bytes=1 << 20, clock=clock, random=SystemRandom())
        ) as spool:
            asking = Gate(
                Ceilings(),
                spool,
                CHICAGO,
                fill=lambda: 0.0,
                metered=lambda: False,
                targets={"throughput": {"mlab": "internet"}},
                most_tests={"mlab": 3},
            )
            for _ in range(2 - start):
                asking.settle(granted(asking.ask("throughput", stamp())), 0)
            if start:
                for forced in (False, True):
                    assert "3 times today" in refused(asking.ask("throughput", stamp(), forced=forced))
                granted(asking.ask("internet", stamp()))
    next_day = stamp("2026-05-06T10:20")
    with closing(
        Spool.open(tmp_path / "s.db", max_bytes=1 << 20, clock=clock, random=SystemRandom())
    ) as spool:
        again = Gate(
            Ceilings(), spool, CHICAGO, fill=lambda: 0.0, metered=lambda: False, most_tests={"mlab": 3}
        )
        granted(again.ask("throughput", next_day))


def test_a_coordinator_that_fails_leaves_the_line_free() -> None:
    """A fault in asking is no grant: the charge is given back, and the next test may run."""

    class Broken(Voice):
        def ask(self, _wanted: Lease, _targets: Mapping[str, str]) -> Lease | Refusal:
            raise OSError("no socket")

    book = Book()
    asking = led(book, Broken(Refusal("")))
    with pytest.raises(OSError, match="no socket"):
        asking.ask("internet", stamp())
    assert book.days == {"2026-05-05": 0}
    with pytest.raises(OSError, match="no socket"):  # and not: another heavy test is running
        asking.ask("internet", stamp())


# --- ceilings -----------------------------------------------------------------------------------------


def test_ceilings_by_default() -> None:
    """30 s and 500 MB for a throughput test, here or on the internet, 180 s for capacity, 4 GB a day."""
    book = Book()
    assert Ceilings().day_bytes == 4000 * MB
    for kind, seconds, size in (("throughput", 30, 500), ("internet", 30, 500), ("capacity", 180, 1000)):
        lease = granted(gate(book).ask(kind, stamp()))
        assert lease == Lease(kind=kind, max_bytes=size * MB, max_seconds=seconds, targets=(kind,))
    assert book.days == {"2026-05-05": 2000 * MB}
    assert "budget of 2000 MB" in refused(gate(book).ask("internet", stamp()))


def test_every_heavy_probe_has_a_ceiling() -> None:
    """A probe that loads the line without a ceiling could never run."""
    heavy = [probe.name for probe in PROBES.values() if probe.heavy]
    assert heavy
    assert all(Ceilings().of(name) for name in heavy)


@pytest.mark.parametrize("kind", ["latency", "flood", ""])
def test_no_ceiling_no_lease(kind: str) -> None:
    """A kind that the box's file says nothing of is refused, not unlimited."""
    assert "no ceiling" in refused(gate(Book()).ask(kind, stamp()))


@pytest.mark.parametrize(
    "text",
    [
        '{"internet": {"max_seconds": 601, "max_bytes": 1}}',
        '{"internet": {"max_seconds": 0, "max_bytes": 1}}',
        '{"capacity": {"max_seconds": 30, "max_bytes": 5000000001}}',
        '{"throughput": {"max_seconds": 30, "max_bytes": 0}}',
        '{"day_bytes": 50000000001}',
        '{"day_bytes": -1}',
        '{"flood": {"max_seconds": 30, "max_bytes": 1}}',
    ],
)
def test_settings_cannot_raise_a_ceiling_beyond_reason(text: str) -> None:
    """Ten minutes, 5 GB a test and 50 GB a day are the most that a settings file may allow."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=Ceilings)


def test_settings_may_lower_one_ceiling_alone() -> None:
    """What a file does not name keeps its default."""
    ceilings = msgspec.json.decode('{"internet": {"max_seconds": 5, "max_bytes": 9}}', type=Ceilings)
    assert ceilings.internet == Ceiling(max_seconds=5, max_bytes=9)
    assert ceilings.throughput == Ceilings().throughput


# --- refusals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("forced", [False, True])
def test_a_full_spool_and_a_metered_line_refuse(forced: bool) -> None:
    """From 80 % on the spool refuses, and a metered connection does, whoever asks; nothing is charged."""
    book = Book()
    assert "80% full" in refused(gate(book, fill=0.8).ask("internet", stamp(), forced=forced))
    assert "metered" in refused(gate(book, metered=True).ask("internet", stamp(), forced=forced))
    assert book.days == {}
    granted(gate(book, fill=0.79).ask("internet", stamp()))


@pytest.mark.parametrize("forced", [False, True])
def test_one_at_a_time(forced: bool) -> None:
    """While one test runs no other may, of any kind; when it has ended, another may."""
    door = gate(Book())
    lease = granted(door.ask("internet", stamp()))
    assert "internet" in refused(door.ask("throughput", stamp(), forced=forced))
    door.settle(lease, 0)
    granted(door.ask("throughput", stamp()))


def test_a_person_may_overdraw_the_day_but_no_ceiling() -> None:
    """A forced test runs on a spent budget, within its own ceiling, and is charged."""
    book = Book()
    book.add_used("2026-05-05", 2000 * MB)
    lease = granted(gate(book).ask("internet", stamp(), forced=True))
    assert lease.max_bytes == 500 * MB
    assert book.days["2026-05-05"] == 2500 * MB


# --- the day's budget ---------------------------------------------------------------------------------


def test_what_was_not_used_is_given_back() -> None:
    """A test of 75 MB costs 75 MB when it has ended, and its whole ceiling until then."""
    book = Book()
    door = gate(book)
    lease = granted(door.ask("internet", stamp()))
    assert book.days == {"2026-05-05": 500 * MB}
    door.settle(lease, 75 * MB)
    assert book.days == {"2026-05-05": 75 * MB}


def test_unknown_use_costs_the_whole_ceiling() -> None:
    """Nobody knows what a hung test used, so nothing is given back."""
    book = Book()
    door = gate(book)
    door.settle(granted(door.ask("internet", stamp())), None)
    assert book.days == {"2026-05-05": 500 * MB}


def test_a_test_that_used_more_is_charged_for_it() -> None:
    """An engine that overran its ceiling costs what it used."""
    book = Book()
    door = gate(book)
    door.settle(granted(door.ask("internet", stamp())), 600 * MB)
    assert book.days == {"2026-05-05": 600 * MB}


def test_a_kill_in_mid_test_gives_nothing_back() -> None:
    """Killed four times in mid test and started again, the box has spent its day."""
    book = Book()
    for _ in range(4):
        granted(gate(book).ask("internet", stamp()))
    refused(gate(book).ask("internet", stamp()))


def test_the_spool_is_such_a_ledger(tmp_path: Path) -> None:
    """Charged in the box's own spool, opened again by another program run, a test that never ended counts."""

    def opened() -> Spool:
        return Spool.open(tmp_path / "spool.db", max_bytes=8 * MB, clock=SystemClock(), random=SystemRandom())

    for used, charged in ((75 * MB, 75 * MB), (None, 575 * MB)):
        with closing(opened()) as spool:
            door = Gate(TWO_GB, spool, CHICAGO, fill=spool.fill, metered=lambda: False)
            lease = granted(door.ask("internet", stamp()))
            if used is not None:
                door.settle(lease, used)
        with closing(opened()) as spool:
            assert spool.used_bytes("2026-05-05") == charged


def test_a_lease_is_settled_once() -> None:
    """A second settling would give back what another test may have used."""
    book = Book()
    door = gate(book)
    lease = granted(door.ask("internet", stamp()))
    door.settle(lease, 0)
    with pytest.raises(ValueError, match="does not hold the line"):
        door.settle(lease, 0)
    granted(door.ask("throughput", stamp()))
    with pytest.raises(ValueError, match="does not hold the line"):
        door.settle(lease, 0)
    assert book.days == {"2026-05-05": 500 * MB}


def test_a_new_local_day_has_a_new_budget() -> None:
    """The day turns at the box's midnight, not at UTC's; a test that spans it is of the day it began in."""
    book = Book()
    door = gate(book)
    lease = granted(door.ask("internet", stamp("2026-05-05T23:59")))
    door.settle(lease, 1)
    door.settle(granted(door.ask("internet", stamp("2026-05-06T00:01"))), 2)
    assert book.days == {"2026-05-05": 1, "2026-05-06": 2}


def test_an_unknown_clock_gives_no_endless_budget() -> None:
    """A clock at 1970 that jumps about has one budget for a day of uptime, and another for the next."""
    book = Book()
    door = gate(book)
    for text in ("1970-01-02", "1970-01-03", "2024-02-07", "2001-01-01"):
        door.settle(granted(door.ask("internet", stamp(text, synchronised=False))), None)
    assert "budget" in refused(door.ask("internet", stamp("1980-01-01", synchronised=False, uptime_h=23.9)))
    granted(door.ask("internet", stamp("1980-01-01", synchronised=False, uptime_h=24.1)))


def test_starting_anew_opens_no_budget() -> None:
    """Many boots of one unvouched day share its budget; the next day has its own."""
    book = Book()
    for _ in range(4):
        door = gate(book)
        door.settle(granted(door.ask("internet", stamp("2026-11-23", synchronised=False))), None)
    assert "budget" in refused(gate(book).ask("internet", stamp("2026-11-23", synchronised=False)))
    granted(gate(book).ask("internet", stamp("2026-11-24", synchronised=False)))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["internet", "capacity"]), st.none() | st.integers(0, 500 * MB), st.booleans()
        ),
        max_size=30,
    )
)
def test_no_day_uses_more_than_its_budget(tests: list[tuple[str, int | None, bool]]) -> None:
    """Whatever tests used, and however often the box was killed: charged, and so used, within the budget."""
    book = Book()
    door = gate(book)
    truly_used = 0
    for kind, used, killed in tests:
        answer = door.ask(kind, stamp())
        if isinstance(answer, Lease):
            truly_used += answer.max_bytes if used is None else used
            if killed:
                door = gate(book)
            else:
                door.settle(answer, used)
        assert truly_used <= book.used_bytes("2026-05-05") <= 2000 * MB


# --- threads ------------------------------------------------------------------------------------------


def test_of_many_that_ask_at_once_one_gets_the_line() -> None:
    """Ten threads ask together, ten times over: one lease each time, and one charge."""
    book, together = Book(), threading.Barrier(10)

    def fill() -> float:
        threading.Event().wait(0.001)  # a disk takes its time, and lets other threads in
        return 0.0

    door = Gate(TWO_GB, book, CHICAGO, fill=fill, metered=lambda: False)

    def ask() -> Lease | Refusal:
        together.wait(10)
        return door.ask("internet", stamp())

    with ThreadPoolExecutor(10) as pool:
        for _ in range(10):
            answers = [one.result() for one in [pool.submit(ask) for _ in range(10)]]
            (lease,) = (answer for answer in answers if isinstance(answer, Lease))
            assert book.days == {"2026-05-05": 500 * MB}
            door.settle(lease, 0)
