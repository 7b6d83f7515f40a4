"""What tells the broker who was shut out: as root it reads nothing that is another user's, and it does not tire."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.test_units import ROLES, rendered

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="needs root"),
]
READS = ROLES / "broker" / "files" / "firstbell-revoked"
WRITES = "games"
"""Who writes in the place of the collector's user: a user that every Debian has."""
FILES = {
    "ca/ca.pem": "ca.pem",
    "ca/crl.pem": "crl.pem",
    "broker/b.pem": "broker.pem",
    "broker/b.key": "broker.key",
}


class Place:
    """The collector's folder, which is another user's, and the broker's, which is root's."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data, self.broker = folder, folder / "data", folder / "broker"
        folder.chmod(0o755)
        for made in (self.data, self.data / "ca", self.data / "broker", self.broker):
            made.mkdir()
        for name in FILES:
            (self.data / name).write_text(f"first {name}", encoding="ascii")
        for path in (self.data, *self.data.rglob("*")):
            shutil.chown(path, WRITES, WRITES)
        (self.data / "broker" / "b.key").chmod(0o600)

    def takes(self, code: int = 0) -> str:
        """What it says when it takes what is there, with no more than its unit leaves it."""
        unit = rendered("broker", "firstbell-revoked.service", broker_data_user=WRITES)
        caps = re.findall(r"CAP_(\w+)", re.findall("^CapabilityBoundingSet=(.*)", unit, re.MULTILINE)[0])
        fence = [f"--bounding-set=-all,{','.join('+' + cap.lower() for cap in caps)}", "--no-new-privs"]
        argv = [str(READS), str(self.data), WRITES, str(self.broker), "b"]
        ended = subprocess.run(
            ["setpriv", *fence, *argv], capture_output=True, text=True, timeout=40, check=False
        )
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    def held(self) -> dict[str, str]:
        """What the broker would read."""
        return {name: (self.broker / name).read_text(encoding="ascii") for name in FILES.values()}


@pytest.fixture
def place() -> Iterator[Place]:
    """Where another user can go, too."""
    with tempfile.TemporaryDirectory() as folder:
        yield Place(Path(folder))


def test_what_is_new_is_taken_once(place: Place) -> None:
    """For the broker's group to read; and it says what is new, once."""
    assert place.takes().splitlines() == [f"{name} is new" for name in FILES.values()]
    assert place.held() == {there: f"first {name}" for name, there in FILES.items()}
    for name in FILES.values():
        path = place.broker / name
        assert (path.owner(), path.group(), path.stat().st_mode & 0o777) == ("root", "mosquitto", 0o640)
    assert (place.broker / "unread").exists()
    assert place.takes() == ""
    (place.data / "ca" / "crl.pem").write_text("second", encoding="ascii")
    assert place.takes() == "crl.pem is new\n"
    assert place.held()["crl.pem"] == "second"
    assert sorted(path.name for path in place.broker.iterdir()) == sorted([*FILES.values(), "unread"])


def test_what_is_no_file_of_that_users_is_not_taken(place: Place) -> None:
    """A link to what root alone may read, a pipe, what never ends: the old ones stay, and the list arrives."""
    place.takes()
    before = place.held()
    secret = place.folder / "shadow"
    secret.write_text("root's own", encoding="ascii")
    secret.chmod(0o600)
    ca, crl, certificate, key = (place.data / name for name in FILES)
    for path in (ca, certificate, key):
        path.unlink()
    ca.symlink_to(secret)
    os.mkfifo(certificate)
    shutil.chown(certificate, WRITES)
    key.symlink_to("/dev/zero")
    crl.write_text("who was shut out", encoding="ascii")
    said = place.takes(code=1)
    assert place.held() == before | {"crl.pem": "who was shut out"}
    for path in (ca, certificate, key):
        assert f"{path} is no file of at most 8388608 bytes that games can read" in said


UNITS = (
    "firstbell-revoked.path",
    "firstbell-revoked.timer",
    "firstbell-revoked.service",
    "mosquitto.service",
)
CAN = re.compile(r"\[|Path|Unit=|Type|Exec|Restart|StartLimit|TriggerLimit|Timeout|On\w+=|NotifyAccess")
"""What of a unit a user's systemd can do, too: not the fences."""
BURST = """
set -eu
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/user/0
ip link set lo up
/lib/systemd/systemd --user --log-target=console --log-level=info >"$HOME/systemd.log" 2>&1 &
manager=$!
trap '/usr/bin/systemctl --user exit; wait $manager || :' EXIT
until /usr/bin/systemctl --user is-active -q basic.target; do sleep 0.1; done
/usr/bin/systemctl --user start mosquitto.service firstbell-revoked.path
for turn in $(seq 1 30); do
    echo $turn >data/ca/.crl
    mv data/ca/.crl data/ca/crl.pem
    sleep 0.4
done
for turn in $(seq 1 300); do
    cmp -s data/ca/crl.pem broker/crl.pem && [ ! -e broker/unread ] && break
    sleep 0.1
done
[ ! -e broker/unread ]
/usr/bin/systemctl --user is-active mosquitto.service firstbell-revoked.path
cat broker/crl.pem
"""


@pytest.mark.proof
@pytest.mark.skipif(not Path("/lib/systemd/systemd").exists(), reason="needs systemd")
def test_thirty_that_are_shut_out_in_a_row_are_all_out(place: Place) -> None:
    """By the units' own lines in a systemd: broker and path unit live, the last list arrives, in a few starts."""
    place.takes()
    units = place.folder / ".config" / "systemd" / "user"
    units.mkdir(parents=True)
    (place.folder / "m.conf").write_text(
        "listener 1883 127.0.0.1\nuser root\nlog_dest stdout\n", encoding="ascii"
    )
    values = {
        "broker_data": str(place.data),
        "broker_data_user": WRITES,
        "broker_folder": str(place.broker),
        "broker_names": ["b"],
    }
    for name in UNITS:
        text = rendered("broker", "limits.conf" if name == "mosquitto.service" else name, **values)
        text = "\n".join(line for line in text.splitlines() if CAN.match(line))
        text = text.replace("/usr/local/sbin/firstbell-revoked", str(READS))
        text = text.replace("/etc/mosquitto/mosquitto.conf", str(place.folder / "m.conf"))
        (units / name).write_text(f"{text}\n", encoding="ascii")
    (place.folder / "bin").mkdir()
    own = place.folder / "bin" / "systemctl"
    asked = place.folder / "asked"
    own.write_text(f'#!/bin/sh\necho "$@" >>{asked}\nexec /usr/bin/systemctl --user "$@"\n', encoding="ascii")
    own.chmod(0o755)
    path = f"{own.parent}:/usr/sbin:/usr/bin:/sbin:/bin"
    with (units / "firstbell-revoked.service").open("a", encoding="ascii") as unit:
        unit.write(f"Environment=PATH={path}\n")
    names = {
        "HOME": str(place.folder),
        "XDG_RUNTIME_DIR": "/run/user/0",
        "PATH": path,
    }
    ended = subprocess.run(
        ["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "sh", "-c", BURST],
        cwd=place.folder,
        env=names,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    log = (place.folder / "systemd.log").read_text(encoding="utf-8", errors="replace")
    assert ended.returncode == 0, ended.stdout + ended.stderr + log[-3000:]
    assert ended.stdout.split() == ["active", "active", "30"]
    asked_for = asked.read_text(encoding="ascii").splitlines()
    assert 2 <= len([words for words in asked_for if words == "restart mosquitto.service"]) < 10
