"""`firstbell ask`: one question, one answer, and how we know."""

import textwrap

import click

from collector import registry
from collector.cli.common import Whole, asking, json_option, only_school, pass_home, show
from collector.config import Home
from collector.questions import ask
from firstbell.readiness.chain import SchoolAnswer
from firstbell.readiness.links.answer import LinkAnswer
from firstbell.readiness.words import mbit, number

WIDTH = 96


@click.command("ask")
@click.argument("school", required=False)
@click.option(
    "--model", default="flex", show_default=True, help="The way of teaching, as docs/models.md names it."
)
@click.option("--people", type=Whole(1), help="Students and staff, instead of the folder's number.")
@click.option("--years", type=Whole(0, 20), help="How far ahead to look.  [default: 3]")
@json_option
@pass_home
def command(
    home: Home, school: str | None, model: str, people: int | None, years: int | None, as_json: bool
) -> None:
    """Can SCHOOL teach this way, now and in three years?

    SCHOOL is its id, or its name or the beginning of it. It may be left out where there is one school.
    """
    with asking(home) as (folder, reads):
        answer = ask.ask(
            reads,
            folder,
            registry.targets(),
            school=only_school(folder) if school is None else school,
            model=model,
            people=people,
            years=years,
            as_of_ns=home.clock.now_ns(),
        )
    show(answer, text(answer), as_json=as_json, simulated=answer.simulated)


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
