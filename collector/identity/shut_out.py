"""Which boxes were shut out, kept in memory: the collector takes nothing of them, whatever a broker does.

Who shuts a box out may be another process (`firstbell box shut-out`): the journal is looked at every few
seconds. A box that has no certificate of this district's, as behind a broker with passwords, never is.
"""

import logging
import threading
from contextlib import closing

from collector.store import identities
from collector.store.errors import StoreError, told
from collector.store.journal import Journal

log = logging.getLogger(__name__)

LOOK_S = 5.0
"""At most so much later the collector knows. It shall be within a minute."""


class ShutOut:
    """Looks at the journal on a thread of its own; `names` may be asked by any, as often as it likes."""

    def __init__(self, journal: Journal, *, look_s: float = LOOK_S) -> None:
        self._journal, self._look_s = journal, look_s
        self._names: frozenset[str] = frozenset()
        self._trouble = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shut-out", daemon=True)

    def names(self) -> frozenset[str]:
        """The boxes that were shut out, as of the last look."""
        return self._names

    def start(self) -> None:
        """Look now, so that nothing comes in before the first look, then on and on. Raises StoreError."""
        self.look()
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def look(self) -> None:
        """Look once. Raises StoreError."""
        with told("who was shut out can't be read"), closing(self._journal.reader()) as db:
            names = identities.shut_out(db)
        for name in sorted(names - self._names):
            log.warning("%s is shut out: nothing of it is taken", name)
        for name in sorted(self._names - names):
            log.info("%s is no longer shut out", name)
        self._names = names

    def _run(self) -> None:
        while not self._stopping.wait(self._look_s):
            try:
                self.look()
                self._trouble = ""
            except StoreError as error:
                # Who was out stays out meanwhile.
                if str(error) != self._trouble:
                    self._trouble = str(error)
                    log.warning("%s", error)
