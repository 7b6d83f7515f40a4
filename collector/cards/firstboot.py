"""What a Raspberry Pi reads at its first start: its name, its network, who may come in, its card.

Two forms, as Raspberry Pi's own Imager writes them onto the boot partition:

- Trixie: cloud-init's `user-data`, `network-config` and `meta-data` (JSON, which is YAML, too)
- Bookworm: `firstrun.sh`, which the kernel's command line starts once

Both want words added to `cmdline.txt` (`added_to`). Nobody gets a password: people come in with the
district's SSH key, and the user of the program can't sign in at all. Once the card is in its place it is
taken off the boot partition, which anybody can read who takes the SD card out.
"""

import json
import shlex
from typing import Literal, NamedTuple

from collector.cards.network import AUTHORITY, Files, Way, keyfiles, netplan

System = Literal["trixie", "bookworm"]
CARD = "/etc/firstbell/card"
PROGRAM_USER, PROGRAM_HOME = "firstbell", "/var/lib/firstbell"
"""As the role `agent` has them: it finds them made."""
BOOT = "/boot/firmware"
_MAKE_USER = (
    "useradd --system --user-group --no-create-home "
    f"--home-dir {PROGRAM_HOME} --shell /usr/sbin/nologin {PROGRAM_USER}"
)
_RUN_ONCE = (
    f"systemd.run={BOOT}/firstrun.sh",
    "systemd.run_success_action=reboot",
    "systemd.unit=kernel-command-line.target",
)


class Given(NamedTuple):
    """One box: its name, who may come in with which keys, its card, and its network.

    `instance` is new with each card: by it cloud-init knows that it has not been here yet.
    """

    agent: str
    instance: str
    tz: str
    user: str
    keys: tuple[str, ...]
    card: str
    authorities: str
    way: Way


def files(given: Given, system: System) -> Files:
    """What goes onto the boot partition, by path."""
    found = _cloud(given) if system == "trixie" else {"firstrun.sh": _script(given)}
    if given.way.authority:
        found[AUTHORITY.removeprefix(f"{BOOT}/")] = given.way.authority
    return found


def added_to(cmdline: str, given: Given, system: System) -> str:
    """The kernel's command line with what the first start needs, once, however often it is added."""
    old = ("ds=nocloud", "systemd.run=", "systemd.run_success_action=", "systemd.unit=", "cfg80211.")
    kept = [word for word in cmdline.split() if not word.startswith(old)]
    words = (f"ds=nocloud;i={given.instance}",) if system == "trixie" else _RUN_ONCE
    radio = (f"cfg80211.ieee80211_regdom={given.way.country}",) if given.way.country else ()
    return " ".join([*kept, *radio, *words]) + "\n"


def _cloud(given: Given) -> Files:
    user = {
        "name": given.user,
        "groups": "adm,sudo,systemd-journal",
        "shell": "/bin/bash",
        "lock_passwd": True,
        "sudo": "ALL=(ALL) NOPASSWD:ALL",
        "ssh_authorized_keys": list(given.keys),
    }
    program = {
        "name": PROGRAM_USER,
        "system": True,
        "homedir": PROGRAM_HOME,
        "no_create_home": True,
        "shell": "/usr/sbin/nologin",
        "lock_passwd": True,
    }
    secret = {"owner": f"root:{PROGRAM_USER}", "permissions": "0640", "defer": True}
    user_data = {
        "hostname": given.agent,
        "manage_etc_hosts": True,
        "timezone": given.tz,
        "users": [user, program],
        "enable_ssh": True,
        "ssh_pwauth": False,
        "disable_root": True,
        "write_files": [
            {"path": f"{CARD}/card.toml", "content": given.card, **secret},
            {"path": f"{CARD}/ca.pem", "content": given.authorities, **secret},
        ],
        "runcmd": [
            ["chown", f"root:{PROGRAM_USER}", "/etc/firstbell", CARD],
            ["chmod", "0750", "/etc/firstbell", CARD],
            ["systemctl", "enable", "--now", "ssh"],
            # Once is enough; and what lies on the boot partition opens things to whoever takes it out.
            ["touch", "/etc/cloud/cloud-init.disabled"],
            ["rm", "-f", f"{BOOT}/user-data", f"{BOOT}/network-config"],
        ],
    }
    return {
        "user-data": "#cloud-config\n" + _json(user_data),
        "network-config": _json(netplan(given.way)),
        "meta-data": _json({"instance-id": given.instance, "dsmode": "local"}),
    }


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _script(given: Given) -> str:
    q = shlex.quote
    user, home = q(given.user), q(f"/home/{given.user}")
    network = "/etc/NetworkManager/system-connections"
    lines = [
        "#!/bin/bash",
        "# First Bell: the first start of this box. It runs once, and takes itself off the boot partition.",
        "set -eu",
        "umask 077",
        f"echo {q(given.agent)} > /etc/hostname",
        rf"sed -i 's/^127\.0\.1\.1.*/127.0.1.1\t{given.agent}/' /etc/hosts",
        f"ln -sf /usr/share/zoneinfo/{q(given.tz)} /etc/localtime",
        f"echo {q(given.tz)} > /etc/timezone",
        "chmod 644 /etc/hostname /etc/hosts /etc/timezone",
        f"id {user} >/dev/null 2>&1 || useradd --create-home --groups adm,sudo --shell /bin/bash {user}",
        f"passwd --lock {user} >/dev/null",
        f"install -d -m 700 -o {user} -g {user} {home}/.ssh",
        *_written(f"{home}/.ssh/authorized_keys", "\n".join(given.keys) + "\n"),
        f"chown {user}:{user} {home}/.ssh/authorized_keys",
        *_written("/etc/sudoers.d/010_firstbell", f"{given.user} ALL=(ALL) NOPASSWD:ALL\n"),
        "chmod 440 /etc/sudoers.d/010_firstbell",
        *_written("/etc/ssh/sshd_config.d/firstbell.conf", "PasswordAuthentication no\nPermitRootLogin no\n"),
        "systemctl enable ssh",
        "# The question for a name and a password at the first start, which nobody would answer.",
        "systemctl disable userconfig 2>/dev/null || true",
        f"id {PROGRAM_USER} >/dev/null 2>&1 || {_MAKE_USER}",
        f"install -d -m 750 -o root -g {PROGRAM_USER} /etc/firstbell {CARD}",
        *_written(f"{CARD}/card.toml", given.card),
        *_written(f"{CARD}/ca.pem", given.authorities),
        f"chown root:{PROGRAM_USER} {CARD}/card.toml {CARD}/ca.pem",
        f"chmod 640 {CARD}/card.toml {CARD}/ca.pem",
        f"install -d -m 700 {network}",
    ]
    for name, text in keyfiles(given.way).items():
        lines += [*_written(f"{network}/{name}", text), f"chmod 600 {network}/{name}"]
    if given.way.country:
        lines.append("rfkill unblock wifi || true")
    lines += [
        f"rm -f {BOOT}/firstrun.sh",
        f"sed -i 's| systemd\\.[^ ]*||g' {BOOT}/cmdline.txt",
        "exit 0",
    ]
    return "\n".join(lines) + "\n"


def _written(path: str, text: str) -> list[str]:
    """Lines of a script that write a text, whatever stands in it."""
    return [f"printf %s {shlex.quote(text)} > {path}"]
