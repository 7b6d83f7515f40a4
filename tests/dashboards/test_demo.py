"""Every query of every panel, mark, variable and alert, on servers that hold the demo as it was shipped."""

from collections.abc import Callable
from typing import Any

import pytest

from dashboards import queries
from tests.dashboards.filling import filled
from tests.dashboards.shipped import Asked, asked
from tests.influx import town as towns
from tests.influx.town import DISTRICT, Town
from tests.support.influxdb import Influx1

pytestmark = pytest.mark.slow

ASKED = list(asked())
BY_TEXT = {query.text: query for query in queries.all_queries().values()}
DAY_NS = 86_400 * 10**9
Ask = Callable[[str, str], list[dict[str, Any]]]

NOT_THERE = {
    "down_at_reference": "the demo plays the probe internet, not throughput",
    "up_at_reference": "the same",
    "by_medium_at_reference": "the same",
    "replies_by_period": "the same",
    "reasons": "no test of these schools failed",
    "undervoltage": "no Raspberry Pi of these schools is short of power",
    "lines_up": "no way of teaching needs an up that anybody measured",
    "need_up": "the same",
    "Supply too weak": "no Raspberry Pi of these schools is short of power",
    "Batteries worn": "no laptop of these schools has a worn battery",
}
"""What asks in vain in the demo, and why."""


@pytest.fixture(scope="session", params=["InfluxDB 1.6", "InfluxDB 2"])
def ask_demo(request: pytest.FixtureRequest, town: Town) -> Ask:
    """Ask a server that holds the demo, by InfluxQL and database."""
    names = {"firstbell": town.settings.bucket, "firstbell_rollups": town.settings.rollups}
    if request.param == "InfluxDB 2":
        return lambda influxql, db: town.server.query(influxql, names[db])
    old: Influx1 = request.getfixturevalue("influxd1")
    for db, bucket in names.items():
        towns.pour(town.server, bucket, old, old.make_database(f"{db}_demo"))
    return lambda influxql, db: old.query(influxql, f"{db}_demo")


@pytest.mark.parametrize("one", ASKED, ids=[one.where for one in ASKED])
def test_the_demo_answers(one: Asked, ask_demo: Ask, town: Town) -> None:
    """Rows come back with exactly the columns that the query names; but for what does not happen there."""
    end_ns = town.home.clock.now_ns() + 10**9
    variables = {
        "district": DISTRICT.replace("(", "\\(").replace(")", "\\)"),
        "school": ".*",
        "circuit": ".*",
    }
    rows = ask_demo(filled(one.query, variables, end_ns - 20 * DAY_NS, end_ns), one.db)
    name = _name(one)
    assert bool(rows) != (name in NOT_THERE), one.query
    if rows:
        assert {*rows[0]} - {"time", "name"} == {*BY_TEXT[one.query].columns} - {"name"}


def test_nothing_is_excused_that_nobody_asks() -> None:
    """Each name on the list of what asks in vain is one that a board or an alert asks by."""
    assert NOT_THERE.keys() <= {_name(one) for one in ASKED}


def _name(one: Asked) -> str:
    """The query of a panel, the title of a mark or an alert."""
    return one.where.rsplit(", ", 1)[-1]
