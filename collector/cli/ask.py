"""`firstbell ask`: one question, one answer, and how we know."""

import textwrap
from datetime import datetime

import click

from collector import influxdb, registry, simulated
from collector.cli.common import Whole, asking, journal_of, json_option, only_school, pass_home, show
from collector.cli.figures import PEOPLE
from collector.config import Home
from collector.questions import ask
from collector.registry import Folder
from collector.store.outbox import Outbox
from collector.store.port import Evidence
from collector.store.reads import Reads
from firstbell.district import NS
from firstbell.readiness.chain import SchoolAnswer
from firstbell.readiness.links.answer import LinkAnswer
from firstbell.readiness.words import mbit, number

WIDTH = 96


@click.command("ask")
@click.argument("school", required=False)
@click.option(
    "--model", default="flex", show_default=True, help="The way of teaching, as docs/models.md names it."
)
@click.option("--people", type=PEOPLE, help="Students and staff, instead of the folder's number.")
@click.option("--years", type=Whole(0, 20), help="How far ahead to look.  [default: 3]")
@click.option(
    "--as-of", metavar="TIME", help="At which moment: an answer's as_of_ns, or as 2026-11-09T12:53-06:00."
)
@click.option("--facts-until", type=Whole(0), help="Know no later report than an answer's facts_until.")
@click.option("--district", metavar="DIGEST", help="By the folder of then: an answer's district_digest.")
@click.option(
    "--from",
    "source",
    type=click.Choice(("journal", "influx")),
    default="journal",
    show_default=True,
    help="What the answer is worked out from: the record, or InfluxDB's copy alone.",
)
@json_option
@pass_home
def command(
    home: Home,
    school: str | None,
    model: str,
    people: int | None,
    years: int | None,
    as_of: str | None,
    facts_until: int | None,
    district: str | None,
    source: str,
    as_json: bool,
) -> None:
    """Can SCHOOL teach this way, now and in three years?

    SCHOOL is its id, or its name or the beginning of it. It may be left out where there is one school.
    With the three figures that an answer's JSON names, that answer is given again.
    """
    as_of_ns = home.clock.now_ns() if as_of is None else _moment(as_of, home.clock.now_ns())
    with asking(home) as (present, reads):
        folder = present if district is None else _folder_of(home, reads, district)
        evidence: Evidence = reads
        if source == "influx":
            evidence = _copy(home, folder, facts_until)
            facts_until = evidence.facts_until()
        answer = ask.ask(
            evidence,
            folder,
            registry.targets(),
            school=only_school(folder) if school is None else school,
            model=model,
            people=people,
            years=years,
            as_of_ns=as_of_ns,
            facts_until=_known(reads, facts_until),
        )
    show(answer, text(answer), as_json=as_json, simulated=answer.simulated)


def _copy(home: Home, folder: Folder, facts_until: int | None) -> Evidence:
    """InfluxDB's copy of the evidence, as far as it knows or was asked to."""
    settings = influxdb.settings_of(home)
    if short := influxdb.too_short(settings, folder, home.clock.now_ns()):
        raise ask.QuestionError(short)
    outbox = Outbox(journal_of(home), influxdb.SINK)
    try:
        copy, _ = influxdb.evidence(home, settings, outbox, folder, facts_until)
    finally:
        outbox.close()
    return copy


def _moment(text: str, now_ns: int) -> int:
    """The moment that was typed, in ns. Raises QuestionError."""
    try:
        if text.isascii() and text.isdigit():
            at_ns = int(text)
        else:
            at = datetime.fromisoformat(text)
            at_ns = round(at.timestamp()) * NS if at.tzinfo else -1
    except (ValueError, OverflowError):
        at_ns = -1
    if not 0 <= at_ns <= now_ns:
        raise ask.QuestionError(
            f"{text[:40]!r} is no moment of the past: as_of_ns of an answer, or as 2026-11-09T12:53-06:00"
        )
    return at_ns


def _known(reads: Reads, facts_until: int | None) -> int | None:
    if facts_until is not None and facts_until > (newest := reads.facts_until()):
        raise ask.QuestionError(f"this journal's newest report is number {newest:,}, not {facts_until:,}")
    return facts_until


def _folder_of(home: Home, reads: Reads, digest: str) -> Folder:
    """The folder that the journal keeps by that digest. Raises QuestionError."""
    contents = reads.district(digest)
    if contents is None:
        raise ask.QuestionError(f"no folder of the digest {digest[:40]} was ever used here")
    return simulated.marked(home, Folder(registry.again(contents), contents))


def headline(answer: SchoolAnswer) -> str:
    """The answer in a few sentences: measured, on paper, what stops it first, and what to do next."""
    who = f"{answer.school}, {answer.model}, {answer.people:,} people"
    sentences = [
        answer.sentence if answer.sentence.startswith(answer.label) else f"{answer.label}. {answer.sentence}",
        answer.paper.sentence,
        answer.weakest.sentence if answer.weakest else "",
        answer.home.sentence if answer.home else "",
        answer.examples_sentence,
    ]
    next_steps = [_item(f"{change.title} {change.sentence}") for change in answer.changes]
    return "\n".join(
        [who, *(_wrapped(sentence) for sentence in sentences if sentence)]
        + (["What to do next", *next_steps] if next_steps else [])
    )


def text(answer: SchoolAnswer) -> str:
    """An answer for reading: the sentences first, then what stands behind them."""
    home = f"Internet at home: how to ask\n{_item(answer.home.how)}" if answer.home else ""
    blocks = [headline(answer), *(_link(link) for link in answer.links), home, _others(answer)]
    return "\n\n".join(block for block in [*blocks, _wrapped(answer.assessed_sentence)] if block)


def _link(link: LinkAnswer) -> str:
    lines = [f"{link.name}: how do you know?", *(_item(sentence) for sentence in link.working)]
    lines += [_item(f"Left out: {left.checks} ({left.words}).") for left in link.left_out]
    return "\n".join(lines)


def _others(answer: SchoolAnswer) -> str:
    says = {True: "met", False: "not met", None: "not known"}
    lines = [
        _item(
            f"{need.name} ({need.source}, {need.year}): {mbit(number(need.mbps))} for the {need.level}; "
            f"on paper {says[need.paper_meets]}, measured {says[need.measured_meets]}"
            f"{f'; {need.taken}' if need.taken else ''}."
        )
        for need in answer.published
    ]
    return "\n".join(["Other published targets, for comparison", *lines]) if lines else ""


def _wrapped(sentence: str) -> str:
    return textwrap.fill(sentence, WIDTH, break_long_words=False)


def _item(sentence: str) -> str:
    return (
        textwrap.fill(sentence, WIDTH, initial_indent="  ", subsequent_indent="    ", break_long_words=False)
        if sentence
        else ""
    )
