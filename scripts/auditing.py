"""`scripts/audit`: whether a version that uv.lock names is known to be vulnerable, by pip-audit and OSV.

It ends well where nothing is known, and where the database can't be asked; the last line says which it was.
It fails where something is known, unless accepted.txt beside this file names it, with a day and a reason.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from collector.clock import SystemClock
from scripts.bundling import ROOT, uv

OSV = "https://api.osv.dev/v1/query"
OSV_VARIABLE = "FIRSTBELL_OSV"
"""Another database that answers as OSV does, as a mirror in a network without internet."""
ACCEPTED = Path(__file__).with_name("accepted.txt")
_ANSWER_S = 5
_ALL_S = 60


class Known(NamedTuple):
    """A vulnerability that is known of a locked version."""

    package: str
    version: str
    id: str
    fixed_in: str


class AuditError(Exception):
    """It can't be told; `reached` is False where only the database is out of reach."""

    def __init__(self, text: str, *, reached: bool) -> None:
        super().__init__(text)
        self.reached = reached


def main() -> None:
    """Ask, and say what came of it."""
    url = os.environ.get(OSV_VARIABLE) or OSV
    today = datetime.fromtimestamp(SystemClock().now_ns() / 1e9, UTC).date()
    try:
        ids = accepted(ACCEPTED.read_text(encoding="utf-8"), today)
        packages, found = ask(url, ids)
    except AuditError as error:
        if error.reached:
            sys.exit(f"Known vulnerabilities: {error}")
        print(f"Known vulnerabilities: NOT CHECKED, {error}")
        return
    for one in found:
        print(f"{one.package} {one.version}: {one.id}, fixed in {one.fixed_in or 'no version yet'}")
    if found:
        sys.exit(
            f"Known vulnerabilities: {len(found)} in {packages} packages. Raise the versions (uv lock "
            f"--upgrade-package NAME), or name one that can't hurt here in scripts/{ACCEPTED.name}, with a "
            "day and a reason."
        )
    print(f"Known vulnerabilities: none in {packages} packages, asked of {url} on {today}")


def ask(url: str, ignored: list[str]) -> tuple[int, list[Known]]:
    """How many packages were asked for, and what is known of them. Raises AuditError."""
    with tempfile.TemporaryDirectory() as folder:
        requirements, answer = Path(folder) / "locked.txt", Path(folder) / "answer.json"
        requirements.write_text(
            _without_markers(uv("--all-extras", "--no-hashes", "--no-emit-project")), "utf-8"
        )
        fixed = ["--requirement", str(requirements), "--no-deps", "--disable-pip", "--progress-spinner=off"]
        listed = _pip_audit(*fixed, "--dry-run")
        if listed.returncode:
            raise AuditError(f"pip-audit can't read the lock: {_last(listed.stderr)}", reached=True)
        skip = [f"--ignore-vuln={name}" for name in ignored]
        asked = ["--vulnerability-service=osv", f"--osv-url={url}", f"--timeout={_ANSWER_S}"]
        try:
            ended = _pip_audit(*fixed, *asked, *skip, "--format=json", f"--output={answer}")
        except subprocess.TimeoutExpired as error:
            raise AuditError(f"{url} takes longer than {_ALL_S} s to answer", reached=False) from error
        if not answer.exists():
            raise AuditError(f"{url} can't be asked: {_last(ended.stderr)}", reached=False)
        return read(answer.read_text(encoding="utf-8"))


def read(answer: str) -> tuple[int, list[Known]]:
    """What pip-audit found, as its JSON has it."""
    packages: list[dict[str, Any]] = json.loads(answer)["dependencies"]
    found = [
        Known(package["name"], package["version"], flaw["id"], ", ".join(flaw["fix_versions"]))
        for package in packages
        for flaw in package.get("vulns", ())
    ]
    return len(packages), sorted(found)


def accepted(text: str, today: date) -> list[str]:
    """The names of vulnerabilities that somebody accepted until a day. Raises AuditError after it."""
    names = []
    for number, line in enumerate(text.splitlines(), 1):
        if not (plain := line.strip()) or plain.startswith("#"):
            continue
        parts = re.fullmatch(r"(\S+) +(\d{4}-\d\d-\d\d) +(\S.*)", plain)
        if parts is None:
            raise AuditError(f"{ACCEPTED.name}, line {number}: write NAME DAY REASON", reached=True)
        if date.fromisoformat(parts[2]) < today:
            raise AuditError(
                f"{ACCEPTED.name}, line {number}: {parts[1]} was accepted until {parts[2]}", reached=True
            )
        names.append(parts[1])
    return names


def _without_markers(exported: str) -> str:
    """Every locked version, whatever Python or system it is for."""
    lines = (line.split(" ;")[0] for line in exported.splitlines() if re.match(r"[A-Za-z0-9]", line))
    return "\n".join(sorted(set(lines))) + "\n"


def _pip_audit(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "pip_audit", *arguments]
    return subprocess.run(argv, check=False, capture_output=True, text=True, timeout=_ALL_S, cwd=ROOT)


def _last(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1].strip()[:300] if lines else "it says nothing"


if __name__ == "__main__":
    main()
