"""`firstbell token`: who may open the pages from another machine."""

from datetime import UTC, datetime

import click

from collector.cli.common import json_option, pass_home, show, table
from collector.clock import SystemClock
from collector.config import Home
from collector.tokens import ROLES, Role, Tokens
from firstbell.district import NS


@click.group("token")
def group() -> None:
    """Who may open the pages from another machine (web.host in collector.toml), and what for."""


@group.command("add")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(ROLES),
    default="viewer",
    show_default=True,
    help="A viewer reads; an operator may also have boxes check now, and keep lines quiet.",
)
@json_option
@pass_home
def add(home: Home, name: str, role: Role, as_json: bool) -> None:
    """Give NAME a token. It is shown this once; only its hash is kept."""
    token = Tokens(home.folder).add(name, role, SystemClock().now_ns())
    text = f"{token}\nThe token of {name} ({role}). Keep it now: it can't be shown again."
    show({"name": name, "role": role, "token": token}, text, as_json=as_json)


@group.command("list")
@json_option
@pass_home
def list_(home: Home, as_json: bool) -> None:
    """Show who has a token, what for and since when."""
    held = Tokens(home.folder).all()
    rows = [
        [token.name, token.role, f"{datetime.fromtimestamp(token.given_ns // NS, UTC):%Y-%m-%d}"]
        for token in held
    ]
    shown = [{"name": token.name, "role": token.role, "given_ns": token.given_ns} for token in held]
    text = table(["name", "role", "since"], rows) if rows else "Nobody has a token."
    show(shown, text, as_json=as_json)


@group.command("remove")
@click.argument("name")
@pass_home
def remove(home: Home, name: str) -> None:
    """Take NAME's token away. It opens nothing from now on."""
    Tokens(home.folder).remove(name)
    click.echo(f"{name} has no token any more.")
