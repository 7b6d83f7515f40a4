"""The collector's web server: health and figures, for this machine only."""

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from collector.web.guard import Guard
from collector.web.health import Parts, look
from collector.web.metrics import registry_of, text_of


def create_app(parts: Parts) -> Starlette:
    """The application. Serve it on loopback: it asks for no token and answers to loopback names only."""
    registry = registry_of(parts)

    # Plain functions: Starlette runs them in its pool, where they may wait for the disk.
    def healthz(_request: Request) -> Response:
        health = look(parts)
        return Response(msgspec.json.encode(health), 200 if health.ok else 503, media_type="application/json")

    def metrics(_request: Request) -> Response:
        return Response(text_of(registry), media_type=CONTENT_TYPE_LATEST)

    routes = [Route("/healthz", healthz), Route("/metrics", metrics)]
    return Starlette(routes=routes, middleware=[Middleware(Guard)])
