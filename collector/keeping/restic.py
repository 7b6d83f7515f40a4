"""The door to restic, which carries backups off this machine: encrypted, each piece once, checked.

KeepError               the place of backups can't be used
├── NoResticError       restic is not installed
└── NoPlaceError        there is no repository at that place yet
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

TAG = "firstbell"
NEWEST = "latest"
_HANDED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "TMPDIR",
    "SSH_AUTH_SOCK",
    "SSL_CERT_FILE",
    "HTTPS_PROXY",
    "NO_PROXY",
    "https_proxy",
    "no_proxy",
)
_SNAPSHOT = re.compile(r"[0-9a-f]{8,64}|latest")
_MOST_WORDS = 300
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECRET = re.compile(r"//[^/\s]*@")

Progress = Callable[[int, int], None]


class KeepError(RuntimeError):
    """The place of backups can't be used; the text says why, without passwords."""


class NoResticError(KeepError):
    """restic is not installed."""


class NoPlaceError(KeepError):
    """There is no repository at that place yet."""


@dataclass(frozen=True)
class Place:
    """A repository: where (restic's words), what password opens it, and the keys that the place wants."""

    where: str
    password_file: Path
    cache: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """Where, without a password that stands in the address."""
        return _SECRET.sub("//", self.where)

    @property
    def address(self) -> str:
        """Where, as every restic takes it: older ones know a REST server's password by its address alone."""
        names = "RESTIC_REST_USERNAME", "RESTIC_REST_PASSWORD"
        user, password = (quote(self.environment.get(name, ""), safe="") for name in names)
        if not (user and password and self.where.startswith("rest:http") and self.where == self.shown):
            return self.where
        return self.where.replace("//", f"//{user}:{password}@", 1)


class Snapshot(msgspec.Struct, frozen=True):
    """A backup: its id, when it was made (by whatever zone's clock), and what it was called."""

    id: str
    time: datetime
    tags: list[str] | None = None

    @property
    def taken_ns(self) -> int:
        """When it was made, in ns since 1970 UTC."""
        return (self.time - _EPOCH) // timedelta(microseconds=1) * 1_000


class Restic:
    """One repository. Every method raises KeepError."""

    def __init__(self, place: Place) -> None:
        found = shutil.which("restic")
        if not found:
            raise NoResticError("backups need restic: apt-get install restic")
        if not place.password_file.is_file():
            raise KeepError(
                f"{place.password_file} is not there: one line, the password of the backups. Keep it "
                "elsewhere, too: without it no backup can be read"
            )
        self.place = place
        self._program = found

    def make_ready(self) -> bool:
        """Make the repository where there is none; whether one was made."""
        try:
            # What a backup that was killed left behind goes; the lock of one that runs stays.
            self._said("unlock")
        except NoPlaceError:
            self._said("init")
            return True
        return False

    @property
    def id(self) -> str:
        """Which repository that is, by whatever address."""
        return str(_told(self._said("cat", "config")).get("id", ""))

    def save(self, folder: Path, progress: Progress) -> str:
        """Save all that lies in `folder`; the id of the backup."""
        snapshot, said = "", []
        with self._started("backup", "--json", "--tag", TAG, "--host", TAG, ".", folder=folder) as process:
            for line in process.stdout or ():
                told = _told(line)
                if told.get("message_type") == "status":
                    progress(int(told.get("bytes_done", 0)), int(told.get("total_bytes", 0)))
                elif told.get("message_type") == "summary":
                    snapshot = str(told.get("snapshot_id", ""))
                else:
                    said.append(line)
        self._see(process.returncode, "".join(said))
        if not snapshot:
            raise KeepError(f"{self.place.shown}: restic did not say what it had saved")
        return snapshot

    def sizes(self, snapshot: str) -> dict[str, int]:
        """The files of a backup with their sizes, as they stand in the repository."""
        nodes = map(_told, self._said("ls", "--json", _id(snapshot)).splitlines())
        return {
            str(node["path"])[1:]: int(node.get("size", 0)) for node in nodes if node.get("type") == "file"
        }

    def check(self) -> None:
        """See that every backup's every piece is there."""
        self._said("check")

    def snapshots(self) -> list[Snapshot]:
        """The backups that are kept, the oldest first."""
        found = msgspec.json.decode(self._said("snapshots", "--json", "--tag", TAG), type=list[Snapshot])
        return sorted(found, key=lambda each: each.time)

    def forget(self, *, daily: int, weekly: int, monthly: int) -> int:
        """Keep the newest backup of each of so many days, weeks and months; how many stay."""
        rule = {"daily": daily, "weekly": weekly, "monthly": monthly}
        keep = [f"--keep-{name}={number}" for name, number in rule.items() if number]
        said = self._said("forget", "--json", "--group-by", "", "--prune", "--tag", TAG, *keep)
        return sum(len(group.get("keep") or []) for group in json.loads(said.splitlines()[0]))

    def forget_all_but(self, snapshot: str) -> int:
        """Take every backup away but that one; how many went."""
        others = [each.id for each in self.snapshots() if not each.id.startswith(_id(snapshot))]
        if others:
            self._said("forget", "--prune", *others)
        return len(others)

    def dump(self, snapshot: str, name: str, target: Path) -> None:
        """Write one file of a backup to `target`."""
        with target.open("wb") as file:
            self._run("dump", _id(snapshot), f"/{name}", out=file)

    def restore(self, snapshot: str, target: Path) -> None:
        """Write all of a backup into the folder `target`."""
        self._said("restore", _id(snapshot), "--tag", TAG, "--target", str(target))

    def _said(self, *argv: str) -> str:
        return self._run(*argv, out=subprocess.PIPE).decode(errors="replace")

    def _run(self, *argv: str, out: Any) -> bytes:  # noqa: ANN401 - a file, or a pipe
        ended = subprocess.run(
            [self._program, "--quiet", *argv],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE,
            env=self._environment(),
            check=False,
        )
        self._see(ended.returncode, ended.stderr.decode(errors="replace"))
        return ended.stdout or b""

    def _started(self, *argv: str, folder: Path) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [self._program, *argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment(),
            cwd=folder,
            text=True,
            errors="replace",
        )

    def _environment(self) -> dict[str, str]:
        ours = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
        return {
            **ours,
            **self.place.environment,
            "RESTIC_REPOSITORY": self.place.address,
            "RESTIC_PASSWORD_FILE": str(self.place.password_file),
            "RESTIC_CACHE_DIR": str(self.place.cache),
            "RESTIC_PROGRESS_FPS": "2",
        }

    def _see(self, code: int, said: str) -> None:
        if code == 0:
            return
        words = self._words(said) or f"restic ended with {code}"
        if "Is there a repository at the following location" in said and "unable to open config" in said:
            raise NoPlaceError(f"{self.place.shown}: there is no repository yet")
        raise KeepError(f"{self.place.shown}: {words}")

    def _words(self, said: str) -> str:
        """The line that says why, short, without the address's password."""
        lines = [line.strip() for line in said.splitlines() if line.strip() and not line.startswith("{")]
        fatal = [line for line in lines if "Fatal" in line or "error" in line.lower()]
        words = (fatal or lines or [""])[-1].removeprefix("Fatal: ")
        return _SECRET.sub("//", words)[:_MOST_WORDS]


def environment_of(text: str) -> dict[str, str]:
    """The variables in lines `NAME=value`; empty ones and those that begin with # are left out."""
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}


def _told(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _id(snapshot: str) -> str:
    if not _SNAPSHOT.fullmatch(snapshot):
        raise KeepError(f"{snapshot!r} is no backup's id; `firstbell backup --list` names them")
    return snapshot
