"""Whether a process still runs."""

from pathlib import Path


def is_gone(pid: int) -> bool:
    """Whether no such process runs; one that nobody has reaped yet does not run."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in "ZX"
