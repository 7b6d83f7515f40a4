"""The light on the box itself, by the kernel's LED class (/sys/class/leds), which blinks by itself.

Run as `python -m agent.machine.led FILE [FOLDER]` by a unit of its own, because only root may touch it: it
reads the word in FILE (`agent.machine.light`) and shows it. It loads nothing of the box.
"""

import os
import stat
import sys
from pathlib import Path

LEDS = Path("/sys/class/leds")
NAMES = ("ACT", "led0")
"""The green light of a Raspberry Pi, as newer and older kernels call it. The red one stays what it is."""
SLOW_MS, FAST_MS = 1000, 125
BLINKS = {"no network": SLOW_MS, "call us": FAST_MS}
STEADY, DARK = "done", "off"
_LONGEST = 32


class Led:
    """One light: a folder of the kernel's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def show(self, sign: str) -> None:
        """Show it: steady, blinking, or dark. Raises ValueError for another word, and OSError."""
        if sign in BLINKS:
            # The kernel makes the two files with the trigger.
            self._write("trigger", "timer")
            self._write("delay_on", str(BLINKS[sign]))
            self._write("delay_off", str(BLINKS[sign]))
        elif sign in {STEADY, DARK}:
            self._write("trigger", "none")
            self._write("brightness", self._most() if sign == STEADY else "0")
        else:
            raise ValueError("this is no sign that a light shows")

    def _most(self) -> str:
        try:
            return str(int((self._folder / "max_brightness").read_text(encoding="ascii")))
        except (OSError, ValueError):
            return "1"

    def _write(self, name: str, value: str) -> None:
        # As a shell's `echo` writes it, but never made where it isn't: a light without it is none of these.
        number = os.open(self._folder / name, os.O_WRONLY | os.O_TRUNC)
        with os.fdopen(number, "wb") as file:
            file.write(value.encode("ascii"))


def find(leds: Path = LEDS) -> Led | None:
    """The box's light; None on a machine without one that is known."""
    return next((Led(leds / name) for name in NAMES if (leds / name / "trigger").exists()), None)


def word(path: Path) -> str:
    """The word in a file that the box wrote: short, and no link to another's file. Raises OSError."""
    number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(number, "rb") as file:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise OSError("is no file")
        return file.read(_LONGEST).decode("ascii", "replace").strip()


def main(argv: list[str]) -> int:
    """Show it once; 0 where it is shown, or there is no light."""
    led = find(Path(argv[1]) if len(argv) > 1 else LEDS)
    if led is None:
        return 0
    try:
        led.show(word(Path(argv[0])))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"the light can't show it: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
