"""Cards, labels and the list of a batch of boxes, written into a folder.

CardsError              what was asked for can't be made
"""

import base64
import binascii
import csv
import io
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from collector import entering
from collector.cards import firstboot
from collector.cards.firstboot import Given, System
from collector.cards.network import Way
from collector.config import EnrolSettings
from collector.store import identities, labels
from collector.store.errors import told
from collector.store.journal import Journal
from collector.store.labels import Label
from firstbell import district as districts
from firstbell.district import District, Seat
from firstbell.report import Medium
from firstbell.tables import escape

LIST, SHEET, BOXES = "boxes.csv", "labels.pdf", "boxes"
HEAD = ("number", "box", "school", "school_name", "room", "network", "vlan", "mac")
_KEYS = ("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-", "sk-ssh-ed25519", "sk-ecdsa-sha2-")


class CardsError(RuntimeError):
    """What was asked for can't be made."""


class Wanted(NamedTuple):
    """A box with the seat that it is meant for, and its label."""

    label: Label
    seat: Seat
    school: str
    """The school's name, or what stands for it at the hub."""
    way: Way


class Standing(NamedTuple):
    """Why some boxes get no new card: they are enrolled, or have one that nobody has used yet."""

    enrolled: frozenset[str]
    offered: frozenset[str]


def standing(journal: Journal, now_ns: int) -> Standing:
    """How the district's boxes stand. Raises StoreError."""
    with told("who has a card can't be read"), closing(journal.reader()) as db:
        enrolled = identities.good(db, now_ns)
        cards = identities.enrolments(db)
    fresh = (card for card in cards if card.decided_ns is None or card.let_in)
    return Standing(
        enrolled,
        frozenset(each.agent for each in fresh if each.key is not None or each.expires_ns > now_ns)
        - enrolled,
    )


def seats(district: District, schools: Sequence[str], boxes: Sequence[str], now_ns: int) -> dict[str, Seat]:
    """The boxes that are meant, with their seats: all, of schools, or those named. Raises CardsError."""
    placed = {
        agent: seat
        for agent in sorted({seat.agent for seat in district.seats})
        if (seat := districts.whereabouts(district, agent, now_ns) or _coming(district, agent))
    }
    try:
        meant = {districts.find_school(district, school).id for school in schools}
    except LookupError as error:
        raise CardsError(str(error)) from error
    if missing := [box for box in boxes if box not in placed]:
        raise CardsError(f"{', '.join(missing)}: no place; seats.csv says where each box is to stand")
    if not schools and not boxes:
        return placed
    return {agent: seat for agent, seat in placed.items() if agent in boxes or seat.school in meant}


def _coming(district: District, agent: str) -> Seat | None:
    """The first seat of a box that is to come later."""
    own = [seat for seat in district.seats if seat.agent == agent]
    return min(own, key=lambda seat: seat.since.toordinal() if seat.since else 0, default=None)


def wanted(
    journal: Journal,
    district: District,
    seated: Mapping[str, Seat],
    way: Callable[[str, bool], Way],
    now_ns: int,
) -> list[Wanted]:
    """The boxes with their labels, by school and room. Raises StoreError, SettingsError."""
    order = sorted(seated, key=lambda agent: (seated[agent].school, seated[agent].room, agent))
    # A way that can't be is told before any label is made.
    ways = {agent: way(seated[agent].school, seated[agent].medium is Medium.WIFI) for agent in order}
    return [
        Wanted(label, seated[label.agent], _school(district, seated[label.agent]), ways[label.agent])
        for label in labels.label(journal, order, now_ns)
    ]


def _school(district: District, seat: Seat) -> str:
    return districts.school_of(district, seat.school).name if seat.school else "District hub"


def zone_name(district: District, seat: Seat) -> str:
    """The time zone at a seat."""
    own = districts.school_of(district, seat.school).tz if seat.school else ""
    return own or district.settings.tz or districts.DEFAULT_TZ


def keys(path: Path) -> tuple[str, ...]:
    """The public SSH keys in a file, one a line. Raises CardsError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise CardsError(f"{path} can't be read: {error}") from error
    if "PRIVATE KEY" in text:
        raise CardsError(f"{path} is a private key, which stays where it is: name the file that ends in .pub")
    found = tuple(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))
    if not found or not all(_is_key(line) for line in found):
        raise CardsError(f"{path} should hold public SSH keys, one a line, as ssh-keygen writes them (.pub)")
    return found


def _is_key(line: str) -> bool:
    kind, _, rest = line.partition(" ")
    try:
        return (
            kind.startswith(_KEYS)
            and line.isprintable()
            and len(base64.b64decode(rest.split(" ")[0], validate=True)) > len(kind)
        )
    except (binascii.Error, ValueError):
        return False


def card(enrol: EnrolSettings, token: str) -> str:
    """The text of a card."""
    return (
        f'collector = "{enrol.collector}"\nbroker = "{enrol.broker}"\nbroker_port = {enrol.broker_port}\n'
        f'token = "{token}"\n' + (f'proxy = "{enrol.proxy}"\n' if enrol.proxy else "")
    )


def write_box(folder: Path, given: Given, system: System) -> Path:
    """Write what goes onto the boot partition of one box; the folder. Raises OSError."""
    place = folder / BOXES / given.agent
    for name, text in firstboot.files(given, system).items():
        target = place / name
        entering.write_secret(target.parent, target.name, text.removesuffix("\n"))
    return place


def check_boot(boot: Path) -> None:
    """See that a boot partition is mounted at `boot`. Raises CardsError."""
    if not (boot / "cmdline.txt").is_file():
        raise CardsError(f"{boot} is no boot partition of Raspberry Pi OS: there is no cmdline.txt in it")


def put_on(boot: Path, given: Given, system: System) -> None:
    """Write it onto a boot partition that is mounted at `boot`. Raises CardsError, OSError."""
    check_boot(boot)
    cmdline = boot / "cmdline.txt"
    for name, text in firstboot.files(given, system).items():
        (boot / name).parent.mkdir(exist_ok=True)
        (boot / name).write_text(text, encoding="utf-8", newline="\n")
    before = cmdline.read_text(encoding="ascii")
    cmdline.write_text(firstboot.added_to(before, given, system), encoding="ascii", newline="\n")


def as_list(boxes: Iterable[Wanted], macs: Mapping[str, str]) -> str:
    """The list for whoever sets up switches and hangs boxes; no secret is in it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEAD)
    for each in boxes:
        agent, way = each.label.agent, each.way
        network = "wifi" if way.ssid else "802.1X" if way.identity else "wire"
        cells = (
            str(each.label.number), agent, each.seat.school, each.school, each.seat.room, network,
            str(way.vlan or ""), macs.get(agent, ""),
        )  # fmt: skip
        writer.writerow([escape(cell) for cell in cells])
    return text.getvalue()


def url(enrol: EnrolSettings, label: Label) -> str:
    """Where the QR code leads."""
    return f"{(enrol.pages or enrol.collector).rstrip('/')}/here/{label.code}"


def numbers(journal: Journal) -> dict[str, int]:
    """Each box's number, by its name. Raises StoreError."""
    with told("labels can't be read"), closing(journal.reader()) as db:
        return labels.numbers(db)


def without(seated: Mapping[str, Seat], skipped: Collection[str]) -> dict[str, Seat]:
    """The boxes but those."""
    return {agent: seat for agent, seat in seated.items() if agent not in skipped}
