"""A query as Grafana sends it: variables and its own words filled in."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from tests.dashboards.made_up import BEGIN_NS, END_NS

VARIABLES = {"district": "Riverside", "school": "(lincoln-high|grant-middle|oak-street)", "circuit": ".*"}
"""What Grafana puts in: one name as it is, several as a group of a pattern, all as the pattern for all."""


def filled(
    influxql: str, variables: Mapping[str, str] = VARIABLES, begin_ns: int = BEGIN_NS, end_ns: int = END_NS
) -> str:
    """The query over the whole of that time, as of its end."""
    now = datetime.fromtimestamp(end_ns // 10**9, UTC).strftime("'%Y-%m-%dT%H:%M:%SZ'")
    text = influxql.replace("$timeFilter", f"time >= {begin_ns // 10**6}ms and time <= {end_ns // 10**6}ms")
    text = text.replace("$__interval", "1h").replace("now()", now)
    text = re.sub(r"\$(\w+)", lambda match: variables.get(match[1], match[0]), text)
    assert "$/" in text or "$" not in text, f"something is not filled in: {text}"
    return text
