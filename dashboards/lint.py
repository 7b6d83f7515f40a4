"""Our own rules for boards and alert rules, kept on the JSON that Grafana gets."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations

from dashboards import Json, queries, subset, vocabulary
from dashboards.influxql import Query

MOST_UID_CHARS = 40
LATEST_SCHEMA = 42
"""Later ones are another format, which Grafana's file provider refuses."""
COLUMNS = 24
UNITS = frozenset(
    {"none", "string", "bool", "s", "ms", "m", "dateTimeAsLocal", "dateTimeFromNow", "percent", "percentunit",
     "Mbits", "rpm", "dBm", "watt", "watth", "celsius", "mbytes", "locale"}
)  # fmt: skip
"""Grafana's names of the units that are used here; others it prints as they are."""
PAGES = ("/", "/schools/{school}", "/lines/{circuit}/case", "/boxes", "/rooms")
"""First Bell's own pages to which boards lead."""


class LintError(Exception):
    """Boards or rules break our own rules; every complaint is a line."""

    def __init__(self, complaints: Sequence[str]) -> None:
        self.complaints = list(complaints)
        super().__init__("\n".join(complaints))


def check(boards: Sequence[Json], rules: Json) -> None:
    """Raises LintError with every complaint at once."""
    found = complaints(boards, rules)
    if found:
        raise LintError(found)


def complaints(boards: Sequence[Json], rules: Json) -> list[str]:
    """Everything that is wrong with boards and rules."""
    uids = [board["uid"] for board in boards]
    found = [f"two boards have the uid {uid}" for uid, times in Counter(uids).items() if times > 1]
    for board in boards:
        found += [f"{board['uid']}: {said}" for said in _board(board, set(uids))]
    found += [f"alerts: {said}" for said in _rules(boards, rules)]
    asked = set(_asked(boards, rules))
    return found + [
        f"the query {name} is used nowhere" for name in queries.all_queries() if name not in asked
    ]


def _board(board: Json, uids: set[str]) -> Iterator[str]:
    if not re.fullmatch(r"firstbell-[a-z-]+", board["uid"]) or len(board["uid"]) > MOST_UID_CHARS:
        yield "its uid is not firstbell- and small letters, 40 at most"
    if board["schemaVersion"] > LATEST_SCHEMA:
        yield f"schema version {board['schemaVersion']}: after {LATEST_SCHEMA} it is another format"
    if not board.get("title") or not board.get("description"):
        yield "it has no title, or no description"
    panels = board["panels"]
    for what in ("id", "title"):
        counted = Counter(panel[what] for panel in panels)
        yield from (f"two panels have the {what} {value}" for value, times in counted.items() if times > 1)
    yield from _places(panels)
    for panel in panels:
        if panel["type"] != "row":
            yield from (f"{panel.get('title') or panel['id']}: {said}" for said in _panel(panel))
    for mark in board["annotations"]["list"]:
        yield from (f"{mark['name']}: {said}" for said in _mark(mark["target"]))
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield from subset.complaints(variable["query"])
            yield from vocabulary.complaints(variable["query"], variable["datasource"]["uid"])
    yield from _variables(board)
    yield from _links(board, uids)


def _places(panels: Sequence[Json]) -> Iterator[str]:
    for panel in panels:
        place = panel["gridPos"]
        if (
            place["x"] < 0
            or place["y"] < 0
            or min(place["w"], place["h"]) < 1
            or place["x"] + place["w"] > COLUMNS
        ):
            yield f"{panel['title']} is not inside the {COLUMNS} columns"
    for one, other in combinations(panels, 2):
        if _overlap(one["gridPos"], other["gridPos"]):
            yield f"{one['title']} and {other['title']} overlap"


def _overlap(one: Json, other: Json) -> bool:
    across = one["x"] < other["x"] + other["w"] and other["x"] < one["x"] + one["w"]
    down = one["y"] < other["y"] + other["h"] and other["y"] < one["y"] + one["h"]
    return bool(across and down)


def _panel(panel: Json) -> Iterator[str]:
    if not panel.get("title") or not panel.get("description"):
        yield "it has no title, or no description"
    if not panel.get("targets"):
        yield "it asks nothing"
    units = [panel["fieldConfig"]["defaults"].get("unit"), *_override_units(panel)]
    yield from (f"{unit} is no unit that we use" for unit in units if unit not in UNITS)
    for override in panel["fieldConfig"].get("overrides", ()):
        if not override.get("matcher", {}).get("id") or not override.get("properties"):
            yield "an override of nothing, or without a change"
    for target in panel.get("targets", ()):
        yield from _query(target, panel["datasource"])
    yield from _columns(panel)


def _override_units(panel: Json) -> Iterator[str]:
    for override in panel["fieldConfig"].get("overrides", ()):
        yield from (value["value"] for value in override.get("properties", ()) if value["id"] == "unit")


