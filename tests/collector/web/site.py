"""The web application on a real loopback port, over a bench's journal and a district folder."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from collector import registry
from collector.app import listener
from collector.registry import EMPTY, Folder
from collector.tokens import Tokens
from collector.web.access import Slowness
from collector.web.app import create_app
from collector.web.health import Parts
from tests.collector.workbench import Bench, wait_until


class FakeLink:
    """A connection to the broker in the state that the test wants."""

    def __init__(self) -> None:
        self.connected = True
        self.received = 7
        self.acknowledged = 6
        self.outlived = 1
        self.answered = 5
        self.unsaid = 2
        self.rebuilt = 3
        self.oversized = 4
        self.nudged: list[str] = []

    def nudge(self, agent: str) -> bool:
        """Note it, where there is a connection."""
        if self.connected:
            self.nudged.append(agent)
        return self.connected


def parts_of(bench: Bench, link: FakeLink | None = None, folder: Folder = EMPTY) -> Parts:
    """The collector's parts, as the program puts them together."""
    return Parts(
        writer=bench.writer,
        intake=bench.intake,
        reads=bench.reads,
        link=link or FakeLink(),
        clock=bench.clock,
        folder=bench.path.parent,
        folder_now=lambda: folder,
        folder_trouble=str,
        targets=registry.targets(),
        journal=bench.journal,
    )


@contextmanager
def serving(
    parts: Parts, tokens: Tokens | None = None, slowness: Slowness | None = None, tls: Path | None = None
) -> Iterator[int]:
    """Serve the application as the program does; yields its port on 127.0.0.1.

    `tls` is a folder with cert.pem and key.pem.
    """
    with listener("127.0.0.1", 0) as listening:
        server = uvicorn.Server(
            uvicorn.Config(
                create_app(parts, tokens, slowness),
                log_level="warning",
                lifespan="off",
                ssl_certfile=tls and tls / "cert.pem",
                ssl_keyfile=tls and tls / "key.pem",
            )
        )
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        wait_until(lambda: server.started)
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()
