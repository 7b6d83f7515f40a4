"""A first start by Bookworm's firstrun.sh, run for real in a Debian root: who may come in, and what stays behind."""

from pathlib import Path

import pytest

from collector.cards import firstboot
from collector.cards.firstboot import Given
from collector.cards.network import Way
from tests.deploy.roots import Machine, needed

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

ODD = "it's $HOME `x` \\ \"end"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGc2ZJ1m5b4qO1mC0mJm8Yb8m2nS9m0Jm1y3d3bq0hZx deploy"
GIVEN = Given(
    agent="lincoln-1",
    instance="firstbell-lincoln-1-7",
    tz="America/Chicago",
    user="firstbell-admin",
    keys=(KEY,),
    card='token = "fbe_x"\n',
    authorities="an authority\n",
    way=Way(vlan=20, identity="firstbell", password=ODD, method="peap", authority="radius\n"),
)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A Debian root with the folders that Raspberry Pi OS has, and its boot partition with the box's files."""
    made = Machine(tmp_path / "box", needed("FIRSTBELL_ROOT", "Debian root"))
    for name in ("/boot/firmware/firstbell", "/etc/sudoers.d", "/etc/ssh/sshd_config.d"):
        made.path(name).mkdir(parents=True, exist_ok=True)
    made.path("/etc/systemd/system/ssh.service").write_text(
        "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n", encoding="ascii"
    )
    made.path("/etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 raspberrypi\n", encoding="ascii")
    for name, text in firstboot.files(GIVEN, "bookworm").items():
        made.path(f"/boot/firmware/{name}").write_text(text, encoding="utf-8")
    line = firstboot.added_to("console=tty1 root=PARTUUID=1-02 rootwait\n", GIVEN, "bookworm")
    made.path("/boot/firmware/cmdline.txt").write_text(line, encoding="ascii")
    return made


def test_it_gives_the_box_all_it_needs_and_nobody_a_password(machine: Machine) -> None:
    """Name, key, card and network are there with the right owners; passwords are locked; the files are gone."""
    machine.run("bash", "/boot/firmware/firstrun.sh")
    assert machine.path("/etc/hostname").read_text(encoding="ascii") == "lincoln-1\n"
    assert "127.0.1.1\tlincoln-1\n" in machine.path("/etc/hosts").read_text(encoding="ascii")
    shadow = machine.path("/etc/shadow").read_text(encoding="ascii").splitlines()
    locked = {line.split(":")[0]: line.split(":")[1] for line in shadow}
    assert locked["firstbell-admin"].startswith("!")
    assert locked["firstbell"].startswith("!")
    machine.run("cat", "/etc/firstbell/card/card.toml", user="firstbell")
    machine.run("cat", "/etc/firstbell/card/card.toml", user="firstbell-admin", code=1)
    mode = machine.run("stat", "-c", "%a %U %G", "/etc/firstbell/card/card.toml", "/etc/firstbell").split(
        "\n"
    )
    assert mode[:2] == ["640 root firstbell", "750 root firstbell"]
    keys = machine.run("cat", "/home/firstbell-admin/.ssh/authorized_keys", user="firstbell-admin")
    assert keys == f"{KEY}\n"
    connections = machine.path("/etc/NetworkManager/system-connections")
    assert {file.stat().st_mode & 0o777 for file in connections.iterdir()} == {0o600}
    wire = (connections / "firstbell-wire.nmconnection").read_text(encoding="utf-8")
    doubled = ODD.replace("\\", "\\\\")
    assert f"password={doubled}\n" in wire
    assert machine.path("/etc/systemd/system/multi-user.target.wants/ssh.service").is_symlink()
    assert machine.path("/boot/firmware/cmdline.txt").read_text(encoding="ascii") == (
        "console=tty1 root=PARTUUID=1-02 rootwait\n"
    )
    assert [file.name for file in machine.path("/boot/firmware").iterdir() if "run" in file.name] == []


def test_a_start_that_was_cut_off_runs_again(machine: Machine) -> None:
    """What was done is done once more, and nothing is there twice."""
    script = machine.path("/boot/firmware/firstrun.sh").read_bytes()
    for _ in range(2):
        machine.path("/boot/firmware/firstrun.sh").write_bytes(script)
        machine.run("bash", "/boot/firmware/firstrun.sh")
    users = machine.path("/etc/passwd").read_text(encoding="ascii").splitlines()
    assert sum(line.startswith("firstbell") for line in users) == 2
