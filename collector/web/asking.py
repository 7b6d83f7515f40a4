"""What a planner's form asks: a way of teaching, and until which fall."""

from typing import NamedTuple
from urllib.parse import urlencode

from starlette.requests import Request

from collector.questions import judged
from collector.questions.ask import QuestionError
from collector.web.health import Parts
from collector.web.pages import when, zone_of
from firstbell.readiness import sizing

_SHOWN = 40


class Asked(NamedTuple):
    """The form's two fields; None where the address doesn't name one."""

    model: str | None
    years: int | None


def read(request: Request, parts: Parts) -> Asked:
    """The fields of the address. Raises QuestionError for what can't be asked here, as another fall."""
    for name in set(request.query_params) - {"model", "through"}:
        raise QuestionError(f"{name[:_SHOWN]} can\u2019t be asked on a page: the API takes more")
    through = request.query_params.get("through") or ""
    if not through:
        return Asked(request.query_params.get("model"), None)
    if not (through.isascii() and through.isdigit() and len(through) == 4):  # noqa: PLR2004 - a year
        raise QuestionError("through is a year, as 2029: until which fall")
    years = int(through) - first_fall(parts)
    return Asked(request.query_params.get("model"), judged.years_of(parts.targets, years))


def first_fall(parts: Parts) -> int:
    """The fall in which the district's school year began."""
    return sizing.fall_of(when(parts.clock.now_ns(), zone_of(parts)).date())


def falls(first: int, horizon: int, asked: int) -> list[int]:
    """The falls to choose from: this one, the horizon, two years on, and the one that is asked for."""
    return sorted({first, first + horizon, first + horizon + 2, asked})


def query(model: str, last_fall: int) -> str:
    """The same question on another page."""
    return "?" + urlencode({"model": model, "through": last_fall} if model else {"through": last_fall})
