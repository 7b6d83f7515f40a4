"""`firstbell status`: what the boxes are doing."""

from datetime import UTC, datetime
from itertools import islice

import click

from collector import config, registry, simulated
from collector.cli.common import json_option, opened, pass_home, show, table
from collector.config import Home
from collector.identity import own
from collector.keeping import record
from collector.questions import status
from collector.questions.returned import Returned
from collector.questions.seen import size
from collector.questions.status import BoxStatus, DistrictStatus, Measurement
from firstbell.district import District
from firstbell.settings import SettingsError
from firstbell.tables import FolderError

_MOST_SHOWN = 12
"""Readings of one measurement on a line; a throughput has forty, a way two a router."""
_MINUTE_NS = 60 * status.NS
_SILENT_NS = 15 * _MINUTE_NS
"""A box says something every minute; after this long it is silent, whatever the reason."""


@click.command("status")
@json_option
@pass_home
def command(home: Home, as_json: bool) -> None:
    """Show each box: last seen, what waits, what is missing, lost or refused, and what it measured last."""
    now_ns = home.clock.now_ns()
    with opened(home) as reads:
        answer = status.ask(
            reads,
            now_ns,
            district=_district(home),
            simulated=simulated.here(home),
            certificates=_certificates(home),
            backup_trouble=record.late_now(home),
        )
    show(answer, text(answer, now_ns), as_json=as_json, simulated=answer.simulated)


def _district(home: Home) -> District | None:
    """The district, where its folder can be read: what boxes do is told in any case."""
    try:
        return registry.read(home.district).district
    except (FolderError, OSError):
        return None


def _certificates(home: Home) -> list[str]:
    """What is to be done about the district's own certificates.

    Nothing where the settings can't be read: their own commands say so.
    """
    try:
        settings = config.read(home.settings)
    except SettingsError:
        return []
    named = (settings.broker.cert_file, settings.web.cert_file)
    return own.seen(home.folder, named, home.clock.now_ns()).troubles


def text(answer: DistrictStatus, now_ns: int) -> str:
    """The state for reading: what is wrong first."""
    if not answer.boxes:
        return "\n\n".join(filter(None, [_alarms(answer, now_ns), "No box has reported yet."]))
    blocks = [_alarms(answer, now_ns), _boxes(answer, now_ns)]
    blocks += [f"{box.name}, last measurements\n{_measurements(box, now_ns)}" for box in answer.boxes]
    blocks.append(f"{answer.reports:,} reports are kept, {answer.quarantined:,} messages are set aside.")
    return "\n\n".join(block for block in blocks if block)


def _alarms(answer: DistrictStatus, now_ns: int) -> str:
    lines = [answer.summer] if answer.summer else []
    lines += answer.certificates
    lines += [answer.backup_trouble] if answer.backup_trouble else []
    if answer.restored:
        lines.append(of_restore(answer.restored))
    lines += [
        f"{name} is shut out, and nothing of it is taken. A mistake? firstbell box let-back {name}"
        for name in answer.shut_out
    ]
    lines += answer.at_the_door
    for box in answer.boxes:
        if box.two_boxes:
            lines.append(
                f"TWO BOXES CALL THEMSELVES {box.name}: {box.two_boxes}. Nothing that either says is "
                f"counted. Give one another name, then: firstbell box accept {box.name}"
            )
        expected = box.name not in answer.shut_out and box.name not in answer.away
        if expected and now_ns - box.last_seen_ns > _SILENT_NS:
            lines.append(f"{box.name} is silent: last heard of {ago(box.last_seen_ns, now_ns)}.")
        if box.lost:
            lines.append(f"{box.name} lost {box.lost:,} reports, by its own word.")
    return "\n".join(lines)


def _boxes(answer: DistrictStatus, now_ns: int) -> str:
    head = [
        "box",
        "last seen",
        "reports",
        "starts",
        "waiting",
        "missing",
        "lost",
        "refused",
        "used yesterday",
        "clock",
        "version",
    ]
    return table(
        head,
        [
            [
                box.name,
                ago(box.last_seen_ns, now_ns),
                f"{box.reports:,}",
                str(box.starts),
                _waiting(box, now_ns),
                f"{box.missing:,}",
                f"{box.lost:,}",
                f"{box.refused:,}",
                used(box.used_s, box.used_bytes),
                box.clock or "-",
                box.version or "-",
            ]
            for box in answer.boxes
        ],
    )


def _waiting(box: BoxStatus, now_ns: int) -> str:
    """What waited when the box last spoke of it, which it does each five minutes, and when that was."""
    if box.waiting is None or box.waiting_at_ns is None:
        return "-"
    age_ns = now_ns - box.waiting_at_ns
    fresh = abs(age_ns) < _MINUTE_NS or (not box.waiting and age_ns < _SILENT_NS)
    return f"{box.waiting:,}" if fresh else f"{box.waiting:,}, {ago(box.waiting_at_ns, now_ns)}"


def used(seconds: float, amount: int) -> str:
    """What heavy tests took of a line: `84 s, 1.2 GB`."""
    return f"{seconds:,.0f} s, {size(amount)}" if seconds or amount else "-"


def _measurements(box: BoxStatus, now_ns: int) -> str:
    return table(
        ["probe", "target", "when", "result"],
        [[m.probe, m.target or "-", ago(m.at_ns, now_ns), result(m)] for m in box.measurements],
    )


def result(measurement: Measurement) -> str:
    """How a measurement ended, in one line: its readings, what limited them first, or why there are none."""
    limited = {"limited_by": str(measurement.limited_by)} if measurement.limited_by else {}
    found = {**limited, **measurement.readings}
    readings = ", ".join(f"{name} {_short(value)}" for name, value in islice(found.items(), _MOST_SHOWN))
    if len(found) > _MOST_SHOWN:
        readings += f", and {len(found) - _MOST_SHOWN} more (--json)"
    ended = "" if measurement.status == "ok" else f"{measurement.status}: {measurement.reason}"
    return "; ".join(part for part in (ended, readings) if part)


def _short(value: bool | float | str) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"  # noqa: PLR2004 - no 2.411e+04


def ago(at_ns: int, now_ns: int) -> str:
    """How long ago something was, in the unit that fits; the date beyond two days."""
    minutes = (now_ns - at_ns) // _MINUTE_NS
    if minutes < 0:
        return f"ahead of now: {date(at_ns)}"
    if minutes < 1:
        return "now"
    if minutes < 120:  # noqa: PLR2004 - two hours
        return f"{minutes} min ago"
    hours = minutes // 60
    return f"{hours} h ago" if hours < 48 else date(at_ns)  # noqa: PLR2004 - two days


def of_restore(found: Returned) -> str:
    """How far boxes are after a restore, with what that could not bring back."""
    gone = (
        " What boxes had sent more than seven days before the restore, and after the backup, is gone."
        if found.too_old
        else ""
    )
    return f"Restored {date(found.at_ns)}, from the backup of {date(found.taken_ns)}. {found.sentence}{gone}"


def date(at_ns: int) -> str:
    """As 2026-11-30 02:15 UTC."""
    return datetime.fromtimestamp(at_ns / status.NS, UTC).strftime("%Y-%m-%d %H:%M UTC")
