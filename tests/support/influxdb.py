"""Real InfluxDB servers on loopback, and a look into them that owes nothing to any client's library."""

import http.client
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

ROOT = Path(__file__).parents[2]
DEADLINE_S = 60.0
TRIES = 5


class NoServerError(Exception):
    """The server isn't on this machine; the message says why, and what brings it."""


class AskedError(Exception):
    """The server took a question and answered with an error."""


@dataclass(frozen=True)
class Answer:
    """What a server said to one request."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


def program(which: str = "2") -> Path:
    """Where `influxd` is: "2" for the one that is built here, "1.6" for Debian's. Raises NoServerError."""
    argv = [str(ROOT / "scripts" / "influxd"), "--there", *(["1.6"] if which == "1.6" else [])]
    said = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    if said.returncode:
        raise NoServerError(said.stderr.strip())
    return Path(said.stdout.strip())


def ask(
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    method: str | None = None,
    *,
    timeout_s: float = DEADLINE_S,
) -> Answer:
    """Ask once, and take whatever is answered. Raises OSError if that is nothing, or not whole."""
    request = urllib.request.Request(url, body, dict(headers or {}), method=method)
    try:
        with _OPENER.open(request, timeout=timeout_s) as answer:
            return Answer(answer.status, dict(answer.headers), answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, dict(error.headers), error.read())
    except urllib.error.URLError as error:
        raise (error.reason if isinstance(error.reason, OSError) else error) from None
    except http.client.HTTPException as error:
        raise ConnectionAbortedError(f"no whole answer: {error!r}") from error


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def rows_of(answer: Answer) -> list[dict[str, Any]]:
    """The rows of an InfluxQL answer, the tags of GROUP BY and the measurement's name among the columns.

    Raises AskedError if a statement failed.
    """
    if answer.status != 200:
        raise AskedError(f"{answer.status} {answer.body.decode(errors='replace')}")
    rows = []
    for result in answer.json["results"]:
        if "error" in result:
            raise AskedError(result["error"])
        for series in result.get("series", ()):
            found = {"name": series.get("name"), **series.get("tags", {})}
            rows += [{**found, **dict(zip(series["columns"], row, strict=True))} for row in series["values"]]
    return rows


class Speaks2(ABC):
    """What a test asks a server that speaks InfluxDB 2's language, be it real or scripted."""

    org: str
    bucket: str
    token: str

    @property
    @abstractmethod
    def url(self) -> str:
        """Where it listens, without a slash at the end."""

    def write(
        self, lines: str, to: str | None = None, *, org: str | None = None, token: str | None = None
    ) -> Answer:
        """Write lines of line protocol to a bucket by name, times in nanoseconds."""
        asked = urlencode({"org": org or self.org, "bucket": to or self.bucket, "precision": "ns"})
        return ask(f"{self.url}/api/v2/write?{asked}", lines.encode(), self._headers(token))

    def query(
        self, influxql: str, db: str | None = None, *, token: str | None = None
    ) -> list[dict[str, Any]]:
        """The rows of an InfluxQL question to a bucket, times in nanoseconds. Raises AskedError."""
        asked = urlencode({"db": db or self.bucket, "epoch": "ns", "q": influxql})
        return rows_of(ask(f"{self.url}/query?{asked}", None, self._headers(token)))

    def _headers(self, token: str | None = None) -> dict[str, str]:
        return {"Authorization": f"Token {token or self.token}"}


