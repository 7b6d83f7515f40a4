"""Archives that somebody else brought: nothing of one leaves its folder, and nothing unsigned is taken."""

import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from agent.update import archive
from agent.update.archive import ArchiveError
from collector import updates
from tests.agent.update import bundles

LISTED = b"firstbell==9.9.9 --hash=sha256:00\n"
GOOD: dict[str, Any] = {
    "VERSION": b"9.9.9\n",
    "requirements.txt": LISTED,
    "wheels/firstbell-9.9.9-py3-none-any.whl": b"x",
}


def special(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    """What is no plain file."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def test_what_the_district_packs_a_box_unpacks(tmp_path: Path) -> None:
    """To the byte; and the same bundle gives the same archive."""
    made = bundles.bundle(tmp_path / "bundle", "0.2.0")
    parcel = updates.pack(tmp_path, made)
    assert updates.pack(tmp_path, made) == parcel
    archive.take(tmp_path / "updates" / f"{parcel.sha256}.tar", parcel, tmp_path / "own.tar")
    archive.unpack(tmp_path / "own.tar", parcel, tmp_path / "out")
    for path in made.rglob("*"):
        if path.is_file():
            assert (tmp_path / "out" / path.relative_to(made)).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "strange",
    [
        {"../evil": b"x"},
        {"/no-such-folder/evil": b"x"},
        {"wheels/../../evil.whl": b"x"},
        {"wheels/a/b.whl": b"x"},
        {"setup.py": b"x"},
        {"wheels/x.tar.gz": b"x"},
        {"wheels/a.whl": special("wheels/a.whl", tarfile.SYMTYPE, "/etc/shadow")},
        {"wheels/a.whl": special("wheels/a.whl", tarfile.LNKTYPE, "/etc/shadow")},
        {"wheels/a.whl": special("wheels/a.whl", tarfile.CHRTYPE)},
        {"wheels/a.whl": special("wheels/a.whl", tarfile.FIFOTYPE)},
        {"wheels/": special("wheels", tarfile.DIRTYPE)},
        {"wheels/a.whl": special("VERSION", tarfile.REGTYPE)},
    ],
)  # fmt: skip
def test_strange_members_are_refused_even_where_they_are_signed(
    tmp_path: Path, strange: dict[str, Any]
) -> None:
    """Names that lead elsewhere, links, devices, a name twice: nothing of it is outside of its folder."""
    parcel = bundles.packed(tmp_path / "own.tar", GOOD | strange, LISTED)
    with pytest.raises(ArchiveError):
        archive.unpack(tmp_path / "own.tar", parcel, tmp_path / "in" / "out")
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left <= {"own.tar", "VERSION", "requirements.txt", "firstbell-9.9.9-py3-none-any.whl"}


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    """A file that says it has a gigabyte of holes; and a compressed archive is none."""
    sparse = tarfile.TarInfo("wheels/big.whl")
    sparse.size, sparse.pax_headers = 0, {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(1 << 30)}
    with tarfile.open(tmp_path / "own.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(sparse)
    parcel = bundles.packed(tmp_path / "other.tar", GOOD, LISTED)
    with pytest.raises(ArchiveError):
        archive.unpack(tmp_path / "own.tar", parcel, tmp_path / "out")
    with tarfile.open(tmp_path / "zip.tar", "w:gz") as tar:
        tar.add(tmp_path / "other.tar", "VERSION")
    with pytest.raises(ArchiveError):
        archive.unpack(tmp_path / "zip.tar", parcel, tmp_path / "out2")


def test_another_list_than_the_signed_one_is_refused(tmp_path: Path) -> None:
    """It says which wheels are good."""
    parcel = bundles.packed(tmp_path / "own.tar", GOOD | {"requirements.txt": b"evil==1\n"}, LISTED)
    with pytest.raises(ArchiveError, match="list of hashes"):
        archive.unpack(tmp_path / "own.tar", parcel, tmp_path / "out")


def test_one_bit_is_enough(tmp_path: Path) -> None:
    """Of the archive; and one byte too many or too few."""
    parcel = bundles.packed(tmp_path / "got.tar", GOOD, LISTED)
    raw = (tmp_path / "got.tar").read_bytes()
    for bad in (bytes([raw[0] ^ 1]) + raw[1:], raw + b"x", raw[:-1]):
        (tmp_path / "got.tar").write_bytes(bad)
        with pytest.raises(ArchiveError, match="not the one"):
            archive.take(tmp_path / "got.tar", parcel, tmp_path / "own.tar")


def test_root_follows_nobodys_links(tmp_path: Path) -> None:
    """The folder of what was got is another user's: a link or a pipe there is no archive."""
    parcel = bundles.packed(tmp_path / "got.tar", GOOD, LISTED)
    (tmp_path / "link").symlink_to(tmp_path / "got.tar")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        with pytest.raises(ArchiveError):
            archive.take(tmp_path / name, parcel, tmp_path / "own.tar")
    with pytest.raises(ArchiveError):
        archive.read_plain(tmp_path / "got.tar", 10)
