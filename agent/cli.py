"""The `firstbell-agent` command."""

import ipaddress
import json
import logging
import os
import signal
import ssl
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import click
import msgspec

import firstbell
from agent import app, config, lifeline
from agent.config import Settings
from agent.load.protocol import PORT
from agent.machine.light import light
from agent.machine.machine import Machine
from agent.machine.supervisor import supervisor
from agent.probes import PROBES
from agent.update.commands import group as update_group
from firstbell import catalogue
from firstbell.report import Draft
from firstbell.settings import SettingsError

CONFIG_VARIABLE = "FIRSTBELL_AGENT_CONFIG"
DEFAULT_CONFIG = "/etc/firstbell/agent.toml"
BY_ITSELF = Settings(box=config.BoxSettings(name="this-box"))
"""The settings of a look around (`once`, `probes`) on a machine that has no settings yet."""

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _networks(
    _context: click.Context, _option: click.Parameter, texts: tuple[str, ...]
) -> tuple[IPNetwork, ...]:
    """The networks that are named on the command line."""
    try:
        return tuple(ipaddress.ip_network(text) for text in texts)
    except ValueError as error:
        raise click.BadParameter(f"{error} (an example: 10.2.0.0/16)") from error


class Plain(click.Group):
    """A group of commands whose users' mistakes end in a sentence and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click has it
        """Run the command; tell a trouble in words."""
        try:
            return super().invoke(ctx)
        except (SettingsError, *app.TROUBLES) as trouble:
            raise click.ClickException(str(trouble)) from trouble
        except BrokenPipeError:  # whoever reads has seen enough, as `head` does; click ends quietly
            raise
        except OSError as trouble:
            raise click.ClickException(
                f"{trouble.filename or 'the system'}: {trouble.strerror or trouble}"
            ) from trouble


@click.group(cls=Plain)
@click.version_option(firstbell.__version__, prog_name="firstbell-agent")
@click.option("--config", "path", help=f"The box's settings; else ${CONFIG_VARIABLE}, else {DEFAULT_CONFIG}.")
@click.pass_context
def main(context: click.Context, path: str | None) -> None:
    """Measure this machine and its network, and send what was measured until the collector holds it."""
    context.obj = Path(path or os.environ.get(CONFIG_VARIABLE) or DEFAULT_CONFIG)


@main.command()
@click.option("--broker-port", type=click.IntRange(1, 65535), help="Instead of the settings' port.")
@click.option("--lifeline", "on_lifeline", is_flag=True, help="End when stdin does.")
@json_option
@click.pass_obj
def run(path: Path, broker_port: int | None, on_lifeline: bool, as_json: bool) -> None:
    """Measure and send, again and again, until Ctrl-C or SIGTERM."""
    settings = config.read(path)
    if broker_port:
        broker = msgspec.structs.replace(settings.broker, port=broker_port)
        settings = msgspec.structs.replace(settings, broker=broker)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    if on_lifeline:
        lifeline.hold()
    minds, shows = supervisor(), light()
    with app.running(settings, path.absolute().parent) as box:
        minds.ready()
        click.echo(
            json.dumps({"ready": True}) if as_json else f"{settings.box.name} is measuring; Ctrl-C ends it"
        )
        sys.stdout.flush()

        def moves() -> None:
            minds.moves()
            shows.show(box.sign())

        told = box.run(stop, moves)
        minds.stopping()
    sys.exit(not told)


@main.command("enrol")
@click.argument("card", type=click.Path(path_type=Path))
@click.option(
    "--identity",
    "folder",
    type=click.Path(path_type=Path),
    help="Where key and certificate lie. (Default: where cert_file of the settings says; else the folder "
    "`identity` beside the settings.)",
)
@click.option(
    "--once", "just_once", is_flag=True, help="Ask once, and end with 3 where somebody has to decide."
)
@click.option(
    "--new-key",
    is_flag=True,
    help="With another key: the old one was shut out, or copied. It stays until the new one is let in.",
)
@json_option
@click.pass_obj
def enrol_(
    path: Path, card: Path, folder: Path | None, just_once: bool, new_key: bool, as_json: bool
) -> None:
    """Get this machine's certificate with CARD (card.toml), or the next one; ask until it is let in.

    The key is made here and stays here. Where there are no settings yet, they are written.
    """
    from agent import enrol, folder_of, lines  # noqa: PLC0415 - a box that measures does not need their libraries
    from agent.identity import Identity, IdentityError  # noqa: PLC0415

    lies = (folder or folder_of.of(path)).absolute()
    try:
        folder_of.see_owner(lies, f"{Path(sys.argv[0]).absolute()} --config {path} enrol {card}")
    except folder_of.OtherOwnerError as trouble:
        raise click.ClickException(str(trouble)) from trouble
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    given, stop = enrol.read(card), threading.Event()
    identity = Identity(lies, another=new_key)
    proxy = lines.proxy_of(path, given)

    def tls() -> ssl.SSLContext:
        return enrol.tls_of(given, card.absolute().parent, identity, Machine.real().clock.stamp())

    try:
        if new_key and not given.token:
            raise enrol.EnrolError("without a token on the card nobody takes another key")  # noqa: TRY301 - told like the rest
        wait = (lambda _s: True) if just_once else stop.wait
        granted = enrol.until_let_in(given, identity, tls, wait, light().show, proxy)
    except (enrol.EnrolError, IdentityError) as trouble:
        if new_key and isinstance(trouble, enrol.EnrolError):  # the answer is no: the old key stays
            identity.drop_another()
        raise click.ClickException(str(trouble)) from trouble
    if granted is None:
        sys.exit(3)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(enrol.settings_for(given, granted.agent, identity.folder), encoding="utf-8")
    named = config.read(path).box.name
    if named != granted.agent:
        raise click.ClickException(
            f"this box is {granted.agent} now, and {path} calls it {named}: change box.name there"
        )
    answer = {"agent": granted.agent, "folder": str(identity.folder), "settings": str(path)}
    click.echo(
        json.dumps(answer)
        if as_json
        else f"This box is {granted.agent}. `firstbell-agent run` measures and sends."
    )


@main.command()
@click.argument("probe", type=click.Choice(sorted(PROBES)))
@click.option(
    "--now", is_flag=True, help="A heavy test now, even beyond the day's budget; it is no evidence."
)
@json_option
@click.pass_obj
def once(path: Path, probe: str, now: bool, as_json: bool) -> None:
    """Run PROBE once and print what it found. Nothing is kept or sent."""
    if catalogue.PROBES[probe].heavy and not now:
        raise click.UsageError(
            f"{probe} loads the line. If that is all right at this moment: once {probe} --now"
        )
    logging.getLogger("agent").addHandler(logging.NullHandler())  # what was found is the whole answer
    drafts = app.once(_settings_or_own(path), probe)
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(drafts), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(_lines(drafts)))


@main.command()
@json_option
@click.pass_obj
def probes(path: Path, as_json: bool) -> None:
    """List the probes: what each measures, how often, in which units."""
    off = set(_settings_or_own(path).probes.off)
    rows = [
        {
            "probe": spec.name,
            "meaning": spec.meaning,
            "on": spec.name not in off,
            "rhythm": f"once in each {spec.once_in}" if spec.heavy else f"every {spec.every_s:g} s",
            "loads_the_line": spec.heavy,
            "metrics": [catalogue.METRICS[name]._asdict() for name in spec.metrics],
        }
        for spec in catalogue.PROBES.values()
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2).replace("Infinity", "null"))
        return
    for row in rows:
        click.echo(f"{row['probe']}: {row['meaning']} ({row['rhythm']}{'' if row['on'] else '; off'})")
        for metric in row["metrics"]:  # type: ignore[attr-defined]
            click.echo(f"    {metric['name']:20} {metric['meaning']}")


@main.command()
@json_option
@click.pass_obj
def check(path: Path, as_json: bool) -> None:
    """Check the settings, the spool, the clock and the way to the broker, and change nothing."""
    findings = app.check(config.read(path), path.absolute().parent)
    if as_json:
        click.echo(json.dumps(findings, indent=2))
    else:
        for name, finding in findings.items():
            word = "NOT" if not finding["ok"] else "?  " if finding.get("doubts") else "ok "
            click.echo(f"{word} {name}: {finding['says']}")
    sys.exit(not all(finding["ok"] for finding in findings.values()))


@main.command()
@click.option(
    "--card",
    "card_path",
    type=click.Path(path_type=Path),
    help="The card of a box that was not let in yet (card.toml). (Default, without a certificate: "
    "card/card.toml beside the settings.)",
)
@json_option
@click.pass_obj
def doctor(path: Path, card_path: Path | None, as_json: bool) -> None:
    """Say what in this network keeps reports from getting out, and what to ask of the filter's administrator.

    Takes up to a minute, and changes nothing. Ends with 0 if reports can go, and with 1 if not.
    """
    from agent import examine  # noqa: PLC0415 - what it needs of libraries a box that measures does not
    from agent.doctor import saying  # noqa: PLC0415

    what = examine.meant(path, card_path)
    found = examine.examine(
        what, path.absolute().parent, lambda look: click.echo(f"looked at {look}", err=True)
    )
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(found), indent=2, ensure_ascii=False))
    else:
        yet = "" if found.certified else "This box has no certificate yet.\n"
        click.echo(yet + saying.text(found.seen, found.diagnosis))
    sys.exit(not found.good)


@main.command()
@json_option
@click.pass_obj
def spool(path: Path, as_json: bool) -> None:
    """Show what waits in this box's spool, what was refused, and what was lost."""
    summary = app.spool_summary(config.read(path), path.absolute().parent)
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(summary), indent=2))
    else:
        figures = {name: value for name, value in summary.items() if not isinstance(value, list)}
        lines = [f"{name.replace('_', ' ')}: {value}" for name, value in figures.items()]
        lines += [f"refused: {row['epoch']} {row['seq']}: {row['reason']}" for row in summary["last_refused"]]
        lines += [
            f"lost: {row['epoch']} {row['first']} to {row['last']}: {row['reason']}"
            for row in summary["last_losses"]
        ]
        click.echo("\n".join(lines))


