"""`firstbell collector`: the process that takes and keeps."""

import json
import logging
import sys

import click
import msgspec

from collector import app, config, lifeline
from collector.cli.common import json_option, pass_home
from collector.config import Home
from collector.supervisor import Supervisor, supervisor


@click.group("collector")
def group() -> None:
    """The process that takes reports from the broker and keeps them."""


@group.command("run")
@click.option("--broker-port", type=click.IntRange(1, 65535), help="Instead of the settings' port.")
@click.option("--lifeline", "on_lifeline", is_flag=True, help="End when stdin does.")
@json_option
@pass_home
def run(home: Home, broker_port: int | None, on_lifeline: bool, as_json: bool) -> None:
    """Take, keep and answer until Ctrl-C or SIGTERM; health is at /healthz, figures are at /metrics."""
    settings = config.read(home.settings)
    if broker_port:
        broker = msgspec.structs.replace(settings.broker, port=broker_port)
        settings = msgspec.structs.replace(settings, broker=broker)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    minds = supervisor()
    if on_lifeline:
        minds = Supervisor()  # `firstbell up` minds it itself
        lifeline.hold()

    def ready(port: int) -> None:
        url = settings.web.url(port)
        text = f"Taking reports; pages at {url} and health at {url}healthz"
        click.echo(json.dumps({"web_port": port}) if as_json else text)
        sys.stdout.flush()

    try:
        app.run(home, settings, ready, minds)
    except OSError as error:
        raise click.ClickException(f"the collector can't start: {error}") from error
