"""The boxes' page in a sentence: how many talk, and what is silent with what."""

from collections import Counter
from collections.abc import Sequence

from firstbell import district as districts
from firstbell.district import District, Seat
from firstbell.readiness import words

Told = tuple[str, str, str, int]
"""Of one box: its group, its school, its name, and how many reports it lost."""
SILENT = ("with_school", "alone", "silent")


def say(boxes: Sequence[Told]) -> tuple[str, str, str]:
    """The sentence's first words, its rest, and what follows it."""
    if not boxes:
        return "No boxes yet.", "", "Plug one in, or give it a line in seats.csv; then ask again."
    count = Counter(group for group, *_ in boxes)
    talking = len(boxes) - sum(count[group] for group in (*SILENT, "never", "summer", "shut_out"))
    bold = f"{talking} of {_boxes(len(boxes))} {_are(talking)} talking."
    schools = {school for group, school, *_ in boxes if group == "with_school"}
    return (
        bold,
        _rest(len(schools), count["alone"], count["silent"], count["summer"], count["shut_out"]),
        _more(boxes, count),
    )


def _rest(schools: int, alone: int, silent: int, summer: int, out: int) -> str:
    told = []
    if schools:
        told.append(f"{_count(schools, 'school', 'schools')} {_are(schools)} silent")
    if alone:
        whose = "its school is" if alone == 1 else "their schools are"
        told.append(f"{_count(alone, 'box', 'boxes')} {_are(alone)} silent while {whose} fine")
    if silent:
        told.append(f"{_count(silent, 'box', 'boxes')} {_are(silent)} silent, and why isn\u2019t known")
    if summer:
        told.append(f"{_count(summer, 'box', 'boxes')} {_are(summer)} silent for the summer")
    if out:
        told.append(f"{_count(out, 'box', 'boxes')} {_are(out)} shut out")
    rest = ", and ".join(told)
    return f"{rest[0].upper()}{rest[1:]}." if rest else ""


def _more(boxes: Sequence[Told], count: Counter[str]) -> str:
    look, never, unplaced = count["look"], count["never"], count["unplaced"]
    lost = [(name, n) for _, _, name, n in boxes if n]
    total = sum(n for _, n in lost)
    told = []
    if look:
        told.append(f"{look} {'talks but wants' if look == 1 else 'talk but want'} a look.")
    if never:
        told.append(f"{never} {'has' if never == 1 else 'have'} never called.")
    if unplaced:
        told.append(f"Of {unplaced} nobody said where {'it stands' if unplaced == 1 else 'they stand'}.")
    if lost:
        whose = f", all of box {lost[0][0]}" if len(lost) == 1 else ""
        told.append(f"{words.count(total, 'report')} {'was' if total == 1 else 'were'} lost{whose}.")
    return " ".join(told)


def _boxes(n: int) -> str:
    return words.count(n, "box", "boxes")


def _count(n: int, one: str, many: str) -> str:
    return f"one {one}" if n == 1 else words.count(n, one, many)


def _are(n: int) -> str:
    return "is" if n == 1 else "are"


def place(district: District, seat: Seat | None) -> str:
    """Where a box stands, in words."""
    if seat is None:
        return "no place yet"
    if not seat.school:
        return f"District hub, {seat.room or seat.circuit}"
    name = districts.school_of(district, seat.school).name
    return f"{name}, {seat.room}" if seat.room else name
