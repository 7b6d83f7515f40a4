"""Where a machine asks for names and for the time, from its own files."""

from agent.readers import sources


def test_name_servers_stand_in_their_order() -> None:
    """Whatever else stands in the file."""
    text = "# made by NetworkManager\nsearch school.example\nnameserver 10.0.0.1\noptions edns0\nnameserver fd00::1\n"
    assert sources.name_servers(text) == ("10.0.0.1", "fd00::1")


def test_timesyncds_servers_come_before_its_fallbacks() -> None:
    """A later file adds, an empty list takes all away, and fallbacks count only where nothing else does."""
    first = "[Time]\nNTP=a.example b.example\nFallbackNTP=c.example\n#NTP=x.example\n"
    assert sources.timesyncd([first]) == ("a.example", "b.example")
    assert sources.timesyncd([first, "[Time]\nNTP=\nNTP=d.example\n"]) == ("d.example",)
    assert sources.timesyncd([first, "[Time]\nNTP=\n"]) == ("c.example",)
    assert sources.timesyncd(["[Time]\n"]) == ()


def test_what_timedatectl_shows_is_read_alike() -> None:
    """With what DHCP named among it."""
    text = "LinkNTPServers=10.0.0.1\nFallbackNTPServers=0.debian.pool.ntp.org\nServerName=10.0.0.1\n"
    assert sources.timesyncd([text]) == ("10.0.0.1",)


def test_chronys_sources_are_servers_and_pools() -> None:
    """Options and comments are none."""
    text = "pool 2.debian.pool.ntp.org iburst\nserver time.school.example\n! server x\nkeyfile /etc/chrony/keys\n"
    assert sources.chrony([text]) == ("2.debian.pool.ntp.org", "time.school.example")
