"""How all commands end."""

import errno

import click
import pytest
from click.testing import CliRunner

import agent.cli
from collector.cli import common, status
from collector.questions.status import Measurement
from firstbell.catalogue import Reading
from firstbell.report import Status


@pytest.mark.parametrize("plain", [common.Plain, agent.cli.Plain], ids=["district", "box"])
def test_a_reader_that_has_seen_enough_is_no_error(plain: type[click.Group]) -> None:
    """`firstbell ... | head` says nothing more when `head` has gone."""
    group = plain()

    @group.command
    def talk() -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    ended = CliRunner().invoke(group, ["talk"])
    assert (ended.output, ended.exit_code) == ("", 1)


def test_a_large_reading_is_written_out() -> None:
    """Nobody reads 2.411e+04 as the memory of a machine."""
    read = Measurement(
        probe="host", target="", status=Status.OK, reason="", at_ns=0, readings={"memory_total_mib": 24113.6}
    )
    assert status.result(read) == "memory_total_mib 24,114"


def test_a_measurement_of_many_readings_stays_a_line() -> None:
    """A way of twenty routers has forty: the first stand there, and where the others are."""
    many: dict[str, Reading] = {"hops": 20, **{f"hop{n:02}_rtt_ms": 1.5 for n in range(1, 21)}}
    read = Measurement(probe="path", target="site", status=Status.OK, reason="", at_ns=0, readings=many)
    assert status.result(read).startswith("hops 20, hop01_rtt_ms 1.5, ")
    assert status.result(read).endswith("hop11_rtt_ms 1.5, and 9 more (--json)")
