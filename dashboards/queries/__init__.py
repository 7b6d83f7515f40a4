"""Every query by its name: what boards, variables, marks and alerts ask."""

from dashboards.influxql import Query, named
from dashboards.queries import alerts, fleet, lines, now, power, school, variables, wifi


def all_queries() -> dict[str, Query]:
    """Every query by its name."""
    found = named(now, lines, school, wifi, power, fleet, variables, alerts)
    use = lines.line_use()
    return found | ({use.name: use} if use else {})
