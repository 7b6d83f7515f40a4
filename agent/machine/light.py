"""What the box's light is to say: a word in a file. Who may touch the light shows it (`agent.machine.led`).

The box's own process may write nothing below /sys, and needs not: it writes this word where systemd gave it a
folder (`RuntimeDirectory=`). Where nobody gave it one the box has no light, and nobody is told.
"""

import logging
import os
import tempfile
from pathlib import Path
from typing import Literal

Sign = Literal["done", "no network", "call us", "off"]
NAME = "light"
ANSWERED_S = 600.0
"""So long after its last answer the collector counts as there."""
PATIENCE_S = 60.0
"""So long after its start a box that has no answer yet says nothing new."""

_log = logging.getLogger(__name__)


class Light:
    """Says a sign, in `folder`; None for nobody."""

    def __init__(self, folder: Path | None) -> None:
        self._folder, self._complained = folder, False

    def show(self, sign: Sign | None) -> None:
        """Say it, if it is not said already, by whomever; None says nothing new.

        Whoever asks for the next certificate says its word into the same file.
        """
        if self._folder is None or sign is None or sign == self._said():
            return
        try:
            number, beside = tempfile.mkstemp(prefix=f".{NAME}-", dir=self._folder)
            with os.fdopen(number, "w", encoding="ascii") as file:
                file.write(f"{sign}\n")
            # Whoever shows it is root without a root's powers: it reads what everybody may.
            Path(beside).chmod(0o644)
            Path(beside).replace(self._folder / NAME)
        except OSError as error:
            if not self._complained:
                _log.warning("the light can't be told: %s", error)
            self._complained = True

    def _said(self) -> str:
        assert self._folder is not None
        try:
            return (self._folder / NAME).read_text(encoding="ascii", errors="replace").strip()
        except OSError:
            return ""


def light() -> Light:
    """The light of the folder that systemd names, if it names one."""
    named = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return Light(Path(named) if named else None)


def sign_of(answered_s: float | None, running_s: float, trouble: str) -> Sign | None:
    """What a box at work has to say. `answered_s` is how long ago the collector last answered (None: never).

    `running_s` is since its start, `trouble` why there is no connection. That somebody is there who doesn't
    take this box, or shows another's certificate (or an old one: the clock), wants a person; else it is the
    network.
    """
    if answered_s is not None and answered_s <= ANSWERED_S:
        return "done"
    if "broker" in trouble or "certificate" in trouble.lower():
        return "call us"
    return "no network" if running_s > PATIENCE_S else None
