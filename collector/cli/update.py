"""`firstbell update`: what boxes that nobody can reach may take by themselves, and when."""

from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from collector import registry, updates
from collector.cli.common import json_option, pass_home, show
from collector.config import Home
from collector.updates import GOOD_DAYS, Key, UpdateError
from firstbell.district import NS
from firstbell.update import STAGES, Offer, Stage, begins_for

_HOURS_A_DAY = 24


@click.group("update")
def group() -> None:
    """What boxes take by themselves: versions of their program, signed, some boxes first."""


_key = click.option(
    "--key",
    "path",
    type=click.Path(path_type=Path),
    help="The file with the key that signs. (Default: `update-key` in the data folder.)",
)


@group.command("key")
@_key
@json_option
@pass_home
def key(home: Home, path: Path | None, as_json: bool) -> None:
    """Print the public half, which boxes are given; the key is made where there is none."""
    public = Key(path or home.folder / updates.KEY, make=True).public
    show({"key": public}, public, as_json=as_json)


def _hours(_context: click.Context, _option: click.Parameter, text: str) -> tuple[int, int]:
    try:
        first, last = (datetime.strptime(part.strip(), "%H:%M") for part in text.split("-"))  # noqa: DTZ007 - a time of day
    except ValueError as error:
        raise click.BadParameter("two times of day, as 17:00-05:00") from error
    return first.hour * 60 + first.minute, last.hour * 60 + last.minute


def _stages(_context: click.Context, _option: click.Parameter, text: str) -> tuple[Stage, ...]:
    try:
        pairs = [part.split(":") for part in text.split(",")]
        return tuple(Stage(after_h=float(day) * _HOURS_A_DAY, share_pct=float(share)) for day, share in pairs)
    except ValueError as error:
        raise click.BadParameter("days and percent, as 1:10,3:50,5:100") from error


@group.command("offer")
@click.argument(
    "bundles", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, file_okay=False)
)
@click.option(
    "--pilot", "pilots", multiple=True, metavar="BOX", help="A box that takes it at once (again for another)."
)
@click.option(
    "--stages",
    callback=_stages,
    default=",".join(f"{stage.after_h / _HOURS_A_DAY:g}:{stage.share_pct:g}" for stage in STAGES),
    show_default=True,
    help="After how many days which share of the boxes takes it, in percent.",
)
@click.option("--at-once", is_flag=True, help="All boxes take it as soon as it is outside school hours.")
@click.option(
    "--hours",
    callback=_hours,
    default="17:00-05:00",
    show_default=True,
    help="When, in each box's own time of day; the same twice: always.",
)
@click.option(
    "--good-days",
    type=click.IntRange(1, 400),
    default=GOOD_DAYS,
    show_default=True,
    help="How long it is offered.",
)
@_key
@json_option
@pass_home
def offer(
    home: Home,
    bundles: tuple[Path, ...],
    pilots: tuple[str, ...],
    stages: tuple[Stage, ...],
    at_once: bool,
    hours: tuple[int, int],
    good_days: int,
    path: Path | None,
    as_json: bool,
) -> None:
    """Offer what `scripts/bundle` made in BUNDLES (one for each kind of machine) in place of any before.

    A step back is an offer like any other: of the older bundle.
    """
    signs, before = _key_of(home, path), updates.current(home.folder)
    _check_pilots(home, pilots)
    now_s = home.clock.now_ns() // NS
    begins_s, ends_s = updates.span(now_s, good_days)
    parcels = tuple(updates.pack(home.folder, bundle) for bundle in bundles)
    try:
        made = Offer(
            serial=updates.next_serial(before, now_s),
            begins_s=begins_s,
            ends_s=ends_s,
            parcels=parcels,
            pilots=pilots,
            stages=(Stage(after_h=0, share_pct=100),) if at_once else stages,
            from_minute=hours[0],
            until_minute=hours[1],
        )
    except ValueError as error:
        raise UpdateError(str(error)) from error
    updates.publish(home.folder, signs, made)
    show(made, _words(made), as_json=as_json)


@group.command("stop")
@_key
@json_option
@pass_home
def stop(home: Home, path: Path | None, as_json: bool) -> None:
    """Offer nothing any more: boxes that have not begun to change do not."""
    now_s = home.clock.now_ns() // NS
    begins_s, ends_s = updates.span(now_s)
    serial = updates.next_serial(updates.current(home.folder), now_s)
    made = Offer(serial=serial, begins_s=begins_s, ends_s=ends_s)
    updates.publish(home.folder, _key_of(home, path), made)
    show(made, _words(made), as_json=as_json)


@group.command("show")
@click.option("--box", "boxes", multiple=True, metavar="BOX", help="From when on a box may take it.")
@json_option
@pass_home
def shown(home: Home, boxes: tuple[str, ...], as_json: bool) -> None:
    """Show what is offered, and to whom when."""
    there = updates.current(home.folder)
    turns = {box: begins_for(there, box) if there else None for box in boxes}
    text = _words(there) if there else "Nothing was ever offered."
    for box, turn_s in turns.items():
        text += f"\n{box}: " + ("never" if turn_s is None else f"from {_moment(turn_s)} on")
    show({"offer": msgspec.to_builtins(there), "boxes": turns}, text, as_json=as_json)


def _key_of(home: Home, path: Path | None) -> Key:
    """The key that boxes know; none is made here, for no box would believe it. Raises UpdateError."""
    found = path or home.folder / updates.KEY
    if not found.exists():
        raise UpdateError(
            f"{found} is not there, and boxes believe no other key: work where `firstbell update key` made "
            "it, or name it with --key"
        )
    return Key(found)


def _check_pilots(home: Home, pilots: tuple[str, ...]) -> None:
    """See that each is a box with a place, where there is a district folder. Raises UpdateError."""
    if not pilots or not home.district.exists():
        return
    boxes = {seat.agent for seat in registry.read(home.district).district.seats}
    for name in pilots:
        if name not in boxes:
            raise UpdateError(f"{name} is no box: seats.csv has none of that name")


def _words(made: Offer) -> str:
    if not made.parcels:
        return f"Offer {made.serial}: nothing."
    lines = [f"Offer {made.serial}, until {_moment(made.ends_s)}:"]
    lines += [
        f"  {parcel.release} for {parcel.machine}, Python {parcel.python} ({parcel.size / 1e6:.1f} MB)"
        for parcel in made.parcels
    ]
    if made.pilots:
        lines.append(f"  from {_moment(made.begins_s)} on: {', '.join(made.pilots)}")
    lines += [
        f"  from {_moment(made.begins_s + stage.after_h * 3600)} on: {stage.share_pct:g} % of the boxes"
        for stage in made.stages
    ]
    first, last = made.from_minute, made.until_minute
    when = f"between {first // 60:02d}:{first % 60:02d} and {last // 60:02d}:{last % 60:02d}"
    return "\n".join([*lines, f"  {'at any time' if first == last else when} of each box's own day"])


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
