"""Bytes by the gigabyte: one random block sent over and over, one buffer read into and forgotten.

Each stream is a callback of the loop: as often as its connection is ready it moves one chunk, then it is
another one's turn. Nothing is copied but by the kernel, and no stream has a buffer of its own.
"""

import asyncio
import os
import secrets
import socket
from collections.abc import Callable
from typing import Any, Protocol

from agent.reference.limits import BLOCK_BYTES, CHUNK_BYTES

_BLOCK = memoryview(os.urandom(BLOCK_BYTES + CHUNK_BYTES))
_WASTE = memoryview(bytearray(CHUNK_BYTES))
FOREVER = 1 << 62


class Account(Protocol):
    """Whose bytes they are, and how many may still pass."""

    def left(self) -> int:
        """How many more bytes may pass now, both ways together."""

    def gave(self, amount: int) -> None:
        """So many went down."""

    def took(self, amount: int) -> None:
        """So many came up."""


async def give(sock: socket.socket, account: Account, amount: int = FOREVER) -> int:
    """Send up to `amount` bytes, for as long as the account has some left.

    How many it were. Raises OSError.
    """
    sent, at = 0, secrets.randbelow(BLOCK_BYTES)
    if amount <= 0 or account.left() <= 0:
        return 0

    def step() -> bool:
        nonlocal sent, at
        size = min(CHUNK_BYTES, account.left(), amount - sent)
        if size <= 0:
            return True
        size = sock.send(_BLOCK[at : at + size])
        account.gave(size)
        sent, at = sent + size, (at + size) % BLOCK_BYTES
        return sent >= amount or account.left() <= 0

    loop = asyncio.get_running_loop()
    await _while_ready(step, lambda turn: loop.add_writer(sock, turn), lambda: loop.remove_writer(sock))
    return sent


async def take(sock: socket.socket, account: Account, amount: int = FOREVER) -> int:
    """Read up to `amount` bytes and forget them, for as long as the account has some left.

    How many it were: fewer too if the other side has said its last. Raises OSError.
    """
    came = 0
    if amount <= 0 or account.left() <= 0:
        return 0

    def step() -> bool:
        nonlocal came
        size = min(CHUNK_BYTES, account.left(), amount - came)
        if size <= 0:
            return True
        size = sock.recv_into(_WASTE, size)
        account.took(size)
        came += size
        return size == 0 or came >= amount or account.left() <= 0

    loop = asyncio.get_running_loop()
    await _while_ready(step, lambda turn: loop.add_reader(sock, turn), lambda: loop.remove_reader(sock))
    return came


async def _while_ready(
    step: Callable[[], bool], begin: Callable[[Callable[[], None]], Any], end: Callable[[], Any]
) -> None:
    """Take one step as often as the connection is ready, until a step says that it was the last."""
    done = asyncio.get_running_loop().create_future()

    def turn() -> None:
        try:
            over = step()
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            end()
            if not done.done():
                done.set_exception(error)
            return
        if over:
            end()
            if not done.done():
                done.set_result(None)

    begin(turn)
    try:
        await done
    finally:
        end()
