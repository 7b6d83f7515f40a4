"""Changes tried on the same formulas: which size to order, how many people today's line carries."""

from firstbell.readiness import sizing
from firstbell.readiness.links.answer import Side
from firstbell.readiness.verdict import enough

SIZES_MBPS = (25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000)
"""Sizes in which lines are commonly sold, in Mbit/s (a judgement: no source lists them for schools)."""
_STEP = 100_000


def order(side: Side) -> int:
    """The next size up that is ready to the horizon on paper, in Mbit/s."""
    need = side.need.horizon
    return next((size for size in SIZES_MBPS if size >= need), -int(-need // _STEP) * _STEP)


def falls_short_of_paper(side: Side, tolerance: float) -> bool:
    """Whether what is bought would be enough today, and the line doesn't carry it: ask who sells it first."""
    bought, have = side.paper.have, side.measured.have
    if bought is None or have is None or side.measured.at_least:
        return False
    return enough(bought, side.need.today) and not enough(have, side.need.today, tolerance)


def people_today(side: Side, people: int) -> int:
    """How many of such people the line carries today."""
    return sizing.people_carried(side.measured.have or 0.0, side.need.today / people)


def people_through(side: Side, people: int) -> int:
    """How many of such people the line carries to the horizon."""
    return sizing.people_carried(side.measured.have or 0.0, side.need.horizon / people)
