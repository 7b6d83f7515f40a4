"""Looks side by side: none holds the others up, and what fails is raised."""

import threading
import time

import pytest

from agent.doctor.together import Together


def test_who_hangs_is_left_behind() -> None:
    """The others' results are there; the one that hangs has none, and is not told of later."""
    told: list[str] = []
    work, hold = Together(told.append), threading.Event()
    quick = work.start("quick", lambda: 7)
    slow = work.start("slow", lambda: hold.wait(20))
    work.wait(time.monotonic() + 0.2, time.monotonic)
    assert (quick.result, slow.result) == (7, None)
    hold.set()
    assert slow.done.wait(20)
    assert told == ["quick"]


def test_what_fails_is_raised() -> None:
    """In the thread of whoever waits."""
    work = Together()
    work.start("bad", lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        work.wait(time.monotonic() + 20, time.monotonic)
