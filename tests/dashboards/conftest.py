"""A real InfluxDB of each kind that holds a district, for all queries of boards and alerts."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.dashboards import made_up
from tests.influx.conftest import influxd1, influxd2, town
from tests.support.influxdb import Influx1, Influx2

__all__ = ["influxd1", "influxd2", "town"]

_BATCH = 2000
Rows = list[dict[str, Any]]
Ask = Callable[[str, str], Rows]


@pytest.fixture(scope="session")
def demo_points() -> dict[str, list[str]]:
    """A district as line protocol, by database."""
    return made_up.points()


@pytest.fixture(scope="session", params=["InfluxDB 1.6", "InfluxDB 2"])
def ask(request: pytest.FixtureRequest, demo_points: dict[str, list[str]]) -> Ask:
    """Ask a server that holds the district, by InfluxQL and database."""
    server: Influx1 | Influx2 = request.getfixturevalue(
        "influxd1" if request.param == "InfluxDB 1.6" else "influxd2"
    )
    names = {db: f"{db}_boards" for db in demo_points}
    for db, lines in demo_points.items():
        if isinstance(server, Influx1):
            server.make_database(names[db])
        else:
            server.make_bucket(names[db])
        for first in range(0, len(lines), _BATCH):
            written = server.write("\n".join(lines[first : first + _BATCH]), to=names[db])
            assert written.status == 204, written.body

    def asked(influxql: str, db: str) -> Rows:
        return server.query(influxql, names[db])

    return asked
