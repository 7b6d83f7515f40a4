"""One thread that waits for many sockets: what an engine is made of. Nothing is copied on the way."""

import heapq
import itertools
import selectors
import socket
from collections.abc import Callable
from types import TracebackType
from typing import Self

Act = Callable[[], None]


class Loop:
    """Calls whoever watches a socket that is ready, and whoever asked for a moment. `now` gives seconds.

    What is called may raise: that ends the turn, and the exception goes to whoever runs the loop.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Act]] = []
        self._numbers = itertools.count()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._selector.close()

    def reads(self, sock: socket.socket, act: Act) -> None:
        """From now on `act` is called when there is something to read."""
        self._watch(sock, selectors.EVENT_READ, act)

    def writes(self, sock: socket.socket, act: Act) -> None:
        """From now on `act` is called when there is room to write, or a connection has opened, or failed."""
        self._watch(sock, selectors.EVENT_WRITE, act)

    def forget(self, sock: socket.socket) -> None:
        """Watch it no longer; to be called before it is closed."""
        if sock.fileno() >= 0 and sock.fileno() in self._selector.get_map():
            self._selector.unregister(sock)

    def later(self, seconds: float, act: Act) -> None:
        """Call `act` once, so much later."""
        heapq.heappush(self._timers, (self.now() + seconds, next(self._numbers), act))

    def until(self, done: Callable[[], bool], seconds: float) -> bool:
        """Turn until `done`, which is asked after every turn, and for so long at most; whether it was."""
        end_s = self.now() + seconds
        while not done():
            left_s = end_s - self.now()
            if left_s <= 0:
                return False
            self._turn(left_s)
        return True

    def _watch(self, sock: socket.socket, event: int, act: Act) -> None:
        if sock.fileno() in self._selector.get_map():
            self._selector.modify(sock, event, act)
        else:
            self._selector.register(sock, event, act)

    def _turn(self, longest_s: float) -> None:
        if self._timers:
            longest_s = min(longest_s, self._timers[0][0] - self.now())
        watched = self._selector.get_map()
        for key, _ in self._selector.select(max(0.0, longest_s)):
            if watched.get(key.fd) is key:  # not forgotten since, nor another one's by now
                key.data()
        while self._timers and self._timers[0][0] <= self.now():
            heapq.heappop(self._timers)[2]()
