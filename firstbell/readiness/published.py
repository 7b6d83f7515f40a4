"""What others published, beside the answer and never mixed into it.

Some sources speak of a school and some of a whole district; the two are never mixed (facts: targets.md 1.6).
"""

from typing import Literal

import msgspec

from firstbell.readiness.links.answer import LinkAnswer
from firstbell.readiness.links.internet import Question
from firstbell.readiness.models import Confidence, Published
from firstbell.readiness.verdict import enough


class PublishedNeed(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody else's target asks for: `mbps` for `count` people, students, or people online at once.

    `paper_meets` and `measured_meets` are None where the line isn't what the source speaks of, or is not
    known well enough.
    """

    id: str
    name: str
    level: Literal["school", "district"]
    per: Literal["person", "student", "online"]
    count: float
    mbps: float
    source: str
    year: int
    confidence: Confidence
    paper_meets: bool | None = None
    measured_meets: bool | None = None


def beside(question: Question, link: LinkAnswer, people: int) -> tuple[PublishedNeed, ...]:
    """Every published target for the school with `people`, or for its whole district.

    Whether the line meets it is said only where the line serves exactly those of whom the source speaks.
    """
    school = question.school
    others = [other for other in question.district.schools if other.id != school.id]
    students = max(0, people - school.staff)
    district_students = students + sum(other.students for other in others)
    online = people * question.model.onsite_share.value * question.model.online_share.value
    counts = {
        ("school", "person"): people,
        ("school", "student"): students,
        ("school", "online"): online,
        ("district", "person"): people + sum(other.people for other in others),
        ("district", "student"): district_students,
    }
    served = set(question.circuit.schools) if question.circuit else set()
    whole = {"school": {school.id}, "district": {school.id, *(other.id for other in others)}}
    tolerance = question.numbers.tolerance.value
    needs = []
    for key, target in question.targets.published.items():
        need = need_of(key, target, counts[target.level, target.per], district_students)
        needs.append(_met(need, link, tolerance) if served == whole[target.level] else need)
    return tuple(needs)


def need_of(key: str, target: Published, count: float, district_students: int) -> PublishedNeed:
    """The target for `count` of whatever it counts, in a district with so many students."""
    band = next(
        band
        for band in target.bands
        if band.below_students is None or district_students < band.below_students
    )
    return PublishedNeed(
        id=key,
        name=target.name,
        level=target.level,
        per=target.per,
        count=count,
        mbps=max(count * band.mbps, band.least_mbps),
        source=target.source,
        year=target.year,
        confidence=target.confidence,
    )


def _met(need: PublishedNeed, link: LinkAnswer, tolerance: float) -> PublishedNeed:
    side = link.sides[0]
    bought, have = side.paper.have, side.carries
    measured = None
    if have is not None and (enough(have.mbps, need.mbps, tolerance) or not have.at_least):
        measured = enough(have.mbps, need.mbps, tolerance)
    paper = None if bought is None else enough(bought, need.mbps)
    return msgspec.structs.replace(need, paper_meets=paper, measured_meets=measured)
