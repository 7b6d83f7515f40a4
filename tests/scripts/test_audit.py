"""`scripts/audit` against real servers that answer as OSV does, or don't: it says which of the three it was."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from scripts import auditing
from scripts.bundling import ROOT

Answer = Callable[[dict[str, Any]], tuple[int, bytes]]
FLAW = {
    "id": "GHSA-0000-0000-0000",
    "summary": "made up",
    "details": "made up",
    "affected": [
        {
            "package": {"name": "click", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}],
        }
    ],
}


@contextmanager
def osv(answer: Answer) -> Iterator[str]:
    """A server that answers each question as it is told; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, body = answer(asked)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def audit(url: str) -> tuple[int, str]:
    """How the command ends, and what it says."""
    ended = subprocess.run(
        [sys.executable, "-m", "scripts.auditing"],
        cwd=ROOT,
        env=os.environ | {auditing.OSV_VARIABLE: url},
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
    )
    return ended.returncode, ended.stdout + ended.stderr


def of(name: str) -> Answer:
    """A database that knows something of this package alone."""

    def answer(asked: dict[str, Any]) -> tuple[int, bytes]:
        known = {"vulns": [FLAW]} if asked["package"]["name"] == name else {}
        return 200, json.dumps(known).encode()

    return answer


def test_a_known_vulnerability_fails_and_is_named() -> None:
    """With the version that we have, and the one that mends it."""
    with osv(of("click")) as url:
        code, said = audit(url)
    assert code == 1, said
    assert "GHSA-0000-0000-0000, fixed in 99.1" in said
    assert "Known vulnerabilities: 1 in " in said


def test_where_nothing_is_known_it_says_so_and_whom_it_asked() -> None:
    """Every package of the lock was asked for."""
    asked: set[str] = set()

    def answer(question: dict[str, Any]) -> tuple[int, bytes]:
        asked.add(question["package"]["name"])
        return 200, b"{}"

    with osv(answer) as url:
        code, said = audit(url)
    assert code == 0, said
    assert f"Known vulnerabilities: none in {len(asked)} packages, asked of {url}" in said
    assert {"cryptography", "starlette", "ansible-core", "pytest"} <= asked


@pytest.mark.parametrize("body", [b"<html>the filter's page</html>", b""], ids=["a filter's page", "nothing"])
def test_a_database_that_does_not_answer_as_one_is_not_asked(body: bytes) -> None:
    """Our checks go on, and nobody can take that for a clean answer."""
    with osv(lambda _: (503, body)) as url:
        code, said = audit(url)
    assert code == 0, said
    assert "Known vulnerabilities: NOT CHECKED" in said
    assert "none in" not in said


def test_a_database_out_of_reach_is_not_asked() -> None:
    """A port at which nobody listens."""
    with osv(of("nothing")) as url:
        gone = url
    code, said = audit(gone)
    assert (code, "NOT CHECKED" in said) == (0, True), said


def test_what_was_accepted_is_accepted_until_its_day() -> None:
    """Then it has to be looked at again; a line without a day or a reason is none."""
    today = date(2026, 12, 1)
    assert auditing.accepted("# why\n\nGHSA-1 2026-12-01 only in tests\n", today) == ["GHSA-1"]
    for line, why in (
        ("GHSA-1 2026-11-30 only in tests", "until 2026-11-30"),
        ("GHSA-1 2026-12-24", "NAME DAY"),
    ):
        with pytest.raises(auditing.AuditError, match=why):
            auditing.accepted(line, today)
