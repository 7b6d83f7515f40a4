"""Which boxes came back after something new was put on them: what a rollout waits for."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from collector.store.reads import Reads
from firstbell.district import NS
from firstbell.report import Stored

State = Literal["heard", "waited for", "silent before"]


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """One box. `version` is what its newest start runs, `last_ns` when anything of it came last (or None).

    `heard`: a start with the wanted version began to report since. `silent before`: nothing of it had come
    for a while before, nor has since; it may be off for the summer, and nobody can wait for that.
    """

    name: str
    state: State
    version: str
    last_ns: int | None


class HeardOf(msgspec.Struct, frozen=True, kw_only=True):
    """The boxes that were asked for, by name, and whether the rollout may go on."""

    since_ns: int
    version: str
    boxes: tuple[Heard, ...]

    @property
    def waited_for(self) -> tuple[Heard, ...]:
        """The boxes that hold it up."""
        return tuple(box for box in self.boxes if box.state == "waited for")


def ask(reads: Reads, names: Sequence[str], since_ns: int, version: str, silent_after_s: int) -> HeardOf:
    """What came of each box since `since_ns`, by this machine's clock. An empty `version` is any.

    A box that said nothing in the `silent_after_s` seconds before was silent before. What a box's own clock
    says counts for nothing here.
    """
    known = [
        _of(name, reads.latest(name), since_ns, version, silent_after_s) for name in dict.fromkeys(names)
    ]
    return HeardOf(since_ns=since_ns, version=version, boxes=tuple(known))


def _of(name: str, newest: Sequence[Stored], since_ns: int, version: str, silent_after_s: int) -> Heard:
    starts = [one for one in newest if one.report.probe == "box"]
    start = max(starts, key=lambda one: one.arrival, default=None)
    said = start.report.readings.get("agent_version") if start else None
    runs = said if isinstance(said, str) else ""
    last_ns = max((one.received_ns for one in newest), default=None)
    state: State = "waited for"
    if start and start.received_ns >= since_ns and (runs == version or not version):
        state = "heard"
    elif last_ns is None or last_ns < since_ns - silent_after_s * NS:
        state = "silent before"
    return Heard(name=name, state=state, version=runs, last_ns=last_ns)
