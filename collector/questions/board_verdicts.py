"""Verdicts as boards show them: a point for each school, way of teaching and link, and one a line and way.

Copies, which nothing reads back (law 1). They go out when the answer is another one, and once a school day.
"""

from collections.abc import Container, Iterator, Mapping
from datetime import date

from collector.questions import judged, summer
from collector.questions.judged import Judged
from collector.registry import Folder
from collector.store.reads import Reads
from firstbell import district as districts
from firstbell.catalogue import Reading
from firstbell.copies import LINE, STATE_RANKS, VERDICT, WHOLE_SCHOOL
from firstbell.points import Point
from firstbell.readiness.chain import SchoolAnswer
from firstbell.readiness.links.answer import LinkAnswer, Side
from firstbell.readiness.models import Targets
from firstbell.readiness.verdict import Verdict

Key = tuple[str, ...]
Said = tuple[str, int]
"""An answer in a word, and its rank."""


class Verdicts:
    """Makes the points that are due; remembers what was `said`, so that a change is told as one.

    With what was said before it was made all is due once, and what differs is a change.
    """

    def __init__(self, said: Mapping[Key, Said] | None = None) -> None:
        self.said: dict[Key, Said] = dict(said or {})
        self._before = self.said
        self._on: dict[str, date] = {}
        self._summers: Container[str] = ()

    def copy(self) -> "Verdicts":
        """One that remembers the same, and goes its own way."""
        made = Verdicts(self.said)
        made._on = dict(self._on)
        return made

    def due(
        self, reads: Reads, folder: Folder, targets: Targets, district: str, as_of_ns: int
    ) -> Iterator[Point]:
        """What is to be written now. Raises StoreError."""
        # What is not said any more (a school that is gone) is remembered no more.
        self._before, self.said = self.said, {}
        years = judged.years_of(targets, None)
        fresh = self._fresh(folder, as_of_ns)
        self._summers = summer.standing(reads, folder.district, as_of_ns).held
        for model_id in targets.models:
            found = judged.judged(reads, folder, targets, model_id, years, as_of_ns)
            for answer in found.answers:
                planned = targets.find(_plan(folder, answer))[0] == model_id
                yield from self._school(answer, district, as_of_ns, planned, answer.school_id in fresh)
        planned_all = judged.judged(reads, folder, targets, None, years, as_of_ns)
        yield from self._lines(planned_all, district, as_of_ns, bool(fresh))

    def _fresh(self, folder: Folder, as_of_ns: int) -> set[str]:
        """The schools of which nothing was said yet on this school day."""
        found = set()
        for school in folder.district.schools:
            day = districts.local(school, as_of_ns).date()
            if school.id not in self._on or (
                self._on[school.id] != day and districts.is_school_day(school, day)
            ):
                self._on[school.id] = day
                found.add(school.id)
        return found

    def _school(
        self, answer: SchoolAnswer, district: str, at_ns: int, planned: bool, fresh: bool
    ) -> Iterator[Point]:
        place = {"district": district, "school": answer.school_id, "model": answer.model_id}
        whole = _verdict(answer.measured, answer.sentence, answer.school)
        weakest = answer.stopped_by
        if weakest:
            whole |= _amounts(weakest)
        yield from self._one(VERDICT.name, place | {"subject": WHOLE_SCHOOL}, whole, planned, at_ns, fresh)
        for link in answer.links:
            tags = place | {"subject": link.link} | ({"circuit": link.circuit} if link.circuit else {})
            fields = _verdict(link.measured, link.measured.sentence, link.name) | _amounts(link)
            fields["weakest"] = link.weak
            yield from self._one(VERDICT.name, tags, fields, planned, at_ns, fresh)

    def _one(
        self,
        name: str,
        tags: dict[str, str],
        fields: dict[str, Reading],
        planned: bool,
        at_ns: int,
        fresh: bool,
    ) -> Iterator[Point]:
        key = (name, *tags.values())
        said = str(fields["label"]), int(fields["state_rank"])
        before = self._before.get(key)
        self.said[key] = said
        changed = before is not None and before != said
        if fresh or changed or before is None:
            more: dict[str, Reading] = {"plan": planned, "changed": changed}
            more["summer"] = tags["school"] in self._summers
            more |= {"was": before[0], "was_rank": before[1]} if before else {"was": ""}
            yield Point(name, tags, fields | more, at_ns)

    def _lines(self, found: Judged, district: str, at_ns: int, fresh: bool) -> Iterator[Point]:
        lines: dict[str, LinkAnswer] = {}
        for answer in found.answers:
            for link in answer.links:
                if link.circuit and link.sides:
                    lines.setdefault(link.circuit, link)
        for circuit, link in lines.items():
            for side in link.sides:
                tags = {"district": district, "circuit": circuit, "subject": str(side.direction)}
                key = (LINE.name, *tags.values())
                dark = all(school in self._summers for school in link.schools)
                fields = _line(link, side) | {"summer": dark}
                # A summer that begins or ends is told at once: alerts go by what was said last.
                said = f"{fields.get('carries_mbps')}{' summer' * dark}", int(fields["state_rank"])
                if fresh or self._before.get(key) != said:
                    yield Point(LINE.name, tags, fields, at_ns)
                self.said[key] = said


def _plan(folder: Folder, answer: SchoolAnswer) -> str:
    school = districts.school_of(folder.district, answer.school_id)
    return school.model or folder.district.settings.model


def _verdict(verdict: Verdict, sentence: str, name: str) -> dict[str, Reading]:
    return {
        "state": verdict.state.value,
        "state_rank": STATE_RANKS[verdict.state.value],
        "label": verdict.label,
        "sentence": sentence,
        "name": name,
        "weakest": False,
    }


def _amounts(link: LinkAnswer) -> dict[str, Reading]:
    return _known(
        {
            "have": link.have,
            "need": float(link.need),
            "need_then": float(link.need_then),
            "counted_in": link.counted_in,
            "ratio": link.measured.ratio,
        }
    )


def _line(link: LinkAnswer, side: Side) -> dict[str, Reading]:
    left = side.left_over.bound
    return _known(
        {
            "state": side.measured.state.value,
            "state_rank": STATE_RANKS[side.measured.state.value],
            "name": link.name,
            "schools": len(link.schools),
            "contract_mbps": side.paper.have,
            "need_mbps": float(side.need.today),
            "need_then_mbps": float(side.need.horizon),
            "carries_mbps": side.carries.mbps if side.carries else None,
            "at_least": bool(side.carries and side.carries.at_least),
            "left_over_mbps": left.mbps if left else None,
            "checks": side.progress.checks,
        }
    )


_FLOATS = ("have", "ratio", "contract_mbps", "carries_mbps", "left_over_mbps")


def _known(fields: Mapping[str, Reading | None]) -> dict[str, Reading]:
    """Without what isn't known; a field has one type for ever."""
    return {
        name: float(value) if name in _FLOATS else value
        for name, value in fields.items()
        if value is not None
    }
