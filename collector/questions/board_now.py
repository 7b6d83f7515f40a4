"""How schools and boxes stand at this moment, as boards show it."""

from collections.abc import Iterator
from datetime import timedelta

from collector.questions import boxes as asking
from collector.questions import doubt as doubting
from collector.questions import judged, summer, watches
from collector.questions import quiet as quiet_times
from collector.questions.boxes import Box
from collector.questions.doubt import Doubts
from collector.registry import Folder
from collector.store.reads import Reads
from firstbell import district as districts
from firstbell import quiet as quiets
from firstbell.catalogue import Reading
from firstbell.copies import BOX_NOW, SCHOOL_NOW, STATE_RANKS
from firstbell.district import NS, School
from firstbell.points import Placer, Point
from firstbell.readiness.chain import SchoolAnswer
from firstbell.readiness.links import availability
from firstbell.readiness.links.availability import Uptime
from firstbell.readiness.models import Targets

_PAST_NS = 4 * 86_400 * NS
"""So far back it is told since when a school is up or down: over a weekend."""
_LAST_LOOK_NS = 900 * NS
"""What nobody has seen for longer than this nobody knows now."""


def points(reads: Reads, folder: Folder, targets: Targets, placer: Placer, as_of_ns: int) -> Iterator[Point]:
    """A point of each school and of each box. Raises StoreError."""
    boxes = [box for group in asking.ask(reads, folder, as_of_ns).groups for box in group.boxes]
    known = reads.facts_until()
    doubts = doubting.spans(reads, known)
    years = judged.years_of(targets, None)
    summers = summer.standing(reads, folder.district, as_of_ns)
    answers = judged.judged(reads, folder, targets, None, years, as_of_ns).answers
    for school, answer in zip(folder.district.schools, answers, strict=True):
        here = [box for box in boxes if box.school == school.id]
        fields = {
            "name": school.name,
            **_up(reads, folder, school, known, doubts, as_of_ns),
            "in_class": districts.period_of(school, as_of_ns).in_class,
            "boxes": len(here),
            "silent_boxes": sum(box.silent_ns is not None for box in here),
            **_quiet(reads, folder, school, as_of_ns),
            "summer": school.id in summers.held,
            **_lost(school, answer.uptime, as_of_ns),
            **_answer(answer),
        }
        yield Point(SCHOOL_NOW.name, {"district": placer.name, "school": school.id}, fields, as_of_ns)
    reports = {state.agent: state.reports for state in reads.boxes()}
    for box in boxes:
        excused = summer.excused(summers, box.school, box.silent_ns) is not None
        yield _box(box, reports.get(box.name, 0), excused, placer, as_of_ns)


def _up(
    reads: Reads, folder: Folder, school: School, known: int, doubts: Doubts, as_of_ns: int
) -> dict[str, Reading]:
    """Whether it reaches the internet, and since when; nothing where nobody can tell now."""
    span = as_of_ns - _PAST_NS, as_of_ns
    here = watches.within(reads, folder.district, school, span, known, doubts)
    away = watches.unreachable_within(reads, folder.district, school, span, known, doubts)
    out, seen = availability.out_and_known(here, away)
    if not seen or seen[-1][1] < as_of_ns - _LAST_LOOK_NS:
        return {}
    down = bool(out) and out[-1][1] >= seen[-1][1]
    since_ns = out[-1][0] if down else out[-1][1] if out else seen[0][0]
    return {
        "up": not down,
        "since_s": since_ns // NS,
        "down_s": (as_of_ns - since_ns) / NS if down else 0.0,
    }


def _quiet(reads: Reads, folder: Folder, school: School, as_of_ns: int) -> dict[str, Reading]:
    orders = quiet_times.standing(reads, folder.district, as_of_ns)
    held = quiets.at_school(folder.district, orders, school, as_of_ns)
    return {"quiet": held is not None, "quiet_why": held.why if held else ""}


def _lost(school: School, uptime: Uptime | None, as_of_ns: int) -> dict[str, Reading]:
    """What the last school day whose classes are over lost."""
    now = districts.local(school, as_of_ns)
    over = [end for _, end, _ in districts.class_spans(school, now.date())]
    newest = now.date() if over and over[-1] <= as_of_ns else now.date() - timedelta(days=1)
    day = next(districts.school_days(school, newest, -1), None)
    lost = [each for each in uptime.lost if each.day == day] if uptime else []
    worst = max(lost, key=lambda each: each.minutes, default=None)
    return {
        "lost_yesterday_min": float(sum(each.minutes for each in lost)),
        "worst_period": worst.period if worst else "",
        "worst_period_min": float(worst.minutes) if worst else 0.0,
    }


def _answer(answer: SchoolAnswer) -> dict[str, Reading]:
    return {"state_rank": STATE_RANKS[answer.measured.state.value], "label": answer.measured.label}


def _box(box: Box, reports: int, summer: bool, placer: Placer, as_of_ns: int) -> Point:
    place = {name: value for name, value in placer.tags(box.name, as_of_ns).items() if name in BOX_NOW.tags}
    fields: dict[str, Reading] = {
        "silent": box.silent_ns is not None,
        "silent_s": (as_of_ns - box.silent_ns) / NS if box.silent_ns is not None else 0.0,
        "reports": reports,
        "missing": box.missing,
        "lost": box.lost,
        "refused": box.refused,
        "starts": box.starts,
        "two_boxes": bool(box.two_boxes),
        "version": box.version,
        "summer": summer,
    }
    if box.last_ns is not None:
        fields["last_seen_s"] = box.last_ns // NS
    if box.spool is not None:
        fields["waiting"] = box.spool
    return Point(BOX_NOW.name, place, fields, as_of_ns)
