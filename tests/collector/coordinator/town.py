"""What the coordinator's tests build with: a small district, its folder of a journal, and a desk at a moment."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from collector.coordinator.desk import Desk
from collector.store.journal import Journal, open_journal
from collector.store.leases import Leases
from firstbell.district import Budget, Circuit, District, QuietTime, Room, School, Seat, Settings
from firstbell.lease import Ask, Grant, Refuse, Settle
from firstbell.report import Medium

NS = 10**9
ZONE = ZoneInfo("America/Chicago")
MB = 1_000_000
WIDE = Budget(day_seconds=86_400, day_bytes=10**13, month_seconds=31 * 86_400, month_bytes=10**14)
"""A budget that is never in the way."""


def at(text: str) -> int:
    """The moment that Chicago's clocks show as `2026-12-07T09:00`."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()) * NS


MONDAY = at("2026-12-07T08:00")
"""In the first of the four periods of class (7:30 to 9:30), not at its edge."""


class HandClock:
    """A wall clock and a monotonic one in the test's hand."""

    def __init__(self, wall_ns: int = MONDAY) -> None:
        self.wall_ns = wall_ns
        self.passed_s = 1_000.0

    def now_ns(self) -> int:
        """What the wall clock says."""
        return self.wall_ns

    def monotonic(self) -> float:
        """What the other one says."""
        return self.passed_s

    def passes(self, seconds: float) -> None:
        """Time goes by on both."""
        self.wall_ns += round(seconds * NS)
        self.passed_s += seconds

    def to(self, moment_ns: int) -> None:
        """Time goes by until then; to what was before, the wall clock alone is set back."""
        self.passed_s += max(0.0, (moment_ns - self.wall_ns) / NS)
        self.wall_ns = moment_ns


def town(
    *,
    budget: Budget = WIDE,
    quiet: tuple[QuietTime, ...] = (),
    boxes: Sequence[str] = ("lincoln-1", "lincoln-2"),
    seats: tuple[Seat, ...] = (),
) -> District:
    """Two schools on lines of the district's own that meet at the hub, and one with a line to the internet.

    `boxes` stand at Lincoln.
    """
    schools = tuple(
        School(id=name, name=name.title(), students=500, tz="America/Chicago")
        for name in ("lincoln", "roosevelt", "alone")
    )
    circuits = (
        Circuit(id="hub", kind="internet"),
        Circuit(id="lincoln-wan", kind="wan", parent="hub", schools=("lincoln",)),
        Circuit(id="roosevelt-wan", kind="wan", parent="hub", schools=("roosevelt",)),
        Circuit(id="alone-line", kind="internet", schools=("alone",)),
    )
    rooms = (
        Room(school="lincoln", room="204", access_points=("ap-2", "ap-3")),
        Room(school="lincoln", room="205", access_points=("ap-3",)),
        Room(school="lincoln", room="attic"),
    )
    stand = (
        *(Seat(agent=box, school="lincoln", circuit="lincoln-wan") for box in boxes),
        Seat(agent="roosevelt-1", school="roosevelt", circuit="roosevelt-wan"),
        Seat(agent="alone-1", school="alone", circuit="alone-line"),
        Seat(agent="hub-1", school="", circuit="hub"),
        Seat(agent="wifi-1", school="lincoln", circuit="lincoln-wan", room="204", medium=Medium.WIFI),
        *seats,
    )
    settings = Settings(tz="America/Chicago", budget=budget, quiet=quiet)
    return District(settings=settings, schools=schools, circuits=circuits, rooms=rooms, seats=stand)


class NoSigner:
    """Signs with the target's name, for tests that look at other things.

    `first`: it never did so before.
    """

    def __init__(self, *, first: bool = True) -> None:
        self.first = first

    def issue(
        self, agent: str, kind: str, targets: tuple[str, ...], bounds: tuple[int, float], now_ns: int
    ) -> dict[str, str]:
        """A ticket for each target."""
        return {target: f"{agent} to {target}, {kind} {bounds} {now_ns}" for target in targets}


class House:
    """A desk on a journal of its own, and a district in the test's hand."""

    def __init__(
        self, folder: Path, district: District | None = None, clock: HandClock | None = None
    ) -> None:
        self.clock = clock or HandClock()
        self.district = district or town()
        self.journal: Journal = open_journal(folder / "journal.db")
        self._nonces = 0
        self.store = Leases(self.journal)
        self.desk = self._opened(first=True)

    def _opened(self, *, first: bool) -> Desk:
        return Desk(self.store, lambda: self.district, self.clock, NoSigner(first=first))

    def restart(self) -> None:
        """As after a kill: another desk on the same journal."""
        self.store.close()
        self.store = Leases(self.journal)
        self.desk = self._opened(first=False)

    def ask(
        self,
        agent: str = "lincoln-1",
        kind: str = "throughput",
        *,
        segment: str = "internet",
        medium: str = "",
        nonce: str = "",
        seconds: float = 30.0,
        max_bytes: int = 500 * MB,
        targets: int = 1,
    ) -> Grant | Refuse:
        """What is said to a question of a box."""
        self._nonces += 1
        names = tuple(f"server-{n}" for n in range(targets))
        answer = self.desk.hear(
            agent,
            Ask(
                nonce=nonce or f"nonce-{self._nonces}",
                kind=kind,
                targets=names,
                segments=dict.fromkeys(names, segment),
                max_bytes=max_bytes,
                max_seconds=seconds,
                medium=medium,
            ),
        )
        assert isinstance(answer, Grant | Refuse)
        return answer

    def granted(self, agent: str = "lincoln-1", kind: str = "throughput", **more: object) -> Grant:
        """The grant to a question; fails if it was refused."""
        answer = self.ask(agent, kind, **more)  # type: ignore[arg-type]
        assert isinstance(answer, Grant), answer
        return answer

    def refused(self, agent: str = "lincoln-1", kind: str = "throughput", **more: object) -> Refuse:
        """The refusal of a question; fails if it was granted."""
        answer = self.ask(agent, kind, **more)  # type: ignore[arg-type]
        assert isinstance(answer, Refuse), answer
        return answer

    def settle(
        self, lease: str, agent: str = "lincoln-1", used: int | None = 100 * MB, seconds: float = 12.0
    ) -> None:
        """A box is done."""
        self.desk.hear(agent, Settle(lease=lease, bytes=used, seconds=seconds))

    def close(self) -> None:
        """Close the journal."""
        self.store.close()
