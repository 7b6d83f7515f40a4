"""Why a test is left out, in a word for programs and in words for people."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a test is left out."""

    NOT_RUN = "not_run"
    SELF = "self"
    OTHER_PART = "other_part"
    UNLEASED = "unleased"
    CLOCK_UNKNOWN = "clock_unknown"
    CLOCK_AHEAD = "clock_ahead"
    TWO_BOXES = "two_boxes"
    OTHER_LINE = "other_line"
    OLD_LINE = "old_line"
    TOO_OLD = "too_old"
    SERVER_FAILED = "server_failed"
    BOX_CUT_OFF = "box_cut_off"
    UNCONFIRMED = "unconfirmed"
    NEVER_ONLINE = "never_online"
    NO_READING = "no_reading"
    SAME_HOUR = "same_hour"

    @property
    def words(self) -> str:
        """The reason as it follows "3 checks: "."""
        return _REASONS[self]


_REASONS = {
    Reason.NOT_RUN: "due, but not run",
    Reason.SELF: "to a target on the box itself",
    Reason.OTHER_PART: "of another part of the way than this line",
    Reason.UNLEASED: "started by hand",
    Reason.CLOCK_UNKNOWN: "at a time that the box could not know",
    Reason.CLOCK_AHEAD: "by a clock that ran ahead of ours",
    Reason.TWO_BOXES: "under a name that two boxes use",
    Reason.OTHER_LINE: "from a box that did not stand on this line",
    Reason.OLD_LINE: "on the day of the line's last change, or before",
    Reason.TOO_OLD: "from before the last 30 school days",
    Reason.SERVER_FAILED: "failed at the test server while other sites answered",
    Reason.BOX_CUT_OFF: "failed because the box itself had lost its network",
    Reason.UNCONFIRMED: "failed while nothing else was tried",
    Reason.NEVER_ONLINE: "failed on a box that never reached the internet: look at its port and the filter",
    Reason.NO_READING: "without a result",
    Reason.SAME_HOUR: "from a place that had another in the same hour",
}
