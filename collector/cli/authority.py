"""`firstbell authority`: the district's own certificate authority, for its servers and programs."""

from contextlib import closing
from pathlib import Path

import click

from collector import config, entering, registry
from collector.cli.common import json_option, pass_home, show
from collector.config import Home
from collector.identity import authority, own
from collector.identity.authority import Authority, Issued, NoAuthorityError
from collector.identity.own import Seen, day
from collector.identity.registrar import COLLECTOR, Registrar
from collector.store import identities
from collector.store.journal import open_journal
from firstbell.district import NS
from firstbell.readiness.words import count

DAY_NS = 86_400 * NS


@click.group("authority")
def group() -> None:
    """The district's own certificate authority: who it signs for, and what it says of itself."""


@group.command("make")
@click.option(
    "--follow", is_flag=True, help="Another one after the one there is, which goes on being believed."
)
@json_option
@pass_home
def make(home: Home, follow: bool, as_json: bool) -> None:
    """Make the authority of the district. Its key lies in the data folder, and leaves it in backups alone."""
    journal = open_journal(home.journal)
    now_ns = home.clock.now_ns()
    try:
        there = Authority(home.folder)
    except NoAuthorityError:
        there = None
    if there and not follow:
        raise click.ClickException(
            f"there is one already, good until {day(there.ends_ns)}; --follow makes the next"
        )
    made = authority.make(home.folder, registry.read(home.district).district.settings.name, now_ns)
    Registrar(journal, made, home.clock).publish()
    text = (
        f"The authority is made, good until {day(made.ends_ns)}. What others are to believe is in "
        f"{made.folder / authority.BELIEVED}, what was revoked in {made.folder / authority.REVOKED}."
    )
    show({"name": made.name, "ends_ns": made.ends_ns, "folder": str(made.folder)}, text, as_json=as_json)


@group.command("server")
@click.argument("names", nargs=-1, required=True)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Where to write NAME.pem and NAME.key."
)
@click.option("--anew", is_flag=True, help="In place of those that are there, which stay good to their end.")
@json_option
@pass_home
def server(home: Home, names: tuple[str, ...], out: Path, anew: bool, as_json: bool) -> None:
    """Sign for a server of the district's that is reached by NAMES (names or addresses), for a year."""
    issued, key = Authority(home.folder).for_server(names, home.clock.now_ns())
    _written(out, names[0], issued, key, anew=anew, as_json=as_json)


@group.command("program")
@click.argument("name", default=COLLECTOR)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Where to write NAME.pem and NAME.key."
)
@click.option("--anew", is_flag=True, help="In place of those that are there, which stay good to their end.")
@json_option
@pass_home
def program(home: Home, name: str, out: Path, anew: bool, as_json: bool) -> None:
    """Sign for a program of the district's own, so that the broker knows it: the collector, for a year."""
    issued, key = Authority(home.folder).for_client(name, home.clock.now_ns())
    _written(out, name, issued, key, anew=anew, as_json=as_json)


@group.command("renew")
@click.option("--all", "every", is_flag=True, help="Those that are not due yet, too.")
@json_option
@pass_home
def renew(home: Home, every: bool, as_json: bool) -> None:
    """Sign the next certificates of the district's own servers and programs where they are due.

    They are due from the middle of their time on, and a running collector does it by itself. Keys stay.
    """
    seen = _seen(home, renews=True, every=every)
    lines = [f"{each.path} is renewed, good until {day(each.ends_ns)}." for each in seen.renewed]
    text = "\n".join(lines or ["Nothing is due."])
    if seen.troubles:
        raise click.ClickException("\n".join([*lines, *seen.troubles]))
    show(_told(seen), text, as_json=as_json)


def _seen(home: Home, *, renews: bool = False, every: bool = False) -> Seen:
    settings = config.read(home.settings)
    named = (settings.broker.cert_file, settings.web.cert_file)
    return own.seen(home.folder, named, home.clock.now_ns(), renews=renews, every=every)


def _told(seen: Seen) -> dict[str, object]:
    """For programs."""
    renewed = [str(each.path) for each in seen.renewed]
    found = [
        {"certificate": str(each.path), "ends_ns": each.ends_ns, "ours": each.ours} for each in seen.found
    ]
    return {"renewed": renewed, "certificates": found, "troubles": seen.troubles}


@group.command("publish")
@pass_home
def publish(home: Home) -> None:
    """Write anew what others read: whom to believe, and what was revoked."""
    signs = Authority(home.folder)
    Registrar(open_journal(home.journal), signs, home.clock).publish()
    click.echo(f"Written in {signs.folder}.")


@group.command("show")
@json_option
@pass_home
def shown(home: Home, as_json: bool) -> None:
    """Show which authority this is, until when, and what it signed for boxes and for the district's own."""
    signs, now_ns = Authority(home.folder), home.clock.now_ns()
    with closing(open_journal(home.journal).reader()) as db:
        good, revoked = identities.count(db, now_ns), len(identities.revoked(db, now_ns))
    late = signs.ends_ns < now_ns + authority.RENEW_DAYS * DAY_NS
    told = (
        f"{count(good, 'certificate')} {'is' if good == 1 else 'are'} good, "
        f"{revoked:,} {'was' if revoked == 1 else 'were'} revoked."
    )
    text = f"{signs.name}\nGood until {day(signs.ends_ns)}. {told}"
    seen = _seen(home)
    text += "".join(f"\n{each.path}: good until {day(each.ends_ns)}" for each in seen.found)
    text += "".join(f"\n{trouble}" for trouble in seen.troubles)
    answer = {
        "name": signs.name,
        "ends_ns": signs.ends_ns,
        "good": good,
        "revoked": revoked,
        "ends_soon": late,
        **_told(seen),
    }
    show(answer, text, as_json=as_json)


def _written(out: Path, name: str, issued: Issued, key: str, *, anew: bool, as_json: bool) -> None:
    paths = out / f"{name}.pem", out / f"{name}.key"
    for path in paths:
        if path.exists() and not anew:
            raise click.ClickException(
                f"{path} is there already; nothing was written (--anew takes its place)"
            )
    entering.write_secret(out, paths[1].name, key.strip())
    beside = paths[0].with_suffix(".new")
    beside.write_text(issued.pem, encoding="ascii")
    beside.replace(paths[0])
    text = f"{paths[0]} and {paths[1]}, good until {day(issued.ends_ns)}."
    show(
        {"certificate": str(paths[0]), "key": str(paths[1]), "ends_ns": issued.ends_ns}, text, as_json=as_json
    )
