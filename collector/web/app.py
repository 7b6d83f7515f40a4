"""The collector's web server: pages, API, health and figures."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from collector.tokens import Tokens
from collector.web import (
    access,
    api,
    boxes,
    case,
    district,
    enrol,
    here,
    quiet,
    roll_call,
    room,
    school,
    static,
    troubles,
    updates,
)
from collector.web import uplink as uplinks
from collector.web.access import Access, Slowness
from collector.web.guard import LOOPBACK, Guard
from collector.web.headers import Headers
from collector.web.health import Parts, look
from collector.web.metrics import registry_of, text_of

PAGES: tuple[Callable[[Parts], list[BaseRoute]], ...] = (
    district.routes,
    school.routes,
    room.routes,
    boxes.routes,
    roll_call.routes,
    case.routes,
    quiet.routes,
    enrol.routes,
    here.routes,
    api.routes,
)
"""The API's and every page's `routes`, one file each."""


def create_app(parts: Parts, tokens: Tokens | None = None, slowness: Slowness | None = None) -> Starlette:
    """The application. Without `tokens` serve it on loopback: it then answers to loopback names only."""
    slowness = slowness or Slowness()
    routes: list[BaseRoute] = [*_machines(parts), Mount("/static", static.files(), name="static")]
    for page in PAGES:
        routes += page(parts)
    routes += enrol.machines(parts, slowness) + uplinks.machines(parts, slowness) + updates.machines(parts)
    routes += here.free(parts, slowness) + access.routes(tokens, slowness)
    free = enrol.OPEN | uplinks.OPEN | updates.OPEN
    middleware = [
        Middleware(Headers),
        Middleware(Guard, hosts=LOOPBACK if tokens is None else None),
        Middleware(Access, tokens=tokens, slowness=slowness, free=free, free_under=(here.UNDER,)),
    ]
    app = Starlette(routes=routes, middleware=middleware, exception_handlers=troubles.HANDLERS)
    app.state.parts = parts
    return app


def _machines(parts: Parts) -> list[BaseRoute]:
    """Health and figures, for monitors: in threads of their own, however many pages fill Starlette's pool."""
    registry = registry_of(parts)
    pool = ThreadPoolExecutor(2, "monitors")

    async def healthz(_request: Request) -> Response:
        health = await asyncio.get_running_loop().run_in_executor(pool, look, parts)
        return Response(msgspec.json.encode(health), 200 if health.ok else 503, media_type="application/json")

    async def metrics(_request: Request) -> Response:
        text = await asyncio.get_running_loop().run_in_executor(pool, text_of, registry)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return [Route("/healthz", healthz), Route("/metrics", metrics)]
