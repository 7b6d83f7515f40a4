"""What a target may be, and how often a public platform is asked."""

from typing import Any

import pytest

from agent.probes.settings import PLATFORM_TESTS, Server, Target
from firstbell.report import Segment

_GOOD: dict[str, Any] = {"name": "far", "host": "192.0.2.1"}


def test_a_target_needs_a_name_and_a_host_alone() -> None:
    """The rest has defaults that suit most places."""
    target = Target(**_GOOD)
    assert (target.port, target.segment, target.url) == (443, "internet", "")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "Far Away"}, "label"),
        ({"name": ""}, "no name"),
        ({"host": ""}, "no host"),
        ({"port": 0}, "port"),
        ({"port": 65_536}, "port"),
        ({"url": "ftp://far.example/"}, "url"),
        ({"url": "http:///x"}, "url"),
        ({"url": "http://far.example:99999/"}, "url"),
        ({"url": "http://[far/"}, "url"),
        ({"url": "http://far.example/", "status": 20}, "status"),
        ({"status": 204}, "status"),
    ],
)
def test_what_cannot_be_a_target_is_refused(wrong: dict[str, Any], message: str) -> None:
    """Each mistake has its own sentence."""
    with pytest.raises(ValueError, match=message):
        Target(**{**_GOOD, **wrong})


def test_no_server_is_behind_nothing() -> None:
    """By its segment the coordinator knows which lines a test loads, so that it is never `self`."""
    with pytest.raises(ValueError, match="the server hub has segment 'self'"):
        Server(name="hub", host="192.0.2.1", segment=Segment.SELF)


def test_the_public_platform_is_asked_no_more_often_than_it_allows() -> None:
    """M-Lab turns an address away beyond 40 tests a day; a box by itself asks no more often."""
    assert 0 < PLATFORM_TESTS <= 40
