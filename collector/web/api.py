"""The API: the answers of the questions as JSON, each one line in `QUERIES`.

Routes and the OpenAPI document are both made from that table and from the structs themselves, so neither
can say what the other doesn't.
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

import firstbell
from collector.questions import ask, boxes, known, roll_call, rooms, schools, status
from collector.questions import room as one_room
from collector.questions import school as one_school
from collector.questions.roll_call import RollCall
from collector.questions.status import DistrictStatus
from collector.web import troubles
from collector.web.health import Parts
from collector.web.troubles import Trouble
from firstbell.readiness.chain import MOST_PEOPLE, MOST_YEARS, SchoolAnswer

ROOT = "/api/v1"
DOCUMENT = f"{ROOT}/openapi.json"
_REF = "#/components/schemas/{name}"

People = Annotated[
    int, Meta(ge=1, le=MOST_PEOPLE, description="Students and staff, instead of the folder's.")
]
Years = Annotated[int, Meta(ge=0, le=MOST_YEARS, description="How far ahead to look.")]
Name = Annotated[str, Meta(min_length=1, max_length=200)]


Way = Annotated[
    str, Meta(min_length=1, max_length=200, description="The way of teaching, as docs/models.md names it.")
]


class Nothing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A query without parameters."""


class AskQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question: can this school teach this way?"""

    school: Annotated[Name, Meta(description="The school's id, its name, or the beginning of it.")]
    model: Way = "flex"
    people: People | None = None
    years: Years | None = None


class SchoolsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The district: which schools can teach this way?"""

    model: Way | None = None
    years: Years | None = None


class SchoolQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One school; `model` is the way it plans to teach unless another is asked for."""

    model: Way | None = None
    years: Years | None = None
    people: People | None = None


class RoomsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rooms that are measured, or those whose name or school's name holds something."""

    q: Annotated[str, Meta(max_length=100, description="What the room's or the school's name holds.")] = ""


class Query(NamedTuple):
    """One address: what is asked in its query, what is answered, and by which function.

    `ask` is given the parts, the query's struct, and the parts of the path by name.
    """

    path: str
    summary: str
    query: type[Struct]
    answer: Any
    ask: Callable[..., object]


def _ask(parts: Parts, query: AskQuery) -> SchoolAnswer:
    return ask.ask(
        parts.reads,
        parts.folder_now(),
        parts.targets,
        school=query.school,
        model=query.model,
        people=query.people,
        years=query.years,
        as_of_ns=parts.clock.now_ns(),
        evidence_of=known.school,
    )


def _schools(parts: Parts, query: SchoolsQuery) -> schools.Schools:
    return schools.ask(
        parts.reads,
        parts.folder_now(),
        parts.targets,
        model=query.model,
        years=query.years,
        as_of_ns=parts.clock.now_ns(),
    )


def _school(parts: Parts, query: SchoolQuery, school: str) -> one_school.School:
    return one_school.ask(
        parts.reads,
        parts.folder_now(),
        parts.targets,
        school=school,
        model=query.model,
        years=query.years,
        people=query.people,
        as_of_ns=parts.clock.now_ns(),
        evidence_of=known.school,
    )


def _room(parts: Parts, _query: Nothing, school: str, room: str) -> one_room.Room:
    return one_room.ask(parts.reads, parts.folder_now(), school, room, parts.clock.now_ns())


def _rooms(parts: Parts, query: RoomsQuery) -> rooms.Rooms:
    return rooms.ask(parts.reads, parts.folder_now(), parts.clock.now_ns(), query.q)


def _boxes(parts: Parts, _query: Nothing) -> boxes.Boxes:
    return boxes.ask(parts.reads, parts.folder_now(), parts.clock.now_ns())


def _roll_call(parts: Parts, _query: Nothing) -> RollCall:
    return roll_call.ask(parts.reads, parts.folder_now(), parts.clock.now_ns())


def _status(parts: Parts, _query: Nothing) -> DistrictStatus:
    district = parts.folder_now().district
    return status.ask(
        parts.reads,
        parts.clock.now_ns(),
        district=district,
        simulated=district.settings.simulated,
        certificates=parts.certificates(),
        backup_trouble=parts.backup_trouble(),
    )


