"""The narrow port through which evidence is read, whatever keeps it: the journal (`Reads`), or its copy."""

from collections.abc import Sequence
from typing import Protocol

from collector.store.derived.intervals import Interval
from collector.store.derived.rollups import Rollup
from collector.store.gateways import Reach
from collector.store.reads import Box, Suspension
from firstbell.report import Stored


class Evidence(Protocol):
    """What judging asks for. Every method means what `Reads`' method of the same name does."""

    def facts_until(self) -> int:
        """The arrival number of the newest report."""

    def heard(self, as_of_ns: int) -> frozenset[str]:
        """The boxes of which something had come by then."""

    def tests(
        self, boxes: Sequence[Box], probe: str, *, since_ns: int = 0, facts_until: int | None = None
    ) -> list[Stored]:
        """The reports of a probe by these boxes, each within its own dates."""

    def latest(self, agent: str | None = None) -> list[Stored]:
        """The newest measurement of each probe and target."""

    def outages(
        self, boxes: Sequence[Box], since_ns: int, until_ns: int, *, facts_until: int | None = None
    ) -> list[Interval]:
        """When each box found its line or its site down."""

    def watched(
        self, boxes: Sequence[Box], since_ns: int, until_ns: int, *, facts_until: int | None = None
    ) -> list[Interval]:
        """When each box looked at the internet."""

    def online(
        self, boxes: Sequence[Box], since_ns: int, until_ns: int, *, facts_until: int | None = None
    ) -> list[Interval]:
        """When each box saw the internet."""

    def rollups(
        self,
        boxes: Sequence[Box],
        probe: str,
        since_ns: int,
        until_ns: int,
        *,
        facts_until: int | None = None,
    ) -> list[Rollup]:
        """The hours of a cheap probe."""

    def gateway(self, address: str, since_ns: int, until_ns: int) -> list[Reach]:
        """When a school's gateway answered the collector's own tries."""

    def suspensions(self) -> list[Suspension]:
        """Every time that two boxes had one name."""
