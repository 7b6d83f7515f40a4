"""`firstbell-agent update`: this box's program, changed by itself."""

import json
import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

if TYPE_CHECKING:  # what a box that measures does not load
    from agent.update.install import Now
    from agent.update.state import State
    from firstbell.update import Offer

FOLDER, GOT, KEY = "/opt/firstbell", "/var/lib/firstbell-update", "/etc/firstbell/update.pub"
IN_USE = 3
"""The exit code where another one does the same at the moment."""

F = TypeVar("F", bound=Callable[..., Any])

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _path(name: str, variable: str, default: str, text: str) -> Callable[[F], F]:
    kind = click.Path(path_type=Path)
    return click.option(name, variable, type=kind, default=default, show_default=True, help=text)


_folder = _path("--folder", "folder", FOLDER, "Where the versions of the program lie.")
_got = _path("--got", "got", GOT, "Where what was got lies.")
_key = _path("--key", "key", KEY, "The file with the district's public keys for updates.")


@click.group("update")
def group() -> None:
    """Take new versions of this program from the district, by its signature, and go back from bad ones."""


@group.command("fetch")
@click.argument("card", type=click.Path(path_type=Path))
@click.option(
    "--identity",
    "identity",
    type=click.Path(path_type=Path),
    help="Where key and certificate lie. (Default: the folder `identity` beside the settings.)",
)
@_folder
@_got
@_key
@_json
@click.pass_obj
def fetch(
    path: Path, card: Path, identity: Path | None, folder: Path, got: Path, key: Path, as_json: bool
) -> None:
    """Get what the district of CARD (card.toml) offers, if it is this box's turn; nothing is changed."""
    from agent import enrol, lines  # noqa: PLC0415 - what it needs of libraries a box that measures does not
    from agent.identity import Identity  # noqa: PLC0415
    from agent.machine.machine import Machine  # noqa: PLC0415
    from agent.update import outlook, signature  # noqa: PLC0415
    from agent.update.fetch import OFFER, FetchError, Source, clear  # noqa: PLC0415

    _log_here()
    clock = Machine.real().clock
    keeps = Identity((identity or path.parent / "identity").absolute())
    given = enrol.read(card)
    tls = enrol.tls_of(given, card.absolute().parent, keeps, clock.stamp())
    source = Source(given.collector, tls, clock.monotonic, lines.proxy_of(path, given))
    try:
        text = source.offer()
        word = _judged(signature.verified(text, _read_keys(key)), path, folder)
        if word.why != "old":
            _written(got / OFFER, text)
        if word.why == "take" and outlook.testing(path):
            word = word._replace(says=f"{word.says}, but a test loads the line")
        elif word.why == "take" and word.parcel:
            source.archive(word.parcel, got)
        elif word.why in {"here", "settled", "nothing", "ended"}:
            clear(got)
    except (FetchError, ValueError) as trouble:
        raise click.ClickException(str(trouble)) from trouble
    click.echo(json.dumps({"why": word.why, "says": word.says}) if as_json else f"{word.says}.")


@group.command("install")
@_folder
@_got
@_key
@click.option("--user", default="firstbell", show_default=True, help="Whom the box runs as.")
@click.option(
    "--prove-s",
    "prove_s",
    type=click.FloatRange(1, 86_400),
    default=900,
    show_default=True,
    help="So many seconds a new version has until the collector must have answered it.",
)
@_json
@click.pass_obj
def install(path: Path, folder: Path, got: Path, key: Path, user: str, prove_s: float, as_json: bool) -> None:
    """Change to the version that was got, if it is its time; back where it is not answered. As root.

    It ends what an earlier run could not end. Whatever stops it, a whole version is in use.
    """
    import time  # noqa: PLC0415

    from agent.machine.machine import Machine  # noqa: PLC0415
    from agent.update.asking import Asking  # noqa: PLC0415
    from agent.update.fetch import ARCHIVE  # noqa: PLC0415
    from agent.update.install import Updater  # noqa: PLC0415
    from agent.update.releases import Releases  # noqa: PLC0415

    _log_here()
    if not _alone(folder):
        click.echo("another update runs here", err=True)
        sys.exit(IN_USE)
    machine = Machine.real()
    updater = Updater(
        Releases(folder.absolute(), machine.commands),
        Asking(machine.commands, path.absolute(), user),
        lambda: _now(path),
        machine.clock.monotonic,
        time.sleep,
        prove_s=prove_s,
        step=logging.getLogger("agent.update").info,
    )
    offer, trouble = _offered(got, key)
    if trouble:
        click.echo(trouble, err=True)
    _told(updater.run(offer, got / ARCHIVE), as_json=as_json)


