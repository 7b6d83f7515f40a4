"""Where boxes come for their certificates, and where an operator lets them in.

Boxes have no token of the pages': who knows a card's, or holds a key that the district knows, needs none.
"""

from collections.abc import Callable
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from collector.identity.authority import AuthorityError
from collector.identity.registrar import UNKNOWN, Registrar
from collector.questions.ask import QuestionError
from collector.store.errors import StoreError
from collector.web import forms
from collector.web.access import Slowness
from collector.web.health import Parts
from firstbell import enrolment
from firstbell.enrolment import REQUEST_BYTES, EnrolmentError, Granted, Refused, Waiting, Word

CLAIM, RENEW = "/enrol/claim", "/enrol/renew"
OPEN = frozenset({CLAIM, RENEW})
"""Paths at which no token of the pages' is asked for."""
_STATUS = {Granted: HTTPStatus.OK, Waiting: HTTPStatus.ACCEPTED, Refused: HTTPStatus.FORBIDDEN}


def machines(parts: Parts, slowness: Slowness) -> list[BaseRoute]:
    """The two paths for boxes; nothing where there is no authority."""
    registrar = parts.registrar
    if registrar is None:
        return []

    async def claim(request: Request) -> Response:
        return await _answered(
            request, parts, slowness, lambda body: registrar.claim(enrolment.read_claim(body))
        )

    async def renew(request: Request) -> Response:
        return await _answered(
            request, parts, slowness, lambda body: registrar.renew(enrolment.read_renewal(body))
        )

    return [
        Route(CLAIM, claim, methods=["POST"], include_in_schema=False),
        Route(RENEW, renew, methods=["POST"], include_in_schema=False),
    ]


def routes(parts: Parts) -> list[BaseRoute]:
    """The two buttons beside a box that waits."""

    async def decide(request: Request) -> Response:
        fields = await forms.fields_of(request)
        await run_in_threadpool(_decide, parts.registrar, fields)
        return RedirectResponse("/boxes", HTTPStatus.SEE_OTHER)

    return [Route("/enrol/decide", decide, methods=["POST"])]


def _decide(registrar: Registrar | None, fields: dict[str, str]) -> None:
    number, word = fields.get("number", ""), fields.get("word", "")
    if registrar is None or not number.isascii() or not number.isdecimal() or word not in {"yes", "no"}:
        raise QuestionError("no box waits for that")
    if registrar.decide(int(number), let_in=word == "yes") is None:
        raise QuestionError(
            f"no box waits with card {number}: somebody else has decided, or it was taken back"
        )


async def _answered(
    request: Request, parts: Parts, slowness: Slowness, answer: Callable[[bytes], Word]
) -> Response:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > REQUEST_BYTES:
            return _said(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, parts, "this is too long for a request", final=True
            )
    address = request.client.host if request.client else ""
    try:
        word = await run_in_threadpool(answer, body)
    except EnrolmentError as error:
        return _said(HTTPStatus.BAD_REQUEST, parts, str(error), final=True)
    except (StoreError, AuthorityError) as error:
        return _said(
            HTTPStatus.SERVICE_UNAVAILABLE, parts, f"the district can't give certificates now: {error}"
        )
    if isinstance(word, Refused) and word.reason == UNKNOWN:
        await slowness.wrong(address)
    elif not isinstance(word, Refused):
        slowness.right(address)
    return Response(enrolment.encode(word), _STATUS[type(word)], media_type="application/json")


def _said(status: HTTPStatus, parts: Parts, reason: str, *, final: bool = False) -> Response:
    word = Refused(now_ns=parts.clock.now_ns(), reason=reason, final=final)
    return Response(enrolment.encode(word), status, media_type="application/json")
