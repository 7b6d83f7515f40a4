"""The kind of student that a capacity test plays: read with every complaint, and what it asks of a line."""

from pathlib import Path

import pytest

import firstbell.readiness
from firstbell.readiness import students
from firstbell.readiness.models import Number
from firstbell.settings import SettingsError

TEXT = Path(firstbell.readiness.__file__).with_name("students.toml").read_text(encoding="utf-8")


def test_what_it_asks_of_a_line_is_the_sum_of_what_it_does() -> None:
    """0.4 of video and 900 kB in 20 s are 0.76 Mbit/s down; 200 kB in 60 s are 0.027 up; a piece is 100 kB."""
    _, student = students.load(TEXT)
    assert student.down_mbps == pytest.approx(0.4 + 0.36)
    assert student.up_mbps == pytest.approx(0.0267, abs=1e-4)
    assert student.mbps == student.down_mbps
    assert student.piece_bytes == 100_000


def test_every_number_has_a_source_a_year_and_a_confidence() -> None:
    """And what nobody published is marked as a judgement that says why."""
    _, student = students.load(TEXT)
    found = [getattr(student, field) for field in student.__struct_fields__]
    numbers = [number for number in found if isinstance(number, Number)]
    assert len(numbers) == len(found) - 1
    for number in numbers:
        assert number.source
        assert 1990 < number.year < 2030
        assert number.low is None or number.low <= number.value
        assert number.high is None or number.value <= number.high


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        (
            "video_mbps    = { value = 0.4",
            "video_mbps    = { value = 0",
            "video_mbps is 0.0: it must be a finite",
        ),
        (
            "late_share    = { value = 0.02",
            "late_share    = { value = 2",
            "late_share is 2.0: a share is at most 1",
        ),
        (
            "page_first_bytes = { value = 30000",
            "page_first_bytes = { value = 1e7",
            "more than the whole page",
        ),
        ('source = "Something is handed in once a minute"', 'source = " "', "upload_s names no source"),
        ("[students.learner]", "[students.a]\n[students.learner]", "students.a.how is missing"),
    ],
)
def test_a_bad_number_is_refused_by_name(before: str, after: str, complaint: str) -> None:
    """Each complaint names the number and what is wrong with it."""
    assert TEXT.count(before) == 1
    with pytest.raises(SettingsError, match=complaint):
        students.load(TEXT.replace(before, after))


def test_there_is_one_kind() -> None:
    """Two kinds would make two answers: refused."""
    body = TEXT.partition("[students.learner]")[2]
    with pytest.raises(SettingsError, match="one kind, and no other"):
        students.load(f"{TEXT}\n[students.other]{body}")
