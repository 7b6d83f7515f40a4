"""What went wrong, in words: a page for people, `{error, what_to_do}` for programs (under /api/)."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from collector.questions.ask import QuestionError
from collector.store.errors import StoreError
from collector.web import pages

API = "/api/"


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Every answer that is none: what is wrong, and what to do."""

    error: str
    what_to_do: str


_WHAT_TO_DO = {
    404: ("There is no such page.", "The pages are named above; the address may have changed."),
    405: ("That can't be done here.", "Go to the page itself and try again."),
}


def answer(
    request: Request, status: int, trouble: Trouble, headers: Mapping[str, str] | None = None
) -> Response:
    """The trouble as whoever asked can read it."""
    if request.url.path.startswith(API):
        body = msgspec.json.encode(trouble)
        return Response(body, status, dict(headers or {}), media_type="application/json")
    return pages.page(
        request,
        "trouble.html",
        title=trouble.error,
        what_to_do=trouble.what_to_do,
        status=status,
        headers=dict(headers or {}),
    )


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title, what = _WHAT_TO_DO.get(error.status_code, (error.detail, "Go back and try again."))
    return answer(request, error.status_code, Trouble(error=title, what_to_do=what), error.headers)


def _question(request: Request, error: Exception) -> Response:
    assert isinstance(error, QuestionError)
    return answer(request, 404, Trouble(error=str(error), what_to_do=error.what_to_do))


def _store(request: Request, error: Exception) -> Response:
    trouble = Trouble(
        error=f"The journal can't be read just now: {error}", what_to_do="Try again in a minute."
    )
    if request.url.path.startswith(API):
        return answer(request, 503, trouble)
    # No page around it: its head would need the journal, too.
    return Response(f"{trouble.error}\n", 503, media_type="text/plain")


HANDLERS: Mapping[Any, Callable[[Request, Exception], Response]] = {
    HTTPException: _http,
    QuestionError: _question,
    StoreError: _store,
}
