"""`firstbell ticket`: the key with which the district signs leave to use its reference servers."""

import click

from collector.cli.common import json_option, pass_home, show
from collector.config import Home
from collector.coordinator.tickets import Tickets


@click.group("ticket")
def group() -> None:
    """The key with which the district signs leave to use its reference servers."""


@group.command("key")
@json_option
@pass_home
def key(home: Home, as_json: bool) -> None:
    """Print the public half, for `firstbell-agent serve --key`. The private one stays in the data folder."""
    public = Tickets(home.folder).public
    show({"key": public}, public, as_json=as_json)
