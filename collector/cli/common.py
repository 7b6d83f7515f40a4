"""What all commands share: the data folder, `--json`, and one way to fail."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click
import msgspec

from collector.config import Home
from collector.questions.ask import QuestionError
from collector.registry import RegistryError
from collector.store.errors import StoreError, UnreadableError
from collector.store.journal import open_journal
from collector.store.reads import Reads
from collector.up import UpError
from firstbell.settings import SettingsError
from firstbell.tables import FolderError

F = TypeVar("F", bound=Callable[..., Any])

TROUBLES = (SettingsError, FolderError, RegistryError, StoreError, QuestionError, UpError)
"""What a user can mend: said in words, never as a traceback."""

pass_home = click.make_pass_decorator(Home)


def json_option(command: F) -> F:
    """Add `--json`: the answer as one JSON document on stdout."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


@contextmanager
def opened(home: Home) -> Iterator[Reads]:
    """The journal for reading, while the collector may be writing it. Raises StoreError."""
    if not home.journal.exists():
        raise UnreadableError(
            f"there is no journal in {home.folder} yet. Start `firstbell up` first, or name the data folder "
            "with --data."
        )
    reads = Reads(open_journal(home.journal))
    try:
        yield reads
    finally:
        reads.close()


def show(answer: object, text: str, *, as_json: bool) -> None:
    """Print an answer: the struct as JSON, or its text."""
    click.echo(to_json(answer) if as_json else text)


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


def table(head: list[str], rows: list[list[str]]) -> str:
    """Aligned columns, two spaces apart; the head only where there are rows."""
    lines = [head, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
