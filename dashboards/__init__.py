"""Boards and alerts for Grafana, as code: named queries, panels, rules, and JSON made of them at build time."""
