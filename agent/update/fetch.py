"""What a box gets for an update: the signed offer, and its archive. It dials out, and believes bytes only.

FetchError              nobody answered, or what came is not what was promised

This runs as the box's own user and can change nothing of the program. What it brings is checked once more by
whoever installs it.
"""

import hashlib
import http.client
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.machine.proxy import Proxy, Requests
from firstbell import update
from firstbell.update import Parcel

OFFER, ARCHIVE = "offer", "archive.tar"
"""Names in the folder of what was got."""
ANSWER_S = 30.0
MOST_S = 1800.0
"""For one archive at one go; what came stays, and the next go begins after it."""
_CHUNK = 1 << 16
_PARTIAL = 206


class FetchError(RuntimeError):
    """Nobody answered, or what came is not what was promised."""


class Source:
    """The district's web server at `url` (https), believed by `tls` alone; it is asked through `proxy`."""

    def __init__(
        self, url: str, tls: ssl.SSLContext, monotonic: Callable[[], float], proxy: Proxy | None = None
    ) -> None:
        self._url, self._monotonic = url.rstrip("/"), monotonic
        self._requests = Requests(tls, proxy)

    def offer(self) -> str:
        """The offer as it travels, not checked. Raises FetchError."""
        with self._opened("/updates/offer", {}) as answer:
            said = answer.read(update.OFFER_CHARS + 1)
        if len(said) > update.OFFER_CHARS:
            raise FetchError(f"{self._url} sends more than any offer has")
        try:
            return str(said.decode("ascii"))
        except UnicodeError as error:
            raise FetchError(f"something else answers at {self._url}") from error

    def archive(self, parcel: Parcel, folder: Path) -> Path:
        """The parcel's archive in `folder`, to the byte what was promised. Raises FetchError, OSError."""
        whole, part = folder / ARCHIVE, folder / f"{parcel.sha256}.part"
        if whole.exists() and _digest(whole, parcel.size) == parcel.sha256:
            return whole
        for old in folder.glob("*.part"):
            if old != part:
                old.unlink()
        whole.unlink(missing_ok=True)
        if not part.exists() or part.stat().st_size < parcel.size:
            self._rest(parcel, part)
        if _digest(part, parcel.size) != parcel.sha256:
            part.unlink()
            raise FetchError("the archive is not the one that was signed: thrown away")
        part.replace(whole)
        return whole

    def _rest(self, parcel: Parcel, part: Path) -> None:
        """Get what is missing of it; never more than was promised."""
        there = part.stat().st_size if part.exists() else 0
        headers = {"Range": f"bytes={there}-"} if there else {}
        end_s = self._monotonic() + MOST_S
        with self._opened(f"/updates/archive?sha256={parcel.sha256}", headers) as answer:
            goes_on = answer.status == _PARTIAL
            there = there if goes_on else 0
            with part.open("ab" if goes_on else "wb") as file:
                while chunk := answer.read(_CHUNK):
                    there += len(chunk)
                    if there > parcel.size:
                        file.close()
                        part.unlink()
                        raise FetchError("the archive is longer than was promised: thrown away")
                    file.write(chunk)
                    if self._monotonic() > end_s:
                        raise FetchError("the archive comes too slowly: the rest the next time")
                file.flush()
                os.fsync(file.fileno())
        if there < parcel.size:
            raise FetchError(
                f"the line broke after {there:,} of {parcel.size:,} bytes: the rest the next time"
            )

    @contextmanager
    def _opened(self, path: str, headers: dict[str, str]) -> Iterator[http.client.HTTPResponse]:
        url = self._url + path
        asked = urllib.request.Request(url, headers={"Accept-Encoding": "identity", **headers})  # noqa: S310 - https
        try:
            with self._requests.open(asked, timeout=ANSWER_S) as answer:
                yield answer
        except urllib.error.HTTPError as error:
            with error:
                raise FetchError(f"{url} answers with {error.code}") from error
        except (
            http.client.HTTPException,
            ssl.SSLError,
            urllib.error.URLError,
            TimeoutError,
            ConnectionError,
        ) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise FetchError(f"{url} can't be reached: {reason}") from error


def clear(folder: Path) -> None:
    """Take away archives that are of no more use. Raises OSError."""
    for path in (*folder.glob("*.part"), folder / ARCHIVE):
        path.unlink(missing_ok=True)


def _digest(path: Path, most: int) -> str:
    """The SHA-256 of a file; "" where it is longer than `most` bytes."""
    if path.stat().st_size > most:
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
