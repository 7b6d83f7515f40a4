"""Every query of every board and alert, run on real servers."""

import pytest

from dashboards import queries
from tests.dashboards.conftest import Ask
from tests.dashboards.filling import filled

QUERIES = queries.all_queries()


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_returns_what_it_says(name: str, ask: Ask) -> None:
    """Rows come back, with the columns that the query names, each of which holds something somewhere."""
    query = QUERIES[name]
    rows = ask(filled(query.text), query.db)
    assert rows, query.text
    assert {*rows[0]} - {"time", "name"} == {*query.columns} - {"name"}
    assert [column for column in query.columns if all(row[column] in (None, "") for row in rows)] == []
