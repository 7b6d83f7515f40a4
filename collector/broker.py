"""The embedded broker of `firstbell up`: amqtt, on loopback, two names with a password each.

For one school and for tests; a district runs mosquitto. Its own process, because it may be killed and
started again at any time: what it forgets, the boxes send again.

Run as `python -m collector.broker FOLDER [PORT]`: it reads FOLDER/users (name:argon2 hash), prints one
line of JSON, {"port": N}, once it listens, and ends with its stdin.
"""

import asyncio
import json
import logging
import signal
import socket
import sys
import warnings
from collections.abc import ItemsView, Iterator
from pathlib import Path
from typing import Any

from collector import lifeline

HOST = "127.0.0.1"
COLLECTOR = "collector"


def write_users(folder: Path, passwords: dict[str, str]) -> None:
    """Write the file of users that the broker reads: hashed, so that reading it opens nothing."""
    from pwdlib import PasswordHash  # noqa: PLC0415 - comes with the broker's extra
    from pwdlib.hashers.argon2 import Argon2Hasher  # noqa: PLC0415

    hasher = PasswordHash((Argon2Hasher(),))
    lines = [f"{name}:{hasher.hash(password)}\n" for name, password in passwords.items()]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "users").write_text("".join(lines), encoding="utf-8")


def _rules(folder: Path) -> dict[str, Any]:
    """A box reaches its own topics and nothing else; the collector hears all boxes and answers them."""
    names = [line.split(":")[0] for line in (folder / "users").read_text(encoding="utf-8").splitlines()]
    boxes = [name for name in names if name != COLLECTOR]
    publish = {
        box: [f"firstbell/v1/{box}/{verb}" for verb in ("report", "state", "lease/ask")] for box in boxes
    }
    subscribe = {
        box: [f"firstbell/v1/{box}/{verb}" for verb in ("answer", "lease", "nudge")] for box in boxes
    }
    publish[COLLECTOR] = [f"firstbell/v1/+/{verb}" for verb in ("answer", "lease", "nudge")]
    subscribe[COLLECTOR] = [f"firstbell/v1/+/{verb}" for verb in ("report", "state", "lease/ask")]
    return {"publish_acl": publish, "acl": subscribe}


def _config(folder: Path) -> dict[str, Any]:
    rules = _rules(folder)
    return {
        "listeners": {"default": {"type": "external"}},
        "plugins": {
            "amqtt.plugins.authentication.FileAuthPlugin": {"password_file": str(folder / "users")},
            "amqtt.plugins.topic_checking.TopicAccessControlListPlugin": rules,
            "collector.wills.WillPlugin": {"publish_acl": rules["publish_acl"]},
        },
    }


class _Steady(dict[str, Any]):
    """A dict that is gone through as it was at the beginning.

    amqtt waits for others while it goes through its subscriptions, and they change meanwhile. It then
    drops a message, or, worse, takes a client in and never listens to it.
    """

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self.keys()))

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]  # its own type has no public name
        return dict(super().items()).items()


async def serve(folder: Path, port: int) -> None:
    """Serve until SIGTERM. Raises OSError if the port is taken."""
    from amqtt.broker import Broker  # noqa: PLC0415 - comes with the broker's extra

    broker = Broker(_config(folder))
    broker._subscriptions = _Steady()  # noqa: SLF001 - there is no public way to it
    await broker.start()
    listener = socket.create_server((HOST, port))
    server = await asyncio.start_server(
        lambda reader, writer: broker.stream_connected(reader, writer, "default"), sock=listener
    )
    sys.stdout.write(json.dumps({"port": listener.getsockname()[1]}) + "\n")
    sys.stdout.flush()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, lambda: None)
    await ended.wait()
    server.close()
    await broker.shutdown()


def main() -> None:
    """Run the broker as `up` starts it."""
    # amqtt calls its option `acl` deprecated, and its settings know no other name for it.
    warnings.filterwarnings("ignore", message="The 'acl' option", category=DeprecationWarning)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    lifeline.hold()
    folder, port = Path(sys.argv[1]), int(sys.argv[2]) if sys.argv[2:] else 0
    asyncio.run(serve(folder, port))


if __name__ == "__main__":
    main()
