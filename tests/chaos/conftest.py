"""A town over a real mosquitto, for each test its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.town import Mosquitto, Town, standing


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """Nothing of it runs yet; nothing of it is left."""
    with standing(Town(tmp_path, Mosquitto(tmp_path))) as made:
        yield made
