"""The part of InfluxQL that InfluxDB 1.8, 2 and 3 all speak, and what else a query here may not say."""

import re
from collections.abc import Iterator

FUNCTIONS = frozenset(
    {
        "MEAN",
        "MIN",
        "MAX",
        "COUNT",
        "SUM",
        "FIRST",
        "LAST",
        "PERCENTILE",
        "MEDIAN",
        "DISTINCT",
        "TOP",
        "BOTTOM",
    }
)
MOST_SELECTS = 2
"""One, and one level of subquery."""
_OTHER_CALLS = frozenset({"TIME", "FILL", "NOW"})
_WORDS = frozenset(
    {"SELECT", "FROM", "WHERE", "GROUP", "BY", "ORDER", "LIMIT", "AS", "AND", "OR", "DESC", "ASC", "TRUE",
     "FALSE", "TIME", "FILL", "NONE", "NULL", "PREVIOUS", "NOW", "SHOW", "TAG", "VALUES", "WITH", "KEY"}
)  # fmt: skip
_PATTERN = re.compile(r"/(?:[^/\\]|\\.)*/")
_DURATION = re.compile(r"\b\d+(?:ns|u|ms|s|m|h|d|w)?\b")
_SUBQUERY = re.compile(r"FROM \((SELECT .*)\)(?= WHERE | GROUP |$)")
_QUOTED = re.compile(r'"([^"]+)"')
_AS = re.compile(r' AS "([^"]+)"')
_VARIABLE = re.compile(r"\$\{?(\w+)")
OWN_WORDS = frozenset({"timeFilter", "__interval", "col", "m"})
"""What Grafana fills in itself."""


def complaints(influxql: str) -> Iterator[str]:
    """Why a query is not in the subset, if it isn't."""
    bare = _bare(influxql)
    if bare.count("SELECT") > MOST_SELECTS:
        yield "more than one level of subquery"
    if not bare.startswith("SELECT ") and not bare.startswith("SHOW TAG VALUES "):
        yield f"begins with {bare.split()[0]}: only SELECT and SHOW TAG VALUES may"
    for call in re.findall(r"(\w+)\s*\(", bare):
        if call not in FUNCTIONS | _OTHER_CALLS | _WORDS:
            yield f"calls {call}(), which not every InfluxDB has"
    for word in set(re.findall(r"\b[A-Z_]\w*", bare)) - FUNCTIONS - _WORDS:
        yield f"says {word} outside of quotes, which is not in the subset"
    if re.search(r"SELECT\s+\*|\(\s*\*\s*\)", bare):
        yield "selects *: columns have names"
    if "SELECT" in bare and "TIME " not in bare and "$timeFilter" not in influxql:
        yield "asks for all time"


def variables(text: str) -> set[str]:
    """The template variables in a text, without what Grafana fills in itself."""
    return {
        name for name in _VARIABLE.findall(text)
        if name not in OWN_WORDS and not name.startswith(("__", "tag_"))
    }  # fmt: skip


def names(influxql: str) -> set[str]:
    """Every tag and field that the query asks of a measurement, without the names that it makes itself."""
    inner = _SUBQUERY.search(influxql)
    if not inner:
        return set(_QUOTED.findall(_AS.sub("", influxql)))
    outer = influxql.replace(inner[1], "")
    made = set(_AS.findall(influxql))
    return names(inner[1]) | (set(_QUOTED.findall(_AS.sub("", outer))) - made)


def measurements(influxql: str) -> list[str]:
    """What it asks from."""
    sources = re.findall(r'FROM ("[^"]+"(?:, "[^"]+")*)', influxql)
    return [name for source in sources for name in _QUOTED.findall(source)]


def _bare(influxql: str) -> str:
    """Without names, texts, patterns, numbers and Grafana's words; in capitals."""
    text = re.sub(r"=~\s*" + _PATTERN.pattern, "", influxql)
    text = re.sub(r"\"[^\"]*\"|'[^']*'|\$\{?\w+\}?", " ", text)
    return _DURATION.sub(" ", text).upper().strip()
