"""A real InfluxDB of each kind that holds a district, for all queries of boards and alerts."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from dashboards.influxql import Query
from tests.dashboards import made_up
from tests.dashboards.filling import filled
from tests.influx.conftest import bucket, database, influxd1, influxd2, town
from tests.support.influxdb import Influx1, Influx2

__all__ = ["bucket", "database", "influxd1", "influxd2", "town"]

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


class Slate(NamedTuple):
    """An empty database of a server, for points that a test writes by hand."""

    server: Influx1 | Influx2
    name: str

    def holds(self, *lines: str) -> None:
        """Write lines, each with minutes before now at its end instead of a time."""
        parts = [line.rpartition(" ") for line in lines]
        timed = [f"{point} {made_up.END_NS - int(minutes) * 60 * 10**9}" for point, _, minutes in parts]
        written = self.server.write("\n".join(timed), to=self.name)
        assert written.status == 204, written.body

    def rows(self, query: Query) -> Rows:
        """The answer to one of our queries."""
        return self.server.query(filled(query.text), self.name)


@pytest.fixture(params=["InfluxDB 1.6", "InfluxDB 2"])
def slate(request: pytest.FixtureRequest) -> Slate:
    """A database of its own for each test."""
    if request.param == "InfluxDB 1.6":
        old: Influx1 = request.getfixturevalue("influxd1")
        return Slate(old, request.getfixturevalue("database"))
    new: Influx2 = request.getfixturevalue("influxd2")
    return Slate(new, request.getfixturevalue("bucket"))
