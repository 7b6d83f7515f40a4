"""What is known of each line of a district, weighed once: every way of teaching is then judged by the same.

Nothing here depends on a way of teaching, on people or on years. `Lines` weighs a line when it is first asked
for, and keeps what it found.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from firstbell import district as districts
from firstbell.district import Circuit, School, Span
from firstbell.readiness import attribution, evidence, proof, stopped
from firstbell.readiness.attribution import Behind, Witnesses
from firstbell.readiness.evidence import Line, Weighed
from firstbell.readiness.links.answer import LinkAnswer
from firstbell.readiness.models import Numbers
from firstbell.readiness.network import Network
from firstbell.readiness.proof import Bound, Point
from firstbell.readiness.reasons import Reason
from firstbell.readiness.sizing import Direction
from firstbell.readiness.stopped import Stopped
from firstbell.report import Stored


class Proved(NamedTuple):
    """What the checks of one direction prove: of the line when quiet, and of what is left over in class."""

    quiet: list[Point]
    carries: Bound | None
    worst: Bound | None
    in_class: list[Point]
    left: Bound | None


class LineEvidence(NamedTuple):
    """Everything about one line that does not depend on what is asked of it.

    `clock` is the school whose hours of class are the line's; `schools` those that pass through it.
    `stopped` says why no answer comes nearer at present, `changed` when the line last changed, if that
    left checks out.
    """

    circuit: Circuit
    clock: School
    schools: tuple[str, ...]
    weighed: Weighed
    down: Proved
    up: Proved
    as_of_ns: int
    today: date
    has_box: bool
    stopped: Stopped | None
    changed: date | None

    @property
    def shared(self) -> bool:
        """Whether more than one school passes through it."""
        return len(self.schools) > 1

    def proved(self, direction: Direction) -> Proved:
        """What the checks of that direction prove."""
        return self.down if direction == "down" else self.up


class Everyone(NamedTuple):
    """The whole district in numbers."""

    schools: int
    people: int
    students: int


class Lines:
    """The lines of one district at one moment.

    `tests` are the heavy tests and `latency` the cheap ones around them, of all boxes that an answer may
    have to look at (`Network.witnesses`); what came after the arrival number `facts_until`, or speaks of a
    time after `as_of_ns`, is not looked at. `suspended` are the arrivals of what came while two boxes had
    one name; `heard` the boxes that ever called (None: nobody knows).
    """

    def __init__(
        self,
        network: Network,
        numbers: Numbers,
        as_of_ns: int,
        tests: Iterable[Stored],
        latency: Iterable[Stored],
        facts_until: int,
        suspended: frozenset[int] = frozenset(),
        heard: frozenset[str] | None = None,
    ) -> None:
        self._heard = heard
        self.network, self.numbers, self.as_of_ns = network, numbers, as_of_ns
        self.facts_until, self._suspended = facts_until, suspended
        self._tests, self._latency = _by_box(tests, facts_until), _by_box(latency, facts_until)
        self._boxes: dict[str, list[str]] = {}
        for seat in network.district.seats:
            boxes = self._boxes.setdefault(seat.circuit, [])
            if seat.agent not in boxes:
                boxes.append(seat.agent)
        schools = network.district.schools
        self.everyone = Everyone(
            len(schools), sum(school.people for school in schools), sum(school.students for school in schools)
        )
        self.schools = {school.id: school for school in network.district.schools}
        self.answers: dict[tuple[str, str, int, str], LinkAnswer] = {}
        """What was answered already, by line, way of teaching, years and targets."""
        self._own: dict[tuple[str, bool], Weighed] = {}
        self._found: dict[str, LineEvidence] = {}
        self._ways: dict[str, LineEvidence] = {}
        self._witnesses: dict[str, dict[Direction, Witnesses]] = {}

    def line(self, circuit_id: str) -> LineEvidence:
        """What is known of the line itself. Raises LookupError if no school passes through it."""
        if circuit_id not in self._found:
            self._found[circuit_id] = self._of(circuit_id, self._weigh(circuit_id))
        return self._found[circuit_id]

    def way(self, circuit_id: str) -> LineEvidence:
        """What is known of the line and all behind it taken together: nobody is blamed, nothing excused."""
        if circuit_id not in self._ways:
            self._ways[circuit_id] = self._of(circuit_id, self._tested(circuit_id, within=False))
        return self._ways[circuit_id]

    def _weigh(self, circuit_id: str) -> Weighed:
        network = self.network
        entries, within = network.entries(circuit_id), self._is_within(circuit_id)
        if entries and entries != (circuit_id,):
            since = network.circuit(circuit_id).since
            return attribution.passing([self._tested(entry, within=within) for entry in entries], since)
        behind = [
            Behind(self._witness(line), leads_out=not self._is_within(line))
            for line in network.route(circuit_id)[1:]
        ]
        return attribution.blamed(self._tested(circuit_id, within=within), circuit_id, behind, self.numbers)

    def _is_within(self, circuit_id: str) -> bool:
        """Whether the line ends at the district, so that a test to a server there passes it."""
        return self.network.circuit(circuit_id).kind == "wan"

    def _witness(self, circuit_id: str) -> dict[Direction, Witnesses]:
        if circuit_id not in self._witnesses:
            seen = [
                (self.network.route(entry), check)
                for entry in self.network.entries(circuit_id)
                for check in self._tested(entry, within=self._is_within(circuit_id)).checks
            ]
            self._witnesses[circuit_id] = {
                "down": Witnesses(circuit_id, seen, "down"),
                "up": Witnesses(circuit_id, seen, "up"),
            }
        return self._witnesses[circuit_id]

    def _tested(self, circuit_id: str, *, within: bool) -> Weighed:
        """The tests of the boxes at the line, whichever line on the way was their limit.

        `within`: also those that went no further than the district.
        """
        if (circuit_id, within) not in self._own:
            boxes = self._boxes.get(circuit_id, [])
            line = Line(
                self.network.district,
                self._clock(circuit_id),
                self.network.circuit(circuit_id),
                self.numbers,
                self.as_of_ns,
                self._suspended,
                within,
            )
            tests = [test for box in boxes for test in self._tests.get(box, ())]
            cheap = [look for box in boxes for look in self._latency.get(box, ())]
            self._own[circuit_id, within] = evidence.weigh(tests, cheap, line)
        return self._own[circuit_id, within]

    def _clock(self, circuit_id: str) -> School:
        return self.schools[self.network.through(circuit_id)[0]]

    def _of(self, circuit_id: str, weighed: Weighed) -> LineEvidence:
        circuit, clock = self.network.circuit(circuit_id), self._clock(circuit_id)
        today = districts.local(clock, self.as_of_ns).date()
        changed = any(test.reason is Reason.OLD_LINE for test in weighed.left_out)
        spans = districts.seats_on(self.network.district, circuit_id) if self._boxes.get(circuit_id) else []
        return LineEvidence(
            circuit=circuit,
            clock=clock,
            schools=self.network.through(circuit_id),
            weighed=weighed,
            down=_proved(weighed, "down", self.numbers),
            up=_proved(weighed, "up", self.numbers),
            as_of_ns=self.as_of_ns,
            today=today,
            has_box=any(self._stands(span) for span in spans),
            stopped=self._stopped(weighed, clock, today, spans),
            changed=circuit.since if changed else None,
        )

    def _stands(self, span: Span) -> bool:
        """Whether a box has not yet left its place."""
        return span.until_ns is None or span.until_ns > self.as_of_ns

    def _stopped(self, weighed: Weighed, clock: School, today: date, spans: Sequence[Span]) -> Stopped | None:
        # Nothing was seen yet: then since the first box was put there, as far as anybody wrote it down.
        begun = min((span.since_ns for span in spans), default=0)
        checked = max((test.at_ns for test in weighed.checks), default=0)
        newest = max(begun, checked, max((test.at_ns for test in weighed.left_out), default=0))
        newest_day = districts.local(clock, newest).date() if newest else None
        boxes = {span.agent for span in spans if self._stands(span)}
        return stopped.why(weighed, today, newest_day, boxes, self._heard)


def _by_box(rows: Iterable[Stored], facts_until: int) -> dict[str, list[Stored]]:
    found: dict[str, list[Stored]] = {}
    for row in rows:
        if row.arrival <= facts_until:
            found.setdefault(row.agent, []).append(row)
    return found


def _proved(weighed: Weighed, direction: Direction, numbers: Numbers) -> Proved:
    usual = proof.usual_share(numbers)
    quiet = proof.points([check for check in weighed.checks if not check.in_class], direction, numbers)
    in_class = proof.points([check for check in weighed.checks if check.in_class], direction, numbers)
    return Proved(
        quiet=quiet,
        carries=proof.bound(quiet, usual, numbers),
        worst=proof.bound(quiet, numbers.worst_share.value, numbers),
        in_class=in_class,
        left=proof.bound(in_class, usual, numbers),
    )
