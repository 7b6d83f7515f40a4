"""What `scripts/influxd` says on a machine that lacks something, and what it leaves alone."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.influxdb import ROOT

TOOLS = ("sh", "sed", "cut", "cksum", "dirname", "cat", "id", "mktemp", "rm", "mkdir", "mv", "tail", "true")
OLD_GO = '#!/bin/sh\n[ "$1" = version ] && echo go version go1.19.8 && exit\nexit 1\n'


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of programs with the plainest tools of a system."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found
        (programs / tool).symlink_to(found)
    return programs


def influxd(machine: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the script there, its cache beside the programs."""
    return subprocess.run(
        [str(ROOT / "scripts" / "influxd"), *words],
        env={"PATH": str(machine), "XDG_CACHE_HOME": str(machine.parent / "cache"), **more},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def install(machine: Path, name: str, script: str) -> None:
    """Put a program on that machine."""
    (machine / name).write_text(script, encoding="utf-8")
    (machine / name).chmod(0o755)


@pytest.mark.parametrize("words", [(), ("--there",)])
def test_what_is_missing_is_named(machine: Path, words: tuple[str, ...]) -> None:
    """One tool after the other, in plain words, with 3; nothing is begun."""
    for tool, wanted in {
        "go": "Go 1.25.10 or newer",
        "cargo": "Rust's cargo",
        "gcc": "a C compiler, gcc",
        "pkg-config": "pkg-config",
    }.items():
        ended = influxd(machine, *words)
        assert (ended.returncode, ended.stdout) == (3, "")
        assert ended.stderr == f"InfluxDB 2.9.1 can't be built here: it needs {wanted}\n"
        install(machine, tool, OLD_GO)
    ended = influxd(machine, *words)
    assert ended.returncode == 3
    assert ended.stderr.endswith("it needs Go 1.25.10 or newer, and this is go version go1.19.8\n")
    assert not (machine.parent / "cache").exists()


def test_without_debian_there_is_no_old_one(machine: Path) -> None:
    """InfluxDB 1.6 comes out of Debian's package, or not at all."""
    ended = influxd(machine, "1.6")
    assert (ended.returncode, ended.stdout) == (3, "")
    assert ended.stderr == (
        "InfluxDB 1.6 can't be had here: it comes out of Debian's package, and there is no apt-get\n"
    )


def test_a_server_that_is_there_is_taken(machine: Path) -> None:
    """A path that is named comes before all else; if there is nothing, that is said."""
    program = str(machine / "true")
    for words, name in (((), "FIRSTBELL_INFLUXD"), (("1.6",), "FIRSTBELL_INFLUXD1")):
        assert influxd(machine, *words, **{name: program}).stdout == f"{program}\n"
        ended = influxd(machine, *words, **{name: "/nowhere/influxd"})
        assert (ended.returncode, ended.stdout) == (3, "")
        assert ended.stderr.endswith("there is no program at /nowhere/influxd\n")


def test_what_fails_leaves_nothing_behind(machine: Path) -> None:
    """A fetch that comes to nothing says so, and the next one begins anew."""
    install(machine, "apt-get", "#!/bin/sh\necho no network\nexit 100\n")
    install(machine, "dpkg", "#!/bin/sh\nexit 1\n")
    ended = influxd(machine, "1.6")
    assert (ended.returncode, ended.stdout) == (3, "")
    assert "no network" in ended.stderr
    assert "this system has no package influxdb, or it can't be reached" in ended.stderr
    assert not [found for found in (machine.parent / "cache").rglob("*") if found.is_file()]
    install(machine, "apt-get", "#!/bin/sh\n: > influxdb.deb\n")
    unpack = (
        'mkdir -p "$3/usr/bin"; printf "#!/bin/sh\\n" > "$3/usr/bin/influxd"; chmod +x "$3/usr/bin/influxd"'
    )
    install(machine, "chmod", f'#!/bin/sh\nexec {shutil.which("chmod")} "$@"\n')
    install(machine, "dpkg", f"#!/bin/sh\n{unpack}\n")
    for _ in range(2):
        ended = influxd(machine, "1.6")
        assert ended.returncode == 0
        assert Path(ended.stdout.strip()).is_file()
    assert ended.stderr == ""


def test_an_unknown_word_is_no_order(machine: Path) -> None:
    """It says how it is used."""
    ended = influxd(machine, "3")
    assert ended.returncode == 2
    assert ended.stderr == "Usage: scripts/influxd [--there] [1.6]\n"
