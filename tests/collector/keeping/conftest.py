"""What the tests of backups share."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.collector.keeping.house import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A district that has a day behind it."""
    made = House(tmp_path / "data", tmp_path / "repository")
    with closing(made.bench):
        yield made
