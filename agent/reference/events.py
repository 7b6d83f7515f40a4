"""One line an event, with nobody's address in it, and no flood of lines whatever comes over the port."""

import logging
from collections.abc import Callable

_EVERY_S = 1.0


class Events:
    """Tells what happens. `now` gives seconds, monotonic."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._log = logging.getLogger("firstbell.reference")
        self._now = now
        self._told: dict[str, float] = {}
        self._untold: dict[str, int] = {}

    def tell(self, what: str) -> None:
        """Something that only a ticket can bring about."""
        self._log.info(what)

    def tell_sparingly(self, kind: str, what: str) -> None:
        """Something that anybody can bring about: at most a line of its `kind` a second."""
        now = self._now()
        if now - self._told.get(kind, -_EVERY_S) < _EVERY_S:
            self._untold[kind] = self._untold.get(kind, 0) + 1
            return
        self._told[kind] = now
        more = self._untold.pop(kind, 0)
        self._log.info(f"{what} (and {more} more before it)" if more else what)
