"""Reads iCal files in a process of its own, with an end to its time and its memory.

A few lines of such a file can ask for millions of events. That may cost the file, never the collector.
"""

import hashlib
import subprocess
import sys

import msgspec

from collector.registry.ical import Answer
from firstbell.folder_ical import Event

MOST_S = 10.0
"""So long may one file take; a school's year takes a small part of a second."""
_MOST_KEPT = 64

_kept: dict[bytes, tuple[Event, ...]] = {}
"""What was read last, by the digest of its text: a folder is read again for each change of any file."""


def read(text: str) -> tuple[Event, ...]:
    """The events in `text`. Raises ValueError with what is wrong with it, in one sentence."""
    data = text.encode("utf-8", "replace")
    digest = hashlib.blake2b(data, digest_size=16).digest()
    if (known := _kept.get(digest)) is not None:
        return known
    answer = _asked(data)
    if answer.trouble:
        raise ValueError(answer.trouble)
    while len(_kept) >= _MOST_KEPT:
        _kept.pop(next(iter(_kept)), None)
    _kept[digest] = answer.events
    return answer.events


def _asked(data: bytes) -> Answer:
    """What a process of its own says to the text. It holds no file of ours, and ends with the time."""
    # -P: what lies in the folder where somebody stands is no library.
    argv = [sys.executable, "-P", "-m", "collector.registry.ical"]
    try:
        ended = subprocess.run(argv, input=data, capture_output=True, timeout=MOST_S, check=False)
        return msgspec.msgpack.decode(ended.stdout, type=Answer)
    except subprocess.TimeoutExpired:
        return Answer(trouble=f"takes longer than {MOST_S:g} seconds to read: is this the right file?")
    except msgspec.DecodeError:
        return Answer(trouble="its reader gave up, as for want of memory: is this the right file?")
    except OSError as error:
        return Answer(trouble=f"can't be read now: {error.strerror or error}")
