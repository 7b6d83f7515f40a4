"""The collector's web server: pages, API, health and figures."""

from collections.abc import Callable

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from collector.web import static, troubles
from collector.web.guard import Guard
from collector.web.headers import Headers
from collector.web.health import Parts, look
from collector.web.metrics import registry_of, text_of

PAGES: tuple[Callable[[Parts], list[BaseRoute]], ...] = ()
"""Every page's `routes`, one file each."""


def create_app(parts: Parts) -> Starlette:
    """The application. Serve it on loopback: it asks for no token and answers to loopback names only."""
    routes: list[BaseRoute] = [*_machines(parts), Mount("/static", static.files(), name="static")]
    for page in PAGES:
        routes += page(parts)
    middleware = [Middleware(Headers), Middleware(Guard)]
    app = Starlette(routes=routes, middleware=middleware, exception_handlers=troubles.HANDLERS)
    app.state.parts = parts
    return app


def _machines(parts: Parts) -> list[BaseRoute]:
    """Health and figures, for monitors."""
    registry = registry_of(parts)

    # Plain functions: Starlette runs them in its pool, where they may wait for the disk.
    def healthz(_request: Request) -> Response:
        health = look(parts)
        return Response(msgspec.json.encode(health), 200 if health.ok else 503, media_type="application/json")

    def metrics(_request: Request) -> Response:
        return Response(text_of(registry), media_type=CONTENT_TYPE_LATEST)

    return [Route("/healthz", healthz), Route("/metrics", metrics)]
