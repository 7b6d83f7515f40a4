"""The collector's own turn at its certificates: looked at, renewed when due, and told aloud in time.

Nobody has to be told of a new one: the web server and the connection to the broker take it up by themselves,
and the broker is started anew for its own by `firstbell-revoked.path`.
"""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from collector.clock import Clock
from collector.identity import own

log = logging.getLogger(__name__)

LOOK_S = 600.0
AGAIN_S = 86_400.0
"""What somebody has to do something about is said once a day."""


class Renewing:
    """Looks at the certificates in the data folder, and at those that the settings name (`named`)."""

    def __init__(self, folder: Path, named: Sequence[str], clock: Clock, *, look_s: float = LOOK_S) -> None:
        self._folder, self._named, self._clock, self._look_s = folder, named, clock, look_s
        self._troubles: list[str] = []
        self._said: dict[str, float] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="renewing", daemon=True)

    @property
    def troubles(self) -> list[str]:
        """What somebody has to do something about, as of the last look."""
        return self._troubles

    def start(self) -> None:
        """Start the thread; `look` comes first, before anything is shown that is due."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def look(self) -> None:
        """Look once: renew what is due, and say what can't be. Raises nothing."""
        seen = own.seen(self._folder, self._named, self._clock.now_ns(), renews=True)
        for each in seen.renewed:
            log.info("%s is renewed, good until %s", each.path, own.day(each.ends_ns))
        self._troubles = seen.troubles
        self._tell()

    def _tell(self) -> None:
        now = self._clock.monotonic()
        for trouble in self._troubles:
            if now >= self._said.get(trouble, float("-inf")) + AGAIN_S:
                self._said[trouble] = now
                log.error("%s", trouble)

    def _run(self) -> None:
        while not self._stopping.wait(self._look_s):
            self.look()