@main.command()
@click.option("--host", default="", help="The address to listen on; else all that this machine has.")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0: any.")
@click.option("--name", required=True, help="What tickets call this server: its target's name.")
@click.option(
    "--key",
    type=click.Path(path_type=Path),
    required=True,
    help="The file with the district's public key: 64 hex digits, or base64.",
)
@click.option(
    "--open",
    "networks",
    multiple=True,
    metavar="NETWORK",
    callback=_networks,
    help="Answer LibreSpeed's page and command from this network too (again for another one).",
)
@click.option("--lifeline", "on_lifeline", is_flag=True, help="End when stdin does.")
@json_option
def serve(
    host: str,
    port: int,
    name: str,
    key: Path,
    networks: tuple[IPNetwork, ...],
    on_lifeline: bool,
    as_json: bool,
) -> None:
    """Be the other end of boxes' throughput tests, until Ctrl-C or SIGTERM. Wants no settings file."""
    try:
        from agent.reference import server  # noqa: PLC0415 - its libraries are in no box's process
    except ModuleNotFoundError as missing:
        raise click.ClickException(
            f"the library {missing.name} is missing: install firstbell[reference]"
        ) from missing
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if on_lifeline:
        lifeline.hold()

    def ready(bound: int) -> None:
        words = f"{name} answers on port {bound}; Ctrl-C ends it"
        click.echo(json.dumps({"ready": True, "name": name, "port": bound}) if as_json else words)
        sys.stdout.flush()

    server.run(server.Settings(name=name, key=key, host=host, port=port, networks=networks), ready)


main.add_command(update_group)


def _settings_or_own(path: Path) -> Settings:
    """The settings in `path`; without a file at the default place, those of a look around."""
    return BY_ITSELF if str(path) == DEFAULT_CONFIG and not path.exists() else config.read(path)


def _lines(drafts: list[Draft]) -> list[str]:
    """A line or more a finding, for people."""
    lines = []
    for draft in drafts:
        name = f"{draft.probe} {draft.target}".strip()
        lines.append(f"{name}: {draft.status}" + (f" ({draft.reason})" if draft.reason else ""))
        lines += [f"    {reading:20} {_short(value)}" for reading, value in draft.readings.items()]
    return lines


def _short(value: bool | float | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
