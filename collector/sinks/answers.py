"""What InfluxDB answers, told apart: each error says what is wrong, and what somebody can do.

InfluxError      the base of these
├── AwayError       nobody answered, or not to the end
├── BusyError       it asks for patience: 429, 503 and their kin
├── TooLargeError   413: in smaller pieces, please
├── PartlyError     reports went out, and something else did not
├── RefusedError    400 and 422: something in it can't be taken
└── StoppedError    somebody has to do something first: 401, 403, 404
"""

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from influxdb_client.rest import ApiException

_MOST_TEXT = 300
_TOO_LARGE = 413
_BAD = (400, 422)
_BUSY = (408, 425, 429)
_SERVERS_OWN = 500
_TO_DO = {
    401: "The collector's token is not known to it: `firstbell influx setup` makes another one.",
    403: "The collector's token may not do this: `firstbell influx setup` makes one that may.",
    404: "Is the address InfluxDB's, and is the bucket there? `firstbell influx setup` makes it.",
}
_OPERATOR_TO_DO = {
    401: "That is no operator's token of this server.",
    403: "An operator's token may do this, and that one may not.",
    404: "Is the address that of an InfluxDB 2, without a path behind it?",
}
_PLAIN = {
    "Connection refused": "the connection was refused",
    "Name or service not known": "no machine of that name is known",
    "WRONG_VERSION_NUMBER": "it speaks http, and not https",
    "Read timed out": "it did not answer in time",
    "Connect timeout": "it did not answer in time",
}
"""How the commonest troubles of connections are called by people."""


class InfluxError(RuntimeError):
    """InfluxDB did not do what it was asked; the text is for people."""


class AwayError(InfluxError):
    """Nobody answered, or not to the end: what was sent may have been taken or not."""


class BusyError(InfluxError):
    """It asks for patience; `after_s` for how long, None where it doesn't say."""

    def __init__(self, text: str, after_s: float | None) -> None:
        super().__init__(text)
        self.after_s = after_s


class TooLargeError(InfluxError):
    """The request was too large."""


class PartlyError(InfluxError):
    """Reports went out, and something beside them did not."""


class RefusedError(InfluxError):
    """Something in the request can't be taken."""


class StoppedError(InfluxError):
    """Nothing will go until somebody has done something: the text says what."""


class talking:  # noqa: N801 - reads as `with talking(url):`
    """Whatever goes wrong inside is told as an InfluxError."""

    def __init__(self, url: str, token: str = "", *, operator: bool = False) -> None:
        self._url, self._token, self._operator = url, token, operator

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Tell the library's errors apart."""
        from influxdb_client.rest import ApiException  # noqa: PLC0415
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        if isinstance(error, ApiException):
            told = of_answer(self._url, error, _OPERATOR_TO_DO if self._operator else _TO_DO)
            if self._token and self._token in str(told):  # a proxy that shows what it was asked
                told.args = (str(told).replace(self._token, "***"),)
            raise told from None
        if isinstance(error, HTTPError | OSError):
            raise AwayError(f"{self._url} can't be reached: {_plain(str(error))}") from None


def of_answer(url: str, error: "ApiException", to_do: Mapping[int, str] = _TO_DO) -> InfluxError:
    """What an answer that is no success means; `to_do` says what somebody can do, by status."""
    status, said = error.status or 0, _said(error)
    if status == 0:
        return AwayError(f"{url} can't be reached: {_plain(said)}")
    if status == _TOO_LARGE:
        return TooLargeError(f"{url} takes no request so large: {said}")
    if status in _BAD and _told(error):
        return RefusedError(said)
    if status in _BUSY or status >= _SERVERS_OWN:
        return BusyError(f"{url} asks for patience ({status}): {said}", _after_s(error))
    if status in _BAD:
        # Somebody in between can't bear the request: that says nothing of any point in it.
        return StoppedError(f"{url} is no InfluxDB: it answered with {status}: {said}")
    return StoppedError(f"{url} answers {status}: {said}. {to_do.get(status, '')}".strip())


def _said(error: "ApiException") -> str:
    """The server's own words."""
    body = error.body or error.reason or ""
    return short(_told(error) or (body.decode(errors="replace") if isinstance(body, bytes) else str(body)))


def _told(error: "ApiException") -> str:
    """What InfluxDB itself says of an error; "" where the answer is somebody else's."""
    try:
        told = msgspec.json.decode(error.body or "", type=dict[str, Any])
    except msgspec.DecodeError:
        return ""
    return str(told.get("message") or told.get("error") or "")


def _plain(text: str) -> str:
    """A trouble of a connection as people say it."""
    return next((plain for sign, plain in _PLAIN.items() if sign in text), short(text))


def short(text: str) -> str:
    """A text of the server's, with its end: there stands why, behind a line that may be long."""
    plain = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    half = _MOST_TEXT // 2
    return plain if len(plain) <= _MOST_TEXT else f"{plain[:half]}...{plain[-half:]}"


def _after_s(error: "ApiException") -> float | None:
    """How long it asks to wait: seconds, or a date (RFC 9110)."""
    headers: Mapping[str, str] = error.headers or {}
    asked = headers.get("Retry-After")
    if asked is None:
        return None
    try:
        return max(0.0, float(asked))
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(asked)
        now = parsedate_to_datetime(headers["Date"])
        # One without a zone is in UTC, as the other is.
        return max(0.0, (until.replace(tzinfo=UTC) - now.replace(tzinfo=UTC)).total_seconds())
    except (ValueError, KeyError, TypeError):
        return None
