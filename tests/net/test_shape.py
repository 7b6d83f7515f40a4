"""What a line's shape says of it, by arithmetic."""

import math

import pytest

from tests.net.shape import Shape


def test_what_a_perfect_test_sees_depends_on_the_medium() -> None:
    """1,448 bytes of payload in 1,500 on a TUN device, in 1,514 on a cable, and no bound where none was set."""
    delayed = Shape(down_mbps=100, up_mbps=20, rtt_ms=30)
    plain = Shape(down_mbps=100)
    assert delayed.goodput_mbps("down") == pytest.approx(96.533, abs=0.001)
    assert delayed.goodput_mbps("up") == pytest.approx(19.307, abs=0.001)
    assert plain.goodput_mbps("down") == pytest.approx(95.641, abs=0.001)
    assert plain.goodput_mbps("up") == math.inf


def test_the_queue_is_a_round_trip_unless_it_is_said() -> None:
    """At least 50 ms of it, so that a short path carries a full line too."""
    assert Shape(rtt_ms=150).queue_s == 0.15
    assert Shape(rtt_ms=30).queue_s == 0.05
    assert Shape(rtt_ms=30, queue_ms=300).queue_s == 0.3


def test_a_bunch_is_a_moment_of_the_line() -> None:
    """Eight segments at 400 Mbit/s, one on a slow line, one where each packet has a fate of its own."""
    assert Shape(down_mbps=400, rtt_ms=150).bunch("down") == 8
    assert Shape(down_mbps=5, rtt_ms=150).bunch("down") == 1
    assert Shape(down_mbps=400, rtt_ms=150, loss=0.01).bunch("down") == 1
    assert Shape(down_mbps=400, jitter_ms=5, reorder=True).bunch("down") == 1


def test_tbf_alone_delays_nothing() -> None:
    """A plain line that is to have a delay is a mistake in the test that asks for it."""
    with pytest.raises(ValueError, match="no delay"):
        _ = Shape(down_mbps=100, rtt_ms=30, plain=True).is_plain
