"""`firstbell dashboards`: build the boards, hand out their files, push them into a Grafana."""

import json
import re
from pathlib import Path
from typing import TextIO

import click

from dashboards import Json, places
from dashboards import push as pushing
from firstbell.copies import RAW

NO_SDK = (
    "building wants Grafana's SDK, which only developers have: pip install '.[dev]' in First Bell's folder"
)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _checked_url(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value and not re.fullmatch(r"https?://[^\s\"'<>\\]+", value):
        raise click.BadParameter(f"{value[:60]!r} is no address such as https://firstbell.example.org")
    return value


def _checked_bucket(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not value.isprintable() or not value or any(sign in value for sign in "\"/\\'$"):
        raise click.BadParameter(f"{value[:60]!r} is no bucket's name: no quotes, / or $ are in it")
    return value


_pages = click.option(
    "--pages",
    metavar="URL",
    callback=_checked_url,
    help="Where First Bell's own pages are as people's browsers see them; else the collector's own machine.",
)
_bucket = click.option(
    "--bucket",
    default=RAW,
    show_default=True,
    callback=_checked_bucket,
    help="The InfluxDB bucket of reports; as collector.toml has it.",
)


@click.group("dashboards")
def group() -> None:
    """Boards and alerts for Grafana."""


@group.command()
@click.option("--check", is_flag=True, help="Change nothing; fail where the files are not what code makes.")
@_json
def build(check: bool, as_json: bool) -> None:
    """Make the boards, alert rules and provisioning files anew out of their code."""
    try:
        from dashboards import build as building  # noqa: PLC0415 - wants the SDK, which users don't have
    except ImportError as missing:
        raise click.ClickException(NO_SDK) from missing
    from dashboards.lint import LintError  # noqa: PLC0415

    try:
        changed = building.differing() if check else building.write()
    except LintError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps({"changed": changed}, indent=2))
    elif changed:
        click.echo("\n".join(changed))
    else:
        click.echo("All files are what their code makes.")
    if check and changed:
        raise click.ClickException("these files are not what their code makes: `firstbell dashboards build`")


@group.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@_pages
@click.option(
    "--runbook",
    metavar="URL",
    callback=_checked_url,
    help="Where the troubleshooting page is, for links from alerts.",
)
@_bucket
@_json
def files(folder: Path, pages: str | None, runbook: str | None, bucket: str, as_json: bool) -> None:
    """Write boards and provisioning files into FOLDER, for a Grafana that reads files."""
    written = []
    for source in sorted(places.HERE.glob(f"{places.PROVISIONING}/*/*.yaml")):
        text = source.read_text(encoding="utf-8")
        text = text.replace(f'dbName: "{RAW}', f'dbName: "{bucket}')
        text = text.replace(f"{places.RUNBOOK}#", f"{runbook}#") if runbook else text
        written.append(_write(folder / source.relative_to(places.HERE), text))
    written += [
        _write(folder / "boards" / f"{board['uid']}.json", places.text_of(board)) for board in _boards(pages)
    ]
    if as_json:
        click.echo(json.dumps({"written": [str(path) for path in written]}, indent=2))
    else:
        click.echo("\n".join(map(str, written)))


@group.command()
@click.option("--url", required=True, help="The Grafana: https://grafana.example.org")
@click.option(
    "--token-file",
    type=click.File(encoding="utf-8"),
    help="A file with a service account's token (- for stdin).",
)
@click.option(
    "--influx-url",
    metavar="URL",
    callback=_checked_url,
    help="The InfluxDB as Grafana sees it; makes both data sources.",
)
@click.option(
    "--influx-token-file", type=click.File(encoding="utf-8"), help="A file with a token that may read."
)
@_bucket
@_pages
@_json
def push(
    url: str,
    token_file: TextIO | None,
    influx_url: str | None,
    influx_token_file: TextIO | None,
    bucket: str,
    pages: str | None,
    as_json: bool,
) -> None:
    """Put data sources, folder and boards into a Grafana that is there already. Again changes nothing."""
    token = _token(
        token_file, "--token-file", "a service account's token (role Editor; Admin for data sources)"
    )
    influx = None
    if influx_url:
        read = _token(influx_token_file, "--influx-token-file", "a token that may read both buckets")
        influx = pushing.Influx(influx_url, read, bucket)
    try:
        done = pushing.push(pushing.Grafana(url, token), _boards(pages), influx, _progress)
    except pushing.PushError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(done._asdict(), indent=2))
    else:
        click.echo(f"{len(done.boards)} boards are in {done.grafana}/dashboards/f/{places.FOLDER_UID}")


def _progress(line: str) -> None:
    """Progress is for people, and never among the answer."""
    click.echo(line, err=True)


def _boards(pages: str | None) -> list[Json]:
    boards = places.boards()
    return [places.with_pages(board, pages.rstrip("/")) for board in boards] if pages else boards


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _token(file: TextIO | None, option: str, what: str) -> str:
    """The first line of a file that holds a token: on a command line everybody could read it."""
    token = file.read().strip() if file else ""
    if not token:
        raise click.ClickException(f"{option} names a file with {what}")
    return token
