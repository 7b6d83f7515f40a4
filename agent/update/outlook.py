"""What the box's own user can tell whoever changes its program: is it busy, was it heard, can it start.

It is asked of the program in question itself (`firstbell-agent update look`, `try`): what they print is a
contract between versions, and every version to come has to keep it.
"""

from pathlib import Path

import msgspec

import firstbell
from agent import app, config
from agent.machine import marks
from agent.spool import look as spool_look


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """The box now. `held` counts the reports of its last start, `epoch`, that the collector said it holds."""

    agent: str
    testing: bool
    epoch: str
    held: int


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """A program that could start here; programs from form `spool_readable_since` on read its spool."""

    version: str
    spool_form: int
    spool_readable_since: int


def look(path: Path) -> Look:
    """How the box of the settings in `path` stands. Raises SettingsError, SpoolError."""
    settings = config.read(path)
    spool = path.absolute().parent / settings.box.spool
    start = spool_look.last_start(spool) if spool.exists() else spool_look.Start("", 0)
    return Look(
        agent=settings.box.name,
        testing=marks.testing(spool).is_held(),
        epoch=start.epoch,
        held=start.held,
    )


def testing(path: Path) -> bool:
    """Whether a test loads the box's line. The spool itself is not touched. Raises SettingsError."""
    return marks.testing(path.absolute().parent / config.read(path).box.spool).is_held()


def fit(path: Path) -> Fit:
    """See that this program takes the settings in `path` and what they name, and the spool; start nothing.

    Raises SettingsError, SpoolError.
    """
    spool = app.buildable(config.read(path), path.absolute().parent)
    spool_look.readable(spool)
    forms = spool_look.forms()
    return Fit(
        version=firstbell.__version__,
        spool_form=forms.written,
        spool_readable_since=forms.readable_since,
    )