@group.command("show")
@_folder
@_got
@_key
@_json
@click.pass_obj
def show(path: Path, folder: Path, got: Path, key: Path, as_json: bool) -> None:
    """Show which version is in use, what is offered, when it is this box's turn, and what happened last."""
    from agent.update import state as states  # noqa: PLC0415
    from agent.update.releases import BEFORE, CURRENT, UPDATER, Releases  # noqa: PLC0415
    from firstbell.update import begins_for  # noqa: PLC0415

    offer, trouble = _offered(got, key)
    state, releases = states.read(folder), Releases(folder, _no_commands())
    word = _judged(offer, path, folder) if offer else None
    turn_s = begins_for(offer, _agent(path)) if offer else None
    answer = {
        "current": releases.linked(CURRENT),
        "before": releases.linked(BEFORE),
        "updater": releases.linked(UPDATER),
        "offer": msgspec.to_builtins(offer),
        "offer_trouble": trouble,
        "why": word.why if word else "nothing",
        "says": word.says if word else trouble or "no offer was got yet",
        "turn_s": turn_s,
        "state": msgspec.to_builtins(state),
    }
    lines = [f"in use: {answer['current'] or 'nothing'}", f"before: {answer['before'] or 'nothing'}"]
    lines += [f"offered: {answer['says']}", f"last: {state.said or 'nothing yet'}"]
    click.echo(json.dumps(answer, indent=2) if as_json else "\n".join(lines))


@group.command("look", hidden=True)
@_json
@click.pass_obj
def look(path: Path, as_json: bool) -> None:
    """Say how the box stands, for whoever changes its program."""
    from agent.update import outlook  # noqa: PLC0415

    found = msgspec.to_builtins(outlook.look(path))
    click.echo(
        json.dumps(found) if as_json else "\n".join(f"{name}: {value}" for name, value in found.items())
    )


@group.command("try", hidden=True)
@_json
@click.pass_obj
def try_(path: Path, as_json: bool) -> None:
    """See that this version could run here, for whoever changes to it; start nothing."""
    from agent.update import outlook  # noqa: PLC0415

    found = msgspec.to_builtins(outlook.fit(path))
    click.echo(json.dumps(found) if as_json else f"version {found['version']} can run here")


def _log_here() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)


def _read_keys(path: Path) -> tuple[bytes, ...]:
    from firstbell.update import keys_of  # noqa: PLC0415

    return keys_of(path.read_text(encoding="ascii", errors="replace"))


def _offered(got: Path, key: Path) -> tuple["Offer | None", str]:
    """The offer that was got, by its signature, or what is wrong with it."""
    from agent.update import archive, signature  # noqa: PLC0415
    from agent.update.fetch import OFFER  # noqa: PLC0415
    from firstbell.update import OFFER_CHARS, OfferError  # noqa: PLC0415

    try:
        text = archive.read_plain(got / OFFER, OFFER_CHARS).decode("ascii", "replace")
        return signature.verified(text, _read_keys(key)), ""
    except FileNotFoundError as missing:
        return None, "" if str(missing.filename).endswith(OFFER) else f"there is no key in {key}"
    except (archive.ArchiveError, OfferError) as trouble:
        return None, str(trouble)


def _judged(offer: "Offer", path: Path, folder: Path) -> Any:  # noqa: ANN401 - firstbell.update.Word, loaded late
    from agent.update import state as states  # noqa: PLC0415
    from agent.update.install import here  # noqa: PLC0415
    from agent.update.releases import CURRENT, Releases  # noqa: PLC0415
    from firstbell.update import judge  # noqa: PLC0415

    release = Releases(folder, _no_commands()).linked(CURRENT)
    return judge(offer, here(_agent(path), release, states.read(folder), _now(path)))


def _agent(path: Path) -> str:
    from agent import config  # noqa: PLC0415

    return config.read(path).box.name


def _now(path: Path) -> "Now":
    """The time, and the box's own time of day: its settings' zone, else the machine's."""
    from agent import box, config  # noqa: PLC0415
    from agent.machine.machine import Machine  # noqa: PLC0415
    from agent.update.install import Now  # noqa: PLC0415
    from firstbell.settings import SettingsError  # noqa: PLC0415

    wall_s, settings = Machine.real().clock.stamp().wall_ns / 1e9, None
    with suppress(SettingsError):
        settings = config.read(path)
    zone = box.zone(settings) if settings else None
    return Now(wall_s, datetime.fromtimestamp(wall_s, zone))


def _no_commands() -> Any:  # noqa: ANN401 - who only looks runs nothing
    from agent.machine.commands import SystemCommands  # noqa: PLC0415

    return SystemCommands()


def _alone(folder: Path) -> bool:
    """Whether nobody else changes the program; until this process ends."""
    from agent.machine.marks import Mark  # noqa: PLC0415

    mark = Mark(folder / "update.lock")
    click.get_current_context().call_on_close(lambda: mark.hold(False))
    return mark.hold(True)


def _told(state: "State", *, as_json: bool) -> None:
    answer = msgspec.to_builtins(state)
    click.echo(json.dumps(answer) if as_json else f"{state.said or 'nothing was offered yet'}.")


def _written(path: Path, text: str) -> None:
    """Only where it changed: an SD card is not written for nothing."""
    if path.exists() and path.read_text(encoding="ascii", errors="replace") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}-new")
    beside.write_text(text, encoding="ascii")
    beside.replace(path)
