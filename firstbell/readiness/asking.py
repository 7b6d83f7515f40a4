"""What is asked of each line: the need of all who pass through it, each by the way of teaching asked."""

from datetime import date

from firstbell import district as districts
from firstbell.district import District, School
from firstbell.readiness import sizing, words
from firstbell.readiness.lines import LineEvidence, Lines
from firstbell.readiness.links import line
from firstbell.readiness.links.answer import LinkAnswer
from firstbell.readiness.links.line import Asked
from firstbell.readiness.models import Model, Targets
from firstbell.readiness.say import Called
from firstbell.readiness.sizing import Direction, Need

PLAN = "plan"
"""In place of a way of teaching: each school by the one that it plans."""
DEFAULT_MODEL = "flex"
LINES = ("internet", "wan", "way")
"""The links that are lines."""
WAY = "The lines to the internet taken together"


def planned(district: District, school: School) -> str:
    """The way of teaching that the school plans, or else the district's."""
    return school.model or district.settings.model or DEFAULT_MODEL


class Asking:
    """One question, put to any of a district's lines: `model` (or `PLAN`), and `years` ahead.

    `people` takes the place of the folder's number for the one school that it names.
    """

    def __init__(
        self, model: str, targets: Targets, lines: Lines, years: int, people: tuple[str, int] | None = None
    ) -> None:
        self._model, self._targets, self._lines, self._years = model, targets, lines, years
        self._schools = lines.schools
        self._models: dict[str, tuple[str, Model]] = {}
        asked = people and self._schools[people[0]].people != people[1]
        self._people = dict([people]) if people and asked else {}

    def model_of(self, school: School) -> tuple[str, Model]:
        """The way of teaching that is asked of the school. Raises LookupError if there is none such."""
        asked = self._model
        if asked == PLAN:
            asked = planned(self._lines.network.district, school)
        if asked not in self._models:
            self._models[asked] = self._targets.find(asked)
        return self._models[asked]

    def own(self, school: School) -> Asked:
        """Of the school's own line: what all who pass through it need."""
        path = self._lines.network.path(school.id)
        return self.of(path[0].id, school) if path else self._nothing(school)

    def answer(self, circuit_id: str) -> LinkAnswer:
        """The answer for a line: judged once for all schools of which the same is asked."""
        key = circuit_id, self._model, self._years, self._targets.digest
        if self._people:
            return line.judge(self.of(circuit_id))
        if key not in self._lines.answers:
            self._lines.answers[key] = line.judge(self.of(circuit_id))
        return self._lines.answers[key]

    def of(self, circuit_id: str, school: School | None = None) -> Asked:
        """Of a line, the one of `school` if this is its own."""
        known = self._lines.line(circuit_id)
        schools = [self._schools[school_id] for school_id in known.schools]
        own = school if school and not known.shared else None
        names = {self._name(school) for school in schools}
        teaching = next(iter(names)) if len(names) == 1 else "teaching as its schools plan to"
        return Asked(
            line=known,
            needs=self._needs(schools, known.today),
            people=sum(self._count(school) for school in schools),
            called=_called(known, own, teaching),
            numbers=self._targets.numbers,
        )

    def whole(self, school: School) -> Asked:
        """Of the school's own line and all behind it taken together: what this school needs."""
        path = self._lines.network.path(school.id)
        known = self._lines.way(path[0].id)
        teaching = self._name(school)
        return Asked(
            line=known,
            needs=self._needs([school], known.today),
            people=self._count(school),
            called=Called("way", WAY, "the way to the internet", school.name, teaching),
            numbers=self._targets.numbers,
            whole=True,
        )

    def _nothing(self, school: School) -> Asked:
        """Of a line that nobody entered."""
        return Asked(
            line=None,
            needs=self._needs([school], districts.local(school, self._lines.as_of_ns).date()),
            people=self._count(school),
            called=Called(
                "internet", "Line to the internet", "the internet line", school.name, self._name(school)
            ),
            numbers=self._targets.numbers,
        )

    def _name(self, school: School) -> str:
        return self.model_of(school)[1].name

    def _count(self, school: School) -> int:
        return self._people.get(school.id, school.people)

    def _needs(self, schools: list[School], day: date) -> tuple[Need, ...]:
        groups: dict[str, int] = {}
        for school in schools:
            model_id = self.model_of(school)[0]
            groups[model_id] = groups.get(model_id, 0) + self._count(school)
        ways: tuple[Direction, ...] = ("down", "up")
        return tuple(need for way in ways if (need := self._need(groups, len(schools), day, way)))

    def _need(self, groups: dict[str, int], schools: int, day: date, way: Direction) -> Need | None:
        """What all of them need in one direction; None where no source gives an upload for any."""
        asked = [(self._targets.models[model_id], people) for model_id, people in groups.items()]
        needs = [
            sizing.need_of(model, self._targets, people, day, self._years, way)
            for model, people in asked
            if way == "down" or model.up_rate_mbps
        ]
        if len(needs) < 2:  # noqa: PLR2004 - one is its own sum
            return needs[0] if needs else None
        what = f"what {words.count(schools, 'school')} need as they plan to teach"
        return sizing.summed(needs, sum(groups.values()), what)


def _called(known: LineEvidence, school: School | None, teaching: str) -> Called:
    """What the line is called; `school` if it is this school's own."""
    circuit = known.circuit
    kind = circuit.kind
    if school and kind == "internet":
        return Called(kind, "Line to the internet", "the internet line", school.name, teaching)
    if school:
        name = f"Line from {school.name} to the district"
        return Called(kind, name, f"the line from {school.name} to the district", school.name, teaching)
    sharers = len(known.schools)
    by = f"shared by {words.count(sharers, 'school')}"
    if kind == "internet":
        name = "The district's internet line"
        return Called(
            kind, f"{name}, {by}", "the district's internet line", "The district", teaching, sharers
        )
    name = f"The line {circuit.id}"
    return Called(kind, f"{name}, {by}", f"the line {circuit.id}", "The district", teaching, sharers)
