"""The pages' certificate while they are served: a new one on the disk is shown from the next connection on.

Connections that are open go on with the one before; so does everybody while what lies there can't be used.
Who puts a new one there is another's business (`collector.identity.renewing`, or the district's own tool).
"""

import logging
import ssl
from pathlib import Path

log = logging.getLogger(__name__)

_Stamp = tuple[int, int, int, int]


class Shown:
    """Which certificate a server shows."""

    def __init__(self, served: ssl.SSLContext, cert: Path, key: Path) -> None:
        self._cert, self._key = cert, key
        self._now = served
        self._taken = self._tried = self._stamp()
        # Not by loading another pair into that context: beside one of another kind (RSA, EC) both would stay.
        served.sni_callback = self._hand_over

    def look(self) -> None:
        """See whether another pair lies there. Raises nothing."""
        stamp = self._stamp()
        if stamp is None or stamp == self._taken:
            return
        try:
            fresh = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            fresh.load_cert_chain(self._cert, self._key, password="")
        except OSError as error:
            if stamp != self._tried:
                log.warning("%s can't be used, and the one before is shown on: %s", self._cert, error)
            self._tried = stamp
            return
        self._now, self._taken = fresh, stamp
        log.info("%s is another certificate now, and is shown from the next connection on", self._cert)

    def _stamp(self) -> tuple[_Stamp, _Stamp] | None:
        """What tells these files from those that lay there before; None while one of them is away."""
        try:
            cert, key = (path.stat() for path in (self._cert, self._key))
        except OSError:
            return None
        return (
            (cert.st_dev, cert.st_ino, cert.st_size, cert.st_mtime_ns),
            (key.st_dev, key.st_ino, key.st_size, key.st_mtime_ns),
        )

    def _hand_over(
        self, connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _served: ssl.SSLContext
    ) -> None:
        connection.context = self._now
