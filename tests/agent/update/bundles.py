"""Bundles and boxes for tests of updates: small wheels whose program does only what an updater asks of it."""

import base64
import io
import json
import platform
import sys
import tarfile
import zipfile
from hashlib import sha256
from pathlib import Path

from firstbell.update import Parcel, release_of

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
MACHINE = platform.machine()
PROGRAM = '''"""A box's program that knows two words, and answers them from files beside the settings."""
import json, os, sys
def main():
    config, word = sys.argv[2], sys.argv[4]
    box = json.load(open(os.path.join(os.path.dirname(config), "box.json")))
    if word == "try":
        if {broken!r} == "try":
            sys.exit("it does not run")
        print(json.dumps({{"version": {version!r}, "spool_form": 2, "spool_readable_since": {since}}}))
    else:
        print(json.dumps(box))
'''


def wheel(folder: Path, version: str, *, broken: str = "", since: int = 1) -> Path:
    """A wheel of `firstbell` that runs, for any machine."""
    name = f"firstbell-{version}"
    files = {
        "tiny_firstbell.py": PROGRAM.format(version=version, broken=broken, since=since),
        f"{name}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: firstbell\nVersion: {version}\n",
        f"{name}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{name}.dist-info/entry_points.txt": "[console_scripts]\nfirstbell-agent = tiny_firstbell:main\n",
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(sha256(text.encode()).digest()).decode().rstrip('=')},{len(text)}\n"
        for path, text in files.items()
    )
    files[f"{name}.dist-info/RECORD"] = f"{record}{name}.dist-info/RECORD,,\n"
    made = folder / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(made, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return made


def bundle(folder: Path, version: str, *, broken: str = "", since: int = 1, kind: str = "") -> Path:
    """A bundle as `scripts/bundle` makes it: one wheel that runs, and one that says for which machine it is."""
    wheels = folder / "wheels"
    wheels.mkdir(parents=True)
    wheel(wheels, version, broken=broken, since=since)
    tag = kind or f"cp{PYTHON.replace('.', '')}-cp{PYTHON.replace('.', '')}-manylinux_2_17_{MACHINE}"
    (wheels / f"other-1.0-{tag}.whl").write_bytes(b"not asked for")
    lines = [
        f"firstbell=={version} --hash=sha256:{sha256((wheels / f'firstbell-{version}-py3-none-any.whl').read_bytes()).hexdigest()}\n"
    ]
    lines.append(f"# other --hash=sha256:{sha256(b'not asked for').hexdigest()}\n")
    (folder / "requirements.txt").write_text("".join(lines), encoding="utf-8")
    (folder / "VERSION").write_text(f"{version}\n", encoding="utf-8")
    return folder


def packed(path: Path, members: dict[str, bytes | tarfile.TarInfo], listed: bytes = b"") -> Parcel:
    """An archive of anything, and the parcel of whoever signed it."""
    with tarfile.open(path, "w") as tar:
        for name, what in members.items():
            if isinstance(what, tarfile.TarInfo):
                tar.addfile(what)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(what)
            tar.addfile(info, io.BytesIO(what))
    raw = path.read_bytes()
    return Parcel(
        machine=MACHINE,
        python=PYTHON,
        release=release_of("9.9.9", listed),
        sha256=sha256(raw).hexdigest(),
        size=len(raw),
        listed=sha256(listed).hexdigest(),
    )


def say(folder: Path, *, epoch: str, held: int, testing: bool = False) -> None:
    """What the box's program says of the box from now on."""
    beside = folder / ".box.json"
    beside.write_text(
        json.dumps({"agent": "lincoln-1", "testing": testing, "epoch": epoch, "held": held}), encoding="utf-8"
    )
    beside.replace(folder / "box.json")
