"""How an HTTPS connection leaves the building: straight, or through the school's proxy.

Nothing that the box says rests on this connection's secrecy: over a WebSocket it speaks its own TLS with the
broker inside, and letters and their replies are signed. So a filter that opens TLS and signs anew is let do
it, and is said aloud. An authority of the filter's is believed by nobody.
"""

import http.client
import logging
import socket
import ssl
import time
from collections.abc import Callable
from hashlib import sha256

from agent.machine import dates
from agent.machine.page import Deadline, TimedLine
from agent.machine.proxy import Proxy

STALLED_MS = 60_000
"""So long may what was sent go without a sign that it arrived; then the system ends the connection."""
_HTTPS = 443

_log = logging.getLogger(__name__)


class Way:
    """The way to the collector's web server. `opened` gives a connection on which HTTP can be spoken.

    `ca_file` holds the district's authorities, who are believed beside the system's. `any_date` says whether
    this box does not know the date: then certificates' dates count for nothing.
    """

    def __init__(
        self,
        host: str,
        port: int,
        ca_file: str | None = None,
        proxy: Proxy | None = None,
        any_date: Callable[[], bool] = lambda: False,
    ) -> None:
        self.host, self.port, self.proxy = host, port, proxy
        self._ca_file, self._any_date = ca_file, any_date
        self.opened_by = ""
        """The fingerprint of the certificate that was shown last and is nobody's we know; "" if it was."""

    @property
    def origin(self) -> str:
        """Host and port, as in an address."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _HTTPS else f"{host}:{self.port}"

    def opened(self, timeout_s: float) -> ssl.SSLSocket:
        """A connection to the web server, TLS done, each step within `timeout_s`. Raises OSError."""
        try:
            made = self._secured(self._trusting(), timeout_s)
        except ssl.SSLCertVerificationError as error:
            made = self._secured(_trusting_nobody(), timeout_s)
            self._note(made, error.verify_message)
        else:
            self.opened_by = ""
        return made

    def _note(self, made: ssl.SSLSocket, why: str) -> None:
        print_ = sha256(made.getpeercert(binary_form=True) or b"").hexdigest()
        if print_ != self.opened_by:
            _log.warning(
                "the certificate at %s is not the district's (%s; SHA-256 %s): a filter opens this line. "
                "Reports pass all the same, and are signed",
                self.origin,
                why,
                print_,
            )
        self.opened_by = print_

    def _secured(self, tls: ssl.SSLContext, timeout_s: float) -> ssl.SSLSocket:
        raw = self._through(self.proxy, timeout_s) if self.proxy else self._straight(timeout_s)
        try:
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_MS)
            return tls.wrap_socket(raw, server_hostname=self.host)
        except BaseException:
            raw.close()
            raise

    def _straight(self, timeout_s: float) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout_s)

    def _through(self, proxy: Proxy, timeout_s: float) -> socket.socket:
        where = f"the proxy {proxy.host}:{proxy.port}"
        try:
            made = socket.create_connection((proxy.host, proxy.port), timeout_s)
        except OSError as error:
            raise OSError(f"{where} can't be reached: {error}") from error
        try:
            self._asked(proxy, made, Deadline(time.monotonic, timeout_s))
        except (OSError, http.client.HTTPException) as error:
            made.close()
            why = str(error) or "it does not answer in time"
            raise OSError(f"{where} lets nothing through: {why}") from error
        made.settimeout(timeout_s)
        return made

    def _asked(self, proxy: Proxy, made: socket.socket, deadline: Deadline) -> None:
        """Ask for a way through. Raises OSError, HTTPException."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        target = f"{host}:{self.port}"
        asked = http.client.HTTPConnection(proxy.host, proxy.port)
        asked.sock = TimedLine(made, deadline)
        asked.request("CONNECT", target, headers={"Host": target, **proxy.headers})
        with asked.getresponse() as answer:
            if answer.status != http.client.OK:
                raise OSError(f"status {answer.status} {http.client.responses.get(answer.status, '')}")

    def _trusting(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._ca_file:
            context.load_verify_locations(self._ca_file)
        dates.overlook(context, dates=self._any_date())
        return _plain(context)


def _trusting_nobody() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return _plain(context)


def _plain(context: ssl.SSLContext) -> ssl.SSLContext:
    """A filter that would rather speak HTTP/2 is told that nobody here does."""
    context.set_alpn_protocols(["http/1.1"])
    return context
