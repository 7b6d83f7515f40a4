"""Named points at which a process of ours can be made to die: functions of the product, wrapped from outside."""

import os
import signal
import time
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from itertools import count
from typing import Any, NamedTuple


class Point(NamedTuple):
    """Before or after which function a process dies, and which calls of it count.

    `settle_s` is waited first, so that what was handed to the network has left.
    """

    program: str
    function: str
    after: bool
    counts: Callable[..., bool] = lambda *_: True
    settle_s: float = 0.0


def _to_a_batch(_link: object, _agent: str, answer: Any) -> bool:
    return bool(answer.digest)


POINTS = {
    "during_opening": Point("box", "agent.spool.intake:open_epoch", after=True),
    "after_opening": Point("box", "agent.spool.file:SpoolFile.open", after=True),
    "before_spool_commit": Point("box", "agent.spool.intake:store", after=True),
    "after_spool_commit": Point("box", "agent.spool:Spool.put", after=True),
    "during_freeze": Point("box", "agent.spool.queue:freeze_run", after=True),
    "after_freeze": Point("box", "agent.uplink.outbox:Outbox._launch", after=False),
    "after_publish": Point("box", "agent.uplink.sender:Sender._publish", after=True, settle_s=0.02),
    "after_answer_before_spool_delete": Point("box", "agent.spool:Spool.held", after=False),
    "during_spool_delete": Point("box", "agent.spool.queue:hold", after=True),
    "after_spool_delete": Point("box", "agent.spool:Spool.held", after=True),
    "after_journal_opened": Point("collector", "collector.app:open_journal", after=True),
    "before_intake": Point("collector", "collector.intake:Intake.take", after=False),
    "before_collector_commit": Point("collector", "collector.store.ledger:take", after=True),
    "after_commit_before_ack": Point("collector", "collector.store.writer:_settle", after=False),
    "after_ack_before_answer": Point(
        "collector", "collector.mqtt:Link._say", after=False, counts=_to_a_batch, settle_s=0.02
    ),
    "after_answer": Point(
        "collector", "collector.mqtt:Link._say", after=True, counts=_to_a_batch, settle_s=0.02
    ),
}
ONCE = {"during_opening", "after_opening", "after_journal_opened"}
"""Points that a process passes once, at its start."""


def put_in(owner: object, name: str, value: object) -> None:
    """Replace something of the product in this process."""
    setattr(owner, name, value)


def plant(name: str, nth: int) -> None:
    """Make this process die, as by `kill -9`, when it comes to the point `name` for the `nth` time.

    Raises KeyError or AttributeError if there is no such point.
    """
    point = POINTS[name]
    module, _, path = point.function.partition(":")
    owner: Any = import_module(module)
    *parents, last = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    original, passed = getattr(owner, last), count(1)

    def pass_by(args: tuple[object, ...]) -> None:
        if point.counts(*args) and next(passed) == nth:
            time.sleep(point.settle_s)
            os.kill(os.getpid(), signal.SIGKILL)

    @wraps(original)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if not point.after:
            pass_by(args)
        result = original(*args, **kwargs)
        if point.after:
            pass_by(args)
        return result

    put_in(owner, last, wrapped)
