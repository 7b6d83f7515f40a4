"""The page behind a box's QR code: whoever stands before it says where it hangs, and needs no token.

The code on the label is good for this and nothing else. Wrong ones are slow, as wrong tokens are; and what is
said changes no place: an operator takes it over on the boxes' page, or doesn't.
"""

import re
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from collector.questions import hanging
from collector.questions.ask import QuestionError
from collector.questions.hanging import Here
from collector.web import forms, pages
from collector.web.access import Slowness
from collector.web.health import Parts
from firstbell import district as districts
from firstbell.district import NS

UNDER = "/here/"
"""Paths under it ask for no token of the pages'."""
_MOMENT = re.compile(r"[0-9]{1,19}\Z")
_AGAIN_NS = 3 * NS
"""So soon after one word of a box another one isn't taken down."""
_THANKS_NS = 3600 * NS


def free(parts: Parts, slowness: Slowness) -> list[BaseRoute]:
    """The page, and its buttons."""

    async def found(request: Request) -> Here | None:
        """The box; a code that no label has costs time, and more each time."""
        code = request.path_params["code"]
        address = request.client.host if request.client else ""
        box = await run_in_threadpool(_look, parts, code)
        if box is None:
            await slowness.wrong(address)
        else:
            slowness.right(address)
        return box

    async def show(request: Request) -> Response:
        box = await found(request)
        return _page(parts, box) if box else _nobody()

    async def say(request: Request) -> Response:
        fields = await forms.fields_of(request)
        box = await found(request)
        if box is None:
            return _nobody()
        try:
            await run_in_threadpool(_say, parts, box, fields)
        except QuestionError as error:
            return _page(parts, box, str(error))
        return RedirectResponse(request.url.path, HTTPStatus.SEE_OTHER)

    path = UNDER + "{code}"
    return [
        Route(path, show, include_in_schema=False),
        Route(path, say, methods=["POST"], include_in_schema=False),
    ]


def routes(parts: Parts) -> list[BaseRoute]:
    """The operators' buttons: take over what was said, or leave it."""

    async def settle(request: Request) -> Response:
        fields = await forms.fields_of(request)
        await run_in_threadpool(_settle, parts, fields)
        return RedirectResponse("/boxes", HTTPStatus.SEE_OTHER)

    return [Route("/boxes/place", settle, methods=["POST"], include_in_schema=False)]


def _look(parts: Parts, code: str) -> Here | None:
    return hanging.here(parts.reads, parts.journal, parts.folder_now(), code, parts.clock.now_ns())


def _page(parts: Parts, box: Here, wrong: str = "") -> HTMLResponse:
    now_ns, zone = parts.clock.now_ns(), districts.zone(box.tz)
    heard = pages.since(box.last_ns, now_ns, zone) if box.last_ns is not None else ""
    said = box.said if box.said and now_ns - box.said.said_ns < _THANKS_NS and not wrong else None
    names = dict(box.schools)
    text = pages.ENVIRONMENT.get_template("here.html").render(
        box=box,
        heard=heard,
        wrong=wrong,
        said=said,
        said_at=pages.clock(said.said_ns, zone) if said else "",
        said_school=names.get(said.school, "") if said else "",
        district=parts.folder_now().district.settings.name,
    )
    return HTMLResponse(text, HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK)


def _nobody() -> HTMLResponse:
    return HTMLResponse(pages.ENVIRONMENT.get_template("here_nobody.html").render(), HTTPStatus.NOT_FOUND)


def _say(parts: Parts, box: Here, fields: dict[str, str]) -> None:
    now_ns = parts.clock.now_ns()
    if parts.journal is None:
        raise QuestionError("nothing can be taken down here")
    if box.said and 0 <= now_ns - box.said.said_ns < _AGAIN_NS:
        return  # pressed twice
    if fields.get("word") == "yes":
        if not box.school:
            raise QuestionError("nobody has said yet where it is to hang: choose its school")
        hanging.say(parts.journal, box, box.school, box.room, now_ns)
    else:
        hanging.say(parts.journal, box, fields.get("school", ""), fields.get("room", ""), now_ns)


def _settle(parts: Parts, fields: dict[str, str]) -> None:
    """Take over what the page showed that was said of a box, or not. Raises QuestionError, StoreError."""
    agent, word, shown = (fields.get(name, "") for name in ("box", "word", "said"))
    if parts.journal is None or word not in {"yes", "no"} or not _MOMENT.match(shown):
        raise QuestionError("that is no answer to what was said of a box")
    now_ns, shown_ns = parts.clock.now_ns(), int(shown)
    if word == "yes":
        place = parts.folder / "district"
        hanging.take_over(place, parts.journal, parts.folder_now().district, agent, now_ns, shown_ns)
    else:
        hanging.leave(parts.journal, agent, now_ns, shown_ns)
