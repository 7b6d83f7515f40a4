"""Which boxes were shut out, kept in memory: the collector takes nothing of them, whatever a broker does.

Who shuts a box out may be another process (`firstbell box shut-out`): the journal is looked at every few
seconds. A box that has no certificate of this district's, as behind a broker with passwords, never is.
"""

import logging
import threading
from contextlib import closing
from dataclasses import dataclass

from collector.store import denied, identities
from collector.store.denied import Denied
from collector.store.errors import StoreError, told
from collector.store.journal import Journal

log = logging.getLogger(__name__)

LOOK_S = 5.0
"""At most so much later the collector knows. It shall be within a minute."""


@dataclass(frozen=True)
class Out:
    """Whom to take nothing of; `in` asks for a box. `erased` are those that are known by a digest alone."""

    names: frozenset[str] = frozenset()
    erased: Denied = denied.NOBODY

    def __contains__(self, agent: object) -> bool:
        """Whether nothing of this box is to be taken."""
        return agent in self.names or agent in self.erased


class ShutOut:
    """Looks at the journal on a thread of its own; `out` may be asked by any, as often as it likes."""

    def __init__(self, journal: Journal, *, look_s: float = LOOK_S) -> None:
        self._journal, self._look_s = journal, look_s
        self._out = Out()
        self._trouble = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shut-out", daemon=True)

    def out(self) -> Out:
        """Who was shut out, as of the last look."""
        return self._out

    def names(self) -> frozenset[str]:
        """The boxes that were shut out, by name, as of the last look."""
        return self._out.names

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
            now = Out(identities.shut_out(db), denied.denied(db))
        for name in sorted(now.names - self._out.names):
            log.warning("%s is shut out: nothing of it is taken", name)
        for name in sorted(name for name in self._out.names if name not in now):
            log.info("%s is no longer shut out", name)
        self._out = now

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
