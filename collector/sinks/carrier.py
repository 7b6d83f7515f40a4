"""The thread that ships: again and again, with patience that grows, and a word on why nothing goes out."""

import logging
import random
import threading
from collections.abc import Callable
from typing import Protocol

from collector.clock import Clock
from collector.sinks.answers import BusyError, InfluxError, StoppedError
from collector.sinks.shipping import Progress
from collector.store.errors import StoreError
from collector.store.outbox import Outbox, Shipped
from firstbell.settings import SettingsError

log = logging.getLogger(__name__)

EVERY_S = 5.0
"""Between having shipped everything and looking again."""
STOPPED_S = 60.0
"""Between two tries where somebody has to do something first."""
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
MOST_ASKED_S = 900.0
"""A server that asks for more patience than this is asked again all the same."""


class Ships(Protocol):
    """What brings a bucket up to date."""

    def catch_up(self, progress: Progress, /) -> Shipped:
        """Ship until nothing is left. Raises InfluxError, StoreError, or what `progress` raises."""

    def close(self) -> None:
        """Close its connections."""


class _EndedError(Exception):
    """The program ends: between two batches is the moment for it."""


class Patience:
    """How long to wait after failures in a row; full jitter, so that not all collectors come as one."""

    def __init__(self, draw: Callable[[float, float], float] = random.uniform) -> None:
        self._draw = draw
        self._failures = 0

    def wait_s(self, error: Exception | None) -> float:
        """How long to wait now; None for an error: all went well."""
        if error is None:
            self._failures = 0
            return EVERY_S
        self._failures += 1
        if isinstance(error, StoppedError | SettingsError):
            return STOPPED_S
        longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(self._failures, 10))
        asked = min(error.after_s or 0.0, MOST_ASKED_S) if isinstance(error, BusyError) else 0.0
        return asked + self._draw(0.0, longest)


class Carrier:
    """Runs a shipper in a thread. `trouble` says why nothing goes out; "" while all is well."""

    def __init__(
        self,
        open_shipper: Callable[[], Ships],
        outbox: Outbox,
        clock: Clock,
        patience: Patience | None = None,
    ) -> None:
        self.trouble = ""
        self._open, self._outbox, self._clock = open_shipper, outbox, clock
        self._patience = patience or Patience()
        self._ships: Ships | None = None
        self._noted = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="influx", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End after the request that is on its way; what is not out by then goes out at the next start."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._stop.wait(self._patience.wait_s(self._step()))
        self._drop()
        self._outbox.close()

    def _drop(self) -> None:
        if self._ships is not None:
            self._ships.close()
            self._ships = None

    def _step(self) -> Exception | None:
        """Ship once; what went wrong."""
        try:
            if self._ships is None:
                self._ships = self._open()
            self._ships.catch_up(self._look_up)
        except _EndedError:
            return None
        except (InfluxError, StoreError, SettingsError) as error:
            self._note(str(error))
            self._drop()
            return error
        except Exception as error:  # a mistake of ours must not end what nobody would miss for a week
            log.exception("shipping to InfluxDB")
            self._note(f"a mistake in this program: {type(error).__name__}: {error}")
            self._drop()
            return error
        self._note("")
        return None

    def _look_up(self, _at: int, _goal: int) -> None:
        if self._stop.is_set():
            raise _EndedError

    def _note(self, trouble: str) -> None:
        news = trouble != self.trouble
        if news and trouble:
            log.warning("InfluxDB does not get everything, and nothing is lost: %s", trouble)
        elif news:
            log.warning("InfluxDB takes reports again")
        # A batch that got through has cleared the journal's word, and the run before may have left one.
        if news or trouble or not self._noted:
            self._noted = True
            try:
                self._outbox.complain(trouble, self._clock.now_ns())
            except StoreError as error:
                log.warning("%s", error)
        self.trouble = trouble
