"""A scripted InfluxDB, and a way into it from a journal."""

from collections.abc import Iterator

import pytest

from tests.collector.workbench import Bench
from tests.support.refusing_influx import RefusingInflux
from tests.support.shipping import Road


@pytest.fixture
def refusing() -> Iterator[RefusingInflux]:
    """A scripted server, which is honest until a test says otherwise."""
    with RefusingInflux() as server:
        yield server


@pytest.fixture
def way(bench: Bench, refusing: RefusingInflux) -> Iterator[Road]:
    """From an empty journal to that server, ten reports at a time."""
    made = Road(bench, refusing, refusing.bucket, batch=10)
    yield made
    made.close()
