"""`firstbell school`: one school, its chain link by link, and how we know."""

import textwrap

import click

from collector import registry
from collector.cli.common import Whole, asking, json_option, notices, only_school, pass_home, show, table
from collector.cli.figures import PEOPLE
from collector.config import Home
from collector.questions import links_table
from collector.questions import school as question
from collector.questions.rows import link_figures
from collector.questions.school import School
from collector.questions.seen import AT_LEAST, Cell, Seen
from firstbell.readiness import words
from firstbell.readiness.links.answer import LinkAnswer

WIDTH = 96


@click.command("school")
@click.argument("school", required=False)
@click.option("--model", help="The way of teaching, as docs/models.md names it.  [default: the school's own]")
@click.option("--people", type=PEOPLE, help="Students and staff, instead of the folder's number.")
@click.option("--years", type=Whole(0, 20), help="How far ahead to look.  [default: 3]")
@click.option("--csv", "as_csv", is_flag=True, help="Print the links as CSV, exact numbers.")
@json_option
@pass_home
def command(
    home: Home,
    school: str | None,
    model: str | None,
    people: int | None,
    years: int | None,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Can SCHOOL teach this way, and what stops it?

    SCHOOL is its id, or its name or the beginning of it. It may be left out where there is one school.
    """
    if as_csv and as_json:
        raise click.UsageError("either --csv or --json")
    with asking(home) as (folder, reads):
        asked = question.ask(
            reads,
            folder,
            registry.targets(),
            school=only_school(folder) if school is None else school,
            model=model,
            people=people,
            years=years,
            as_of_ns=home.clock.now_ns(),
        )
    if as_csv:
        click.echo(links_table.csv(asked), nl=False)
    else:
        show(asked, text(asked), as_json=as_json, simulated=asked.simulated)


def text(asked: School) -> str:
    """The answer for reading, in the order of the page."""
    head = asked.answer.sentence if not asked.on_paper else asked.answer.paper.sentence
    answer = asked.answer
    first = [asked.question, head, answer.at_once, asked.lede, asked.changed, answer.examples_sentence]
    if not asked.on_paper:
        first.insert(2, answer.paper.sentence)
    said = "\n".join(_wrapped(sentence) for sentence in first if sentence)
    blocks = [notices(asked.banners) + said, _chain(asked)]
    steps = [_item(f"{n}. {step.title} {step.sentence}") for n, step in enumerate(asked.steps, 1)]
    blocks.append("\n".join([asked.steps_heading, *steps]) if steps else "")
    sure = [_item(f"{term.term}: {term.text}") for term in asked.sure_because]
    blocks.append("\n".join([f"How sure: {asked.sure}", *sure]))
    blocks += [_grid(seen) for seen in (asked.seen, asked.up) if seen]
    blocks += [_known(asked), _wrapped(asked.used.sentence)]
    return "\n\n".join(block for block in blocks if block)


def _chain(asked: School) -> str:
    head = ["link", "have", "need", words.fall(asked.last_fall), "counted in", "answer"]
    return table(head, [_link(link) for link in asked.answer.links])


def _link(link: LinkAnswer) -> list[str]:
    said = link_figures(link)
    answer = link.measured.label if link.assessed else "Not assessed"
    if link.weak:
        answer += ", the weakest link"
    have = f"at least {said.have}" if link.at_least and link.have is not None else said.have
    note = f" ({link.note})" if link.note else ""
    return [link.name, have, said.need, said.need_then, link.counted_in, f"{answer}{note}"]


def _grid(seen: Seen) -> str:
    rows = [[f"{line.name} {line.begins}", *(_cell(cell) for cell in line.cells)] for line in seen.lines]
    return f"{_wrapped(seen.sentence)}\n{table(['', *seen.days], rows)}"


def _cell(cell: Cell) -> str:
    if cell.value is None:
        return "failed" if cell.kind == "fail" else "."
    mark = f"{AT_LEAST}{words.NBSP}" if cell.at_least else ""
    return f"{mark}{words.number(cell.value)}" if cell.value else "0"


def _known(asked: School) -> str:
    tried = [line for link in asked.answer.links if link.link == "students" for line in link.working]
    lines = [*asked.paper.working, *asked.measured.working, *tried]
    return "\n".join(["How do you know?", *(_item(line) for line in lines)]) if lines else ""


def _wrapped(sentence: str) -> str:
    return textwrap.fill(sentence, WIDTH, break_long_words=False)


def _item(sentence: str) -> str:
    return textwrap.fill(
        sentence, WIDTH, initial_indent="  ", subsequent_indent="    ", break_long_words=False
    )
