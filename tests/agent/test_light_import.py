"""What the agent's process loads: heavy and foreign libraries live in children."""

import json
import subprocess
import sys

HEAVY = {
    "speedtest",
    "scapy",
    "amqtt",
    "starlette",
    "uvicorn",
    "influxdb_client",
    "requests",
    "numpy",
    "asyncio",
}


def loaded_by(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter has after `code`."""
    show = "import sys, json; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{show}"], capture_output=True, check=True, timeout=60
    )
    return set(json.loads(done.stdout))


def test_the_probes_and_the_doors_are_light() -> None:
    """All probes and the whole real machine load none of the heavy libraries."""
    loaded = loaded_by(
        "from agent.probes import PROBES; from agent.machine.machine import Machine; Machine.real()"
    )
    assert {"psutil", "msgspec"} <= loaded
    assert loaded & HEAVY == set()


def test_the_engine_alone_brings_its_library() -> None:
    """The child's engine is what imports speedtest-cli: the test above can fail."""
    assert "speedtest" in loaded_by("import agent.load.engines.speedtest")
