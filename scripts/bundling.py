"""`scripts/bundle`: wheels for machines without internet, and the hashes that pip then insists on."""

import json
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import firstbell

ROOT = Path(__file__).parents[1]
BILL = "firstbell.cdx.json"
"""The bill of materials that lies in each bundle."""


def main() -> None:
    """Fill the folder, and print how many wheels it holds."""
    out, machine, python, extras = Path(sys.argv[1]), *sys.argv[2:5]
    wheels = out / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    for old in wheels.glob("*.whl"):
        old.unlink()
    pip("wheel", "--no-deps", "--wheel-dir", str(wheels), str(ROOT))
    (own,) = wheels.glob("firstbell-*.whl")
    tried = out / "constraints.txt"
    tried.write_text(locked(extras), encoding="utf-8")
    platforms = [f"--platform=manylinux_2_{minor}_{machine}" for minor in range(17, 37)]
    versions = ["--implementation=cp", f"--python-version={python}", "--only-binary=:all:"]
    pip(
        "download",
        "--dest",
        str(wheels),
        "--constraint",
        str(tried),
        *platforms,
        *versions,
        f"{own}[{','.join(extras.split())}]",
    )
    (out / "requirements.txt").write_text(listed(wheels, extras), encoding="utf-8")
    (out / BILL).write_text(billed(wheels, extras), encoding="utf-8")
    (out / "VERSION").write_text(f"{firstbell.__version__}\n", encoding="utf-8")
    print(f"{len(list(wheels.glob('*.whl')))} wheels for {machine}, Python {python}, in {out}")


def locked(extras: str) -> str:
    """The versions that the tests ran with, as pip reads them."""
    wanted = [f"--extra={extra}" for extra in extras.split()]
    return uv("--no-hashes", "--no-emit-project", *wanted)


def uv(*options: str) -> str:
    """What `uv export` makes of the lock."""
    argv = [str(ROOT / ".venv" / "bin" / "uv"), "export", "--frozen", "--quiet", *options]
    ended = subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True)
    return str(ended.stdout)


def billed(wheels: Path, extras: str) -> str:
    """The bill of materials of a bundle. Raises SystemExit where a wheel lies in it that the bill lacks."""
    from scripts import bill  # noqa: PLC0415 - it asks this file for the lock

    made = bill.text(extras.split())
    named = {*bill.pairs(json.loads(made)), ("firstbell", firstbell.__version__)}
    there = {
        (bill.canonical(name), version)
        for name, version, *_ in (each.name.split("-") for each in wheels.glob("*.whl"))
    }
    if missing := sorted(there - named):
        sys.exit(f"The bundle's bill of materials is not whole: {missing}")
    return made


def pip(*arguments: str) -> None:
    """Run pip; what it says is for whoever waits. Raises SystemExit where it fails."""
    ended = subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", *arguments], check=False, stdout=sys.stderr
    )
    if ended.returncode:
        sys.exit("The bundle is not whole: pip says above what it could not get.")


def listed(wheels: Path, extras: str) -> str:
    """One line a wheel: name, version, SHA-256."""
    lines = []
    for wheel in sorted(wheels.glob("*.whl")):
        name, version = wheel.name.split("-")[:2]
        name = re.sub(r"[-_.]+", "-", name).lower()
        wanted = f"[{','.join(extras.split())}]" if name == "firstbell" else ""
        lines.append(f"{name}{wanted}=={version} --hash=sha256:{sha256(wheel.read_bytes()).hexdigest()}\n")
    return "".join(lines)


if __name__ == "__main__":
    main()
