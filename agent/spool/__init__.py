"""The box's own store: what was measured waits here until the collector holds it."""

from agent.spool.spool import LAST, Page, Spool

__all__ = ["LAST", "Page", "Spool"]
