"""A restore that is killed, or that fails, lets nobody in who was shut out; and run again it does it all."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NoReturn

import pytest

from collector.identity import authority
from collector.identity.registrar import Registrar
from collector.keeping import back, whole
from collector.store import identities, restored
from collector.store.errors import StoreError
from collector.store.journal import open_journal
from firstbell.enrolment import Claim, Granted, Renewal
from tests.collector.keeping.house import House, unhurried
from tests.collector.keeping.test_whole import run
from tests.support.box_keys import request

RESTORE = ("restore", "--backup", "latest", "--overwrite")
_KILLED = """
import os, pathlib, signal, sys
from collector.cli import main
rename, left = pathlib.Path.rename, int(sys.argv[1])
def at_last(path, target):
    global left
    if (left := left - 1) < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(path, target)
pathlib.Path.rename = at_last
main(sys.argv[2:])
"""


def shut_out_since_the_backup(house: House, box: str) -> None:
    """Last night's backup knows its certificate as a good one."""
    assert isinstance(house.registrar.claim(Claim(token=house.card, request=box)), Granted)
    whole.back_up(house.home, house.settings, unhurried)
    house.registrar.revoke("lincoln-1")
    house.bench.close()


def lets_in(house: House, box: str) -> bool:
    """Whether a collector that started now would give the box a fresh certificate."""
    registrar = Registrar(open_journal(house.folder / "journal.db"), house.authority(), house.bench.clock)
    return isinstance(registrar.renew(Renewal(request=box)), Granted)


def test_killed_and_run_again_nobody_is_let_in(house: House, tmp_path: Path) -> None:
    """A kill when all is put aside, and one half-way back; whatever journal lies there knows who is out."""
    box = request(tmp_path, "box")
    shut_out_since_the_backup(house, box)
    for renames in (len(back._there(house.home)), 1 + 1):
        settings = ("--from", str(house.repository), "--password-file", str(secret(tmp_path, house)))
        argv = [sys.executable, "-c", _KILLED, str(renames), "--data", str(house.folder), *RESTORE, *settings]
        assert subprocess.run(argv, check=False, capture_output=True).returncode == -signal.SIGKILL
        if (house.folder / "journal.db").exists():
            with closing(open_journal(house.folder / "journal.db").reader()) as db:
                assert identities.shut_out(db) == {"lincoln-1"}
                assert restored.state(db) is not None
    said = run(house.folder, *RESTORE, *settings).output
    assert "1 certificate more, which stay" in said
    assert not lets_in(house, box)
    assert len(house.authority().revoked_in((house.folder / "ca" / "crl.pem").read_bytes())) == 1


def secret(tmp_path: Path, house: House) -> Path:
    """The password, kept elsewhere."""
    kept = tmp_path / "password"
    if not kept.exists():
        kept.write_bytes((house.folder / "backup.password").read_bytes())
    return kept


def test_what_fails_leaves_the_folder_as_it_was(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a disk that is full: an error is printed, all lies where it lay, and the box stays out."""
    box = request(tmp_path, "box")
    shut_out_since_the_backup(house, box)
    lay = contents(house.folder)

    def fail(*_: object, **__: object) -> NoReturn:
        raise StoreError("no space left on device")

    for where, name, breaks in ((identities, "take_over", fail), (Path, "rename", failing_at(3, fail))):
        with monkeypatch.context() as patched:
            patched.setattr(where, name, breaks)
            assert "no space left" in run(house.folder, *RESTORE, code=1).output
        assert contents(house.folder) == lay
    assert not lets_in(house, box)


def test_the_journal_alone_comes_back_whole_or_not_at_all(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where who was shut out since can't be written into the copy, the journal that knows it stays."""
    box = request(tmp_path, "box")
    assert isinstance(house.registrar.claim(Claim(token=house.card, request=box)), Granted)
    run(house.folder, "backup", str(tmp_path / "copy.db"))
    house.registrar.revoke("lincoln-1")
    house.bench.close()

    def fail(*_: object) -> NoReturn:
        raise StoreError("no space left on device")

    monkeypatch.setattr(identities, "take_over", fail)
    run(house.folder, "restore", str(tmp_path / "copy.db"), "--overwrite", code=1)
    assert not lets_in(house, box)


def test_an_authority_that_followed_hides_no_list_of_the_one_before(house: House, tmp_path: Path) -> None:
    """The backup knows the older alone; what that one revoked is read all the same."""
    assert isinstance(house.registrar.claim(Claim(token=house.card, request=request(tmp_path))), Granted)
    shutil.copytree(house.folder / "ca", tmp_path / "backup" / "ca")
    follows = authority.make(house.folder, "Example", house.bench.clock.now_ns())
    registrar = Registrar(house.bench.journal, follows, house.bench.clock)
    registrar.revoke("lincoln-1")
    (found,) = back._read([], house.folder, tmp_path / "backup")
    assert len(authority.Authority(tmp_path / "backup").revoked_in(found)) == 1


def failing_at(number: int, fail: Callable[..., NoReturn]) -> Callable[[Path, Path], Path]:
    """A rename that fails once, the `number`th time."""
    rename, times = Path.rename, iter(range(1, 1_000))
    return lambda path, target: fail() if next(times) == number else rename(path, target)


def contents(folder: Path) -> dict[str, bytes]:
    """All that is in it, but for locks and what restic keeps here."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".lock" and ".restic" not in path.parts
    }