class _Server(ABC):
    """A server's process on a port that the kernel chose, all of its data in `folder`."""

    def __init__(self, folder: Path, influxd: Path) -> None:
        self._folder, self._influxd = folder, influxd
        self._process: subprocess.Popen[bytes] | None = None
        self._names = count(1)
        self.port = 0

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Its process; 0 if it does not run."""
        return self._process.pid if self._process else 0

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_how: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, with the port and the data it had before if it had any, and wait until it is ready."""
        for _ in range(TRIES):
            port = self.port or _free_port()
            if self._start(port):
                if not self.port:
                    self.port = port
                    self._furnish()
                return
            said = self.log()
            assert "address already in use" in said, said
            assert not self.port, f"somebody else took the server's port meanwhile: {said}"
        raise AssertionError("influxd found no port")

    def stop(self) -> None:
        """End it in peace, and by force if that takes too long."""
        if self._process:
            self.resume()
            self._process.terminate()
            try:
                self._process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
            self._process.wait()
            self._process = None

    def kill(self) -> None:
        """End it as a power cut would; `start` brings it back."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def hang(self) -> None:
        """Stop it in the midst of what it does: the kernel still takes connections, and nobody answers."""
        os.kill(self.pid, signal.SIGSTOP)
        # The kernel stops each of its threads in its own time.
        tasks = Path(f"/proc/{self.pid}/task")
        while any(" (influxd) T" not in (task / "stat").read_text() for task in tasks.iterdir()):
            time.sleep(0.01)

    def resume(self) -> None:
        """Let it go on after `hang`."""
        os.kill(self.pid, signal.SIGCONT)

    def log(self) -> str:
        """What it has said since it was started last."""
        return (self._folder / "influxd.log").read_text(encoding="utf-8", errors="replace")

    @abstractmethod
    def _argv(self, port: int) -> list[str]: ...

    @abstractmethod
    def _is_ready(self, url: str) -> bool: ...

    @abstractmethod
    def _furnish(self) -> None: ...

    def _start(self, port: int) -> bool:
        argv = self._argv(port)
        # Whatever is set outside for another server is not meant for this one.
        env = {"HOME": str(self._folder), "PATH": os.environ.get("PATH", "")}
        with (self._folder / "influxd.log").open("wb") as log:
            self._process = subprocess.Popen(argv, stdout=log, stderr=log, cwd=self._folder, env=env)
        deadline = time.monotonic() + DEADLINE_S
        while self._process.poll() is None:
            if self._is_ready(f"http://127.0.0.1:{port}"):
                return self._process.poll() is None
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"influxd is not ready after {DEADLINE_S:.0f} s: {self.log()}")
            time.sleep(0.02)
        self._process = None
        return False


class Influx2(_Server, Speaks2):
    """InfluxDB 2 with a user, an organisation, a bucket that keeps all for ever, and an operator's token."""

    def __init__(
        self,
        folder: Path,
        influxd: Path | None = None,
        *options: str,
        org: str = "district",
        bucket: str = "firstbell",
        token: str = "operators-token",
    ) -> None:
        super().__init__(folder, influxd or program())
        self._options = options
        self.org, self.bucket, self.token = org, bucket, token
        self.org_id = self.bucket_id = ""
        self._ids: dict[str, str] = {}

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """What the API answers the operator, read. Raises AskedError if that is not what was wanted."""
        data = None if body is None else json.dumps(body).encode()
        headers = {**self._headers(), "Content-Type": "application/json"}
        answer = ask(f"{self.url}{path}", data, headers, method)
        if answer.status >= 300:
            raise AskedError(f"{method} {path}: {answer.status} {answer.body.decode(errors='replace')}")
        return answer.json if answer.body else None

    def make_bucket(self, name: str = "", keep_s: int = 0) -> str:
        """A new bucket's name, one that nobody else has if none is given; it keeps all if `keep_s` is 0."""
        name = name or f"bucket-{next(self._names)}"
        rules = [{"type": "expire", "everySeconds": keep_s}] if keep_s else []
        made = self.call(
            "POST", "/api/v2/buckets", {"orgID": self.org_id, "name": name, "retentionRules": rules}
        )
        self._ids[name] = made["id"]
        return name

    def delete_bucket(self, name: str) -> None:
        """Delete a bucket with all that is in it."""
        self.call("DELETE", f"/api/v2/buckets/{self._ids.pop(name)}")

    def make_token(self, bucket: str | None = None, *, actions: tuple[str, ...] = ("read", "write")) -> str:
        """A token that may do no more than `actions` in one bucket."""
        place = {"type": "buckets", "id": self._ids[bucket or self.bucket], "orgID": self.org_id}
        may = [{"action": action, "resource": place} for action in actions]
        return str(
            self.call("POST", "/api/v2/authorizations", {"orgID": self.org_id, "permissions": may})["token"]
        )

    def tear(self, bucket: str | None = None) -> None:
        """While it is off: put half a record behind a bucket's log, as a power cut within a write leaves it."""
        assert not self.pid
        logs = self._folder.glob(f"engine/wal/{self._ids[bucket or self.bucket]}/*/*/*.wal")
        newest = max(logs, key=lambda log: log.stat().st_mtime_ns)
        data = newest.read_bytes()
        newest.write_bytes(data + data[: len(data) // 2])

    def _argv(self, port: int) -> list[str]:
        paths = {"bolt-path": "bolt.db", "sqlite-path": "sqlite.db", "engine-path": "engine"}
        places = [f"--{option}={self._folder / name}" for option, name in paths.items()]
        address = f"--http-bind-address=127.0.0.1:{port}"
        return [str(self._influxd), *places, address, "--reporting-disabled", *self._options]

    def _is_ready(self, url: str) -> bool:
        try:
            answer = ask(f"{url}/health")
        except OSError:
            return False
        return answer.status == 200 and answer.json["status"] == "pass"

    def _furnish(self) -> None:
        first = {"username": "operator", "password": "operators-password", "token": self.token}
        made = self.call("POST", "/api/v2/setup", {**first, "org": self.org, "bucket": self.bucket})
        self.org_id, self.bucket_id = made["org"]["id"], made["bucket"]["id"]
        self._ids[self.bucket] = self.bucket_id


_SETTINGS_1 = """\
reporting-disabled = true
bind-address = "127.0.0.1:0"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
query-log-enabled = false
[monitor]
store-enabled = false
[http]
bind-address = "127.0.0.1:{port}"
log-enabled = false
"""


class Influx1(_Server):
    """InfluxDB 1.6 as Debian has it, without passwords, with one database."""

    def __init__(self, folder: Path, influxd: Path | None = None, *, database: str = "firstbell") -> None:
        super().__init__(folder, influxd or program("1.6"))
        self.database = database

    def write(self, lines: str, to: str | None = None) -> Answer:
        """Write lines of line protocol to a database, times in nanoseconds."""
        asked = urlencode({"db": to or self.database, "precision": "ns"})
        return ask(f"{self.url}/write?{asked}", lines.encode())

    def query(self, influxql: str, db: str | None = None) -> list[dict[str, Any]]:
        """The rows of an InfluxQL question, times in nanoseconds. Raises AskedError."""
        asked = urlencode({"db": db or self.database, "epoch": "ns", "q": influxql})
        return rows_of(ask(f"{self.url}/query?{asked}"))

    def make_database(self, name: str = "") -> str:
        """A new database's name, one that nobody else has if none is given."""
        name = name or f"database-{next(self._names)}"
        self._order(f'CREATE DATABASE "{name}"')
        return name

    def drop_database(self, name: str) -> None:
        """Delete a database with all that is in it."""
        self._order(f'DROP DATABASE "{name}"')

    def _order(self, influxql: str) -> None:
        rows_of(ask(f"{self.url}/query", urlencode({"q": influxql}).encode()))

    def _argv(self, port: int) -> list[str]:
        settings = self._folder / "influxd.toml"
        settings.write_text(_SETTINGS_1.format(folder=self._folder, port=port), encoding="utf-8")
        return [str(self._influxd), "run", "-config", str(settings)]

    def _is_ready(self, url: str) -> bool:
        try:
            return ask(f"{url}/ping").status == 204
        except OSError:
            return False

    def _furnish(self) -> None:
        self.make_database(self.database)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
