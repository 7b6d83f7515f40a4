"""A box in a folder, whose program is changed: versions are folders, and who restarts them is a file that says so."""

import json
import os
import signal
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.machine.commands import Ended
from agent.update import state as states
from agent.update.asking import Asking
from agent.update.install import Now, Updater
from agent.update.releases import BEFORE, CURRENT, UPDATER, Releases
from agent.update.state import State
from collector import updates
from firstbell.update import Offer, Stage
from tests.agent.update import bundles

NOW_S = 1_800_000_000
OLD = "0.1.0-000000000000"


class World:
    """A box that runs `OLD` and is answered. `answered` are the versions that the collector answers."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.opt = folder, folder / "opt"
        self.at_event: Callable[[str], None] = lambda _name: None
        self.slept, self.free = 0.0, 10**12
        old = self.opt / "releases" / OLD
        (old / "bin").mkdir(parents=True)
        (old / "bin" / "firstbell-agent").touch()
        (old / "whole").write_text(f"{OLD}\n", encoding="ascii")
        (self.opt / CURRENT).symlink_to(old)
        self.keep(
            epoch=0, running=OLD, answered=["0.1.0", "0.2.0"], unfit=[], testing=False, since=1, down=False
        )
        self.boot()

    def keep(self, **changed: object) -> None:
        """Change how this world is."""
        there = self.read() | changed
        (self.folder / ".world").write_text(json.dumps(there), encoding="utf-8")
        (self.folder / ".world").replace(self.folder / "world.json")

    def read(self) -> dict[str, object]:
        """How it is."""
        path = self.folder / "world.json"
        found: dict[str, object] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return found

    def boot(self) -> None:
        """The box starts: what is in use runs, under a new epoch."""
        self.keep(running=self.current, epoch=int(str(self.read()["epoch"])) + 1)

    @property
    def current(self) -> str:
        """The version in use."""
        return (self.opt / CURRENT).readlink().name

    @property
    def releases(self) -> set[str]:
        """What lies beside it."""
        return {path.name for path in (self.opt / "releases").iterdir()}

    @property
    def state(self) -> State:
        """What is remembered."""
        return states.read(self.opt)

    # --- agent.machine.commands.Commands --------------------------------------------------------------

    def run(self, argv: Sequence[str], **_bounds: Any) -> Ended:
        """Do what the command would."""
        argv = argv[list(argv).index("--") + 1 :] if "--" in argv else argv
        self.at_event(f"command {' '.join(argv[1:3])}")
        there = self.read()
        if argv[1:3] == ["-m", "venv"]:
            (Path(argv[-1]) / "bin").mkdir(parents=True)
            (Path(argv[-1]) / "bin" / "python").touch()
        elif argv[1:3] == ["-m", "pip"]:
            Path(argv[0]).with_name("firstbell-agent").touch()
        elif argv[0] == "systemctl":
            if not there.get("stays"):
                self.boot()
        elif argv[-2] == "try":
            version = Path(argv[0]).parents[1].name.split("-")[0]
            if version in there["unfit"]:  # type: ignore[operator]
                return Ended(1, b"", b"Traceback\nit does not run")
            return Ended(
                0,
                json.dumps(
                    {"version": version, "spool_form": 9, "spool_readable_since": there["since"]}
                ).encode(),
                b"",
            )
        else:
            version = str(there["running"]).split("-")[0]
            held = 0 if there["down"] or version not in there["answered"] else 3  # type: ignore[operator]
            box = {
                "agent": "lincoln-1",
                "testing": there["testing"],
                "epoch": str(there["epoch"]),
                "held": held,
            }
            return Ended(0, json.dumps(box).encode(), b"")
        return Ended(0, b"", b"")

    # --- the updater ----------------------------------------------------------------------------------

    def offered(self, version: str, serial: int) -> Offer:
        """What the district offers, its archive brought here."""
        made = bundles.bundle(self.folder / f"bundle-{serial}", version)
        parcel = updates.pack(self.folder, made)
        self.archive = self.folder / "updates" / f"{parcel.sha256}.tar"
        return Offer(
            serial=serial,
            begins_s=NOW_S - 10,
            ends_s=NOW_S + 1000,
            parcels=(parcel,),
            stages=(Stage(after_h=0, share_pct=100),),
        )

    def update(self, offer: Offer | None) -> State:
        """The updater runs once."""
        now = Now(NOW_S, datetime(2027, 1, 15, 22, 0, tzinfo=UTC))
        updater = Updater(
            Releases(self.opt, self, free=lambda _folder: self.free, sync=lambda: None),
            Asking(self, self.folder / "agent.toml", "firstbell"),
            lambda: now,
            lambda: self.slept,
            self._sleep,
            prove_s=60,
            step=self._step,
        )
        return updater.run(offer, getattr(self, "archive", self.folder / "none"))

    def killed_at(self, offer: Offer | None, event: int) -> bool:
        """The updater runs once and is killed before its event of that number; False if it has fewer."""
        pid = os.fork()
        if pid == 0:
            left = event

            def count(_name: str) -> None:
                nonlocal left
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

            self.at_event = count
            try:
                self.update(offer)
            finally:
                os._exit(0)
        return os.WIFSIGNALED(os.waitpid(pid, 0)[1])

    def _step(self, name: str) -> None:
        self.at_event(f"step {name}")

    def _sleep(self, seconds: float) -> None:
        self.slept += seconds


def links(world: World) -> tuple[str, str, str]:
    """Current, before, updater."""
    releases = Releases(world.opt, world)
    return releases.linked(CURRENT), releases.linked(BEFORE), releases.linked(UPDATER)
