"""The test network's own tests need one."""

from collections.abc import Iterator

import pytest

from tests.net.host import need_network
from tests.net.net import Net


@pytest.fixture
def net() -> Iterator[Net]:
    """Where the test's lines are made."""
    need_network()
    with Net() as made:
        yield made
