"""Boards and alerts for Grafana as code: named queries, panels, rules, and the JSON made of them."""
