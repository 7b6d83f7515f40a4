"""Which time servers a machine asks, from a folder that is one."""

from pathlib import Path

from agent.doctor import time_servers
from agent.machine.commands import Ended
from agent.readers.sources import DEBIANS
from tests.support.machines import FakeMachine


def test_chrony_is_asked_before_timesyncd_and_debian_last(tmp_path: Path) -> None:
    """Each as it says itself; at most four."""
    fake = FakeMachine(tmp_path)
    assert time_servers.of(fake.machine) == DEBIANS
    fake.write("/etc/systemd/timesyncd.conf", "[Time]\n#NTP=\nFallbackNTP=fall.example\n")
    assert time_servers.of(fake.machine) == ("fall.example",)
    fake.write("/etc/systemd/timesyncd.conf.d/school.conf", "[Time]\nNTP=school.example\n")
    assert time_servers.of(fake.machine) == ("school.example",)
    fake.commands.ended = Ended(0, b"LinkNTPServers=10.0.0.1\nFallbackNTPServers=fall.example\n", b"")
    assert time_servers.of(fake.machine) == ("10.0.0.1",)
    fake.write("/etc/chrony/chrony.conf", "pool pool.example iburst\n")
    fake.write("/etc/chrony/sources.d/x.sources", "".join(f"server {n}.example\n" for n in range(9)))
    found = time_servers.of(fake.machine)
    assert found == ("pool.example", "0.example", "1.example", "2.example")
