"""A program that is told to end ends, whenever that is."""

import pytest

from tests.chaos.town import Town


@pytest.mark.slow
def test_a_collector_told_to_end_at_its_very_start_ends(town: Town) -> None:
    """SIGTERM in the moment in which it says that it is ready is heard: not lost before the web server runs."""
    town.start_broker()
    for _ in range(3):
        town.start_collector()
        town.collector.stop()
