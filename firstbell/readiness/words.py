"""Numbers and dates as planners read them: the one place that rounds (design: "Numbers").

Values are rounded here, at the very end, and never before they are compared.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal

NBSP = "\u00a0"
"""A no-break space, before every unit."""
TIMES = "\u00d7"
"""The multiplication sign."""

_EXACT_TENS = (1_000, 10_000)
"""Between these the nearest ten: at two figures 1,030 needed and 1,000 bought would read alike."""
_MOST_FIGURES = 8
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def rounded(value: float, more: int = 0, *, at_least: bool = False) -> Decimal:
    """`value` (not negative) at two significant figures, or the nearest ten from 1,000 to 10,000.

    `more` asks for that many figures beyond. With `at_least` it is rounded down: of a lower bound nothing
    above it may be said.
    """
    exact = Decimal(repr(float(value)))
    low, high = _EXACT_TENS
    exponent = 1 if low <= exact < high else exact.adjusted() - 1
    rounding = ROUND_FLOOR if at_least else ROUND_HALF_UP
    return exact.quantize(Decimal(1).scaleb(exponent - more), rounding=rounding)


def number(value: float, more: int = 0, *, at_least: bool = False) -> str:
    """The text of a rounded value, see `rounded`."""
    text = f"{rounded(value, more, at_least=at_least):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def apart(*values: float, bound: float | None = None) -> tuple[str, ...]:
    """All the numbers, with as many figures as it takes to tell apart those that differ.

    `bound` is a lower bound that comes last: it is rounded down.
    """
    distinct = len({*values} | ({bound} if bound is not None else set()))
    texts: tuple[str, ...] = ()
    for more in range(_MOST_FIGURES):
        texts = tuple(number(value, more) for value in values)
        if bound is not None:
            texts = (*texts, number(bound, more, at_least=True))
        if len(set(texts)) == distinct:
            break
    return texts


def mbit(text: str) -> str:
    """A number's text with the unit of all speeds."""
    return f"{text}{NBSP}Mbit/s"


def exact(value: float) -> str:
    """`value` for a working: up to four decimals, thousands with a comma."""
    text = f"{value:,.4f}"
    return text.rstrip("0").rstrip(".")


def worked(value: float) -> str:
    """What a working comes to: four figures at most, thousands with a comma."""
    return exact(float(f"{value:.4g}"))


def count(n: int, one: str, many: str = "") -> str:
    """`1 check`, `4 checks`, `1,200 people`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def day(when: date) -> str:
    """`15 December`."""
    return f"{when.day} {_MONTHS[when.month - 1]}"


def weekday(when: date) -> str:
    """`Friday 4 December`."""
    return f"{_DAYS[when.weekday()]} {day(when)}"


def clock(local: datetime, *, seconds: bool = False) -> str:
    """`7:31`, or `7:40:16` where a technician reads it."""
    return f"{local.hour}:{local:%M:%S}" if seconds else f"{local.hour}:{local:%M}"


def moment(local: datetime) -> str:
    """`Tuesday 8 December 2026, 14:05`."""
    return f"{weekday(local)} {local.year}, {clock(local)}"


def since(local: datetime, now: datetime) -> str:
    """`7:31` for today, else with its day: `Friday 4 December, 15:31`."""
    at = clock(local)
    return at if local.date() == now.date() else f"{weekday(local)}, {at}"


def fall(year: int) -> str:
    """`fall 2029`: the school year that begins in it."""
    return f"fall {year}"


def listed(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def odds(share: float) -> str:
    """`three times out of four` for the share 0.26 that may fall short of it."""
    of = round(1 / share)
    return f"{_word(of - 1)} times out of {_word(of)}"


def _word(n: int) -> str:
    return _SMALL[n] if n < len(_SMALL) else str(n)
