"""`firstbell backup` and `firstbell restore`: the journal to a file and back."""

from pathlib import Path

import click

from collector.cli.common import journal_of, json_option, pass_home, show
from collector.config import Home
from collector.store import backup


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
@pass_home
def save(home: Home, file: Path, as_json: bool) -> None:
    """Copy the journal to FILE as it is now, while everything goes on, and check the copy."""
    copy = backup.backup(journal_of(home), file)
    answer = {"file": str(file), "journal": copy.journal, "reports": copy.facts_until, "bytes": copy.size}
    show(answer, f"{copy.facts_until:,} reports are safe in {file}", as_json=as_json)


@click.command("restore")
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option("--overwrite", is_flag=True, help="Even if the journal there holds reports.")
@json_option
@pass_home
def load(home: Home, file: Path, overwrite: bool, as_json: bool) -> None:
    """Put the backup FILE in the journal's place. Boxes send again what they kept since (seven days)."""
    home.folder.mkdir(parents=True, exist_ok=True)
    journal = backup.restore(file, home.journal, overwrite=overwrite, demo=home.demo_file.exists())
    answer = {"file": str(file), "journal": journal.id}
    show(answer, f"{file} is the journal now; boxes will offer again what they kept since.", as_json=as_json)
