"""What all commands share: the data folder, `--json`, and one way to fail."""

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from collector import registry, simulated
from collector.config import Home
from collector.coordinator.tickets import KeyFileError
from collector.demo.making import DemoError
from collector.identity.authority import AuthorityError
from collector.keeping.restic import KeepError
from collector.questions.ask import QuestionError
from collector.questions.banners import Banner
from collector.registry import Folder, RegistryError
from collector.sinks.answers import InfluxError
from collector.store import decisions
from collector.store.errors import StoreError, UnreadableError
from collector.store.journal import Journal, open_journal
from collector.store.reads import Reads
from collector.tokens import TokenError
from collector.up import UpError
from collector.updates import UpdateError
from firstbell.settings import SettingsError
from firstbell.tables import FolderError

F = TypeVar("F", bound=Callable[..., Any])

TROUBLES = (
    SettingsError,
    FolderError,
    RegistryError,
    StoreError,
    QuestionError,
    TokenError,
    KeyFileError,
    AuthorityError,
    UpError,
    UpdateError,
    DemoError,
    InfluxError,
    KeepError,
)
"""What a user can mend: said in words, never as a traceback."""


class Whole(click.IntRange):
    """A whole number within bounds, and called a number where it is none."""

    name = "number"


pass_home = click.make_pass_decorator(Home)


def json_option(command: F) -> F:
    """Add `--json`: the answer as one JSON document on stdout."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


NOTHING_YET = "nothing measured yet: no collector has run here (`firstbell collector run`)"


def journal_of(home: Home) -> Journal:
    """The journal, which the collector may be writing. Raises StoreError if there is none."""
    if not home.journal.exists():
        raise UnreadableError(
            f"there is no journal in {home.folder} yet. Start `firstbell collector run` first (one school "
            "alone: `firstbell up`), or name the data folder with --data."
        )
    return open_journal(home.journal)


@contextmanager
def opened(home: Home) -> Iterator[Reads]:
    """The journal for reading, while the collector may be writing it. Raises StoreError."""
    reads = Reads(journal_of(home))
    try:
        yield reads
    finally:
        reads.close()


@contextmanager
def asking(home: Home) -> Iterator[tuple[Folder, Reads]]:
    """The district folder and the journal of a question that has an answer on paper, too.

    Before a collector has run the journal is an empty one, and a line on stderr says so. Raises FolderError,
    StoreError, also where there is neither a journal nor a folder.
    """
    if home.journal.exists() or not home.district.exists():
        folder = loaded(home, journal_of(home))
        with opened(home) as reads:
            yield folder, reads
        return
    folder = simulated.marked(home, registry.read(home.district))
    click.echo(NOTHING_YET, err=True)
    with tempfile.TemporaryDirectory() as empty:
        reads = Reads(open_journal(Path(empty) / home.journal.name))
        try:
            yield folder, reads
        finally:
            reads.close()


def only_school(folder: Folder) -> str:
    """The id of the one school that there is, where none was named; else QuestionError is raised."""
    schools = folder.district.schools
    if len(schools) > 1:
        raise QuestionError(
            f"which of the {len(schools)} schools? Name one: `firstbell ask {schools[0].id}`, say; "
            "`firstbell schools` lists them all"
        )
    return schools[0].id


def loaded(home: Home, journal: Journal) -> Folder:
    """The district folder; the journal keeps it by its digest. Raises FolderError, StoreError."""
    folder = registry.read(home.district)
    decisions.keep_district(journal, folder.district.digest, folder.contents, home.clock.now_ns())
    return simulated.marked(home, folder)


SIMULATED = "Simulated: every number here is made up."


def show(answer: object, text: str, *, as_json: bool, simulated: bool = False) -> None:
    """Print an answer: the struct as JSON, or its text, whose first line says where all is `simulated`."""
    click.echo(to_json(answer) if as_json else f"{SIMULATED}\n{text}" if simulated else text)


def notices(banners: Sequence[Banner]) -> str:
    """What stands above every page, a line each; that it is simulated `show` says."""
    lines = [
        f"{banner.label}: {banner.text.replace('This page', 'This')}"
        for banner in banners
        if banner.kind != "simulated"
    ]
    return "\n".join([*lines, ""]) if lines else ""


def to_json(answer: object) -> str:
    """An answer of structs, dicts and lists as indented JSON with plain characters."""
    return json.dumps(msgspec.to_builtins(answer), indent=2, ensure_ascii=False)


class Plain(click.Group):
    """A group of commands whose users' mistakes end in a sentence and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click has it
        """Run the command; tell a trouble in words."""
        try:
            return super().invoke(ctx)
        except TROUBLES as trouble:
            raise click.ClickException(str(trouble)) from trouble
        except BrokenPipeError:  # whoever reads has seen enough, as `head` does; click ends quietly
            raise
        except OSError as trouble:
            raise click.ClickException(
                f"{trouble.filename or 'the system'}: {trouble.strerror or trouble}"
            ) from trouble


@contextmanager
def progress_bar(label: str, *, hidden: bool) -> Iterator[Callable[[int, int], None]]:
    """Show how far long work is: what is yielded wants to be told how much is done, and of how much."""
    with click.progressbar(length=1, label=label, hidden=hidden) as bar:

        def progress(done: int, of: int) -> None:
            bar.length = max(1, of)
            bar.update(done - bar.pos)

        yield progress


def table(head: list[str], rows: list[list[str]]) -> str:
    """Aligned columns, two spaces apart; the head only where there are rows."""
    lines = [head, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
