"""How long what is kept: made from settings and from the numbers that the program itself goes by."""

from collections.abc import Iterator
from typing import NamedTuple

from agent import config as agent
from agent.spool import intake, queue
from collector.config import InfluxSettings, Settings
from collector.identity import authority, registrar
from collector.store import quarantine
from collector.web import access
from firstbell import enrolment
from scripts.pages.markdown import table
from scripts.pages.settings import fields

_DAY_NS = 86_400 * 10**9
_HOUR_S = 3600
_MB = 1 << 20


class Kept(NamedTuple):
    """One line: what it is about, how long it stays, and what sets that."""

    what: str
    long: str
    by: str


def lines() -> dict[str, Kept]:
    """Every length of time, by the name that the data map calls it by."""
    influx = InfluxSettings()
    raw, hourly, daily = (f"{n:,} days" for n in (influx.raw_days, influx.hourly_days, influx.daily_days))
    spool_mb = next(value for name, _, value in fields(agent.Settings) if name == "box.spool_max_mb")
    spool_days = queue.KEEP_NS // _DAY_NS
    return {
        "journal": Kept(
            "The collector's journal", "as long as the district keeps it: nothing is deleted by age", "you"
        ),
        "influx": Kept(
            "InfluxDB",
            f"reports and copies {raw}, hours {hourly}, days {daily}",
            "`influx.raw_days`, `influx.hourly_days`, `influx.daily_days` in collector.toml; "
            "InfluxDB deletes by itself",
        ),
        "quarantine": Kept(
            "What was refused",
            f"the newest {quarantine.MOST_ROWS:,} messages, {quarantine.MOST_BYTES // _MB} MiB at most",
            "fixed",
        ),
        "spool": Kept(
            "A box's reports",
            f"until the collector holds them, and {spool_days} days longer, within {spool_mb:,} MB",
            "`box.spool_max_mb` in agent.toml",
        ),
        "spool_bounds": Kept(
            "A box's list of refused and lost reports and of its starts",
            f"the newest {queue.MOST_REFUSED:,} refused and {intake.MOST_LOSSES:,} losses; "
            f"{intake.MOST_EPOCHS:,} starts, and those of which a report is there",
            "fixed",
        ),
        "ledger": Kept("A box's bytes by day", f"{queue.MOST_DAYS} days", "fixed"),
        "card": Kept(
            "A card's token",
            f"good for {enrolment.TOKEN_DAYS} days, once; its hash stays in the journal",
            "`firstbell box card --days`",
        ),
        "certificate": Kept(
            "A box's certificate",
            f"good for {enrolment.CERTIFICATE_DAYS} days, renewed from half of them on; a key is known "
            f"{registrar.UNSEEN_DAYS:,} days after its last certificate",
            "fixed; `firstbell box shut-out` ends it at once",
        ),
        "authority": Kept(
            "The authority", f"good for {authority.YEARS} years", "fixed; `firstbell authority make --follow`"
        ),
        "tokens": Kept("Tokens for the pages", "until `firstbell token remove`", "you"),
        "session": Kept(
            "The cookie of somebody who signed in",
            f"{access.COOKIE_S // _HOUR_S} hours, or until they sign out",
            "fixed",
        ),
        "logs": Kept(
            "Logs",
            "as the system's journal is set to keep them; those of `firstbell up` until you delete them",
            "you",
        ),
        "backups": Kept("Backups", _backups(), "you"),
        "passing": Kept("Copies on their way", "until what they are for is done, or begun anew", "fixed"),
        "cards": Kept(
            "Cards and labels as files",
            f"until you delete them; what opens anything is taken off an SD card at its first start, and a "
            f"token is good for {enrolment.TOKEN_DAYS} days, once",
            "you",
        ),
        "running": Kept("The port of the pages", "as long as the collector runs", "fixed"),
        "yours": Kept(
            "Settings, secrets and the district's folder", "as long as you leave them there", "you"
        ),
    }


def retention() -> str:
    """One line each."""
    return table(["what", "how long", "set by"], lines().values())


def _backups() -> str:
    """As `[keep]` says where the program has such a table; else nobody but you deletes any."""
    counts = dict(_keep())
    if not {"daily", "weekly", "monthly"} <= {*counts}:
        return "as long as you leave them there"
    return (
        f"the newest of each of the last {counts['daily']} days, {counts['weekly']} weeks and "
        f"{counts['monthly']} months (`keep.daily`, `keep.weekly`, `keep.monthly` in collector.toml)"
    )


def _keep() -> Iterator[tuple[str, object]]:
    for name, _, value in fields(Settings):
        if name.startswith("keep."):
            yield name.removeprefix("keep."), value
