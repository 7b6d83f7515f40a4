"""A query as Grafana sends it: variables and its own words filled in."""

import re
from datetime import UTC, datetime

from tests.dashboards.made_up import BEGIN_NS, END_NS

VARIABLES = {"district": "Riverside", "school": "(lincoln-high|grant-middle|oak-street)", "circuit": ".*"}
"""What Grafana puts in: one name as it is, several as a group of a pattern, all as the pattern for all."""
_NOW = datetime.fromtimestamp(END_NS // 10**9, UTC).strftime("'%Y-%m-%dT%H:%M:%SZ'")


def filled(influxql: str) -> str:
    """The query over the whole of the made-up time, as of its end."""
    text = influxql.replace("$timeFilter", f"time >= {BEGIN_NS // 10**6}ms and time <= {END_NS // 10**6}ms")
    text = text.replace("$__interval", "1h").replace("now()", _NOW)
    text = re.sub(r"\$(\w+)", lambda match: VARIABLES.get(match[1], match[0]), text)
    assert "$/" in text or "$" not in text, f"something is not filled in: {text}"
    return text
