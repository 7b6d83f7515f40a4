"""One district for all tests that deploy one."""

import pytest

from tests.deploy.district import District


@pytest.fixture(scope="session")
def district(tmp_path_factory: pytest.TempPathFactory) -> District:
    """Deployed once."""
    made = District(tmp_path_factory.mktemp("district"))
    made.control.play("site.yml")
    return made
