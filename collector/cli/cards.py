"""`firstbell cards`: a batch of boxes, from the shelf to the wall."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, get_args

import click

from collector import config
from collector.cards import macs as addresses
from collector.cards import making, network
from collector.cards.firstboot import Given, System
from collector.cards.making import CardsError, Wanted
from collector.cards.network import Way
from collector.cli.common import journal_of, json_option, loaded, pass_home, progress_bar, show
from collector.config import EnrolSettings, Home
from collector.identity.authority import Authority
from collector.identity.registrar import Registrar
from collector.store.journal import Journal
from firstbell.district import District, Seat
from firstbell.enrolment import TOKEN_DAYS
from firstbell.readiness import words

USER = "firstbell-admin"
_USER = re.compile(r"[a-z][a-z0-9-]{0,30}\Z")
_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)


class Batch(NamedTuple):
    """What was asked for."""

    out: Path
    system: System
    user: str
    ssh_key: Path | None
    onto: Path | None
    automatic: bool
    days: int
    again: bool
    labels_only: bool


@click.command("cards")
@click.option("--school", "schools", multiple=True, help="Its boxes alone (again for another one).")
@click.option("--box", "boxes", multiple=True, help="This box alone (again for another one).")
@click.option("--out", type=_FOLDER, required=True, help="The folder to write into.")
@click.option("--ssh-key", type=_FILE, help="Public SSH keys of whoever may come in; nobody has a password.")
@click.option("--user", default=USER, show_default=True, help="The name under which they come in.")
@click.option(
    "--os",
    "system",
    type=click.Choice(get_args(System)),
    default="trixie",
    show_default=True,
    help="The release of Raspberry Pi OS.",
)
@click.option("--network", "network_file", type=_FILE, help="VLAN, 802.1X and Wi-Fi (docs/boxes.md).")
@click.option("--macs", "macs_file", type=_FILE, help="A CSV of box and MAC, as scanned at the bench.")
@click.option(
    "--onto", type=_FOLDER, help="Write one box onto this mounted boot partition; no labels, no list."
)
@click.option("--labels-only", is_flag=True, help="Labels and list again; no card.")
@click.option("--again", is_flag=True, help="A new card also where one waits; that one is worthless then.")
@click.option("--automatic", is_flag=True, help="Let in whoever comes with a card first.")
@click.option(
    "--days",
    type=click.IntRange(1, 365),
    default=TOKEN_DAYS,
    show_default=True,
    help="Until a card must be used.",
)
@json_option
@pass_home
def command(
    home: Home,
    /,
    schools: tuple[str, ...],
    boxes: tuple[str, ...],
    network_file: Path | None,
    macs_file: Path | None,
    as_json: bool,
    **asked: object,
) -> None:
    """Write what new boxes need: cards for their first start, labels to print (PDF), a list (CSV).

    Without --school or --box for all that have a place in seats.csv and no card and no certificate yet.
    """
    batch = Batch(**asked)  # type: ignore[arg-type]  # click gives what the options say
    enrol, journal = config.read(home.settings).enrol, journal_of(home)
    if not enrol.collector or not enrol.broker:
        raise click.ClickException(
            f"boxes can't know where to ask: set collector and broker under [enrol] in {home.settings}"
        )
    signs = Authority(home.folder)
    keys = () if batch.labels_only else _keys(batch)
    try:
        district = loaded(home, journal).district
        now_ns = home.clock.now_ns()
        seated = making.seats(district, schools, boxes, now_ns)
        skipped = {} if batch.labels_only else _skipped(journal, seated, boxes, batch, now_ns)
        way = network.read(network_file, district) if network_file else _plainly
        made = making.wanted(journal, district, making.without(seated, skipped), way, now_ns)
        _check_one(batch, made)
        read = addresses.read(macs_file, making.numbers(journal)) if macs_file else {}
        if not batch.onto:  # the sheet and the list of the batch stay what they are
            _write_sheet(batch.out, made, read, enrol, district)
        if not batch.labels_only:
            _write_cards(home, batch, made, keys, enrol, district, signs)
    except CardsError as error:
        raise click.ClickException(str(error)) from error
    answer = {
        "folder": str(batch.out),
        "boxes": [
            {"number": each.label.number, "box": each.label.agent, "mac": read.get(each.label.agent, "")}
            for each in made
        ],
        "skipped": skipped,
    }
    show(answer, _told(batch, made, skipped), as_json=as_json)


def _keys(batch: Batch) -> tuple[str, ...]:
    if not _USER.match(batch.user):
        raise click.UsageError(f"--user: a name of a to z, 0 to 9 and dashes, as {USER}")
    if batch.ssh_key is None:
        raise click.UsageError(
            "--ssh-key is missing: nobody has a password, so without a key nobody could come in"
        )
    try:
        return making.keys(batch.ssh_key)
    except CardsError as error:
        raise click.ClickException(str(error)) from error


def _plainly(school: str, by_wifi: bool) -> Way:
    """DHCP on the wire; nobody said how to get onto a Wi-Fi."""
    if by_wifi:
        raise CardsError(
            f"a box of {school} stands on Wi-Fi (seats.csv): name the network with --network FILE"
        )
    return Way()


def _skipped(
    journal: Journal, seated: Mapping[str, Seat], named: tuple[str, ...], batch: Batch, now_ns: int
) -> dict[str, str]:
    """Who gets no card, and why; who is named gets one in any case but that one waits for it."""
    stands = making.standing(journal, now_ns)
    found = {agent: "is enrolled" for agent in seated if agent in stands.enrolled and agent not in named}
    if not batch.again:
        found |= {agent: "has a card" for agent in seated if agent in stands.offered}
    return found


def _check_one(batch: Batch, made: list[Wanted]) -> None:
    if batch.onto and (len(made) != 1 or batch.labels_only):
        raise CardsError(f"--onto writes one box, and these are {len(made)}: name it with --box")
    if batch.onto:
        making.check_boot(batch.onto)


def _write_sheet(
    out: Path, made: list[Wanted], macs: Mapping[str, str], enrol: EnrolSettings, district: District
) -> None:
    try:
        from collector.cards import sheet  # noqa: PLC0415 - whoever serves pages needs no printer's libraries
    except ModuleNotFoundError as missing:
        raise CardsError(f"the library {missing.name} is missing: install firstbell[cards]") from missing
    if not made:
        return
    stickers = [
        sheet.Sticker(
            each.label.number,
            each.label.agent,
            each.school,
            each.seat.room,
            macs.get(each.label.agent, ""),
            making.url(enrol, each.label),
            each.seat.medium,
        )
        for each in made
    ]
    out.mkdir(parents=True, exist_ok=True)
    (out / making.SHEET).write_bytes(sheet.pdf(stickers, f"Labels of {district.settings.name}"))
    (out / making.LIST).write_text(making.as_list(made, macs), encoding="utf-8")


def _write_cards(
    home: Home,
    batch: Batch,
    made: list[Wanted],
    keys: tuple[str, ...],
    enrol: EnrolSettings,
    district: District,
    signs: Authority,
) -> None:
    registrar = Registrar(journal_of(home), signs, home.clock)
    with progress_bar("Cards", hidden=not sys.stdout.isatty()) as progress:
        for done, each in enumerate(made, 1):
            agent = each.label.agent
            number, token = registrar.offer(agent, automatic=batch.automatic, days=batch.days)
            given = Given(
                agent=agent,
                instance=f"firstbell-{agent}-{number}",
                tz=making.zone_name(district, each.seat),
                user=batch.user,
                keys=keys,
                card=making.card(enrol, token),
                authorities=signs.pem,
                way=each.way,
            )
            making.write_box(batch.out, given, batch.system)
            if batch.onto:
                making.put_on(batch.onto, given, batch.system)
            progress(done, len(made))


def _told(batch: Batch, made: list[Wanted], skipped: Mapping[str, str]) -> str:
    lines = [f"{words.count(len(made), 'box', 'boxes')}: {batch.out / making.SHEET}, {making.LIST}"]
    if not made:
        lines = ["No box needs a card."]
    elif batch.onto:
        lines = [f"{made[0].label.agent} is on {batch.onto}; labels and list were left as they are."]
    elif not batch.labels_only:
        lines[0] += f", and for each box a folder in {making.BOXES}/ (docs/boxes.md says what to do with it)"
    if made and not batch.labels_only:
        lines.append(
            f"The cards are good for {batch.days} days. Whoever has one can ask to be let in: keep them."
        )
    for why in sorted(set(skipped.values())):
        agents = [agent for agent in skipped if skipped[agent] == why]
        remedy = "; --again writes a new one" if why == "has a card" else "; --box NAME replaces it"
        lines.append(f"No card for {', '.join(agents)}: {why} already{remedy}.")
    return "\n".join(lines)
