"""A coordinator that dies by its own hand: `python -m tests.collector.coordinator.victim FOLDER POINT`.

It is asked by lincoln-1, says its answer on stdout, hears that box settle, and kills itself at POINT.
"""

import os
import signal
import sys
from pathlib import Path

from collector.coordinator.desk import Desk
from collector.store.journal import open_journal
from collector.store.leases import How, Kept, Leases
from firstbell import lease as words
from firstbell.lease import Ask, Grant, Settle
from tests.collector.coordinator.town import HandClock, NoSigner, town

AFTER_DECIDE, AFTER_COMMIT, AFTER_SEND, BEFORE_SETTLE, AFTER_SETTLE = POINTS = (
    "after-decide",
    "after-commit",
    "after-send",
    "before-settle",
    "after-settle",
)


def _die(here: str) -> None:
    if sys.argv[2] == here:
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)


class Dying(Leases):
    """A store whose process dies before or after what it does."""

    def grant(self, lease: Kept) -> None:
        """Keep a lease, and live to tell."""
        _die(AFTER_DECIDE)
        super().grant(lease)
        _die(AFTER_COMMIT)

    def end(self, lease: str, ended_ns: int, how: How, used: tuple[int | None, float | None]) -> None:
        """Keep an end, and live to tell."""
        _die(BEFORE_SETTLE)
        super().end(lease, ended_ns, how, used)
        _die(AFTER_SETTLE)


def main() -> None:
    """Be asked, answer, and die on the way."""
    store = Dying(open_journal(Path(sys.argv[1]) / "journal.db"))
    desk = Desk(store, town, HandClock(), NoSigner())
    ask = Ask(nonce="n", kind="throughput", targets=("s",), max_bytes=10**8, max_seconds=180.0)
    answer = desk.hear("lincoln-1", ask)
    assert isinstance(answer, Grant)
    sys.stdout.write(words.encode(answer).decode() + "\n")
    _die(AFTER_SEND)
    desk.hear("lincoln-1", Settle(lease=answer.lease, bytes=10**7, seconds=5.0))


if __name__ == "__main__":
    main()
