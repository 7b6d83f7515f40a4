"""Every query of every panel, mark, variable and alert, run on real servers that hold a district."""

import pytest

from dashboards import queries
from tests.dashboards.conftest import Ask, Slate
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
    """`latest` brings one row a group, the newest of two weeks."""
    rows = ask(filled(queries.fleet.BOXES.text), "firstbell")
    assert len(rows) == len({row["agent"] for row in rows}) == 6
    (newest,) = ask(
        filled('SELECT LAST("reports") AS "reports" FROM "box_now" WHERE $timeFilter'), "firstbell"
    )
    assert {row["time"] for row in rows} == {newest["time"]}


def test_the_latest_point_is_whole(slate: Slate) -> None:
    """What the newest point lacks is not known, whatever an older one said."""
    tags = "verdict,district=Riverside,school=oak-street,subject=power"
    slate.holds(f'{tags} label="Ready",have=5,plan=true 60', f'{tags} label="Not measured",plan=true 30')
    (row,) = slate.rows(queries.power.POWER_ANSWERS)
    assert (row["label"], row["have"]) == ("Not measured", None)


def test_a_word_of_long_ago_is_none_on_now(slate: Slate) -> None:
    """Of a school that is spoken of every five minutes nothing is shown after a quarter of an hour of silence."""
    slate.holds(
        "school_now,district=Riverside,school=oak-street up=true,down_s=0 14",
        "school_now,district=Riverside,school=grant-middle up=true,down_s=0 16",
    )
    assert [row["school"] for row in slate.rows(queries.now.SCHOOLS_NOW)] == ["oak-street"]


def test_what_turned_out_to_be_none_is_neither_listed_nor_marked(slate: Slate) -> None:
    """A stretch that was taken back has no length: neither an outage nor a quiet time."""
    outage, quiet = (f"{name},district=Riverside,school=oak-street" for name in ("outage", "quiet"))
    slate.holds(
        f'{outage} duration_s=60,text="it was",end_ns=1i 30',
        f'{outage} duration_s=0,text="it was not",end_ns=1i 90',
        f'{quiet} duration_s=60,text="it was",until_ns=1i 30',
        f'{quiet} duration_s=0,text="it was not",until_ns=1i 90',
    )
    now = queries.now
    for query in (now.OUTAGES, now.OUTAGES_MARKED, now.OUTAGES_ALL, now.QUIET, now.QUIET_ALL):
        assert [row["text"] for row in slate.rows(query)] == ["it was"], query.name


def test_only_changes_of_what_a_school_plans_are_told(slate: Slate) -> None:
    """Answers for other ways of teaching, and those that were said again, are no news."""
    tags = "verdict,district=Riverside,school=oak-street,subject=school"
    slate.holds(
        f'{tags},model=flex plan=true,changed=true,sentence="news" 30',
        f'{tags},model=flex plan=true,changed=false,sentence="said again" 60',
        f'{tags},model=testing plan=false,changed=true,sentence="of another way" 30',
    )
    for query in (queries.now.CHANGES, queries.now.CHANGED, queries.now.CHANGED_ALL):
        assert [row["sentence"] for row in slate.rows(query)] == ["news"], query.name


def test_a_districts_quiet_time_is_marked_at_each_school(ask: Ask) -> None:
    """Quiet times without a school stand on a school's board beside its own."""
    rows = ask(filled(queries.now.QUIET.text), "firstbell")
    assert {row["school"] for row in rows} >= {None, "lincoln-high"}
