"""One district for all tests that deploy one, and one with all servers for those that take long."""

import pytest

from tests.deploy.district import District


@pytest.fixture(scope="session")
def district(tmp_path_factory: pytest.TempPathFactory) -> District:
    """Collector, broker and a box, deployed once."""
    made = District(tmp_path_factory.mktemp("district"))
    made.control.play("site.yml")
    return made


@pytest.fixture(scope="session")
def whole_district(tmp_path_factory: pytest.TempPathFactory) -> District:
    """With InfluxDB, Grafana's files and a reference server, deployed once."""
    made = District(tmp_path_factory.mktemp("whole"), servers=True)
    made.control.play("site.yml")
    return made
