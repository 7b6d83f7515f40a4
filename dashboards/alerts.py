"""Alert rules: what wakes somebody, and where it says what to do.

They go into a provisioning file, in which Grafana expands signs that stand for the environment; so none of
them holds a dollar sign.
"""

from typing import NamedTuple

from dashboards import Json
from dashboards.influxql import DATASOURCE, Query
from dashboards.places import RUNBOOK
from dashboards.queries import alerts
from dashboards.targets import JUST_SHORT

GROUP_EVERY = "1m"
_LOOK_BACK_S = 7 * 24 * 3600


class Rule(NamedTuple):
    """Fires where the query's last column is `above` (or `below`) a number for `lasting`, a label at a time.

    `anchor` is the heading of the troubleshooting page that says what to do, `panel` the title of the panel
    on `board` that shows the same. `missing` is what no answer means: OK, or Alerting where silence is bad.
    """

    uid: str
    title: str
    query: Query
    says: str
    anchor: str
    board: str
    panel: str
    lasting: str = "5m"
    above: float = 0
    below: float | None = None
    severity: str = "warning"
    missing: str = "OK"


RULES = (
    Rule(
        "firstbell-down-in-class", "School down in class", alerts.DOWN_IN_CLASS,
        "{{ .Labels.school }} has no internet, and class goes on there.",
        "a-school-is-down", "firstbell-now", "Outages, the latest first", lasting="2m", severity="critical",
    ),
    Rule(
        "firstbell-box-silent", "Box silent", alerts.BOX_SILENT,
        "The box {{ .Labels.agent }} of {{ .Labels.school }} has measured nothing for half an hour.",
        "a-box-is-silent", "firstbell-fleet", "Every box", above=1800,
    ),
    Rule(
        "firstbell-verdict-fell", "Answer fell", alerts.VERDICT_FELL,
        "{{ .Labels.school }} can't, or only just can't, teach any more as it plans to.",
        "an-answer-fell", "firstbell-now", "Answers that changed, the latest first", lasting="0s",
    ),
    Rule(
        "firstbell-below-contract", "Line below contract", alerts.LINE_BELOW_CONTRACT,
        f"The line {{{{ .Labels.circuit }}}} carries less than {JUST_SHORT:.0%} of what is bought "
        "({{ .Labels.subject }}), while nobody uses it.",
        "a-line-is-below-its-contract", "firstbell-week", "Every line, the worst first", lasting="1h",
        below=JUST_SHORT,
    ),
    Rule(
        "firstbell-undervoltage", "Supply too weak", alerts.UNDERVOLTAGE_NOW,
        "The supply of {{ .Labels.agent }} at {{ .Labels.school }} sagged in the last hour.",
        "a-supply-is-too-weak", "firstbell-power", "Raspberry Pis and their supplies", lasting="10m",
    ),
    Rule(
        "firstbell-battery-worn", "Batteries worn", alerts.BATTERY_WORN,
        "Batteries at {{ .Labels.school }} hold too little of what they held when new.",
        "batteries-are-worn", "firstbell-power", "Batteries, the most worn first", lasting="1d",
        severity="info",
    ),
    Rule(
        "firstbell-collector-behind", "Database behind the collector", alerts.COLLECTOR_BEHIND,
        "More than ten thousand reports wait in the collector's journal, or the collector says nothing.",
        "the-database-is-behind", "firstbell-fleet", "Reports behind the collector", lasting="15m",
        above=10_000, missing="Alerting",
    ),
    Rule(
        "firstbell-set-aside", "Reports set aside", alerts.REPORTS_SET_ASIDE,
        "The database refused reports; the journal keeps them.",
        "reports-were-set-aside", "firstbell-fleet", "Set aside",
    ),
)  # fmt: skip


def provisioned(panel_ids: dict[tuple[str, str], int]) -> Json:
    """The rules as a provisioning file has them. `panel_ids` are by board and title."""
    group = {
        "orgId": 1,
        "name": "First Bell",
        "folder": "First Bell",
        "interval": GROUP_EVERY,
        "rules": [_rule(rule, panel_ids[rule.board, rule.panel]) for rule in RULES],
    }
    return {"apiVersion": 1, "groups": [group]}


def _rule(rule: Rule, panel_id: int) -> Json:
    return {
        "uid": rule.uid,
        "title": rule.title,
        "condition": "fires",
        "for": rule.lasting,
        "noDataState": rule.missing,
        "execErrState": "Error",
        "dashboardUid": rule.board,
        "panelId": panel_id,
        "annotations": {"summary": rule.says, "runbook_url": f"{RUNBOOK}#{rule.anchor}"},
        "labels": {"severity": rule.severity, "source": "firstbell"},
        "data": [_asked(rule.query), _last(rule.query), _fires(rule)],
    }


def _asked(query: Query) -> Json:
    model = {
        "refId": query.name,
        "datasource": {"type": DATASOURCE, "uid": query.db},
        "rawQuery": True,
        "query": query.text,
        "resultFormat": "time_series",
    }
    return {
        "refId": query.name,
        "datasourceUid": query.db,
        "relativeTimeRange": {"from": _LOOK_BACK_S, "to": 0},
        "model": model,
    }


def _last(query: Query) -> Json:
    return _expression("last", {"type": "reduce", "expression": query.name, "reducer": "last"})


def _fires(rule: Rule) -> Json:
    below = rule.below is not None
    evaluator = {"type": "lt" if below else "gt", "params": [rule.below if below else rule.above]}
    return _expression(
        "fires", {"type": "threshold", "expression": "last", "conditions": [{"evaluator": evaluator}]}
    )


def _expression(ref: str, model: Json) -> Json:
    uid = "__expr__"
    return {
        "refId": ref,
        "datasourceUid": uid,
        "relativeTimeRange": {"from": _LOOK_BACK_S, "to": 0},
        "model": {"refId": ref, "datasource": {"type": uid, "uid": uid}, **model},
    }
