"""Which folder a box's key and certificate lie in, and whether whoever asks may write there as its owner."""

import os
import sys
from pathlib import Path

from agent import config

CERTIFICATE = "box.pem"


class OtherOwnerError(Exception):
    """Files made now would be another user's than the folder in which the box looks for them."""


def of(settings: Path) -> Path:
    """Where the settings in that file look for the certificate; if they don't say, `identity` beside them.

    Raises SettingsError.
    """
    named = config.read(settings).broker.cert_file if settings.exists() else ""
    found = settings.parent / named if Path(named).name == CERTIFICATE else settings.parent / "identity" / "-"
    return found.parent.absolute()


def see_owner(folder: Path, command: str) -> None:
    """See that what is written into `folder` will be its owner's; `command` is what to type as that one.

    Raises OtherOwnerError. Where there is no such user, the number is said.
    """
    if sys.platform == "win32":
        return
    there = next((each for each in (folder, *folder.parents) if os.path.lexists(each)), folder)
    owner, me = there.stat().st_uid, os.geteuid()
    # Who makes a new folder in another's (/tmp) owns it; only root makes one in which the other can't read.
    if owner == me or (there != folder and (me != 0 or owner == 0)):
        return
    name = _called(there, owner)
    raise OtherOwnerError(
        f"{there} is {name}'s, and a key that somebody else makes would be no use there; nothing was asked, "
        f"and the card is as good as before. Ask as {name}, who must be able to read the card: "
        f"sudo -u {name} {command}"
    )


def _called(there: Path, owner: int) -> str:
    try:
        return there.owner()
    except KeyError:
        return f"#{owner}"
