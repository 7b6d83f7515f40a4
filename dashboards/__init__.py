"""Boards and alerts for Grafana as code: named queries, panels, rules, and the JSON made of them."""

from typing import Any

Json = dict[str, Any]
"""What Grafana reads and writes."""
