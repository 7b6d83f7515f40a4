"""`firstbell influx`: the way from the journal into InfluxDB."""

import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from collector import config, entering, influxdb, registry, simulated
from collector.cli.common import journal_of, json_option, loaded, pass_home, progress_bar, show
from collector.cli.status import ago
from collector.config import Home, InfluxSettings
from collector.questions.verify import Verified
from collector.sinks.answers import InfluxError
from collector.sinks.influx import Server
from collector.sinks.setup import Ready
from collector.sinks.standing import Placed
from collector.store.outbox import Outbox
from collector.store.reads import Reads
from firstbell.district import NS

TOKEN_VARIABLE = "INFLUX_TOKEN"  # noqa: S105 - a variable's name
_MOST_SHOWN = 20


@click.group("influx")
def group() -> None:
    """The way from the journal into InfluxDB: set up, status, ship, verify, make anew."""


@group.command("setup")
@click.option("--url", metavar="URL", help="Where InfluxDB 2 is, as http://127.0.0.1:8086.")
@click.option("--org", help="Its organisation.  [default: firstbell]")
@click.option("--bucket", help="The bucket for reports; that of roll-ups is beside it.  [default: firstbell]")
@click.option("--district", help="The name that points bear; else the folder's own.")
@click.option("--ca-file", help="Whose word counts for its certificate, seen from the data folder.")
@click.option("--new-tokens", is_flag=True, help="Make both tokens anew; those of before end.")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"The operator's token, which may make buckets; else ${TOKEN_VARIABLE}, else it is asked for.",
)
@click.option(
    "--begin",
    "operator_file",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    help="Set up InfluxDB itself, where nobody has, with the operator's token in this file, made if there is "
    "none (-: a token on stdin).",
)
@click.option(
    "--grafana-token-file",
    "grafana_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write Grafana's token into this file, for its owner alone, in place of showing it.",
)
@json_option
@pass_home
def setup(
    home: Home,
    url: str | None,
    org: str | None,
    bucket: str | None,
    district: str | None,
    ca_file: str | None,
    new_tokens: bool,
    token_file: Path | None,
    operator_file: Path | None,
    grafana_file: Path | None,
    as_json: bool,
) -> None:
    """Make buckets, names and tokens in an InfluxDB 2, and enter it into collector.toml. Safe to run twice.

    The operator's token is used this once and kept nowhere.
    """
    given = {"url": url, "org": org, "bucket": bucket, "district": district, "ca_file": ca_file}
    settings = influxdb.entered(home, {name: value for name, value in given.items() if value is not None})
    name = _name_of(home, settings)
    if operator_file and token_file:
        raise click.UsageError("--begin and --token-file are two ways: take one")
    token = _first_token(operator_file) if operator_file else _operators_token(token_file)
    server = Server(influxdb.address(home, settings, token), operator=True)
    if operator_file:
        influxdb.begin(server)
    # A file that was lost is a token that was lost: nobody can be shown it again.
    lost = grafana_file is not None and not grafana_file.exists()
    done = influxdb.make_ready(home, settings, server, name, new_tokens=new_tokens, new_boards=lost)
    if grafana_file and done.grafana_token:
        entering.write_secret(grafana_file.parent, grafana_file.name, done.grafana_token)
        done = msgspec.structs.replace(done, grafana_token="", grafana_token_in=str(grafana_file))
    show(done, _setup_text(home, settings, done), as_json=as_json)
    server.close()


def _name_of(home: Home, settings: InfluxSettings) -> str:
    """The district's name as its points will bear it. Raises FolderError, RegistryError."""
    if settings.district and not home.district.exists():
        return settings.district
    folder = simulated.marked(home, registry.read(home.district))
    return Placed(folder.district, settings.district).placed_as


def _operators_token(file: Path | None) -> str:
    if file:
        return file.read_text(encoding="utf-8").strip()
    found: str = config.environment(TOKEN_VARIABLE) or click.prompt(
        "The operator's token of InfluxDB", hide_input=True, err=True
    )
    return found


