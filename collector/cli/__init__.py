"""The `firstbell` command: one file per noun."""

import click

import firstbell
from collector import config
from collector.cli import (
    ask,
    authority,
    backup,
    box,
    boxes,
    cards,
    case,
    collector,
    demo,
    district,
    erase,
    export,
    hanging,
    influx,
    ports,
    quarantine,
    quiet,
    rebuild,
    restore,
    room,
    school,
    schools,
    status,
    summer,
    ticket,
    token,
    up,
    update,
)
from collector.cli.common import Plain
from collector.config import DATA_VARIABLE, Home
from dashboards import cli as dashboards
from firstbell.settings import SettingsError


@click.group(cls=Plain)
@click.version_option(firstbell.__version__, prog_name="firstbell")
@click.option(
    "--data", metavar="FOLDER", help=f"The data folder; else ${DATA_VARIABLE}, else the user's own."
)
@click.pass_context
def main(context: click.Context, data: str | None) -> None:
    """Can each school carry the way it wants to teach, and what to fix first where it can't?"""
    context.obj = config.home(data)
    context.default_map = {"dashboards": {name: _bucket(context.obj) for name in ("files", "push")}}


def _bucket(home: Home) -> dict[str, str]:
    """What boards ask of by default: the bucket that the collector ships to."""
    try:
        return {"bucket": config.read(home.settings).influx.bucket}
    except SettingsError:  # whose commands say so
        return {}


for command in (
    up.command,
    demo.command,
    schools.command,
    school.command,
    ask.command,
    room.command,
    boxes.command,
    case.command,
    status.command,
    quiet.command,
    summer.group,
    district.group,
    ports.command,
    quarantine.command,
    rebuild.command,
    box.group,
    cards.command,
    token.group,
    authority.group,
    ticket.group,
    update.group,
    backup.command,
    restore.command,
    export.command,
    erase.command,
    collector.group,
    influx.group,
    dashboards.group,
):
    main.add_command(command)
for command in hanging.COMMANDS:
    box.group.add_command(command)
