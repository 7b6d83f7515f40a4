"""NOTICE names the licences that differ, as they are."""

import hashlib
import re
import tomllib
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from scripts import bill
from tests.support import installed

ROOT = Path(__file__).parents[1]
NOTICE = (ROOT / "NOTICE").read_text(encoding="utf-8")
KIN = re.compile(r"(MIT|MIT-0|MIT License|(\d-Clause )?BSD.*|ISC.*|0BSD)\Z")
SHORT = {
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "GNU Lesser General Public License v3.0": "LGPL-3.0",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "PSFL": "PSF-2.0",
    "Dual License": "Apache-2.0 OR BSD-3-Clause",
}


def listed() -> dict[tuple[str, str], str]:
    """What NOTICE says: licence by extra and library."""
    rows = re.findall(
        r"^([a-z]+) +([a-z-]+) +((?:\S+)(?: (?:OR|AND) \S+)*)", NOTICE.split("\nextra ")[1], re.MULTILINE
    )
    return {(extra, library): licence for extra, library, licence in rows if extra in installed.declared()}


def licence_of(dist: Distribution) -> str:
    """The licence as a library's own metadata has it: an SPDX expression, else what stands for one."""
    said = dist.metadata["License-Expression"] or dist.metadata["License"] or ""
    if not said or "\n" in said:
        classifiers = dist.metadata.get_all("Classifier") or []
        named = [line.split(" :: ")[-1] for line in classifiers if line.startswith("License :: OSI")]
        said = named[0] if named else _first_line_of_the_text(dist)
    said = re.sub(r"^(\d-Clause) (BSD).*|^(BSD) (\d-Clause).*", r"BSD \1\4", said)
    return SHORT.get(said, said)


def _first_line_of_the_text(dist: Distribution) -> str:
    (text,) = [path for path in dist.files or [] if path.name == "LICENSE"]
    return text.read_text().splitlines()[0]


@pytest.mark.parametrize("extra", [extra or "-" for extra in installed.declared()])
def test_every_licence_that_differs_is_named(extra: str) -> None:
    """Each library that an extra brings along is under MIT, BSD or ISC, or stands in NOTICE as it is."""
    bound = installed.closure(installed.declared()[extra.strip("-")])
    differing = {name: licence for name, dist in bound.items() if not KIN.match(licence := licence_of(dist))}
    named = {library: licence for (of, library), licence in listed().items() if of == extra}
    assert differing.items() <= named.items()
    # What another Python or system brings along may be named, too; what is here is named as it is.
    assert {name: licence for name, licence in named.items() if name in bound} == differing


def test_what_is_installed_is_what_the_lock_names() -> None:
    """The libraries that were looked at are those that users get."""
    locked = {
        installed.canonical(package["name"]): package["version"]
        for package in tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    }
    for requirements in installed.declared().values():
        for name, dist in installed.closure(requirements).items():
            # Grafana calls its SDK v0.0.21, and the index 0.0.21.
            assert dist.version.removeprefix("v") == locked[name], f"{name} is {dist.version}; run uv sync"


def test_files_of_others_are_what_notice_says() -> None:
    """Every script and sheet that isn't ours stands in NOTICE: where from, which version, byte for byte."""
    folder = ROOT / "collector" / "web" / "static"
    table = NOTICE.split("\nfile ")[1]
    rows = re.findall(r"^(\S+) +(\S+) (\d\S+) +(0BSD|MIT) +([0-9a-f]{64})$", table, re.MULTILINE)
    shipped = {path.name for path in folder.glob("*.min.*")}
    assert {name for name, *_ in rows} == shipped
    for name, _package, version, _licence, digest in rows:
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name
        if name.endswith(".js"):
            assert version in (folder / name).read_text(encoding="utf-8"), name


def test_the_licence_is_what_the_metadata_says() -> None:
    """LICENSE is the text of the licence that pyproject.toml names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")
    assert project["license-files"] == ["LICENSE", "NOTICE"]


ELSEWHERE = {"colorama": "BSD-3-Clause"}
"""Libraries of the lock that this system doesn't install, and their licences: kin, so NOTICE need not name them."""


def test_no_library_of_the_lock_escapes_the_look() -> None:
    """Each is installed here, where its licence is read, or stands above with it."""
    everything = {name for name, _ in bill.locked(installed.declared().keys() - {""})}
    here = {name for wanted in installed.declared().values() for name in installed.closure(wanted)}
    assert everything - here == {*ELSEWHERE}
    assert all(KIN.match(licence) for licence in ELSEWHERE.values())
