"""`firstbell ports`: what the filter's administrator has to open, fit to be pasted into a ticket."""

from urllib.parse import urlsplit

import click

from collector import config, registry, simulated
from collector.cli.common import json_option, pass_home, show
from collector.config import Home
from firstbell import ports
from firstbell.ports import HTTPS, Opening, Ports

_NOTHING_IN = (
    "All of it is outgoing, from the networks in which the boxes stand. "
    "Nothing has to be opened towards them."
)
_INSPECTION = (
    "Leave these hosts out of TLS inspection (decryption): {hosts}. "
    "No new box gets in through it, for boxes believe the district's own authority alone."
)


@click.command("ports")
@click.option(
    "--reference",
    "references",
    multiple=True,
    metavar="HOST",
    help="A reference server of the district's (again for another one).",
)
@json_option
@pass_home
def command(home: Home, references: tuple[str, ...], as_json: bool) -> None:
    """Print which hosts and ports the filter must let boxes reach, why, and what breaks without."""
    settings = config.read(home.settings)
    enrol = settings.enrol
    if not enrol.collector or not enrol.broker:
        raise click.ClickException(
            f"where boxes go isn't known: set collector and broker under [enrol] in {home.settings}"
        )
    address = urlsplit(enrol.collector)
    answer = ports.ports(
        simulated.marked(home, registry.read(home.district)).district.settings.name,
        (address.hostname or "", address.port or HTTPS),
        (enrol.broker, enrol.broker_port),
        tuple(dict.fromkeys([*references, *settings.deploy.reference])),
    )
    show(answer, text(answer), as_json=as_json)


def text(answer: Ports) -> str:
    """The page."""
    needed = [opening for opening in answer.openings if opening.needed]
    rest = [opening for opening in answer.openings if not opening.needed]
    return "\n\n".join(
        [
            f"What First Bell's boxes need from the network of {answer.district}",
            _NOTHING_IN,
            f"Needed:\n{_rows(needed)}",
            f"Wanted:\n{_rows(rest)}",
            _INSPECTION.format(hosts=", ".join(answer.not_to_inspect)),
            "On a box, `firstbell-agent doctor` says which of these is blocked.",
        ]
    )


def _rows(openings: list[Opening]) -> str:
    return "\n".join(
        f"  {opening.protocol}{f' port {opening.port}' if opening.port else ''} to {opening.host}\n"
        f"    {opening.why}\n    Without: {opening.without}."
        for opening in openings
    )
