"""A machine of the test network: a network namespace held by a process, in which programs run."""

import ctypes
import ipaddress
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest

_HERE = Path(__file__).parent
_ENV_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_CLONE_NEWNET = 0x40000000
_IN_FOLDER = 'cd "$0" && exec "$@"'
_KERNEL = {
    # What school machines have, whatever the one that runs the tests has.
    "net/ipv4/tcp_rmem": "4096 131072 6291456",
    "net/ipv4/tcp_wmem": "4096 16384 4194304",
    # Programs here may ping as unprivileged ones may on school machines; a user namespace knows this group alone.
    "net/ipv4/ping_group_range": "0 0",
    "net/ipv4/ip_forward": "1",
    # Without its neighbour discovery the line is silent until a test speaks.
    "net/ipv6/conf/default/disable_ipv6": "1",
}


def environment() -> dict[str, str]:
    """This process's, with the system's commands in reach."""
    return {**os.environ, "PATH": _ENV_PATH}


@cache
def trouble() -> str:
    """Why there can be no test network here; empty if there can."""
    for command in ("ip", "tc", "unshare", "nsenter", "mount"):
        if not shutil.which(command, path=_ENV_PATH):
            return f"no command `{command}` here"
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError as error:
        return f"/dev/net/tun: {error.strerror}"
    done = subprocess.run(
        ["unshare", "--net", "--mount", "--", "true"], check=False, capture_output=True, text=True
    )
    return done.stderr.strip()


def need_network() -> None:
    """Skip the test where there can be no test network."""
    if reason := trouble():
        pytest.skip(f"needs root for a network of its own: {reason}")


class Host:
    """A namespace with loopback up. Ends with `close`, or with the process that made it, however that ends."""

    def __init__(self, name: str, address: str = "", cc: str = "cubic") -> None:
        """`address` is where others reach it; `cc` how its TCP decides how much to send."""
        self.name = name
        self.address = address
        self._cc = cc
        self._programs: list[subprocess.Popen[Any]] = []
        self._holder = subprocess.Popen(
            [
                *("unshare", "--net", "--mount", "--propagation", "slave", "--"),
                *(sys.executable, "-IS", str(_HERE / "holder.py")),
                *(f"{key}={value}" for key, value in _KERNEL.items()),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
        )

    def wait(self) -> "Host":
        """Until it is ready: hosts are started together and waited for afterwards."""
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"ready\n":
            raise OSError(f"no namespace for {self.name}")
        return self

    @property
    def pid(self) -> int:
        """A process that lives as long as the namespace, for `ip link set DEVICE netns PID`."""
        return self._holder.pid

    def argv(self, argv: Sequence[str | Path], cwd: str | Path | None = None) -> list[str]:
        """The command line that runs `argv` in this namespace, and in the folder `cwd`."""
        there = ["nsenter", f"--net=/proc/{self.pid}/ns/net", f"--mount=/proc/{self.pid}/ns/mnt", "--"]
        return [*there, "sh", "-c", _IN_FOLDER, str(cwd or Path.cwd()), *map(str, argv)]

    def popen(
        self, argv: Sequence[str | Path], *, cwd: str | Path | None = None, **options: Any
    ) -> subprocess.Popen[Any]:
        """Start a program here; `options` are subprocess.Popen's. It is killed, with its children, at the end."""
        options.setdefault("env", environment())
        program = subprocess.Popen(self.argv(argv, cwd), **options)
        self._programs.append(program)
        return program

    def run(
        self, argv: Sequence[str | Path], *, timeout: float = 60, check: bool = True, **options: Any
    ) -> subprocess.CompletedProcess[Any]:
        """Run a program here to its end; its output is kept, as text. The rest is as subprocess.run has it."""
        cwd = options.pop("cwd", None)
        for option, value in (("env", environment()), ("stdout", subprocess.PIPE), ("text", True)):
            options.setdefault(option, value)
        options.setdefault("stderr", subprocess.PIPE)
        done = subprocess.run(self.argv(argv, cwd), check=False, timeout=timeout, **options)
        if check and done.returncode:
            raise OSError(f"{self.name}: {' '.join(map(str, argv))}: {done.returncode}\n{done.stderr}")
        return done

    def python(self, *argv: str | Path, **options: Any) -> subprocess.Popen[Any]:
        """Start this Python with `argv` here."""
        return self.popen([sys.executable, *argv], **options)

    def ip(self, *lines: str) -> None:
        """Lines of `ip`, each without the word itself."""
        self.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", timeout=10)

    def plug(self, device: str, address: str, *routes: str) -> None:
        """Give `device` its `address` (with the network's bits), and `routes` (`default via ...`) that begin there.

        Which congestion control TCP uses is written at each route: a namespace's own setting may be only what
        the machine's administrator allows to all.
        """
        network = ipaddress.ip_interface(address).network
        own, cc = address.partition("/")[0], self._cc
        self.ip(
            f"addr add {address} dev {device} noprefixroute",
            f"route add {network} dev {device} src {own} congctl {cc}",
            *(f"route add {route} congctl {cc}" for route in routes),
        )

    def tc(self, *lines: str) -> None:
        """Lines of `tc`, each without the word itself."""
        self.run(["tc", "-batch", "-"], input="\n".join(lines) + "\n", timeout=10)

    def sysctl(self, name: str, value: str) -> None:
        """Set `net.ipv4.this` to `value` in this namespace."""
        with self.inside():
            Path("/proc/sys", name.replace(".", "/")).write_text(value, encoding="ascii")

    @contextmanager
    def inside(self) -> Iterator[None]:
        """What this thread opens meanwhile (sockets, programs, threads) is in this network namespace.

        The network only: /sys stays as it was. A socket stays where it was made.
        """
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(f"/proc/{self.pid}/ns/net")
            try:
                yield
            finally:
                _set_ns(home)
        finally:
            os.close(home)

    def close(self) -> None:
        """Kill what runs here and let the namespace go."""
        for program in self._programs:
            if program.poll() is None:
                program.kill()
            program.wait(10)
            for stream in (program.stdin, program.stdout, program.stderr):
                if stream is not None:
                    with suppress(OSError):
                        stream.close()
        assert self._holder.stdin is not None
        assert self._holder.stdout is not None
        with suppress(OSError):
            self._holder.stdin.close()
        try:
            self._holder.wait(10)
        except subprocess.TimeoutExpired:
            self._holder.kill()
            self._holder.wait(10)
        self._holder.stdout.close()


def _enter(path: str) -> None:
    there = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _set_ns(there)
    finally:
        os.close(there)


def _set_ns(descriptor: int) -> None:
    """As os.setns, which Python has since 3.12."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
