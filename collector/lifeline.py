"""A child of `up` lives as long as its parent: the parent holds the other end of the child's stdin.

A pipe ends with the process that holds it, however that dies; no signal has to be sent or caught.
"""

import os
import signal
import sys
import threading

_GRACE_S = 5.0


def hold() -> None:
    """End this process when stdin ends: first as Ctrl-C would, after five seconds without asking."""
    threading.Thread(target=_watch, name="lifeline", daemon=True).start()


def _watch() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    # To the process, not to this thread: the main thread is asleep in a wait and must wake.
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(_GRACE_S)
    os._exit(0)
