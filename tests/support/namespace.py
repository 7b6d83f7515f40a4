"""Python code in a network namespace of its own, where cables can be cut and nothing leaves the machine."""

import os
import shutil
import subprocess
import sys
from functools import cache

import pytest

CUT = """
ip link add v0 type veth peer name v1
ip addr add 192.0.2.2/24 dev v0
ip link set v0 up
ip link set v1 up
ip neigh add 192.0.2.1 lladdr 02:00:00:00:00:01 dev v0
ip route add default via 192.0.2.1
"""
"""A port whose gateway, and everything behind it, swallows what it gets."""
MAY_PING = "echo '0 0' > /proc/sys/net/ipv4/ping_group_range\n"


def run_there(code: str, setup: str = "") -> str:
    """What `code` prints, in a namespace with loopback and whatever the shell lines `setup` make."""
    if not _possible():
        pytest.skip("needs user and network namespaces")
    script = f'set -e\nip link set lo up\n{setup}\nexec "$@"'
    done = subprocess.run(
        [
            "unshare",
            "--user",
            "--map-root-user",
            "--net",
            "--",
            "sh",
            "-c",
            script,
            "sh",
            sys.executable,
            "-c",
            code,
        ],
        capture_output=True,
        check=False,
        timeout=60,
        text=True,
        env={**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def _possible() -> bool:
    if not shutil.which("unshare"):
        return False
    argv = ["unshare", "--user", "--map-root-user", "--net", "true"]
    return subprocess.run(argv, check=False, capture_output=True).returncode == 0
