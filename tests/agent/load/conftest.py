"""A reference server, and whoever signs its tickets."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.reference import District, Reference


@pytest.fixture
def district(tmp_path: Path) -> District:
    """Whoever signs the tickets."""
    return District(tmp_path)


@pytest.fixture
def reference(tmp_path: Path, district: District) -> Iterator[Reference]:
    """`firstbell-agent serve`, in a process of its own."""
    with Reference(tmp_path, district.key_file) as server:
        yield server
