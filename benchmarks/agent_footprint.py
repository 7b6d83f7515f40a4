"""What a box costs the machine it runs on: resident memory and processor share of `firstbell-agent run`.

Everything is real and on loopback: mosquitto, the collector, a web server with and without TLS, a server
that speaks speedtest.net's protocol. The children in which heavy tests run are told apart. Beside it stand
bare Python and the libraries alone, in the same run, so that what is ours is seen.

    python -m benchmarks.agent_footprint [--minutes 10] [--json] [--save]
"""

import argparse
import http.server
import json
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks import bench
from benchmarks.bench import Figure, Memory
from tests.support.speedtest_server import Behaviour, SpeedtestServer

LIBRARIES = "click, msgspec, msgspec.json, paho.mqtt.client, psutil, sqlite3, ssl, tomllib, zoneinfo"
SYSTEM_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
LINE_BYTES_PER_S = 5e6
"""The speed of the line that the speed test finds: 40 Mbit/s."""
_LOOK_EVERY_S = 1.0
_SETTLED = 0.5
"""What is told as resident is the median of this last share of the run."""


class Look(NamedTuple):
    """One look at the box's process."""

    memory: Memory
    threads: int
    child: float
    """MiB resident in its children, all together."""


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name for it
        pass


@contextmanager
def web(certificate: Path | None = None) -> Iterator[int]:
    """A web server on loopback that answers 204; with a certificate over TLS. Its port."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


def certify(folder: Path) -> tuple[Path, Path]:
    """A certificate with its key for localhost, and a bundle of all authorities of this system and itself."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    request = (
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    command = ["openssl", *request.split(), "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    chain, bundle = folder / "chain.pem", folder / "bundle.pem"
    chain.write_bytes(key.read_bytes() + certificate.read_bytes())
    others = SYSTEM_AUTHORITIES.read_bytes() if SYSTEM_AUTHORITIES.exists() else b""
    bundle.write_bytes(others + certificate.read_bytes())
    return chain, bundle


def settings(broker: int, plain: int, secure: int) -> str:
    """The box's settings: three targets as by default, two of them with a page, and its default rhythm."""
    return f"""\
[box]
name = "bench-box"
[broker]
port = {broker}
[probes]
first_now = true
[internet]
secure = false
[[targets]]
name = "gateway"
host = "127.0.0.1"
segment = "site"
[[targets]]
name = "plain"
host = "localhost"
url = "http://localhost:{plain}/"
[[targets]]
name = "secure"
host = "localhost"
url = "https://localhost:{secure}/"
"""


def alone(code: str, env: dict[str, str]) -> Memory:
    """What an interpreter holds that has run `code` and nothing else."""
    ask = "print(open('/proc/self/smaps_rollup').read())"
    command = [sys.executable, "-c", f"{code}\n{ask}"]
    subprocess.run(command, env=env, check=True, capture_output=True)  # once to compile
    told = subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout
    return bench.rolled_up(told)


def watch(pid: int, seconds: float) -> list[Look]:
    """Look once a second."""
    looks: list[Look] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        looks.append(look(pid))
        time.sleep(_LOOK_EVERY_S)
    return looks


def look(pid: int) -> Look:
    """Look once. A child that ends meanwhile counts nothing."""
    child = 0.0
    for number in bench.children(pid):
        try:
            child += bench.memory(number).rss
        except (OSError, KeyError, IndexError):
            continue
    return Look(bench.memory(pid), len(list(Path(f"/proc/{pid}/task").iterdir())), child)


def measure(folder: Path, minutes: float) -> list[Figure]:
    """Run everything for so long, and say what the box took."""
    chain, bundle = certify(folder)
    env = bench.environment(folder) | {"SSL_CERT_FILE": str(bundle)}
    before = [
        Figure("bare Python, resident", alone("pass", env).rss, "MiB"),
        Figure("the libraries imported, resident", alone(f"import {LIBRARIES}", env).rss, "MiB"),
        Figure(
            "agent.app and agent.cli imported, resident", alone("import agent.app, agent.cli", env).rss, "MiB"
        ),
    ]
    with (
        SpeedtestServer(Behaviour(down_rate=LINE_BYTES_PER_S, up_rate=LINE_BYTES_PER_S)) as speedtest,
        web() as plain,
        web(chain) as secure,
        bench.mosquitto(folder) as port,
        bench.collector(folder, port),
    ):
        file, log = folder / "agent.toml", folder / "agent.log"
        file.write_text(settings(port, plain, secure), encoding="utf-8")
        argv = [sys.executable, "-m", "agent.cli", "--config", str(file), "run", "--lifeline", "--json"]
        with bench.started(argv, env | speedtest.environment(), log) as box:
            bench.said(box, log)
            started = time.monotonic()
            looks = watch(box.pid, minutes * 60)
            used, lasted = bench.cpu(box.pid), time.monotonic() - started
    return [
        *before,
        *resident(looks, before[0].value),
        Figure("its processor share", 100 * used.own_s / lasted, "% of a core"),
        Figure("its children's processor share", 100 * used.children_s / lasted, "% of a core"),
        Figure("reports held by the collector", held(folder), "reports"),
    ]


def resident(looks: list[Look], bare: float) -> list[Figure]:
    """What the looks at the box say of its memory, beside `bare` Python's."""
    settled = [one.memory for one in looks[int(len(looks) * (1 - _SETTLED)) :]]
    rss = statistics.median(one.rss for one in settled)
    return [
        Figure("the box, resident", rss, "MiB", "30, wall 40"),
        Figure("the box, resident, most", max(one.memory.rss for one in looks), "MiB", "wall 40"),
        Figure("the box, proportional (PSS)", statistics.median(one.pss for one in settled), "MiB"),
        Figure("the box, its own pages alone", statistics.median(one.own for one in settled), "MiB"),
        Figure("the box over bare Python", rss / bare, "times"),
        Figure("its threads, most", max(one.threads for one in looks), ""),
        Figure("its children, resident, most", max(one.child for one in looks), "MiB"),
    ]


def held(folder: Path) -> float:
    """What the collector has of it: a box that measures nothing is small, too."""
    argv = [sys.executable, "-m", "collector.cli", "--data", str(folder), "status", "--json"]
    told = subprocess.run(argv, env=bench.environment(folder), check=True, capture_output=True, text=True)
    return float(json.loads(told.stdout)["reports"])


def main() -> None:
    """Measure and show."""
    parser = bench.options(__doc__ or "")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long the box runs (default 10)")
    told: argparse.Namespace = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="firstbell-bench-") as folder:
        figures = measure(Path(folder), told.minutes)
    bench.show("agent_footprint", figures, told)


if __name__ == "__main__":
    main()
