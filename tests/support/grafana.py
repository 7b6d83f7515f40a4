"""A server that behaves as Grafana's API where boards are pushed: who may do what, uids, versions, conflicts.

Written after Grafana's API documentation and source, and held against no real Grafana.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]
ROLES = ("Viewer", "Editor", "Admin")


@dataclass
class Grafana:
    """What it holds, whom it knows, and how it is to behave."""

    version: str = "12.1.0"
    prefix: str = ""
    tokens: dict[str, str] = field(default_factory=lambda: {"good": "Admin"})
    datasources: dict[str, Json] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)
    boards: dict[str, Json] = field(default_factory=dict)
    provisioned: set[str] = field(default_factory=set)
    garbage: bool = False
    broken: bool = False
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, method: str, path: str, token: str, body: Json) -> tuple[int, Json]:
        """Status and document."""
        self.asked.append(f"{method} {path}")
        if not path.startswith(f"{self.prefix}/api/"):
            return 404, {"message": "Not found"}
        if self.broken:
            return 500, {"message": "database is locked"}
        what, *rest = path.removeprefix(f"{self.prefix}/api/").split("/")
        if what == "health":
            return 200, {
                "database": "ok",
                "commit": "abc",
                **({"version": self.version} if self.version else {}),
            }
        if token not in self.tokens:
            return 401, {"message": "Invalid API key"}
        rank = ROLES.index(self.tokens[token])
        wants = {"datasources": 2}.get(what, 0 if method == "GET" else 1)
        if rank < wants:
            return 403, {"message": f"You'll need additional permissions to perform this action: {what}"}
        handler = {"datasources": self._datasource, "folders": self._folder, "dashboards": self._board}
        return handler[what](method, rest, body) if what in handler else (404, {"message": "Not found"})

    def _datasource(self, method: str, rest: list[str], body: Json) -> tuple[int, Json]:
        if method == "POST":
            taken = {source["name"] for source in self.datasources.values()} | self.datasources.keys()
            if body["name"] in taken or body["uid"] in taken:
                return 409, {"message": "data source with the same name already exists"}
            self.datasources[body["uid"]] = body
            return 200, {"datasource": body, "message": "Datasource added"}
        if rest[:1] != ["uid"] or rest[1] not in self.datasources:  # by number it is known no more
            return 404, {"message": "Data source not found"}
        if method == "PUT":
            self.datasources[rest[1]] = body
        # What is secret never comes back.
        return 200, {
            key: value for key, value in self.datasources[rest[1]].items() if key != "secureJsonData"
        }

    def _folder(self, method: str, rest: list[str], body: Json) -> tuple[int, Json]:
        if method == "POST":
            if body["uid"] in self.folders:
                return 412, {
                    "message": "the folder has been changed by someone else",
                    "status": "version-mismatch",
                }
            self.folders[body["uid"]] = body["title"]
            return 200, body
        if rest[0] not in self.folders:
            return 404, {"message": "folder not found"}
        return 200, {"uid": rest[0], "title": self.folders[rest[0]]}

    def _board(self, method: str, rest: list[str], body: Json) -> tuple[int, Json]:
        if method == "GET":
            found = self.boards.get(rest[1])
            return (200, found) if found else (404, {"message": "Dashboard not found"})
        board = body["dashboard"]
        there = self.boards.get(board["uid"])
        if body.get("folderUid", "") not in {"", *self.folders}:
            return 400, {"message": "folder not found", "status": "not-found"}
        if board["uid"] in self.provisioned:
            return 400, {"message": "Cannot save provisioned dashboard"}
        version = there["dashboard"]["version"] if there else 0
        if there and not body.get("overwrite") and board.get("version") != version:
            return 412, {
                "message": "The dashboard has been changed by someone else",
                "status": "version-mismatch",
            }
        held = {**board, "id": len(self.boards) + 1, "version": version + 1}
        self.boards[board["uid"]] = {"dashboard": held, "meta": {"folderUid": body.get("folderUid", "")}}
        return 200, {"status": "success", "uid": board["uid"], "version": version + 1}


@contextmanager
def serving(grafana: Grafana) -> Iterator[Grafana]:
    """The same on a port of its own on loopback, in a thread; `grafana.url` says where."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer is one packet

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            sent = self.rfile.read(length)
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            status, said = grafana.answer(self.command, self.path, token, json.loads(sent) if sent else {})
            answer = b"<html>Sign in to the network</html>" if grafana.garbage else json.dumps(said).encode()
            self.send_response(200 if grafana.garbage else status)
            self.send_header("Content-Type", "text/html" if grafana.garbage else "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT = _serve  # noqa: N815 - the library's names

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    grafana.url = f"http://127.0.0.1:{server.server_address[1]}{grafana.prefix}"
    try:
        yield grafana
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
