"""What a test has the scripted InfluxDB say, one write at a time, and what it was asked."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Asked:
    """One write as it came. `size` is the body's bytes on the line, `unpacked` those of its text.

    `number` counts from 1, `at` is seconds on a clock that never steps.
    """

    org: str
    bucket: str
    token: str
    size: int
    unpacked: int
    gzipped: bool
    lines: tuple[str, ...]
    at: float
    number: int = 0


@dataclass(frozen=True)
class Say:
    """What comes of one write; as it stands, what the real server would do.

    With a `status` that is said, whatever was asked, and the lines are kept only if `stores`. `refuses` are lines
    that the server can't stand: they fail the whole write (400), or are dropped from it if `partly` (422).
    After `delay_s` it answers, or hangs up having sent `sent` bytes of the answer, or hangs until released.
    """

    status: int = 0
    message: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    stores: bool = False
    refuses: Callable[[str], bool] | None = None
    partly: bool = False
    delay_s: float = 0.0
    then: Literal["answer", "hang", "hang up"] = "answer"
    sent: int = 0


Script = Callable[[Asked], Say] | Iterable[Say]

HONEST = Say()
"""What the real server would do."""
LIE = Say(204)
"""It says that it has stored what it has not."""
TOO_LARGE = Say(413, "unable to read data: points batch is too large")
"""As InfluxDB says it where a limit is set; a proxy before it would send a page of its own."""


def refuse(status: int, message: str = "refused by the test") -> Say:
    """An error as InfluxDB words it."""
    return Say(status, message)


def busy(status: int = 503, retry_after: float | str | None = None) -> Say:
    """Not now; come again after so many seconds, or at that date."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Say(status, "too busy", headers)


def unless(refuses: Callable[[str], bool], *, partly: bool = False) -> Say:
    """It stores what it is given, unless a line of it is one of these; with `partly`, all but these."""
    return Say(refuses=refuses, partly=partly)


def hang_up(*, stores: bool = False, sent: int = 0) -> Say:
    """The connection ends before the answer is whole; with `stores`, after the lines were stored."""
    return Say(204, stores=stores, then="hang up", sent=sent)


def hang(*, stores: bool = False) -> Say:
    """No answer, and no end either, until the server is released or stopped."""
    return Say(204, stores=stores, then="hang")


def slow(seconds: float) -> Say:
    """The true answer, late."""
    return Say(delay_s=seconds)
