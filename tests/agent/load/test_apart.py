"""What stands beside a test in a process of its own."""

import msgspec
import pytest

from agent.load import apart
from agent.load.engines.base import Result
from firstbell.report import Status
from tests.support.machines import FakeMachine

STAT = "nr_periods {0}\nnr_throttled {0}\nthrottled_time {1}\n"


def held(fake: FakeMachine, throttled_s: float, load_s: float, result: Result) -> Result:
    """The result when a quota held the group back for so long meanwhile (cgroup v1, nanoseconds)."""
    fake.write("/proc/self/cgroup", "1:cpu:/box\n")
    fake.write("/sys/fs/cgroup/cpu/box/cpu.stat", STAT.format(3, 5 * 10**9))
    watch = apart.Held(fake.machine)
    fake.clock.seconds += load_s
    fake.write("/sys/fs/cgroup/cpu/box/cpu.stat", STAT.format(9, round((5 + throttled_s) * 10**9)))
    return watch.noted(result)


def test_a_quota_that_held_any_engine_back_is_said(fake: FakeMachine) -> None:
    """Four of ten seconds are 40 %, whatever engine it was; of its own load if that is known; its own word stands."""
    plain = Result(status=Status.OK, down_mbps=500.0)
    assert held(fake, 4, 10, plain).throttled_pct == 40
    assert held(fake, 4, 10, msgspec.structs.replace(plain, more={"loaded_s": 5.0})).throttled_pct == 80
    assert held(fake, 4, 10, msgspec.structs.replace(plain, throttled_pct=1.0)).throttled_pct == 1.0


@pytest.mark.parametrize(("throttled_s", "pct"), [(12, 100), (-2, 0)])
def test_a_share_is_a_share(fake: FakeMachine, throttled_s: float, pct: float) -> None:
    """Several processors are held back at once, and a group may begin anew at nought: 0 to 100 all the same."""
    assert held(fake, throttled_s, 10, Result(status=Status.OK)).throttled_pct == pct


def test_without_a_group_nothing_is_said(fake: FakeMachine) -> None:
    """A system that counts no throttling claims none."""
    watch = apart.Held(fake.machine)
    assert watch.noted(Result(status=Status.OK)).throttled_pct is None
