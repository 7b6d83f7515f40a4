"""The kind of student that a capacity test plays, every number with its source; read from `students.toml`."""

import msgspec

from firstbell import settings
from firstbell.readiness.models import Number
from firstbell.settings import SettingsError

_BITS = 8e-6


class Student(msgspec.Struct, frozen=True, kw_only=True):
    """What one student does with a line, and from when on it is not good any more. Shares are of 1.

    A piece of video must be there when the player has played the `buffer_pieces` before it. A page is its
    first bytes and then all the rest.
    """

    how: str
    video_mbps: Number
    piece_s: Number
    buffer_pieces: Number
    page_s: Number
    page_bytes: Number
    page_first_bytes: Number
    upload_s: Number
    upload_bytes: Number
    late_share: Number
    drain_share: Number
    page_limit_s: Number
    upload_limit_s: Number
    added_rtt_ms: Number

    @property
    def piece_bytes(self) -> int:
        """One piece of video."""
        return max(1, round(self.video_mbps.value * self.piece_s.value / _BITS))

    @property
    def down_mbps(self) -> float:
        """What it takes, on average."""
        return self.video_mbps.value + self.page_bytes.value * _BITS / self.page_s.value

    @property
    def up_mbps(self) -> float:
        """What it hands in, on average."""
        return self.upload_bytes.value * _BITS / self.upload_s.value

    @property
    def mbps(self) -> float:
        """What it asks of the line's fuller direction, on average."""
        return max(self.down_mbps, self.up_mbps)


class _File(msgspec.Struct, frozen=True, kw_only=True):
    students: dict[str, Student]


def load(text: str, name: str = "students.toml") -> tuple[str, Student]:
    """The name of the student in `text`, and the student. Raises SettingsError with all complaints."""
    found = settings.load(name, text, _File).students
    complaints = [
        f"students.{kind}.{trouble}" for kind, student in found.items() for trouble in _complaints(student)
    ]
    if len(found) != 1:
        complaints.append("students: there must be one kind, and no other")
    if complaints:
        raise SettingsError(name, complaints)
    return next(iter(found.items()))


def _complaints(student: Student) -> list[str]:
    found = []
    for field in student.__struct_fields__:
        number = getattr(student, field)
        if not isinstance(number, Number):
            continue
        if not 0 < number.value < float("inf"):
            found.append(f"{field} is {number.value}: it must be a finite number above 0")
        if field.endswith("_share") and number.value > 1:
            found.append(f"{field} is {number.value}: a share is at most 1")
        if not number.source.strip():
            found.append(f"{field} names no source; a judgement's source says why")
    if student.page_first_bytes.value > student.page_bytes.value:
        found.append("page_first_bytes is more than the whole page")
    return found
