"""Machines for the roles: Debian roots in folders, reached through Ansible's chroot connection, units run by hand."""

import json
import os
import shlex
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

COLLECTION = Path(__file__).parents[2] / "deploy" / "ansible"


def needed(variable: str, what: str) -> Path:
    """What scripts/test made ready, by the variable that names it; skips where it is not there."""
    found = os.environ.get(variable, "")
    if not found or not Path(found).exists():
        pytest.skip(f"{variable} names no {what}: scripts/test makes it, as root on Debian")
    return Path(found)


class Machine:
    """A machine in a folder. Nothing runs in it but what is started here."""

    def __init__(self, root: Path, base: Path) -> None:
        subprocess.run(["cp", "-a", "--reflink=auto", str(base), str(root)], check=True, timeout=60)
        (root / "whole").unlink(missing_ok=True)
        (root / "etc" / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n", encoding="ascii")
        self.root = root

    def path(self, name: str) -> Path:
        """Where a file of that machine's lies on this one."""
        return self.root / name.lstrip("/")

    def run(self, *argv: str, user: str = "root", code: int = 0, deadline_s: float = 60) -> str:
        """What a command prints there."""
        ended = subprocess.run(
            self._argv(argv, user), capture_output=True, text=True, timeout=deadline_s, check=False
        )
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    def tried(self, *argv: str, user: str = "root") -> str:
        """What a command prints there, whether it succeeds or not."""
        ended = subprocess.run(
            self._argv(argv, user), capture_output=True, text=True, timeout=60, check=False
        )
        return ended.stdout

    def exec_of(self, unit: str) -> list[tuple[str, list[str]]]:
        """What a unit starts, and as whom; systemd itself is not there to do it."""
        text = self.path(f"/etc/systemd/system/{unit}").read_text(encoding="utf-8")
        user = next((line[5:] for line in text.splitlines() if line.startswith("User=")), "root")
        return [(user, shlex.split(line[10:])) for line in text.splitlines() if line.startswith("ExecStart=")]

    @contextmanager
    def service(self, unit: str) -> Iterator[subprocess.Popen[bytes]]:
        """What a unit starts, running; what it says is in `unit`.log beside the machine."""
        ((user, argv),) = self.exec_of(unit)
        with self.process(argv, user, unit) as process:
            yield process

    @contextmanager
    def kept(self, unit: str) -> Iterator[threading.Event]:
        """The same, started anew as soon as another version is in use, or the event is set: systemd's part."""
        link, ends, again = self.path("/opt/firstbell/current"), threading.Event(), threading.Event()

        def run() -> None:
            while not ends.is_set():
                version = link.readlink()
                again.clear()
                with self.service(unit):
                    while link.readlink() == version and not again.is_set() and not ends.wait(0.1):
                        pass

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield again
        finally:
            ends.set()
            thread.join()

    @contextmanager
    def process(self, argv: list[str], user: str, name: str) -> Iterator[subprocess.Popen[bytes]]:
        """A command there that goes on, ended in the end."""
        with self.root.with_name(f"{self.root.name}-{name}.log").open("ab") as log:
            process = subprocess.Popen(
                self._argv(argv, user), stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
            try:
                yield process
            finally:
                process.terminate()
                process.wait(30)

    def _argv(self, argv: tuple[str, ...] | list[str], user: str) -> list[str]:
        as_user = [] if user == "root" else ["setpriv", "--reuid", user, "--regid", user, "--init-groups"]
        return ["chroot", str(self.root), *as_user, *argv]


class Control:
    """The control machine: an inventory of such roots, and ansible-playbook."""

    def __init__(
        self, folder: Path, machines: dict[str, dict[str, Machine]], variables: dict[str, Any]
    ) -> None:
        self.folder = folder
        there = folder / "collections" / "ansible_collections" / "firstbell"
        there.mkdir(parents=True)
        (there / "district").symlink_to(COLLECTION)
        lines: list[str] = []
        for group, hosts in machines.items():
            lines += [f"[{group}]", *(f"{name} ansible_host={host.root}" for name, host in hosts.items())]
        variables |= {"ansible_connection": "community.general.chroot"}
        variables |= {"ansible_python_interpreter": "/usr/bin/python3"}
        (folder / "group_vars").mkdir()
        (folder / "group_vars" / "all.json").write_text(json.dumps(variables), encoding="utf-8")
        (folder / "inventory.ini").write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.said: list[str] = []

    def play(self, playbook: str, *options: str, code: int = 0) -> str:
        """What a playbook of the collection says."""
        found = shutil.which(
            "ansible-playbook", path=f"{os.environ.get('FIRSTBELL_ANSIBLE', '')}:{os.environ['PATH']}"
        )
        if not found:
            pytest.skip("ansible-playbook is not installed")
        ended = subprocess.run(
            [
                found,
                "-i",
                str(self.folder / "inventory.ini"),
                str(COLLECTION / "playbooks" / playbook),
                *options,
            ],
            env=os.environ
            | {
                "ANSIBLE_COLLECTIONS_PATH": str(self.folder / "collections"),
                "ANSIBLE_HOME": str(self.folder / "home"),
                "ANSIBLE_LOCAL_TEMP": str(self.folder / "tmp"),
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_PIPELINING": "1",
                "PATH": f"{Path(found).parent}:{os.environ['PATH']}",
            },
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        self.said += [ended.stdout, ended.stderr]
        assert ended.returncode == code, ended.stdout[-6000:] + ended.stderr[-2000:]
        return ended.stdout
