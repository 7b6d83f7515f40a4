"""What a line must carry: people, shares, rates and growth, with the working as data.

    need = people * on site * online at once * rate * (1 + headroom) * (1 + growth)^years

(facts: targets.md 3.2), or the floor where that is more. Rates are line rate in Mbit/s. Growth steps
each first of September, because a school year begins then.
"""

from collections.abc import Sequence
from datetime import date
from typing import Literal

import msgspec

from firstbell.readiness import words
from firstbell.readiness.models import Confidence, Model, Number, Targets

Direction = Literal["down", "up"]

_SEPTEMBER = 9
_ROUNDING = 1e-9


class Factor(msgspec.Struct, frozen=True, kw_only=True):
    """One number of a working and where it comes from; `low` and `high` bound what its source allows."""

    name: str
    value: float
    unit: str
    source: str
    year: int | None = None
    confidence: Confidence | None = None
    judgement: bool = False
    low: float | None = None
    high: float | None = None


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """What a line must carry in one direction, in Mbit/s.

    `mbps` has the need of each fall from `first_fall` to the horizon; the first is today's. `fullest_mbps`
    is today's in the fullest hour. `working` says today's in one line; `bound_by` what decided it.
    """

    direction: Direction
    first_fall: int
    mbps: tuple[float, ...]
    floor_mbps: float
    fullest_mbps: float
    bound_by: Literal["formula", "floor"]
    factors: tuple[Factor, ...]
    working: str

    @property
    def today(self) -> float:
        """Today's need in Mbit/s."""
        return self.mbps[0]

    @property
    def horizon(self) -> float:
        """The need in the last fall that was asked for, in Mbit/s."""
        return self.mbps[-1]

    @property
    def last_fall(self) -> int:
        """The last fall that was asked for."""
        return self.first_fall + len(self.mbps) - 1


def required(
    people: float,
    rate_mbps: float,
    *,
    onsite: float = 1.0,
    online: float = 1.0,
    headroom: float = 0.0,
) -> float:
    """Mbit/s for `people`, of whom the share `onsite` is there and of these `online` are online at once."""
    return people * onsite * online * rate_mbps * (1 + headroom)


def grown(mbps: float, growth: float, years: int) -> float:
    """`mbps` after `years` of growth by the share `growth` a year."""
    return float(mbps * (1 + growth) ** years)


def people_carried(mbps: float, mbps_each: float) -> int:
    """How many people a line of `mbps` carries at `mbps_each`."""
    return int(mbps / mbps_each + _ROUNDING)


def fall_of(day: date) -> int:
    """The year in whose fall the school year of `day` began."""
    return day.year if day.month >= _SEPTEMBER else day.year - 1


def need_of(model: Model, targets: Targets, people: int, day: date, years: int, direction: Direction) -> Need:
    """What a line must carry for `people` from `day` on, through `years` more school years."""
    numbers = targets.numbers
    rate = _rate(model, targets, direction)
    shares = {"onsite": model.onsite_share.value, "headroom": numbers.headroom.value}
    formula = required(people, rate.value, online=model.online_share.value, **shares)
    fullest = required(people, rate.value, online=model.fullest_share.value, **shares)
    # The floor's sources speak of the line to the internet as a whole; none of them gives an upload.
    floor = numbers.floor_mbps.value * people if direction == "down" else 0.0
    steps = (grown(formula, numbers.growth.value, year) for year in range(years + 1))
    return Need(
        direction=direction,
        first_fall=fall_of(day),
        mbps=tuple(max(step, floor) for step in steps),
        floor_mbps=floor,
        fullest_mbps=max(fullest, floor),
        bound_by="formula" if formula >= floor else "floor",
        factors=_factors(model, targets, people, rate),
        working=_working(model, targets, people, rate, max(formula, floor), floor > formula),
    )


def summed(needs: Sequence[Need], people: int, what: str) -> Need:
    """What a line must carry for all of `needs` together; `what` says whose they are."""
    first = needs[0]
    today = sum(need.today for need in needs)
    return Need(
        direction=first.direction,
        first_fall=first.first_fall,
        mbps=tuple(sum(steps) for steps in zip(*(need.mbps for need in needs), strict=True)),
        floor_mbps=sum(need.floor_mbps for need in needs),
        fullest_mbps=sum(need.fullest_mbps for need in needs),
        bound_by="floor" if all(need.bound_by == "floor" for need in needs) else "formula",
        factors=(
            Factor(name="people", value=people, unit="students and staff", source="the district's folder"),
            *dict.fromkeys(factor for need in needs for factor in need.factors if factor.name != "people"),
        ),
        working=f"the sum of {what} = {words.worked(today)} Mbit/s",
    )


def _rate(model: Model, targets: Targets, direction: Direction) -> Number:
    if direction == "down":
        return model.rate_mbps or targets.numbers.rate_mbps
    if model.up_rate_mbps is None:
        raise ValueError(f"no source gives an upload for {model.name}")
    return model.up_rate_mbps


def _factors(model: Model, targets: Targets, people: int, rate: Number) -> tuple[Factor, ...]:
    numbers = targets.numbers
    return (
        Factor(
            name="people", value=people, unit="students and staff", source="asked, or the district's folder"
        ),
        _factor("on site", "share", model.onsite_share),
        _factor("online at once", "share", model.online_share),
        _factor("rate", "Mbit/s for each person online", rate),
        _factor("headroom", "share on top", numbers.headroom),
        _factor("growth", "share a year", numbers.growth),
        _factor("floor", "Mbit/s for each person", numbers.floor_mbps),
    )


def _factor(name: str, unit: str, number: Number) -> Factor:
    return Factor(name=name, unit=unit, **{f: getattr(number, f) for f in number.__struct_fields__})


def _working(
    model: Model, targets: Targets, people: int, rate: Number, need_mbps: float, floored: bool
) -> str:
    result = f"= {words.worked(need_mbps)} Mbit/s"
    if floored:
        each = words.exact(targets.numbers.floor_mbps.value)
        return f"{people:,} people {words.TIMES} {each} Mbit/s each (the floor) {result}"
    parts = (
        f"{people:,} people",
        f"{words.exact(model.onsite_share.value)} on site",
        f"{words.exact(model.online_share.value)} online at once",
        f"{words.exact(rate.value)} Mbit/s each",
        f"{words.exact(1 + targets.numbers.headroom.value)} headroom",
    )
    return f"{f' {words.TIMES} '.join(parts)} {result}"