def _query(target: Json, datasource: Json) -> Iterator[str]:
    """A query is one of ours by name and word for word, of the subset, and asks for what there may be."""
    named = queries.all_queries().get(target["refId"])
    if named is None or named.text != target["query"]:
        yield f"{target['refId']} is no named query, or other words than it"
    elif named.db != target["datasource"]["uid"]:
        yield f"{target['refId']} goes to {target['datasource']['uid']}, not to {named.db}"
    if target["datasource"] != datasource:
        yield f"{target['refId']} has another data source than its panel"
    yield from subset.complaints(target["query"])
    yield from vocabulary.complaints(target["query"], target["datasource"]["uid"])


def _columns(panel: Json) -> Iterator[str]:
    """Every column that a panel sorts, names or leaves out is one that its queries return."""
    known = {"Time"}
    for target in panel.get("targets", ()):
        query: Query | None = queries.all_queries().get(target["refId"])
        known |= set(query.columns) if query else set()
    for name in columns_named(panel):
        if name not in known:
            yield f"no query of it returns a column {name}"


def columns_named(panel: Json) -> set[str]:
    """The columns of its queries that a panel's transformations speak of."""
    found: set[str] = set()
    for step in panel.get("transformations", ()):
        options = step["options"]
        found |= {sort["field"] for sort in options.get("sort", ())}
        found |= {mapping["fieldName"] for mapping in options.get("mappings", ())}
        found |= {options["byField"]} if "byField" in options else set()
        for key in ("indexByName", "renameByName", "excludeByName"):
            found |= options.get(key, {}).keys()
    return found


def _mark(target: Json) -> Iterator[str]:
    yield from _query(target, target["datasource"])
    query = queries.all_queries().get(target["refId"])
    shown = [target[key] for key in ("textColumn", "tagsColumn", "timeEndColumn") if target[key]]
    yield from (f"its query returns no {name}" for name in shown if query and name not in query.columns)


def _variables(board: Json) -> Iterator[str]:
    declared = {variable["name"] for variable in board["templating"]["list"]}
    used = {name for text in _texts(board) for name in subset.variables(text)}
    yield from (f"it uses ${name}, which it does not have" for name in sorted(used - declared))
    yield from (f"it has ${name}, which nothing uses" for name in sorted(declared - used))


def _links(board: Json, uids: set[str]) -> Iterator[str]:
    pages = [re.sub(r"\{\w+\}", "*", page) for page in PAGES]
    for text in _texts(board):
        for uid in re.findall(r"^/d/([\w-]+)", text):
            if uid not in uids:
                yield f"it leads to {uid}, which is no board"
        for page in re.findall(r"^\$\{firstbell\}(/.*)", text):
            if re.sub(r"\$(\w+|\{[^}]*\})", "*", page) not in pages:
                yield f"it leads to {page}, which is no page of First Bell"


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _rules(boards: Sequence[Json], rules: Json) -> Iterator[str]:
    panels = {(board["uid"], panel["id"]) for board in boards for panel in board["panels"]}
    listed = [rule for group in rules["groups"] for rule in group["rules"]]
    for what in ("uid", "title"):
        counted = Counter(rule[what] for rule in listed)
        yield from (f"two rules have the {what} {value}" for value, times in counted.items() if times > 1)
    for rule in listed:
        yield from (f"{rule['title']}: {said}" for said in _rule(rule, panels))


def _rule(rule: Json, panels: set[tuple[str, int]]) -> Iterator[str]:
    if len(rule["uid"]) > MOST_UID_CHARS:
        yield "its uid is longer than 40 characters"
    if any("$" in text for text in _texts(rule)):
        yield "a dollar sign, which Grafana would take for its environment's"
    if (rule["dashboardUid"], rule["panelId"]) not in panels:
        yield "no board has the panel that it names"
    if "#" not in rule["annotations"].get("runbook_url", "") or not rule["annotations"].get("summary"):
        yield "it doesn't say what is wrong, or what to do"
    asked, *expressions = rule["data"]
    yield from _query(asked["model"], asked["model"]["datasource"])
    if asked["datasourceUid"] != asked["model"]["datasource"]["uid"]:
        yield "its query has two data sources"
    refs = [step["refId"] for step in rule["data"]]
    yield from (f"{step['refId']} is of {step['model']['expression']}, which is none of its steps"
                for step in expressions if step["model"]["expression"] not in refs)  # fmt: skip
    if rule["condition"] != refs[-1]:
        yield "its condition is not its last step"


def _asked(boards: Sequence[Json], rules: Json) -> Iterator[str]:
    """The names of all queries that are used."""
    by_text = {query.text: name for name, query in queries.all_queries().items()}
    for text in _texts([list(boards), rules]):
        if text in by_text:
            yield by_text[text]
