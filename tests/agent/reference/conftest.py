"""A district and its reference server."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.reference import District, Reference

Start = Callable[..., Reference]


@pytest.fixture
def start(tmp_path: Path, district: District) -> Iterator[Start]:
    """Starts reference servers. None may ever say a traceback or an address."""
    with ExitStack() as stack:
        started: list[Reference] = []

        def one(*more: str, limits: dict[str, float] | None = None) -> Reference:
            started.append(Reference(tmp_path, district.key_file, *more, limits=limits))
            return stack.enter_context(started[-1])

        yield one
        stack.close()
        for server in started:
            assert "Traceback" not in server.said()
            assert " failed: " not in server.said()
            assert "127.0.0" not in server.said()


@pytest.fixture
def server(start: Start) -> Reference:
    """One with its own limits, and nothing open to guests."""
    return start()
