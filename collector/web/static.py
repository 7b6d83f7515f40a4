"""Stylesheet, scripts and pictures, from the package itself: nothing comes from elsewhere."""

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_FOR_GOOD = "public, max-age=31536000, immutable"
"""An address with a digest (`pages.static`) never means anything else."""


class Static(StaticFiles):
    """Files that say how long they may be kept."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file; kept for good where its digest was asked for."""
        answer = await super().get_response(path, scope)
        answer.headers["Cache-Control"] = _FOR_GOOD if b"v=" in scope["query_string"] else "no-cache"
        return answer


def files() -> Static:
    """The folder `static` of this package."""
    return Static(packages=[("collector.web", "static")])
