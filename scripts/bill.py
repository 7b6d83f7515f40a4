"""`scripts/sbom`: the software bill of materials, CycloneDX 1.5, from uv.lock and the libraries' metadata.

uv writes it; here it is given licences, freed of what changes from time to time, and held against the lock.
"""

import json
import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any

import firstbell
from scripts.bundling import ROOT, uv

SHIPPED = ("agent", "collector", "broker", "reference", "speedtest", "ndt7", "influx", "grafana")
"""The extras that run in a district; deploy runs where it is deployed from, dev in tests."""
Pair = tuple[str, str]
"""A library and its version."""


def main() -> None:
    """Print the bill of the extras named, or of all that are shipped."""
    print(text(sys.argv[1:] or SHIPPED), end="")


def text(extras: Iterable[str]) -> str:
    """The bill of these extras as JSON. Raises SystemExit where it would not be whole."""
    wanted = list(extras)
    known = {*_project()["optional-dependencies"]}
    if unknown := sorted(set(wanted) - known):
        sys.exit(f"There is no extra {', '.join(unknown)}; known are {', '.join(sorted(known))}.")
    made = bill(wanted)
    if missing := sorted(locked(wanted) - pairs(made)):
        names = ", ".join(f"{name} {version}" for name, version in missing)
        sys.exit(f"The bill of materials is not whole: uv.lock has {names}, too.")
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def bill(extras: Iterable[str]) -> dict[str, Any]:
    """As uv writes it, with licences and without time and random number: the same lock, the same bytes."""
    exported = uv("--format=cyclonedx1.5", *(f"--extra={extra}" for extra in extras))
    made: dict[str, Any] = json.loads(exported)
    made.pop("serialNumber", None)
    made["metadata"].pop("timestamp", None)
    own = made["metadata"]["component"]
    own |= {"type": "application", "licenses": [{"license": {"id": "MIT"}}], "version": firstbell.__version__}
    for component in made["components"]:
        if licences := _licences(component["name"], component["version"]):
            component["licenses"] = licences
    return made


def pairs(made: dict[str, Any]) -> set[Pair]:
    """What a bill names."""
    return {(canonical(each["name"]), each["version"]) for each in made["components"]}


def locked(extras: Iterable[str]) -> set[Pair]:
    """Every library that the lock gives to these extras, on whatever system, by following it."""
    packages: dict[str, list[dict[str, Any]]] = {}
    for package in tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]:
        packages.setdefault(package["name"], []).append(package)
    (root,) = packages[_project()["name"]]
    waiting = list(root.get("dependencies", ()))
    for extra in extras:
        waiting += root["optional-dependencies"][extra]
    found: set[Pair] = set()
    seen: set[tuple[str, str]] = set()
    while waiting:
        wanted = waiting.pop()
        for package in packages[wanted["name"]]:
            if wanted.get("version", package["version"]) != package["version"]:
                continue
            found.add((wanted["name"], package["version"]))
            for part in ("", *wanted.get("extra", ())):
                if (key := (wanted["name"] + package["version"], part)) not in seen:
                    seen.add(key)
                    more = package.get("optional-dependencies", {}).get(part, ()) if part else None
                    waiting += package.get("dependencies", ()) if more is None else more
    return found


def canonical(name: str) -> str:
    """A library's name as the index has it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _licences(name: str, version: str) -> list[dict[str, Any]]:
    """What the library says of itself, where the very version is installed here."""
    try:
        found: Distribution = distribution(name)
    except PackageNotFoundError:
        return []
    if found.version.removeprefix("v") != version:
        return []
    if expression := found.metadata["License-Expression"]:
        return [{"expression": expression}]
    said = (found.metadata["License"] or "").strip()
    if said and "\n" not in said:
        return [{"license": {"name": said}}]
    classes = found.metadata.get_all("Classifier") or []
    names = [line.split(" :: ")[-1] for line in classes if line.startswith("License ::")]
    return [{"license": {"name": each}} for each in names]


def _project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


if __name__ == "__main__":
    main()
