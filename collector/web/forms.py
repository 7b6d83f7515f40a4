"""The fields of a form that was sent, and no more of it than a form of ours can have."""

from urllib.parse import parse_qs

from starlette.requests import Request

_LONGEST = 4096


async def fields_of(request: Request) -> dict[str, str]:
    """The first value of each field; none of a form that is longer than any."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST:
            return {}
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