def _first_token(file: Path) -> str:
    """The operator's token in `file`, made and kept there before InfluxDB hears of it."""
    if file == Path("-"):
        return sys.stdin.readline().strip()
    if not file.exists():
        entering.write_secret(file.parent, file.name, secrets.token_urlsafe(48))
    return file.read_text(encoding="utf-8").strip()


def _setup_text(home: Home, settings: InfluxSettings, done: influxdb.MadeReady) -> str:
    lines = [_bucket_text(ready) for ready in done.buckets]
    where = f"it lies in {home.folder / settings.token_file}"
    if done.collector_token == "made":  # noqa: S105 - a word
        lines.append(f"A token for the collector of {done.district} was made: {where}.")
    else:
        lines.append(f"The collector's token is there and works: {where}.")
    if done.grafana_token:
        lines += [
            "",
            done.grafana_token,
            "This is the token for Grafana: it may read these buckets and do nothing else.",
            "Keep it now: it can't be shown again.",
            "",
        ]
    elif done.grafana_token_in:
        lines.append(f"A token for Grafana was made, which may read these buckets: {done.grafana_token_in}.")
    else:
        lines.append("Grafana's token was made before and can't be shown again; --new-tokens makes another.")
    lines.append(f"{home.settings} names it; a collector that runs ships from its next start on.")
    return "\n".join(lines)


def _bucket_text(ready: Ready) -> str:
    did = {"made": "was made", "kept": "is there", "changed": "was changed"}[ready.bucket]
    return f"The bucket {ready.name} {did}: it keeps {ready.days:,} days. InfluxQL knows it by its name."


@group.command("ship")
@json_option
@pass_home
def ship(home: Home, as_json: bool) -> None:
    """Ship now everything that InfluxDB doesn't have yet, whether a collector runs or not."""
    settings = influxdb.settings_of(home)
    journal = journal_of(home)
    folder = loaded(home, journal)
    outbox = Outbox(journal, influxdb.SINK)
    reads = Reads(journal)
    before = outbox.state()
    try:
        way = influxdb.way(home, settings, journal, reads, lambda: folder, home.clock, outbox)
        with progress_bar("Shipping reports", hidden=as_json) as progress:
            state = way.catch_up(progress)
    except InfluxError as error:
        outbox.complain(str(error), home.clock.now_ns())
        raise
    went = state.shipped - (before.shipped if before and before.store == state.store else 0)
    aside = outbox.asides()
    outbox.close()
    reads.close()
    text = f"{went:,} reports went to {settings.url}; everything up to report {state.arrival:,} is there."
    if aside:
        text += f" {aside:,} are set aside: `firstbell influx status` says why."
    answer = {"shipped": went, "arrival": state.arrival, "aside": aside, "too_old": state.too_old}
    show(answer, text, as_json=as_json, simulated=folder.district.settings.simulated)


@group.command("verify")
@json_option
@pass_home
@click.pass_context
def check(context: click.Context, home: Home, as_json: bool) -> None:
    """Compare InfluxDB with the journal: counts, every point, and every verdict from InfluxDB alone.

    Ends with 1 where anything differs; `firstbell influx rebuild` makes InfluxDB's copy anew.
    """
    settings = influxdb.settings_of(home)
    journal = journal_of(home)
    folder = loaded(home, journal)
    with progress_bar("Comparing boxes", hidden=as_json) as progress:
        answer = influxdb.verify(home, settings, journal, folder, progress)
    show(answer, _verified_text(answer), as_json=as_json, simulated=folder.district.settings.simulated)
    if not answer.same:
        context.exit(1)


def _verified_text(answer: Verified) -> str:
    compared = (
        f"{answer.points:,} points of {answer.boxes:,} boxes and {answer.verdicts:,} verdicts were compared, "
        f"up to report {answer.facts_until:,}"
    )
    if answer.without_verdicts:
        compared = f"{answer.without_verdicts}.\n{compared}"
    if answer.same:
        return f"{compared}: InfluxDB holds what the journal holds."
    lines = [f"{compared}: {answer.differing:,} differences."]
    lines += [f"  {one.kind:8} {one.where}: {one.what}" for one in answer.differences]
    if answer.differing > len(answer.differences):
        lines.append(f"  and {answer.differing - len(answer.differences):,} more.")
    return "\n".join([*lines, "`firstbell influx rebuild` makes InfluxDB's copy anew."])


