"""What every page says first: that it is simulated, which school doesn't answer, what waits, what is old.

Each one line, in this order, never more than three.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from collector.questions import reached, returned, summer
from collector.registry import Folder
from collector.store.reads import Reads
from firstbell import district as districts
from firstbell import quiet as quiets
from firstbell.district import NS, District, School
from firstbell.quiet import Quiet
from firstbell.readiness import words

MOST = 3
SILENT_AFTER_NS = 10 * 60 * NS
"""Boxes report every minute; a school of which nothing came for so long does not answer."""
OLD_AFTER_NS = 3_600 * NS
"""Nothing from any box for an hour: the page says how old it is, and no single school is to blame."""

Kind = Literal[
    "simulated", "now", "summer", "quiet", "folder", "certificates", "old", "full", "restored", "backup"
]


class Banner(msgspec.Struct, frozen=True, kw_only=True):
    """One line. `link` are the words of the address `href`; both are empty where there is nowhere to go."""

    kind: Kind
    label: str
    text: str
    link: str = ""
    href: str = ""


def of(
    reads: Reads,
    folder: Folder,
    as_of_ns: int,
    *,
    disk_full: bool = False,
    folder_trouble: str = "",
    certificates: bool = False,
    backup_trouble: str = "",
) -> tuple[Banner, ...]:
    """The banners of this moment, at most three; the first ones win.

    `folder_trouble` is why the district's files on the disk are not those in use; `certificates` that one of
    the district's own ends soon; `backup_trouble` what is to be said of backups.
    """
    district = folder.district
    heard = {box.agent: box.last_ns for box in reads.boxes()}
    last_ns = max(heard.values(), default=as_of_ns)
    old = as_of_ns - last_ns > OLD_AFTER_NS
    found = [
        _simulated(district),
        None if old else _now(reads, district, heard, as_of_ns),
        _summer(reads, district, as_of_ns),
        _quiet(reads, district, as_of_ns),
        _folder(district, folder_trouble),
        _certificates(ending=certificates),
        _old(district, last_ns) if old else None,
        _full(disk_full=disk_full),
        _restored(reads, as_of_ns),
        Banner(kind="backup", label="Backup", text=backup_trouble) if backup_trouble else None,
    ]
    return tuple(banner for banner in found if banner)[:MOST]


def _simulated(district: District) -> Banner | None:
    if not district.settings.simulated:
        return None
    text = f"{district.settings.name} is made up, and so is every number on this page."
    return Banner(kind="simulated", label="Simulated", text=text)


def _now(reads: Reads, district: District, heard: Mapping[str, int], as_of_ns: int) -> Banner | None:
    """Schools of whose boxes nothing has come for ten minutes, the longest silent first.

    One whose gateway answers us is none of them: only our box is silent. Nor is one on summer
    that fell silent for it.
    """
    summers = summer.standing(reads, district, as_of_ns)
    found = [
        (since_ns, school, answers)
        for school, since_ns in _silent(district, heard, as_of_ns)
        if not summer.excused(summers, school.id, since_ns)
        and (answers := reached.gateway(reads, district, school, as_of_ns).answers) is not True
    ]
    if not found:
        return None
    since_ns, school, answers = min(found, key=lambda one: one[0])
    zone = districts.zone(school.tz)
    now = datetime.fromtimestamp(as_of_ns // NS, zone)
    since = words.since(datetime.fromtimestamp(since_ns // NS, zone), now)
    what = "its power or its line" if answers is False else "its power, its line or only our box"
    text = f"{school.name} hasn\u2019t answered since {since}: {what}."
    if others := len(found) - 1:
        text += f" Nor {'has' if others == 1 else 'have'} {words.count(others, 'other school')}."
    link = "See the boxes" if others else "See its box"
    return Banner(kind="now", label="Now", text=text, link=link, href="/boxes")


def _silent(district: District, heard: Mapping[str, int], as_of_ns: int) -> list[tuple[School, int]]:
    latest: dict[str, int] = {}
    for agent, last_ns in heard.items():
        seat = districts.whereabouts(district, agent, as_of_ns)
        if seat and seat.school:
            latest[seat.school] = max(last_ns, latest.get(seat.school, 0))
    return [
        (school, latest[school.id])
        for school in district.schools
        if school.id in latest and as_of_ns - latest[school.id] > SILENT_AFTER_NS
    ]


def _summer(reads: Reads, district: District, as_of_ns: int) -> Banner | None:
    """Where it is summer, and until when."""
    mode = summer.sentence(district, summer.standing(reads, district, as_of_ns).held)
    return Banner(kind="summer", label="Summer", text=mode) if mode else None


def _quiet(reads: Reads, district: District, as_of_ns: int) -> Banner | None:
    """The quiet time that holds now; with the number of schools, where not all keep it."""
    orders = reads.quiet_times(as_of_ns)
    keeping = [
        quiet
        for school in district.schools
        if (quiet := quiets.at_school(district, orders, school, as_of_ns))
    ]
    if not keeping:
        return None
    quiet = max(keeping, key=lambda quiet: quiet.until)
    where = "" if len(keeping) == len(district.schools) else f" at {words.count(len(keeping), 'school')}"
    text = (
        f"{quiet.why or 'A quiet time'}{where} until {_until(quiet)}. No line is being loaded; answers wait."
    )
    return Banner(kind="quiet", label="Quiet", text=text)


def _until(quiet: Quiet) -> str:
    return f"{words.weekday(quiet.until)}, {words.clock(quiet.until)}"


def _folder(district: District, trouble: str) -> Banner | None:
    if not trouble:
        return None
    first, *more = trouble.splitlines()
    others = f" And {words.count(len(more), 'more mistake')}." if more else ""
    used = "this page uses what was read before" if district.schools else "none was read before"
    text = f"The district\u2019s files can\u2019t be used; {used}: {first}.{others}"
    return Banner(kind="folder", label="Files", text=text)


def _certificates(*, ending: bool) -> Banner | None:
    text = (
        "A certificate of this server\u2019s ends soon; boxes and browsers are locked out after that. "
        "Whoever runs it sees which, and what to do, with firstbell status."
    )
    return Banner(kind="certificates", label="Ends soon", text=text) if ending else None


def _old(district: District, last_ns: int) -> Banner:
    last = datetime.fromtimestamp(last_ns // NS, districts.zone(district.settings.tz or districts.DEFAULT_TZ))
    at = f"{words.weekday(last)}, {words.clock(last)}"
    text = f"Nothing has arrived since {at}. This page shows what was known then."
    return Banner(kind="old", label="Old", text=text)


def _restored(reads: Reads, as_of_ns: int) -> Banner | None:
    """After a restore, until all boxes have sent again what they kept."""
    found = returned.ask(reads, as_of_ns, counted=False)
    if found is None or not found.absent:
        return None
    return Banner(kind="restored", label="Restored", text=found.sentence)


def _full(*, disk_full: bool) -> Banner | None:
    text = "The disk is full. Boxes keep their data until there is room again."
    return Banner(kind="full", label="Full", text=text) if disk_full else None
