"""One real server of each kind for all tests of a process, and a place of its own in it for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.influx import town as towns
from tests.influx.town import Town
from tests.support.influxdb import Influx1, Influx2, NoServerError, program
from tests.support.refusing_influx import RefusingInflux


@pytest.fixture(scope="session")
def influxd2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx2]:
    """InfluxDB 2, running; who kills it starts it again."""
    with Influx2(tmp_path_factory.mktemp("influxd2"), _program("2")) as server:
        yield server


@pytest.fixture(scope="session")
def influxd1(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx1]:
    """InfluxDB 1.6, running."""
    with Influx1(tmp_path_factory.mktemp("influxd1"), _program("1.6")) as server:
        yield server


@pytest.fixture(autouse=True)
def _left_running(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever becomes of a test that stops or hangs the server: the next one finds it running."""
    yield
    if "influxd2" in request.fixturenames:
        server: Influx2 = request.getfixturevalue("influxd2")
        if server.pid:
            server.resume()
        else:
            server.start()


@pytest.fixture
def bucket(influxd2: Influx2) -> Iterator[str]:
    """The name of an empty bucket that keeps everything."""
    name = influxd2.make_bucket()
    yield name
    influxd2.delete_bucket(name)


@pytest.fixture
def database(influxd1: Influx1) -> Iterator[str]:
    """The name of an empty database."""
    name = influxd1.make_database()
    yield name
    influxd1.drop_database(name)


@pytest.fixture
def refusing() -> Iterator[RefusingInflux]:
    """A scripted server, which is honest until a test says otherwise."""
    with RefusingInflux() as server:
        yield server


@pytest.fixture(params=["real", "scripted"])
def either(request: pytest.FixtureRequest) -> Influx2 | RefusingInflux:
    """InfluxDB 2, and then the scripted server: what they answer is held to be the same."""
    found: Influx2 | RefusingInflux = request.getfixturevalue(
        "influxd2" if request.param == "real" else "refusing"
    )
    return found


@pytest.fixture
def its_bucket(either: Influx2 | RefusingInflux) -> Iterator[str]:
    """The name of an empty bucket in that server."""
    name = either.make_bucket()
    yield name
    either.delete_bucket(name)


@pytest.fixture(scope="session")
def town(influxd2: Influx2, tmp_path_factory: pytest.TempPathFactory) -> Town:
    """A simulated district, all of it in InfluxDB; not to be changed."""
    return towns.shipped(tmp_path_factory.mktemp("town") / "home", influxd2, "verified")


def _program(which: str) -> Path:
    try:
        return program(which)
    except NoServerError as error:
        pytest.skip(str(error))
