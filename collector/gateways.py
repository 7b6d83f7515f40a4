"""Tries each school's gateway, so that a silent box is told from a silent school.

By unprivileged ICMP where the system allows it, and by TCP where that gets no answer: a refused connection
is an answer, too. A few at a time, spread over the minute, on a thread of its own.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from icmplib import ICMPLibError, SocketPermissionError, async_ping

from collector.clock import Clock
from collector.store.gateways import EVERY_NS, Try
from collector.store.offers import Offer

log = logging.getLogger(__name__)

_EVERY_S = EVERY_NS / 10**9
_AT_ONCE = 32
_ECHOES = 2
_BETWEEN_S = 0.2
_ECHO_S = 1.0
_PORTS = (443, 80)
_CONNECT_S = 1.5
_TOO_MANY = 3
"""When so many gateways or more are tried and none answers, the trouble is rather the collector's own."""


class Keeper(Protocol):
    """Whoever keeps what was found: the writer."""

    def put(self, offer: Offer) -> bool:
        """Take an offer, to be settled later; False if nothing is taken any more."""


Asker = Callable[[Sequence[str]], Sequence[bool]]
"""Which of these addresses answer, in their order."""


class Gateways:
    """A thread that tries all `addresses` once a round and hands what it found to the writer."""

    def __init__(
        self,
        addresses: Callable[[], Iterable[str]],
        keeper: Keeper,
        clock: Clock,
        *,
        ask: Asker | None = None,
        every_s: float = _EVERY_S,
    ) -> None:
        self._addresses = addresses
        self._keeper = keeper
        self._clock = clock
        self._ask = ask or answering
        self._every_s = every_s
        self._stopping = threading.Event()
        self._cut_off = False
        self._thread = threading.Thread(target=self._run, name="gateways", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Try nothing more; what is on its way is waited for, some seconds at most."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            begun = self._clock.monotonic()
            try:
                self._keep(self._round(begun))
            except Exception:
                log.exception("the schools' gateways could not be tried")
            self._wait_until(begun + self._every_s)

    def _round(self, begun: float) -> list[Try]:
        """Try every address once, the groups of them spread over the round."""
        addresses = sorted({address for address in self._addresses() if address})
        groups = [addresses[n : n + _AT_ONCE] for n in range(0, len(addresses), _AT_ONCE)]
        tries: list[Try] = []
        for n, group in enumerate(groups):
            self._wait_until(begun + self._every_s * n / len(groups))
            if self._stopping.is_set():
                return []
            at_ns = self._clock.now_ns()
            tries += [
                Try(address, at_ns, answers) for address, answers in zip(group, self._ask(group), strict=True)
            ]
        return tries

    def _keep(self, tries: Sequence[Try]) -> None:
        cut_off = len(tries) >= _TOO_MANY and not any(each.answers for each in tries)
        if cut_off and not self._cut_off:
            log.warning(
                "not one of %d gateways answers: is this machine cut off? nothing is noted", len(tries)
            )
        self._cut_off = cut_off
        if tries and not cut_off:
            self._keeper.put(Offer("", "", self._clock.now_ns(), (), (), lambda _: None, tuple(tries)))

    def _wait_until(self, moment: float) -> None:
        self._stopping.wait(max(0.0, moment - self._clock.monotonic()))


def answering(addresses: Sequence[str]) -> list[bool]:
    """Which of these addresses answer, in their order; all are tried at once, for four seconds at most."""

    async def all_of_them() -> list[bool]:
        return await asyncio.gather(*(_answers(address) for address in addresses))

    return asyncio.run(all_of_them())


async def _answers(address: str) -> bool:
    return await _echoes(address) or any(await asyncio.gather(*(_connects(address, port) for port in _PORTS)))


async def _echoes(address: str) -> bool:
    try:
        host = await async_ping(address, _ECHOES, _BETWEEN_S, _ECHO_S, privileged=False)
    except SocketPermissionError:
        log.debug("this system lets nobody send echoes (net.ipv4.ping_group_range); trying TCP alone")
        return False
    except (ICMPLibError, OSError, ValueError) as error:
        log.debug("no echo to %s: %s", address, error)
        return False
    return bool(host.is_alive)


async def _connects(address: str, port: int) -> bool:
    """Whether anything there answers, be it a refusal."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(address, port), _CONNECT_S)
    except ConnectionRefusedError:
        return True
    except (OSError, ValueError, TimeoutError):
        return False
    writer.close()
    return True
