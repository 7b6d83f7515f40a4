"""Why no answer about a line comes nearer at present, and what to do about it, in planners' words."""

from collections.abc import Collection
from datetime import date
from typing import NamedTuple

from firstbell.readiness import words
from firstbell.readiness.evidence import Weighed
from firstbell.readiness.reasons import Reason

SILENT_DAYS = 2
"""After so many days without a check none is counted on."""


class Stopped(NamedTuple):
    """Why no date may be promised: `because` follows how many checks there are; then what to do, and why."""

    because: str
    title: str
    sentence: str


NEVER_CALLED = Stopped(
    "; its box has never called",
    "Plug in its box.",
    "It has never called; the page Boxes says what to look at.",
)
"""Of all boxes that stand there now nothing was ever heard."""

FAILED: dict[Reason, tuple[str, str]] = {
    Reason.SERVER_FAILED: (
        "Let the box reach its test server.",
        "Other sites answer; a filter may hold the test back.",
    ),
    Reason.NEVER_ONLINE: (
        "Let the box reach the internet.",
        "It never did: look at its port and the filter.",
    ),
    Reason.BOX_CUT_OFF: (
        "Reconnect the box.",
        "No gateway answered it: look at its cable or its Wi-Fi, and at the port.",
    ),
    Reason.UNCONFIRMED: (
        "Look at the box.",
        "Its last check failed, and nothing else was tried that would tell why.",
    ),
    Reason.NO_READING: ("Look at the box.", "Its last check ended without a result."),
}
"""What to do after a check that came to nothing, by why."""


def why(
    weighed: Weighed,
    today: date,
    newest_day: date | None,
    boxes: Collection[str],
    heard: Collection[str] | None,
) -> Stopped | None:
    """What keeps the checks away: a box that never called, checks that fail, or that stay away.

    None if nothing does. `newest_day` is that of the last check, or of the first box's arrival, if known.
    `boxes` stand there now; `heard` are those that ever called (None: nobody knows).
    """
    if boxes and heard is not None and not any(box in heard for box in boxes):
        return NEVER_CALLED
    last_check = max((check.at_ns for check in weighed.checks), default=0)
    last_out = max(weighed.left_out, key=lambda test: test.at_ns, default=None)
    if last_out and last_out.at_ns > last_check and last_out.reason in FAILED:
        return Stopped(f"; the last one {last_out.reason.words}", *FAILED[last_out.reason])
    if newest_day and (today - newest_day).days > SILENT_DAYS:
        since = f"none since {words.day(newest_day)}"
        return Stopped(f"; {since}", "Look at its box.", f"Checks have come to a halt: {since}.")
    return None
