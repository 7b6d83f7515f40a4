"""Time for which a quota held this program back, from folders that look like the kernel's."""

import pytest

from agent.load.quota import delayed_s, throttled_s
from tests.support.machines import FakeMachine

V2 = "usage_usec 5000000\nnr_periods 100\nnr_throttled 40\nthrottled_usec 2500000\n"
V1 = "nr_periods 100\nnr_throttled 40\nthrottled_time 2500000000\n"


@pytest.mark.parametrize(
    ("group", "file", "stat"),
    [
        ("0::/system.slice/firstbell.service", "/sys/fs/cgroup/system.slice/firstbell.service/cpu.stat", V2),
        ("0::/a/b", "/sys/fs/cgroup/unified/a/b/cpu.stat", V2),
        ("1:name=systemd:/x\n4:cpu,cpuacct:/a/b", "/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.stat", V1),
        ("1:cpu:/a/b\n0::/", "/sys/fs/cgroup/cpu/a/b/cpu.stat", V1),
        # A quota above counts too; and a container sees its own group at the root, whatever its path says.
        ("0::/a/b", "/sys/fs/cgroup/a/cpu.stat", V2),
        ("0::/docker/0123", "/sys/fs/cgroup/cpu.stat", V2),
        ("0::/../../b", "/sys/fs/cgroup/b/cpu.stat", V2),
    ],
)
def test_both_kinds_of_control_groups_are_read(fake: FakeMachine, group: str, file: str, stat: str) -> None:
    """2.5 s were lost, told in microseconds or in nanoseconds, wherever the group lies."""
    fake.write("/proc/self/cgroup", group)
    fake.write(file, stat)
    assert throttled_s(fake.machine.files) == 2.5


def test_the_worst_group_counts(fake: FakeMachine) -> None:
    """0.5 s in the program's own group and 2.5 s in the one above it: 2.5."""
    fake.write("/proc/self/cgroup", "0::/a/b")
    fake.write("/sys/fs/cgroup/a/b/cpu.stat", "throttled_usec 500000")
    fake.write("/sys/fs/cgroup/a/cpu.stat", V2)
    assert throttled_s(fake.machine.files) == 2.5


@pytest.mark.parametrize("group", ["", "0::/a", "nonsense", "3:memory:/a"])
def test_where_nothing_counts_nothing_is_said(fake: FakeMachine, group: str) -> None:
    """No groups, no file, a line that is none, groups without a processor."""
    fake.write("/proc/self/cgroup", group)
    assert throttled_s(fake.machine.files) is None


@pytest.mark.parametrize("group", ["3:memory:/a", "4:cpuset:/a", "5:cpuacct:/a", "1:name=systemd:/a"])
def test_a_group_of_something_else_is_not_read(fake: FakeMachine, group: str) -> None:
    """A path among other groups says nothing of the processor's group that has the same one."""
    fake.write("/proc/self/cgroup", group)
    for mount in ("", "unified/", "cpu/", "cpu,cpuacct/"):
        fake.write(f"/sys/fs/cgroup/{mount}a/cpu.stat", V2 + V1)
    assert throttled_s(fake.machine.files) is None


def test_a_stat_without_a_quota_says_nothing(fake: FakeMachine) -> None:
    """The root's has no such line, and a value that is no number is none."""
    fake.write("/proc/self/cgroup", "0::/")
    fake.write("/sys/fs/cgroup/cpu.stat", "usage_usec 5\nthrottled_usec x\n")
    assert throttled_s(fake.machine.files) is None


def test_how_long_it_waited_for_a_processor(fake: FakeMachine) -> None:
    """The second number of its schedstat, in nanoseconds: 1.5 s."""
    fake.write("/proc/self/schedstat", "170220239 1500000000 86\n")
    assert delayed_s(fake.machine.files) == 1.5
    # Who has had turns and never waited has waited for no time: that is known.
    fake.write("/proc/self/schedstat", "170220239 0 86\n")
    assert delayed_s(fake.machine.files) == 0


@pytest.mark.parametrize("stat", ["", "0 0 0", "1 2", "1 x 3", "1 -2 3"])
def test_a_system_that_counts_no_waiting_says_nothing(fake: FakeMachine, stat: str) -> None:
    """Zeros alone are what a kernel says that counts nothing, for whoever runs has had a turn."""
    fake.write("/proc/self/schedstat", stat)
    assert delayed_s(fake.machine.files) is None
