"""The rooms' index, the room's page, and "check now": the nearest boxes look at once, and the page waits."""

import shlex
import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from collector.clock import Clock
from collector.questions import room as question
from collector.questions import rooms as every
from collector.questions.ladders import Ladder, Rung
from collector.questions.room import Room
from collector.web import api, pages
from collector.web.health import Parts
from firstbell import district as districts
from firstbell.district import NS

_LONGEST_SEARCH = 100
EVERY_NS = 60 * NS
"""A box follows one nudge a minute; more often it isn't asked."""
SIMULATED = "Simulated: there is nobody to ask."
_NO_BROKER = "The boxes can\u2019t be asked now: the collector has no connection to the broker."
PATIENCE_NS = 30 * NS
"""So long a page waits for what it asked for: the longest look at a way that is down, and a little."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What became of "check now". `boxes` were asked at `at_ns`, now or within the last minute.

    `why` says why nobody could be; empty if somebody was.
    """

    boxes: tuple[str, ...]
    at_ns: int | None
    why: str


class Checks:
    """Who was asked when, so that no box is asked more than once a minute."""

    def __init__(self, nudge: Callable[[str], bool], clock: Clock, why_not: str = _NO_BROKER) -> None:
        self._nudge, self._clock, self._why_not = nudge, clock, why_not
        self._lock = threading.Lock()
        self._asked: dict[str, tuple[float, int]] = {}
        """When each was asked: in seconds on the clock that never steps, and as the page shows it."""

    def ask(self, agents: Sequence[str]) -> Asked:
        """Ask these boxes to look now."""
        if not agents:
            return Asked(boxes=(), at_ns=None, why="No box is near: there is nobody to ask.")
        now, now_ns = self._clock.monotonic(), self._clock.now_ns()
        with self._lock:
            since = now - EVERY_NS / NS
            self._asked = {agent: at for agent, at in self._asked.items() if at[0] > since}
            for agent in agents:
                if agent not in self._asked and self._nudge(agent):
                    self._asked[agent] = (now, now_ns)
            asked = [agent for agent in agents if agent in self._asked]
            if not asked:
                return Asked(boxes=(), at_ns=None, why=self._why_not)
            return Asked(boxes=tuple(asked), at_ns=min(self._asked[agent][1] for agent in asked), why="")


def routes(parts: Parts) -> list[BaseRoute]:
    """The index, the page and its button."""
    why_not = SIMULATED if parts.simulated else _NO_BROKER
    checks = Checks((parts.letters or parts.link).nudge, parts.clock, why_not)

    def show(request: Request) -> Response:
        answer = _answer(parts, request)
        return _page(request, answer, _number(request.query_params.get("since")), why_not)

    def index(request: Request) -> Response:
        answer = every.ask(
            parts.reads,
            parts.folder_now(),
            parts.clock.now_ns(),
            request.query_params.get("q", "")[:_LONGEST_SEARCH],
        )
        return pages.page(
            request,
            "rooms.html",
            current="rooms",
            json=f"{api.ROOT}/rooms",
            answer=answer,
            local=districts.zone(answer.tz),
            address=address,
        )

    def check(request: Request) -> Response:
        answer = _answer(parts, request)
        asked = checks.ask(answer.near)
        if "application/json" in request.headers.get("accept", ""):
            return Response(msgspec.json.encode(asked), media_type="application/json")
        query = f"?since={asked.at_ns}" if asked.at_ns is not None else "?since=0"
        return RedirectResponse(address(answer.school, answer.room) + query, HTTPStatus.SEE_OTHER)

    where = "/rooms/{school}/{room:path}"
    return [
        Route("/rooms", index),
        Route(f"{where}/check", check, methods=["POST"]),
        Route(where, show),
    ]


def address(school: str, room: str) -> str:
    """Where a room's page is."""
    return f"/rooms/{quote(school, safe='')}/{quote(room)}"


def _answer(parts: Parts, request: Request) -> Room:
    school, room = request.path_params["school"], request.path_params["room"]
    return question.ask(parts.reads, parts.folder_now(), school, room, parts.clock.now_ns())


def _page(request: Request, answer: Room, since_ns: int | None, why_not: str) -> Response:
    here = address(answer.school, answer.room)
    waiting = since_ns is not None and since_ns > 0 and _waits(answer, since_ns)
    return pages.page(
        request,
        "room.html",
        current="rooms",
        command=f"firstbell room {answer.school} {_word(answer.room)}",
        json=f"{api.ROOT}{here}",
        zone=question.zone_of(answer),
        room=answer,
        zone_=question.zone_of(answer),
        address=here,
        waiting=waiting,
        since=since_ns,
        said=_said(answer, since_ns, why_not, waiting=waiting)
        if request.state.role == "operator"
        else "An operator can have the boxes here look at once.",
        ladders=[_filling(ladder, since_ns) if waiting and since_ns else ladder for ladder in answer.ladders],
        status=200,
    )


def _waits(answer: Room, since_ns: int) -> bool:
    """Whether what was asked for at `since_ns` may still come."""
    fresh = answer.heard_ns is not None and answer.heard_ns >= since_ns
    return not fresh and 0 <= answer.as_of_ns - since_ns < PATIENCE_NS


def _said(answer: Room, since_ns: int | None, why_not: str, *, waiting: bool) -> str:
    """What stands beside the button."""
    if not answer.near:
        return "No box is near: there is nobody to ask."
    if why_not == SIMULATED or since_ns == 0:
        return why_not
    if waiting:
        return "Asked. This fills as it comes in."
    if since_ns is None:
        far = "" if answer.near_room == answer.room else f" The box in {answer.near_room} does it."
        return f"Cheap checks only, about 5 seconds. Loads nothing.{far}"
    if answer.heard_ns is not None and answer.heard_ns >= since_ns:
        return "Checked."
    return "No answer came. A box that is silent can\u2019t hear us either."


def _filling(ladder: Ladder, since_ns: int) -> Ladder:
    """A ladder with the steps that were taken since; the others are still to come."""
    rungs = tuple(
        rung
        if rung.at_ns is not None and rung.at_ns >= since_ns
        else Rung(name=rung.name, state="off", value="checking")
        for rung in ladder.rungs
    )
    return msgspec.structs.replace(ladder, rungs=rungs)


def _number(text: str | None) -> int | None:
    """The moment in an address; None for none, and for what is no number of one."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 20 else None  # noqa: PLR2004


def _word(name: str) -> str:
    """The room as a shell takes it, whatever letters its name has."""
    return shlex.quote(name)
