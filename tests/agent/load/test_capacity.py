"""A class of virtual students against a real reference server on loopback: its ceilings, its limits, its ends."""

import json
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.load import capacity, protocol
from agent.load.lessons import Pace
from agent.load.limits import PROBE_BUSY_PCT
from tests.support import classroom
from tests.support.quota import quota
from tests.support.reference import ROOT, TARGET, District, Reference, Session
from tests.support.scripted import Scripted, page

pytestmark = pytest.mark.alone

QUICK: dict[str, float] = {"settle_s": 0.3, "watch_s": 1.2, "pages": 0, "drain_s": 0.5, "most": 12}


def words(reference: Reference, district: District, **other: Any) -> dict[str, Any]:
    """What the class is told."""
    token = district.token(kind="capacity", max_bytes=400_000_000, max_seconds=60.0)
    usual = {"host": "127.0.0.1", "port": reference.port, "token": token, "student": {}, "pace": QUICK}
    return usual | other


def play(reference: Reference, district: District, **other: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The result of one test, and its readings."""
    result = classroom.main(words(reference, district, **other))
    return result, result["more"]


def test_a_line_that_never_breaks_says_at_least(reference: Reference, district: District) -> None:
    """All twelve that may be played are carried: at least twelve, nothing gave, and every one asked for its share."""
    result, found = play(reference, district, expected_mbps=10.0)
    assert result["status"] == "ok"
    assert (found["students_ok"], found["students_at_least"], found["generator_limited"]) == (12, True, False)
    assert {"students_ok_high", "gave_first"} & set(found) == set()
    assert result["capped"] == ("down",)
    assert found["video_late_pct"] == 0
    # 6, 8, 11 and 12 students took about 1.05 Mbit/s each for 1.5 s each.
    assert found["steps"] == 4
    assert result["bytes_received"] == pytest.approx(37 * 1.5 * 1.05e6 / 8, rel=0.35)
    assert result["to_self"]


def test_its_bytes_end_it_before_a_lesson_that_would_not_fit(
    reference: Reference, district: District
) -> None:
    """3 MB hold groups of 2 and of 4, and not one of 8 (1.6 MB more): it does not begin, and nothing is spent on it."""
    result, found = play(reference, district, max_bytes=3_000_000)
    assert (found["students_ok"], found["students_at_least"]) == (4, True)
    assert result["bytes_received"] + result["bytes_sent"] < 2_000_000


def test_its_seconds_end_it(reference: Reference, district: District) -> None:
    """Five seconds hold one or two lessons."""
    _, found = play(reference, district, max_seconds=5.0)
    assert found["students_at_least"]
    assert 1 <= found["steps"] <= 2
    assert found["loaded_s"] < 5


def test_too_little_for_one_group_is_no_result(reference: Reference, district: District) -> None:
    """No group fits into 300 kB: it failed, and says why; nobody is said to be carried."""
    result, found = play(reference, district, max_bytes=300_000)
    assert (result["status"], result["reason"]) == (
        "failed",
        "its bytes were used up before one group had been tried",
    )
    assert "students_ok" not in found


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"token": ""}, "there is no ticket for this server"),
        ({"token": "forged.ticket"}, "the server said no"),
        ({"host": ""}, "no server is named"),
        ({"port": 1}, "the connection was refused"),
    ],
)
def test_no_class_without_leave(
    reference: Reference, district: District, other: dict[str, Any], reason: str
) -> None:
    """Without a good ticket, or a server, nothing is loaded, and the reason is in words."""
    result, found = play(reference, district, **other)
    assert result["status"] == "failed"
    assert reason in result["reason"]
    assert result["bytes_received"] == 0
    assert "students_ok" not in found


def test_a_server_that_dies_is_no_verdict_on_the_line(tmp_path: Path, district: District) -> None:
    """It ends in the middle: what was carried until then is an at-least, by the server's fault."""
    dying = Reference(tmp_path, district.key_file)
    with ExitStack() as stack:
        stack.enter_context(dying)
        end = threading.Timer(4.5, stack.close)
        end.start()
        result, found = play(dying, district)
        end.join()
    assert (result["status"], found["students_at_least"]) == ("ok", True)
    assert result["reason"].startswith("ended before its time: ")
    assert result["faltered"] == ("down",)
    assert "capped" not in result
    assert 2 <= found["students_ok"] < 12


@pytest.mark.root
@pytest.mark.slow
def test_a_generator_held_back_says_so(reference: Reference, district: District) -> None:
    """A twentieth of a core can't ask for 3,000 small pieces a second: that is its limit, and not the line's."""
    hasty = {"piece_s": 0.02, "video_mbps": 0.5}
    asked = words(reference, district, student=hasty, pace={**QUICK, "most": 60}, expected_mbps=50.0)
    with quota(0.05) as slowly:
        done = subprocess.run(
            [*slowly, sys.executable, "-m", "tests.support.classroom", json.dumps(asked)],
            cwd=ROOT,
            capture_output=True,
            timeout=110,
            check=True,
        )
    found = json.loads(done.stdout)
    assert found["more"]["generator_limited"]
    assert "students_ok_high" not in found["more"]
    assert found["more"].get("students_at_least", True)
    assert found["throttled_pct"] > 5


def test_the_usual_student_asks_what_the_formula_asks() -> None:
    """0.76 Mbit/s down: what models.toml reckons with for a person online (0.75), within a twentieth."""
    kind, usual = capacity.usual()
    assert kind == "learner"
    assert usual.mbps == pytest.approx(0.75, rel=0.05)


def test_a_small_group_is_watched_for_longer() -> None:
    """Ten pages of 25 students take 8 s; a hundred ask for enough of them in 4; nobody is watched for minutes."""
    _, usual = capacity.usual()
    assert [Pace().lesson_s(group, usual) for group in (1, 25, 40, 100)] == [10, 10, 7, 6]


def test_a_server_with_other_guests_is_said_to_be_shared(reference: Reference, district: District) -> None:
    """Another session on the server: its line is shared, so what gave may not have been ours."""
    alone, _ = play(reference, district)
    assert "server_busy" not in alone or alone["cpu_busy_pct"] > PROBE_BUSY_PCT
    with Session(reference.port, district.token()):
        beside, _ = play(reference, district)
    assert beside["server_busy"]


class Told(Scripted):
    """A server that does what a student asks for, and tells of itself, each time it is asked, what it shall."""

    def __init__(self, *told: dict[str, float]) -> None:
        """What it tells with its first counts, with the second, and so on; then nothing strange any more."""
        opened = protocol.Opened(session="0" * 32, max_bytes=10**9, max_seconds=60, server=TARGET)
        super().__init__(
            {
                protocol.SESSION: page("200 OK", msgspec.json.encode(opened)),
                protocol.ECHO: b"HTTP/1.1 204 No Content\r\n\r\n",
            }
        )
        self._told = list(told)

    def answer(self, path: str) -> bytes | None:
        """As a reference server would."""
        if path == protocol.COUNTS:
            strange = self._told.pop(0) if self._told else {}
            return page("200 OK", msgspec.json.encode({"now_s": time.monotonic(), "cpu_pct": 5.0, **strange}))
        if path.startswith(protocol.TAKE):
            return page("200 OK", bytes(int(path.partition("=")[2])))
        return super().answer(path)


@pytest.mark.parametrize(
    ("told", "busy"),
    [
        ([{}, {}, {}, {"cpu_pct": 97.0}], True),
        ([{}, {}, {}, {"throttled_pct": 60.0}], True),
        ([{}, {}, {}, {"delayed_pct": 60.0}], True),
        # What was between two lessons is nobody's limit.
        ([{}, {}, {"cpu_pct": 97.0, "throttled_pct": 60.0, "others": 1}], False),
        ([], False),
    ],
)
def test_a_server_at_its_limit_in_one_lesson_is_told(told: list[dict[str, float]], busy: bool) -> None:
    """Each lesson is asked for by itself: in one of four, the second, it was; its rest before and after hides nothing."""
    with Told(*told) as server:
        asked = {"host": "127.0.0.1", "port": server.port, "token": "t", "pace": QUICK, "expected_mbps": 10.0}
        result = classroom.main(asked | {"student": {"upload_s": 10_000.0}})
    assert (result["status"], result["more"]["steps"]) == ("ok", 4)
    assert server.asked.count(protocol.COUNTS) == 8
    assert result.get("server_busy", False) is busy


@pytest.mark.root
@pytest.mark.slow
def test_a_server_under_a_quota_is_the_limit(tmp_path: Path, district: District) -> None:
    """A twentieth of a core can't hand out 3,000 small pieces a second: that is the server's limit, not the line's."""
    hasty = {"piece_s": 0.02, "video_mbps": 0.5}
    with quota(0.05) as words, Reference(tmp_path, district.key_file, before=words) as slow:
        result, _ = play(slow, district, student=hasty, pace={**QUICK, "most": 60}, expected_mbps=50.0)
    assert result["server_busy"]
