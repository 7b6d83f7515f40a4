"""What `scripts/up` says on a machine that lacks something."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
