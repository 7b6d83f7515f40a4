"""Who gets an archive while all slots are taken."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from collector.web import updates
from collector.web.updates import MOST_AT_ONCE, Slots


def test_who_dawdles_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen slow readers do not keep a district from its updates; one that takes its share is left alone."""
    monkeypatch.setattr(updates, "GRACE_S", 0.05)
    ended: list[int] = []

    async def read(slots: Slots, number: int, octets: int) -> None:
        try:
            async with slots.taken(f"10.0.0.{number}", 60) as one:
                one.went(octets)
                await asyncio.sleep(20)
        except TimeoutError:
            ended.append(number)

    async def all_of_it() -> None:
        slots = Slots()
        async with AsyncExitStack() as stack:
            group = await stack.enter_async_context(asyncio.TaskGroup())
            readers = [
                group.create_task(read(slots, number, 10**9 if number == 3 else 10))
                for number in range(MOST_AT_ONCE)
            ]
            await asyncio.sleep(0)
            assert not slots.has_room("10.1.1.1")
            await asyncio.sleep(0.1)
            assert slots.has_room("10.1.1.1")
            await asyncio.sleep(0.05)
            assert (len(ended), 3 in ended) == (MOST_AT_ONCE - 1, False)
            readers[3].cancel()

    asyncio.run(all_of_it())
