"""The command: what it says, and how it ends."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.load import protocol
from tests.support.reference import ROOT, Client, District

SERVE = (sys.executable, "-m", "agent.cli", "serve", "--name", "hub", "--host", "127.0.0.1", "--port", "0")


@contextmanager
def running(words: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is gone afterwards."""
    with subprocess.Popen(
        words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def first_line(process: subprocess.Popen[bytes]) -> str:
    """What it says when it is ready."""
    assert process.stdout
    return process.stdout.readline().decode()


def test_it_says_where_it_answers_and_ends_when_it_is_told(district: District) -> None:
    """In words or as JSON; SIGTERM ends it in good order, with sessions open."""
    with running((*SERVE, "--key", str(district.key_file), "--json")) as process:
        ready = json.loads(first_line(process))
        assert (ready["ready"], ready["name"]) == (True, "hub")
        with Client(ready["port"]) as client:
            answer = client.ask("POST", protocol.SESSION, f"Authorization: Ticket {district.token()}")
            assert answer.status == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
            assert client.is_over(1.0)
        assert process.stderr
        assert b"the server is being stopped" in process.stderr.read()
    with running((*SERVE, "--key", str(district.key_file))) as process:
        assert first_line(process).startswith("hub answers on port ")


def test_it_ends_with_its_lifeline(district: District) -> None:
    """When stdin ends, so does the server."""
    with running((*SERVE, "--key", str(district.key_file), "--lifeline")) as process:
        assert first_line(process)
        assert process.stdin
        process.stdin.close()
        assert process.wait(10) == 0


def trouble(*words: str, program: Sequence[str] = SERVE) -> tuple[int, str]:
    """How it ends when it can't begin, and what it says."""
    done = subprocess.run((*program, *words), cwd=ROOT, capture_output=True, timeout=60, check=False)
    said = done.stderr.decode()
    assert "Traceback" not in said
    return done.returncode, said


def test_what_keeps_it_from_beginning_is_told(district: District, tmp_path: Path) -> None:
    """No key file, no key in it, a port that is taken, no such host, what is no network."""
    key = ("--key", str(district.key_file))
    code, said = trouble("--key", str(tmp_path / "nowhere"))
    assert (code, "nowhere: no such file" in said) == (1, True)
    (tmp_path / "bad").write_text("hello", encoding="ascii")
    code, said = trouble("--key", str(tmp_path / "bad"))
    assert (code, "64 hex digits" in said) == (1, True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, said = trouble(*key, "--port", port)
    assert (code, f"port {port}: another program uses it" in said) == (1, True)
    code, said = trouble(*key, "--host", "203.0.113.5")
    assert (code, "port 0: cannot assign requested address" in said) == (1, True)
    code, said = trouble(*key, "--host", "no-such-host.invalid")
    assert (code, "no-such-host.invalid: there is no such name" in said) == (1, True)
    code, said = trouble(*key, "--open", "10.2.0.1/16")
    assert (code, "an example: 10.2.0.0/16" in said) == (2, True)


@pytest.mark.parametrize("library", ["h11", "cryptography"])
def test_a_library_that_is_missing_is_told(district: District, library: str) -> None:
    """With the extra that brings it."""
    program = (
        f"import sys; sys.modules[{library!r}] = None\n"
        f"from agent.cli import main; main(['serve', '--name', 'hub', '--key', {str(district.key_file)!r}])"
    )
    code, said = trouble(program=(sys.executable, "-c", program))
    assert (code, "install firstbell[reference]" in said) == (1, True)
