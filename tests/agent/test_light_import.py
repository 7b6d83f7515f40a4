"""What the box's process loads: heavy and foreign libraries live in children, and what is left is small."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

FOREIGN = {
    "amqtt", "collector", "coverage", "cryptography", "grafana_api", "httpx", "hypothesis", "influxdb_client",
    "jinja2", "numpy", "pip", "pkg_resources", "platformdirs", "prometheus_client", "pwdlib", "pydantic",
    "pytest", "requests", "rich", "scapy", "setuptools", "speedtest", "starlette", "tests", "uvicorn",
    "websockets", "yaml",
}  # fmt: skip
"""Not the box's libraries, or only its children's."""
HEAVY = {
    "asyncio", "concurrent", "distutils", "doctest", "ftplib", "html", "imaplib", "lib2to3", "logging.config",
    "logging.handlers", "multiprocessing", "optparse", "pdb", "pydoc", "smtplib", "socketserver", "tkinter",
    "unittest", "xml", "xmlrpc",
}  # fmt: skip
"""Parts of the standard library that nothing in the box's process needs. (`email` and `http.client` come
with paho, and so does `ssl`.)"""

TESTS = {
    "agent.child", "agent.load.bulk", "agent.load.engines.iperf3", "agent.load.engines.librespeed",
    "agent.load.engines.ndt7", "agent.load.engines.own", "agent.load.meter", "agent.load.capacity",
    "agent.load.surroundings", "agent.readers.iperf3", "agent.reference", "difflib",
}  # fmt: skip
"""What only a heavy test (or a reference server, or a mistake in the settings) needs, once it is there."""

WAYS_OUT = {
    "agent.signing",
    "agent.uplink.https",
    "agent.uplink.tunnel",
    "agent.uplink.way",
    "firstbell.letter",
}
"""What only a box needs from whose network MQTT does not get out."""

MOST_MODULES = 305
MOST_MIB = 35.0
"""Resident with everything imported; a running box adds about four to it, and its wall is at 40."""

LOOK = """
import json, sys
modules = sorted(sys.modules)
import psutil
print(json.dumps({"modules": modules, "mib": psutil.Process().memory_info().rss / 2**20}))
"""


def after(code: str, compiled: Path) -> dict[str, Any]:
    """Modules and resident MiB of a fresh interpreter after `code`, everything compiled beforehand."""
    # Whoever measures coverage or presets Python's switches is not in the box's process.
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV"))}
    env["PYTHONPYCACHEPREFIX"] = str(compiled)
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", code + LOOK],
            cwd=ROOT,
            env=env,
            capture_output=True,
            check=True,
            timeout=60,
        )
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def denied(modules: list[str], names: set[str]) -> list[str]:
    """Which modules are, or lie in, one of the names."""
    return [module for module in modules if any(f"{module}.".startswith(f"{name}.") for name in names)]


def test_the_box_loads_nothing_foreign_or_heavy(tmp_path: Path) -> None:
    """The program and its command, as they stand, load no library that belongs to a child or the collector."""
    modules = after("import agent.app, agent.cli", tmp_path)["modules"]
    assert {"paho", "psutil", "msgspec", "sqlite3", "agent.cli"} <= set(modules)
    assert denied(modules, FOREIGN) == []
    assert denied(modules, HEAVY) == []


def test_the_box_is_small_before_it_runs(tmp_path: Path) -> None:
    """Number of modules and resident memory stay under what leaves room below the wall."""
    seen = after("import agent.app, agent.cli", tmp_path)
    assert len(seen["modules"]) < MOST_MODULES
    assert seen["mib"] < MOST_MIB


def test_making_the_real_machine_and_all_probes_loads_no_more(tmp_path: Path) -> None:
    """What is built at the start brings nothing heavy with it either."""
    build = """
from agent.machine.machine import Machine
from agent.probes import PROBES
from agent.probes.settings import ProbeSettings
Machine.real()
assert [make(ProbeSettings()) for make in PROBES.values()]
"""
    modules = after(build, tmp_path)["modules"]
    assert denied(modules, FOREIGN | HEAVY) == []


def test_what_tests_with_comes_with_the_first_test(tmp_path: Path) -> None:
    """No engine, no reference server and none of their parts is loaded before a test is due."""
    modules = after("import agent.app, agent.cli", tmp_path)["modules"]
    assert "agent.probes.throughput" in modules
    assert denied(modules, TESTS | WAYS_OUT) == []


def test_the_lower_ways_alone_bring_their_libraries(tmp_path: Path) -> None:
    """A tunnel brings websockets, and no asyncio with it; letters bring cryptography: the tests above can fail."""
    tunnel = after("import agent.uplink.tunnel", tmp_path)["modules"]
    assert denied(tunnel, FOREIGN) != []
    assert denied(tunnel, HEAVY) == []
    assert "cryptography" in after("import agent.uplink.https, agent.signing", tmp_path)["modules"]


def test_the_engine_alone_brings_its_library(tmp_path: Path) -> None:
    """The child's engine is what imports speedtest-cli and what that drags along: the tests above can fail."""
    modules = after("import agent.load.engines.speedtest", tmp_path)["modules"]
    assert "speedtest" in denied(modules, FOREIGN)
    assert denied(modules, HEAVY) != []
