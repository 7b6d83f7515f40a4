"""What others published, beside the answer and never mixed into it.

Some sources speak of a school and some of a whole district; the two are never mixed (facts: targets.md 1.6).
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from firstbell import district as districts
from firstbell.district import District, School
from firstbell.readiness import words
from firstbell.readiness.lines import Everyone
from firstbell.readiness.links.answer import LinkAnswer
from firstbell.readiness.models import Confidence, Model, Published, Targets
from firstbell.readiness.verdict import enough


class PublishedNeed(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody else's target asks for: `mbps` for `count` people, students, or people online at once.

    `taken` says what was taken for granted of who is a student, if anything was. `paper_meets` and
    `measured_meets` are None where the line isn't what the source speaks of, or is not known well enough.
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
    taken: str = ""
    paper_meets: bool | None = None
    measured_meets: bool | None = None


def beside(
    targets: Targets,
    model: Model,
    everyone: Everyone,
    district: District,
    school: School,
    people: int,
    lines: Sequence[LinkAnswer],
) -> tuple[PublishedNeed, ...]:
    """Every published target for the school with `people`, or for its whole district.

    Whether one of the `lines` meets it is said only where it serves exactly those of whom the source speaks.
    """
    students = max(0, people - school.staff)
    district_students = students + everyone.students - school.students
    online = people * model.onsite_share.value * model.online_share.value
    counts = {
        ("school", "person"): people,
        ("school", "student"): students,
        ("school", "online"): online,
        ("district", "person"): people + everyone.people - school.people,
        ("district", "student"): district_students,
    }
    serving = {len(line.schools): line for line in lines if line.circuit}
    whole = {"school": serving.get(1), "district": serving.get(everyone.schools)}
    tolerance = targets.numbers.tolerance.value
    needs = []
    for key, target in targets.published.items():
        need = need_of(key, target, counts[target.level, target.per], district_students)
        need = msgspec.structs.replace(need, taken=_taken(target, district, school, people))
        line = whole[target.level]
        needs.append(_met(need, line, tolerance) if line else need)
    return tuple(needs)


def _taken(target: Published, district: District, school: School, people: int) -> str:
    """Taken as if all 1,040 people were students: where the target, or its band, hangs on who is one."""
    unsplit = districts.unsplit(district)
    if target.level == "school" and len(target.bands) == 1:
        unsplit &= {school.id}
    if not unsplit or (target.per != "student" and len(target.bands) == 1):
        return ""
    count = sum(people if s.id == school.id else s.people for s in district.schools if s.id in unsplit)
    return f"taken as if all {words.count(count, 'person', 'people')} were students"


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
