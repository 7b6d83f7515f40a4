"""What `scripts/up` says on a machine that lacks something."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.installed import declared

ROOT = Path(__file__).parents[2]
TOOLS = ("sh", "sed", "cat", "cksum", "dirname", "id", "env")
OLD = f"""\
#!/bin/sh
exec "{sys.executable}" -c 'import sys; sys.version_info = (3, 10, 14); exec(sys.argv[1])' "$2"
"""
WITHOUT_VENV = f'#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; *) exec "{sys.executable}" "$@";; esac\n'


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone, and beside it `bin` with the plainest tools of a system and no Python."""
    shutil.copytree(ROOT / "scripts", tmp_path / "clone" / "scripts")
    for name in ("uv.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / "clone")
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found
        (tmp_path / "bin" / tool).symlink_to(found)
    return tmp_path / "clone"


def install(clone: Path, name: str, script: str) -> None:
    """Put a program on the path of the fresh system."""
    program = clone.parent / "bin" / name
    program.write_text(script, encoding="utf-8")
    program.chmod(0o755)


def up(clone: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run `scripts/up` with nothing but what `bin` holds."""
    return subprocess.run(
        [str(clone / "scripts" / "up")],
        cwd=clone.parent,
        env={"PATH": str(clone.parent / "bin"), "LANG": "C.UTF-8", **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_python_it_says_which_and_how(clone: Path) -> None:
    """No Python at all: one sentence with the packages' names."""
    ended = up(clone)
    assert ended.returncode == 1
    assert "needs Python 3.11 or newer" in ended.stderr
    assert "apt install python3 python3-venv" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_an_old_python_is_not_taken(clone: Path) -> None:
    """A Python that is too old is the same as none; a newer one beside it is taken."""
    install(clone, "python3", OLD)
    assert "needs Python 3.11 or newer" in up(clone).stderr
    install(clone, "python3.12", WITHOUT_VENV)
    assert "venv module is missing" in up(clone).stderr


def test_without_venv_it_says_what_to_install(clone: Path) -> None:
    """Debian packs the module apart; without apt it is asked for, and nothing is left behind."""
    install(clone, "python3", WITHOUT_VENV)
    ended = up(clone)
    assert ended.returncode == 1
    assert "sudo apt install python3-venv; then start again" in ended.stderr
    assert not (clone / ".venv").exists()


def test_another_python_can_be_named(clone: Path) -> None:
    """FIRSTBELL_PYTHON comes before what is on the path."""
    install(clone, "python3", OLD)
    install(clone, "my-python", WITHOUT_VENV)
    assert "venv module is missing" in up(clone, FIRSTBELL_PYTHON="my-python").stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may install packages")
def test_as_root_it_installs_venv_by_itself(clone: Path) -> None:
    """With apt at hand and the right to use it, the module is fetched; a failure of apt ends it."""
    install(clone, "python3", WITHOUT_VENV)
    install(clone, "apt-get", f'#!/bin/sh\necho "$*" >> "{clone.parent}/asked"\n[ "$1" = update ]\n')
    ended = up(clone)
    assert ended.returncode == 1
    assert "Installing python3-venv" in ended.stderr
    assert (clone.parent / "asked").read_text(encoding="utf-8").splitlines() == [
        "update -qq",
        "install -y -qq python3-venv",
    ]


@pytest.fixture
def installed(clone: Path) -> Path:
    """A clone in which everything is installed: its environment's Python is this one."""
    for name in ("firstbell", "agent", "collector", "dashboards", "docs", "README.md", "SECURITY.md"):
        (clone / name).symlink_to(ROOT / name)
    python = clone / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    return clone


def script(clone: Path, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script of the clone from beside it; whatever it would install counts as installed."""
    lock = subprocess.run(
        ["sh", "-c", "cat uv.lock pyproject.toml | cksum | tr ' ' '-'"],
        cwd=clone,
        capture_output=True,
        text=True,
        check=True,
    )
    extras = " ".join(extra for extra in declared() if extra)
    (clone / ".venv" / "firstbell-installed").write_text(f"{lock.stdout.strip()}  {extras}", encoding="ascii")
    return subprocess.run(
        [str(clone / "scripts" / name), *arguments],
        cwd=clone.parent,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(clone.parent)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_example_is_written_where_it_is_asked_for(installed: Path) -> None:
    """`scripts/example` takes a folder as seen from where it is started, and never an old one."""
    ended = script(installed, "example", "example-data")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (installed.parent / "example-data" / "journal.db").exists()
    again = script(installed, "example", "example-data")
    assert again.returncode == 1
    assert "is there already" in again.stderr


@pytest.mark.slow
def test_the_pages_are_checked_by_one_command(installed: Path) -> None:
    """`scripts/docs --check` passes where nothing is stale, and names what is."""
    assert script(installed, "docs", "--check").stdout == "all current\n"
    (installed / "README.md").unlink()
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (installed / "README.md").write_text(text.replace("Just short", "Ready"), encoding="utf-8")
    ended = script(installed, "docs", "--check")
    assert ended.returncode == 1
    assert ended.stderr == "not as the program is today: README.md. Run scripts/docs\n"
    assert script(installed, "docs").stdout == "written: README.md\n"
    assert (installed / "README.md").read_text(encoding="utf-8") == text.replace(
        '"Just short", and', '"Ready", and'
    )


def test_each_script_installs_its_extras_once(installed: Path) -> None:
    """The words after `scripts/up` are the program's; its extras are its own, fetched once, others on top."""
    heard = installed.parent / "heard"
    for name, also in {
        "python": 'case "$*" in *pip*) ;; *) exec "$PYTHON" "$@";; esac',
        "uv": "",
        "firstbell": "",
    }.items():
        program = installed / ".venv" / "bin" / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> "{heard}"\n{also}\n', encoding="utf-8")
        program.chmod(0o755)
    up_extras = " ".join(
        f"--extra {extra}" for extra in ("agent", "collector", "broker", "speedtest", "influx", "grafana")
    )
    quiet = {"PIP_INDEX_URL": "https://localhost:1/", "PYTHON": sys.executable, "PATH": os.environ["PATH"]}

    def said_to(name: str, script: str, *arguments: str) -> list[str]:
        heard.write_text("", encoding="utf-8")
        argv = [str(installed / "scripts" / script), *arguments]
        subprocess.run(argv, cwd=installed.parent, env=quiet, capture_output=True, timeout=60, check=True)
        lines = heard.read_text(encoding="utf-8").splitlines()
        return [line.removeprefix(f"{name} ") for line in lines if line.startswith(f"{name} ")]

    assert said_to("uv", "up", "--model", "flex") == [f"sync --quiet --frozen --inexact {up_extras}"]
    assert said_to("firstbell", "up", "--model", "flex") == ["up --model flex"]
    assert said_to("uv", "up") == []
    docs_extras = f"{up_extras} --extra reference --extra dev"
    assert said_to("uv", "docs", "--check") == [f"sync --quiet --frozen --inexact {docs_extras}"]
    assert said_to("uv", "up") == []


@pytest.mark.parametrize("asked", [["--help"], []])
def test_the_example_is_written_nowhere_without_a_folder(installed: Path, asked: list[str]) -> None:
    """Asked for help, or for nothing, it says how it is used and makes no folder of that name."""
    ended = script(installed, "example", *asked)
    assert ended.returncode == 2
    assert "Usage: scripts/example FOLDER" in ended.stdout
    assert not (installed.parent / "--help").exists()
