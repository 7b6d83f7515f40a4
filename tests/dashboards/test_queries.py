"""Every query of every panel, mark, variable and alert, run on real servers that hold a district."""

import pytest

from dashboards import queries
from tests.dashboards.conftest import Ask
from tests.dashboards.filling import filled
from tests.dashboards.shipped import Asked, asked
from tests.support.influxdb import AskedError

ASKED = list(asked())
BY_TEXT = {query.text: query for query in queries.all_queries().values()}


@pytest.mark.parametrize("one", ASKED, ids=[one.where for one in ASKED])
def test_a_question_is_answered(one: Asked, ask: Ask) -> None:
    """Rows come back with exactly the columns that the query names, and all that its asker speaks of."""
    query = BY_TEXT[one.query]
    assert one.db == query.db
    rows = ask(filled(one.query), one.db)
    assert rows, one.query
    # Every row has its measurement's name, and one column of ours is called name.
    assert {*rows[0]} - {"time", "name"} == {*query.columns} - {"name"}
    assert one.columns <= {*rows[0]}
    assert [column for column in query.columns if all(row[column] in (None, "") for row in rows)] == []


@pytest.mark.parametrize(
    "planted",
    [
        'SELECT LAST("down_mbs") AS "down" FROM "throughput" WHERE $timeFilter',
        'SELECT LAST("down_mbps") AS "down" FROM "thruput" WHERE $timeFilter',
        'SELECT LAST("down_mbps") AS "down" FROM "throughput" WHERE "school" = \'nowhere\' AND $timeFilter',
    ],
)
def test_a_wrong_name_is_not_answered(planted: str, ask: Ask) -> None:
    """A slip in a field, a measurement or a school brings no row: the test above would see it."""
    assert ask(filled(planted), "firstbell") == []


def test_a_slip_in_the_language_is_said(ask: Ask) -> None:
    """What is no InfluxQL is refused by both servers."""
    with pytest.raises(AskedError):
        ask(filled('SELECT "down_mbps" FORM "throughput" WHERE $timeFilter'), "firstbell")


def test_the_latest_point_is_one_point(ask: Ask) -> None:
    """`latest` brings one row a group, the newest, and all of it: no field of an older point."""
    rows = ask(filled(queries.now.SCHOOLS_NOW.text), "firstbell")
    assert len(rows) == len({row["school"] for row in rows}) == 3
    newest = ask(filled('SELECT LAST("down_s") AS "down_s" FROM "school_now" WHERE $timeFilter'), "firstbell")
    assert {row["time"] for row in rows} >= {row["time"] for row in newest} - {0}


def test_a_districts_quiet_time_is_marked_at_each_school(ask: Ask) -> None:
    """Quiet times without a school stand on a school's board beside its own."""
    rows = ask(filled(queries.now.QUIET.text), "firstbell")
    assert {row["school"] for row in rows} >= {None, "lincoln-high"}