QUERIES: tuple[Query, ...] = (
    Query(
        "/schools",
        "Every school, worst first, on paper and measured.",
        SchoolsQuery,
        schools.Schools,
        _schools,
    ),
    Query(
        "/school/{school}",
        "One school: the chain of links, how sure, what to do.",
        SchoolQuery,
        one_school.School,
        _school,
    ),
    Query(
        "/rooms/{school}/{room}",
        "One room: where the trouble is, and since when.",
        Nothing,
        one_room.Room,
        _room,
    ),
    Query("/rooms", "Every room that is measured, trouble first.", RoomsQuery, rooms.Rooms, _rooms),
    Query("/boxes", "Every box, silent ones first, and what to look at.", Nothing, boxes.Boxes, _boxes),
    Query("/roll-call", "Who is back from the summer, by school.", Nothing, RollCall, _roll_call),
    Query("/ask", "Can this school teach this way, now and in some years?", AskQuery, SchoolAnswer, _ask),
    Query(
        "/status",
        "What the boxes do, and what is missing, lost or set aside.",
        Nothing,
        DistrictStatus,
        _status,
    ),
)


def routes(parts: Parts) -> list[BaseRoute]:
    """Every address of the API."""
    document = msgspec.json.encode(openapi())

    def described(_request: Request) -> Response:
        return Response(document, media_type="application/json")

    # Plain functions (a partial of one is one): Starlette runs them in its pool.
    return [
        Route(DOCUMENT, described),
        # The name of a room may hold a slash.
        *(
            Route(ROOT + query.path.replace("{room}", "{room:path}"), partial(_answer, parts, query))
            for query in QUERIES
        ),
    ]


def _answer(parts: Parts, query: Query, request: Request) -> Response:
    try:
        asked = msgspec.convert(_once(request), query.query, strict=False)
    except msgspec.ValidationError as error:
        trouble = Trouble(error=str(error), what_to_do=f"{DOCUMENT} says what may be asked.")
        return troubles.answer(request, 422, trouble)
    answer = query.ask(parts, asked, **request.path_params)
    return Response(msgspec.json.encode(answer), media_type="application/json")


def _once(request: Request) -> dict[str, str]:
    """The query by name. Raises msgspec.ValidationError where a name comes twice: which one is meant?"""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in found:
            raise msgspec.ValidationError(f"{name} is given twice")
        found[name] = value
    return found


# --- the document -----------------------------------------------------------------------------------------

_TROUBLES = {
    "401": "A token is wanted, and none that opens anything came along.",
    "403": "A page from elsewhere asks.",
    "404": "There is no such school, room or way of teaching.",
    "405": "It is read only.",
    "421": "A name was asked that is none of this server's.",
    "422": "The query is not one.",
    "503": "The journal can't be read just now.",
}


def openapi() -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    answers = [*dict.fromkeys(query.answer for query in QUERIES), Trouble]
    schemas, components = msgspec.json.schema_components(answers, ref_template=_REF)
    by_type = dict(zip(answers, schemas, strict=True))
    trouble = {
        code: {"description": why, "content": {"application/json": {"schema": by_type[Trouble]}}}
        for code, why in _TROUBLES.items()
    }
    paths: dict[str, Any] = {
        DOCUMENT: {"get": _operation("openapi", "This document.", [], {"type": "object"}, trouble)}
    }
    for query in QUERIES:
        name = "_".join(part.strip("{}") for part in query.path.strip("/").split("/"))
        parameters = [*_in_path(query.path), *_in_query(query.query)]
        operation = _operation(name, query.summary, parameters, by_type[query.answer], trouble)
        paths[ROOT + query.path] = {"get": operation}
    return {
        "openapi": "3.1.0",
        "info": {"title": "First Bell", "version": firstbell.__version__},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        # On loopback nobody is asked for a token.
        "security": [{}, {"token": []}],
    }


def _operation(
    name: str, summary: str, parameters: list[dict[str, Any]], schema: object, trouble: dict[str, Any]
) -> dict[str, Any]:
    answer = {"description": "The answer.", "content": {"application/json": {"schema": schema}}}
    return {
        "operationId": name,
        "summary": summary,
        "parameters": parameters,
        "responses": {"200": answer, **trouble},
    }


def _in_path(path: str) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    schema = {"type": "string", "minLength": 1}
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in names]


def _in_query(query: type[Struct]) -> list[dict[str, Any]]:
    (_,), components = msgspec.json.schema_components([query], ref_template=_REF)
    described = components[query.__name__]
    return [
        {
            "name": name,
            "in": "query",
            "required": name in described.get("required", []),
            "schema": _plain(schema),
        }
        for name, schema in described["properties"].items()
    ]


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter that may be left out has no null: there is no way to write one in an address."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind.get("type") != "null"]
    return kinds[0] if kinds else schema