@group.command("rebuild")
@json_option
@pass_home
def rebuild(home: Home, as_json: bool) -> None:
    """Make InfluxDB's copy anew beside the one in use, then let it take its place. No report is changed.

    Hours and days are made anew where they stand: boards lack them until that is done.
    """
    settings = influxdb.settings_of(home)
    journal = journal_of(home)
    folder = loaded(home, journal)
    with progress_bar("Shipping reports", hidden=as_json) as progress:
        done = influxdb.rebuild(home, settings, journal, folder, progress)
    text = (
        f"{done.shipped:,} reports were shipped anew into the bucket {settings.bucket}; hours and days, too."
    )
    if done.in_place:
        text += f" In place, because {', '.join(done.others)} is in it, too."
    show(done, text, as_json=as_json, simulated=folder.district.settings.simulated)


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `firstbell influx status`. `behind` reports are not there yet, nor `days_again` again."""

    url: str
    bucket: str
    arrival: int
    newest: int
    behind: int
    shipped: int
    too_old: int
    aside: int
    days_again: int
    last_ns: int
    trouble: str
    trouble_since_ns: int
    asides: tuple[tuple[int, str], ...]


@group.command("status")
@json_option
@pass_home
@click.pass_context
def status(context: click.Context, home: Home, as_json: bool) -> None:
    """How far InfluxDB is behind, what keeps it back, and what it would not take.

    Ends with 1 where nothing goes out, or InfluxDB can't be asked just now.
    """
    settings = influxdb.settings_of(home)
    journal = journal_of(home)
    outbox = Outbox(journal, influxdb.SINK)
    state, newest = outbox.state(), outbox.newest()
    now = influxdb.trouble_now(home, settings)
    answer = Status(
        url=settings.url,
        bucket=settings.bucket,
        arrival=state.arrival if state else 0,
        newest=newest,
        behind=newest - (state.arrival if state else 0),
        shipped=state.shipped if state else 0,
        too_old=state.too_old if state else 0,
        aside=outbox.asides(),
        days_again=outbox.days_left(),
        last_ns=state.last_ns if state else 0,
        trouble=now or (state.trouble if state else ""),
        trouble_since_ns=state.trouble_ns if state else 0,
        asides=tuple((one.arrival, one.reason) for one in outbox.aside(_MOST_SHOWN)),
    )
    outbox.close()
    show(answer, _status_text(answer, home.clock.now_ns()), as_json=as_json)
    if answer.trouble:
        context.exit(1)


def _status_text(answer: Status, now_ns: int) -> str:
    where = f"{answer.url}, bucket {answer.bucket}"
    if not answer.last_ns:
        head = (
            f"{where}: nothing was shipped yet; {answer.newest:,} reports wait for a collector to run, or "
            "for `firstbell influx ship`."
        )
    elif answer.behind or answer.days_again:
        head = f"{where}: {answer.behind:,} of {answer.newest:,} reports wait."
    else:
        head = (
            f"{where}: all {answer.newest:,} reports are there, the last went {ago(answer.last_ns, now_ns)}."
        )
    lines = [head]
    if answer.trouble:
        since = datetime.fromtimestamp(answer.trouble_since_ns // NS, UTC)
        when = f"Since {since:%Y-%m-%d %H:%M} UTC" if answer.trouble_since_ns else "Just now"
        lines.append(f"{when} nothing goes out, and nothing is lost: {answer.trouble}")
    if answer.days_again:
        lines.append(f"{answer.days_again:,} days of boxes, which the folder places otherwise, go out again.")
    if answer.too_old:
        lines.append(f"{answer.too_old:,} reports were older than the bucket keeps, and were not sent.")
    if answer.aside:
        lines.append(f"{answer.aside:,} reports are set aside; the journal has them:")
        lines += [f"  report {arrival:,}: {reason}" for arrival, reason in answer.asides]
    return "\n".join(lines)
