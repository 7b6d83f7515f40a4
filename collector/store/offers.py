"""What intake hands to the writer, and what the writer says of it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from collector.store.gateways import Try
from firstbell.report import Report
from firstbell.wire import Range


class Row(NamedTuple):
    """One readable report: its number, its exact bytes, their digest, and what they say."""

    seq: int
    digest: bytes
    raw: bytes
    report: Report


class Refusal(NamedTuple):
    """What can't be kept as good, from `first` to `last` (0 and 0 if it has no numbers), and why."""

    first: int
    last: int
    reason: str
    raw: bytes


class Outcome(NamedTuple):
    """What became of an offer. Empty for something that can't be answered by name."""

    held: Sequence[Range] = ()
    refused: Sequence[tuple[int, int, str]] = ()
    later: str = ""
    halve: str = ""


class Offer(NamedTuple):
    """One message's worth of reports. `epoch` is empty if its sender could not be made out.

    `tries` are the collector's own tries of gateways; they come without a sender.

    `settle` is called exactly once, after the commit, on the writer's thread.
    """

    agent: str
    epoch: str
    received_ns: int
    rows: Sequence[Row]
    refusals: Sequence[Refusal]
    settle: Callable[[Outcome], None]
    tries: Sequence[Try] = ()

    @property
    def reports(self) -> int:
        """How much room it takes in a group: its reports, at least one."""
        return max(1, len(self.rows) + len(self.refusals))

    @property
    def size(self) -> int:
        """Bytes that wait with it."""
        return sum(len(row.raw) for row in self.rows) + sum(len(refusal.raw) for refusal in self.refusals)
