"""What a server tells of its own limits: from folders that look like the kernel's, and from its real port."""

import time
from pathlib import Path

import pytest

from agent.machine.files import Files
from agent.reference.processor import Processor
from tests.support.quota import quota
from tests.support.reference import District, Reference


def write(root: Path, held_s: float, waited_s: float) -> None:
    """What a kernel would say."""
    for path, text in (
        ("proc/self/cgroup", "0::/a"),
        ("sys/fs/cgroup/a/cpu.stat", f"throttled_usec {held_s * 1e6:.0f}"),
        ("proc/self/schedstat", f"7 {waited_s * 1e9:.0f} 9"),
    ):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def test_each_look_tells_of_the_time_since_the_last_one(tmp_path: Path) -> None:
    """Of a fifth of a second, 0.1 were stopped and 0.05 waited; then none. More than all of it is all of it."""
    write(tmp_path, 40.0, 7.0)
    processor = Processor(Files(tmp_path))
    began = time.monotonic()
    time.sleep(0.2)
    write(tmp_path, 40.1, 7.05)
    had = processor.look()
    took = had.now_s - began
    assert had.throttled_pct == pytest.approx(100 * 0.1 / took, rel=0.05)
    assert had.delayed_pct == pytest.approx(100 * 0.05 / took, rel=0.05)
    again = processor.look()
    assert (again.throttled_pct, again.delayed_pct) == (0, 0)
    write(tmp_path, 90.0, 90.0)
    assert processor.look()[2:] == (100, 100)


def test_where_the_system_tells_nothing_nothing_is_told(tmp_path: Path) -> None:
    """No control groups, no schedstat: only what it used."""
    assert Processor(Files(tmp_path)).look()[2:] == (None, None)


@pytest.mark.root
def test_a_server_under_a_quota_says_so(tmp_path: Path, district: District) -> None:
    """A tenth of a processor, and a stream that would take all of one: its counts say what stopped it."""
    with (
        quota(0.1) as words,
        Reference(tmp_path, district.key_file, before=words) as server,
        server.session(district.token(max_bytes=10**12)) as session,
        session.down() as stream,
    ):
        session.counts()
        until = time.monotonic() + 2
        while time.monotonic() < until:
            stream.sock.recv(1 << 18)
        counts = session.counts()
    assert 1 < counts["cpu_pct"] < 40
    assert counts["throttled_pct"] > 10
