"""How all commands end."""

import errno

import click
import pytest
from click.testing import CliRunner

import agent.cli
from collector.cli import common, status
from collector.questions.status import Measurement
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
