"""A district's data folder with everything in it that must not die with a disk, and secrets to look for."""

import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from collector.config import Home, KeepSettings
from collector.identity import authority
from collector.identity.authority import Authority
from collector.identity.registrar import Registrar
from collector.tokens import Tokens
from tests.collector.workbench import Bench, reports
from tests.end_to_end.test_up import write_lincoln

PASSWORD = "canary-of-the-backup-itself"
CANARY = "canary-influx-token-1f0e"


def unhurried(_done: int, _of: int) -> None:
    """Whoever watches no progress."""


@dataclass
class House:
    """The folder, a collector's inside on it, and where its backups go."""

    folder: Path
    repository: Path
    secrets: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.home = Home(self.folder)
        self.folder.mkdir(parents=True)
        write_lincoln(self.home, "America/Chicago")
        self.bench = Bench(self.folder)
        self.bench.clock.wall_ns = time.time_ns()  # noqa: TID251 - restic's clock is the machine's
        now_ns = self.bench.clock.now_ns()
        signs = authority.make(self.folder, "Example", now_ns)
        self.registrar = Registrar(self.bench.journal, signs, self.bench.clock)
        self.registrar.publish()
        _, card = self.registrar.offer("lincoln-1", automatic=True)
        token = Tokens(self.folder).add("Ada", "operator", now_ns)
        (self.folder / "influx.token").write_text(f"{CANARY}\n", encoding="ascii")
        (self.folder / "backup.password").write_text(f"{PASSWORD}\n", encoding="ascii")
        (self.folder / "collector.toml").write_text(
            f'[keep]\nrepository = "{self.repository}"\nread_back_days = 1\n', encoding="utf-8"
        )
        key = (self.folder / "ca" / "authority-1.pem").read_text(encoding="ascii").splitlines()[1]
        self.card = card
        self.secrets = [card, token, CANARY, PASSWORD, key]
        self.bench.send(1, reports(1, 40))

    @property
    def settings(self) -> KeepSettings:
        """As its collector.toml has them."""
        return KeepSettings(repository=str(self.repository), read_back_days=1)

    def authority(self) -> Authority:
        """Whoever signs here."""
        return Authority(self.folder)

    def restic(self, *argv: str, zone: str = "UTC") -> str:
        """What restic itself says of the repository, by that zone's clock."""
        names = {
            "RESTIC_REPOSITORY": str(self.repository),
            "RESTIC_PASSWORD_FILE": str(self.folder / "backup.password"),
        }
        ended = subprocess.run(
            ["restic", "--no-cache", *argv],
            env={"PATH": "/usr/bin:/bin", "TZ": zone, **names},
            capture_output=True,
            text=True,
            check=True,
        )
        return ended.stdout
