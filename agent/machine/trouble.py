"""What can go wrong on a network, in words that a technician would use.

NetworkError
  RefusedError   somebody said no, or no way leads there
  SilentError    nothing came back in time

A reason names neither addresses nor hosts: it goes into reports.
"""

import http.client
import os
import socket
import ssl


class NetworkError(Exception):
    """It did not work; `reason` says why, in plain words that may stand in a report."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class RefusedError(NetworkError):
    """Somebody said no, or no way leads there."""


class SilentError(NetworkError):
    """Nothing came back in time."""


def told(error: Exception) -> NetworkError:
    """The same trouble in our words. `error` is what sockets, ssl or http.client raised."""
    if isinstance(error, NetworkError):
        return error
    if isinstance(error, TimeoutError):
        return SilentError("no answer in time")
    if isinstance(error, ssl.SSLCertVerificationError):
        return RefusedError(
            "the certificate is not one that this machine trusts (a filter that re-signs TLS?)"
        )
    if isinstance(error, ssl.SSLError):
        return RefusedError("no secure connection could be agreed on")
    return RefusedError(_words(error))


def _words(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        silent = error.errno == socket.EAI_AGAIN
        return "no name server answered" if silent else "there is no such name"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(error, ConnectionError | http.client.IncompleteRead | http.client.RemoteDisconnected):
        return "the connection was broken off"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    return "the answer was not to be understood"
