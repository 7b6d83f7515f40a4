"""`firstbell demo`: a whole made-up district to look at, in a home of its own."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import click
import msgspec

from collector import app, config
from collector.cli.common import Whole, json_option, show
from collector.clock import SystemClock
from collector.config import Demo, Home, WebSettings
from collector.demo import making
from collector.demo.making import DAYS, SCHOOLS, SEED, DemoError, Progress


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the command says at its end. `seconds` is None where the demo was there already."""

    simulated: bool
    folder: str
    seed: int
    schools: int
    school_days: int
    as_of_ns: int
    reports: int | None = None
    set_aside: int | None = None
    seconds: float | None = None
    address: str = ""


@click.command("demo")
@click.option(
    "--seed",
    type=Whole(0, 1 << 31),
    default=SEED,
    show_default=True,
    help="Another one, another district.",
)
@click.option(
    "--schools", type=Whole(1, SCHOOLS), default=SCHOOLS, show_default=True, help="How many schools."
)
@click.option(
    "--days",
    type=Whole(2, 90),
    default=DAYS,
    show_default=True,
    help="School days that were measured.",
)
@click.option("--data", metavar="FOLDER", help="Where it lives; else beside the real data folder.")
@click.option("--remove", is_flag=True, help="Throw the demo away: what it made, and nothing else.")
@click.option("--serve/--no-serve", default=True, show_default=True, help="Serve its pages until Ctrl-C.")
@json_option
@click.pass_context
def command(
    context: click.Context,
    seed: int,
    schools: int,
    days: int,
    data: str | None,
    remove: bool,
    serve: bool,
    as_json: bool,
) -> None:
    """Make a simulated district of 40 schools and 30 school days to look at: nothing in it is measured.

    It lives in a data folder of its own: beside the real one, or where --data says.
    """
    home = config.demo_home(data or context.find_root().params["data"])
    if remove:
        _remove(home)
        return
    told = _made(home, seed, schools, days)
    if not serve:
        show(told, text(told), as_json=as_json)
        return

    web = WebSettings()

    def ready(port: int) -> None:
        served = msgspec.structs.replace(told, address=f"http://{web.host}:{port}/")
        show(served, text(served), as_json=as_json)

    app.show(home, web, ready)


def _remove(home: Home) -> None:
    left = making.remove(home)
    rest = f" but {', '.join(left)}, which the demo did not make" if left else ""
    click.echo(f"The demo in {home.folder} is gone{rest}.")


def _made(home: Home, seed: int, schools: int, days: int) -> Told:
    """The demo that is there, if it is the one asked for; else a new one. Raises DemoError."""
    there = home.demo
    if there and not there.finished:
        making.remove(home)
        there = None
    if there:
        if (there.seed, there.schools, there.days) != (seed, schools, days):
            raise DemoError(
                f"there is another demo in {home.folder}: seed {there.seed}, {there.schools} schools. "
                "Throw it away first with --remove, or name another folder with --data."
            )
        return _told(home, there)
    clock = SystemClock()
    demo = Demo(seed=seed, schools=schools, days=days, as_of_ns=making.end_ns(clock.now_ns()))
    with _quietly(), _progress(days) as progress:
        made = making.make(home, demo, clock, progress)
    told = _told(home, made.demo)
    return msgspec.structs.replace(
        told, reports=made.held, set_aside=made.refused, seconds=round(made.seconds, 1)
    )


def _told(home: Home, demo: Demo) -> Told:
    return Told(
        simulated=True,
        folder=str(home.folder),
        seed=demo.seed,
        schools=demo.schools,
        school_days=demo.days,
        as_of_ns=demo.as_of_ns,
    )


@contextmanager
def _quietly() -> Iterator[None]:
    """What is set aside here was planned: no warning of it."""
    logger = logging.getLogger("collector")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


@contextmanager
def _progress(days: int) -> Iterator[Progress]:
    """A line that grows while the demo is made; only where somebody looks."""
    looks = sys.stderr.isatty()
    done: list[date] = []

    def told(day: date, reports: int) -> None:
        done.append(day)
        if looks:
            click.echo(f"\rSimulating {day:%d %B}: {reports:,} reports\033[K", nl=False, err=True)

    if not looks:
        click.echo(f"Simulating {days} school days ...", err=True)
    yield told
    if looks:
        click.echo("\r\033[K", nl=False, err=True)


def text(told: Told) -> str:
    """The same for reading, with what to do next."""
    head = f"Simulated: {told.schools} schools, {told.school_days} school days, seed {told.seed}"
    made = (
        f"{head}; {told.reports:,} reports through the real intake in {told.seconds:g} s."
        if told.reports is not None
        else f"{head}; it was there already."
    )
    program = config.program(Home(Path(told.folder)))
    return "\n".join(
        [
            made,
            *([f"Open {told.address} in a browser on this machine; Ctrl-C ends it."] if told.address else []),
            f"It lies in {told.folder}, and its clock stands still at the end of what was simulated.",
            f"  {program} ask lincoln --model flex",
            f"  {program} status",
            f"  {program} demo --remove",
        ]
    )
