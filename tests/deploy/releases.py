"""Other versions of the program, made of a bundle in a second; and whoever starts a unit anew, where no systemd is."""

import shutil
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from tests.deploy.roots import Machine

DUMB = """

def _says_nothing(self, verb, payload, *, retain=False):
    return True


MqttLine.publish = _says_nothing
"""
"""A version that starts, measures and believes that it sends."""
STAND_IN = """#!/bin/sh
# Where no systemd runs: whoever minds the box starts it anew, and takes the mark away when it has.
if [ "$*" = "restart firstbell-agent.service" ]; then
    touch /run/anew
    while [ -e /run/anew ]; do sleep 0.1; done
    exit 0
fi
exec /usr/bin/systemctl.real "$@"
"""
SYSTEMCTL = "/usr/bin/systemctl"


BOX_ALONE = {"cffi", "click", "cryptography", "firstbell", "msgspec", "paho-mqtt", "psutil", "pycparser"}
"""What a box alone needs of the bundle: less to put on the disk twice."""


def another(bundle: Path, into: Path, version: str, *, dumb: bool = False) -> Path:
    """First Bell's own wheel of a bundle under another version, for a box; a `dumb` one sends nothing."""
    (into / "wheels").mkdir(parents=True)
    lines = []
    for line in (bundle / "requirements.txt").read_text(encoding="utf-8").splitlines():
        name, _, rest = line.partition("==")
        if name.split("[")[0] not in BOX_ALONE:
            continue
        (wheel,) = (bundle / "wheels").glob(f"{name.split('[')[0].replace('-', '_')}-*.whl")
        if name.startswith("firstbell"):
            wheel = _renamed(wheel, into / "wheels", version, dumb=dumb)
            rest = f"{version} --hash=sha256:{sha256(wheel.read_bytes()).hexdigest()}"
            name = "firstbell[agent]"
        else:
            shutil.copy(wheel, into / "wheels")
        lines.append(f"{name}=={rest}\n")
    (into / "requirements.txt").write_text("".join(lines), encoding="utf-8")
    (into / "VERSION").write_text(f"{version}\n", encoding="utf-8")
    return into


def _renamed(wheel: Path, folder: Path, version: str, *, dumb: bool) -> Path:
    old, made = wheel.name.split("-")[1], folder / f"firstbell-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for item in source.infolist():
            raw = source.read(item)
            name = item.filename.replace(f"firstbell-{old}.", f"firstbell-{version}.")
            if name.endswith(("RECORD", "METADATA")) or name == "firstbell/__init__.py":
                raw = raw.replace(old.encode(), version.encode())
            if dumb and name == "agent/uplink/mqtt.py":
                raw += DUMB.encode()
            target.writestr(name, raw)
    return made


class Minder(threading.Thread):
    """Keeps a box's unit running as systemd would: started anew when it is asked for."""

    def __init__(self, box: Machine, unit: str) -> None:
        super().__init__()
        self._box, self._unit = box, unit
        self._over = threading.Event()
        self.starts = 0

    def run(self) -> None:
        """Until it is over."""
        mark = self._box.path("/run/anew")
        while not self._over.is_set():
            with self._box.service(self._unit) as process:
                self.starts += 1
                mark.unlink(missing_ok=True)
                while not self._over.wait(0.1) and not mark.exists() and process.poll() is None:
                    pass

    def stop(self) -> None:
        """End it, and what it minds."""
        self._over.set()
        self.join()


@contextmanager
def minded(box: Machine, unit: str = "firstbell-agent.service") -> Iterator[Minder]:
    """The unit runs, and `systemctl restart` there starts it anew."""
    real = box.path(f"{SYSTEMCTL}.real")
    box.path(SYSTEMCTL).rename(real)
    box.path(SYSTEMCTL).write_text(STAND_IN, encoding="ascii")
    box.path(SYSTEMCTL).chmod(0o755)
    minder = Minder(box, unit)
    minder.start()
    try:
        yield minder
    finally:
        minder.stop()
        real.replace(box.path(SYSTEMCTL))
