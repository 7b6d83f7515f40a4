"""How long this program was kept from a processor: by a quota of its control groups, or by other programs.

Linux alone; a container or a service with `CPUQuota=` has such a quota, and it may stand at any group above.
"""

from collections.abc import Iterator

from agent.machine.files import Files

_MOUNT = "/sys/fs/cgroup"
_V1_MOUNTS = (f"{_MOUNT}/cpu", f"{_MOUNT}/cpu,cpuacct")
_SCHEDSTAT = 3
_V2_MOUNTS = (_MOUNT, f"{_MOUNT}/unified")


def throttled_s(files: Files) -> float | None:
    """Seconds in which a quota held this program back so far, in its worst group; None if none counts."""
    found = [
        seconds
        for folder in _folders(files)
        if (seconds := _seconds(files.text(f"{folder}/cpu.stat") or "")) is not None
    ]
    return max(found, default=None)


def delayed_s(files: Files) -> float | None:
    """Seconds for which this program's first thread was ready and waited so far; None if nobody counts."""
    fields = (files.text("/proc/self/schedstat") or "").split()
    if len(fields) != _SCHEDSTAT or not all(field.isdigit() for field in fields):
        return None
    _ran_ns, waited_ns, turns = map(int, fields)
    return waited_ns / 1e9 if turns else None  # who runs has had a turn, where they are counted


def _folders(files: Files) -> Iterator[str]:
    for line in (files.text("/proc/self/cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        mounts = _V1_MOUNTS if "cpu" in controllers.split(",") else () if controllers else _V2_MOUNTS
        for mount in mounts:
            yield from (f"{mount}{above}" for above in _upwards(path))


def _upwards(path: str) -> Iterator[str]:
    """The path itself, and all above it."""
    parts = [part for part in path.split("/") if part not in {"", ".."}]
    for length in range(len(parts), -1, -1):
        yield "".join(f"/{part}" for part in parts[:length])


def _seconds(stat: str) -> float | None:
    """What a `cpu.stat` says: microseconds in the second version, nanoseconds in the first."""
    fields = dict(line.split(" ", 1) for line in stat.splitlines() if " " in line)
    for name, unit in (("throttled_usec", 1e6), ("throttled_time", 1e9)):
        if fields.get(name, "").strip().isdigit():
            return int(fields[name]) / unit
    return None
