"""The red button: no heavy test for a while, at all schools or at one, and those that run are stopped.

It asks back before it does anything, and works without any script. Only operators have it.
"""

from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from collector.questions import quiet as question
from collector.questions.ask import QuestionError
from collector.store import quiets
from collector.web import forms
from collector.web.health import Parts

HOURS = (1, 2, 4, 8, 24)
"""How long the button's quiet time may last."""


class Panel(NamedTuple):
    """What stands on a page: for which school ("": all), and whether something ordered holds there."""

    school: str
    name: str
    holds: bool
    hours: tuple[int, ...] = HOURS


def panel(parts: Parts, school: str = "", name: str = "all schools") -> Panel | None:
    """The button of a page; None in a district that is made up: it has no lines to keep free."""
    if parts.journal is None or parts.simulated:
        return None
    district, now_ns = parts.folder_now().district, parts.clock.now_ns()
    return Panel(school, name, bool(question.holding(parts.reads, district, now_ns, school)))


def routes(parts: Parts) -> list[BaseRoute]:
    """The button, and its end."""

    async def begin(request: Request) -> Response:
        fields = await forms.fields_of(request)
        await run_in_threadpool(_begin, parts, fields)
        return _back(fields)

    async def end(request: Request) -> Response:
        fields = await forms.fields_of(request)
        await run_in_threadpool(_end, parts, fields)
        return _back(fields)

    return [
        Route("/quiet", begin, methods=["POST"]),
        Route("/quiet/end", end, methods=["POST"]),
    ]


def _begin(parts: Parts, fields: dict[str, str]) -> None:
    hours = fields.get("hours", "")
    if hours not in map(str, HOURS):
        raise QuestionError("a quiet time of this page lasts 1 to 24 hours")
    if parts.journal is None or parts.simulated:
        raise QuestionError("Simulated: there are no lines to keep free.")
    now_ns, why = parts.clock.now_ns(), fields.get("why", "").strip()
    district = parts.folder_now().district
    school = fields.get("school", "")
    ordered = question.from_now(district, now_ns, seconds=3600 * int(hours), school=school, why=why)
    quiets.order(parts.journal, ordered, now_ns)


def _end(parts: Parts, fields: dict[str, str]) -> None:
    if parts.journal is None:
        return
    district, now_ns = parts.folder_now().district, parts.clock.now_ns()
    school = question.school_named(district, fields.get("school", ""))
    quiets.end(parts.journal, question.holding(parts.reads, district, now_ns, school), now_ns)


def _back(fields: dict[str, str]) -> Response:
    school = fields.get("school", "")
    return RedirectResponse(f"/schools/{quote(school, safe='')}" if school else "/", HTTPStatus.SEE_OTHER)
