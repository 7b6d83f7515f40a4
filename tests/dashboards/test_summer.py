"""Alert queries on real servers in summer: nobody is called for a dark school, and the collector's own go on."""

import pytest

from dashboards.influxql import Query
from dashboards.queries import alerts
from tests.dashboards.conftest import Slate

SCHOOL = "district=Riverside,school=oak-street"
SAID = {
    alerts.DOWN_IN_CLASS: f"school_now,{SCHOOL} up=false,in_class=true,down_s=600",
    alerts.BOX_SILENT: f"box_now,{SCHOOL},agent=oak-1 silent=true,silent_s=7200",
    alerts.VERDICT_FELL: f"verdict,{SCHOOL},subject=school,model=flex "
    "plan=true,changed=true,state_rank=0i,was_rank=4i",
    alerts.LINE_BELOW_CONTRACT: "line,district=Riverside,circuit=oak-line,subject=down "
    "at_least=false,carries_mbps=400,contract_mbps=1000",
}


@pytest.mark.parametrize("query", SAID, ids=[query.name for query in SAID])
def test_an_alert_about_schools_rings_but_in_summer(query: Query, slate: Slate) -> None:
    """The same words with and without summer."""
    slate.holds(f"{SAID[query]},summer=false 3")
    (row,) = slate.rows(query)
    assert row[query.columns[-1]] is not None


@pytest.mark.parametrize("query", SAID, ids=[query.name for query in SAID])
def test_and_is_quiet_in_summer(query: Query, slate: Slate) -> None:
    """Nothing comes back, which the rule takes for all being well."""
    slate.holds(f"{SAID[query]},summer=true 3")
    assert slate.rows(query) == []


@pytest.mark.parametrize(
    "query", [alerts.BOX_SILENT, alerts.LINE_BELOW_CONTRACT], ids=lambda query: query.name
)
def test_the_last_word_decides(query: Query, slate: Slate) -> None:
    """What was said before the summer began rings no more; what is said after it does again."""
    slate.holds(f"{SAID[query]},summer=false 9", f"{SAID[query]},summer=true 4")
    assert slate.rows(query) == []
    slate.holds(f"{SAID[query]},summer=false 2")
    assert len(slate.rows(query)) == 1


def test_the_collectors_own_alerts_know_no_summer() -> None:
    """It runs all year; a supply that sags is a fact of a box that talks."""
    for query in (alerts.COLLECTOR_BEHIND, alerts.REPORTS_SET_ASIDE, alerts.UNDERVOLTAGE_NOW):
        assert "summer" not in query.text
