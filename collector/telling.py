"""What is wrong with the collector's own surroundings, said on its terminal without anybody asking.

The broker's comings and goings are told where they happen (`mqtt`), and so is a folder that can't be used
(`registry`): but a broker that was never there happens nowhere, and the folder is only looked at when
somebody asks.
"""

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)

LOOK_S = 2.0
PATIENCE_S = 4.0
"""A broker that is there takes the collector in within this time."""


class Telling:
    """A thread that looks at the broker's connection once, and at the district folder on and on."""

    def __init__(
        self,
        where: str,
        connected: Callable[[], bool],
        look_at_folder: Callable[[], str],
        *,
        look_s: float = LOOK_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._where, self._connected, self._look_at_folder = where, connected, look_at_folder
        self._look_s, self._patience_s = look_s, patience_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="telling", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Say nothing more."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        if not self._stopping.wait(self._patience_s) and not self._connected():
            log.error(
                "no broker lets the collector in at %s: nothing arrives, and the boxes keep their reports; "
                "trying on",
                self._where,
            )
        while not self._stopping.wait(self._look_s):
            try:
                self._look_at_folder()
            except Exception:
                log.exception("the district folder could not be looked at")
