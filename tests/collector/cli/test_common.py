"""How all commands end."""

import errno

import click
import pytest
from click.testing import CliRunner

import agent.cli
from collector.cli import common


@pytest.mark.parametrize("plain", [common.Plain, agent.cli.Plain], ids=["district", "box"])
def test_a_reader_that_has_seen_enough_is_no_error(plain: type[click.Group]) -> None:
    """`firstbell ... | head` says nothing more when `head` has gone."""
    group = plain()

    @group.command
    def talk() -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    ended = CliRunner().invoke(group, ["talk"])
    assert (ended.output, ended.exit_code) == ("", 1)
