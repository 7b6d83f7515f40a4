"""The coordinator killed at every named point: no second lease for a line that may still be loaded."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.coordinator.book import OVER_S
from collector.store.reads import Reads
from firstbell import lease as words
from firstbell.lease import RENEW_S, Grant, Renew, Renewed
from tests.collector.coordinator.town import House
from tests.collector.coordinator.victim import (
    AFTER_COMMIT,
    AFTER_DECIDE,
    AFTER_SEND,
    AFTER_SETTLE,
    BEFORE_SETTLE,
    POINTS,
)

HEARD = {AFTER_SEND, BEFORE_SETTLE, AFTER_SETTLE}


@pytest.fixture(params=POINTS)
def point(request: pytest.FixtureRequest) -> str:
    """Where it dies."""
    name: str = request.param
    return name


@pytest.fixture
def heard(tmp_path: Path, point: str) -> Grant | None:
    """What the box heard of a coordinator that was killed at `point`."""
    argv = [sys.executable, "-m", "tests.collector.coordinator.victim", str(tmp_path), point]
    died = subprocess.run(argv, capture_output=True, timeout=60, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    if not died.stdout:
        return None
    said = words.read_to_box(died.stdout.strip())
    assert isinstance(said, Grant)
    return said


@pytest.fixture
def after(heard: Grant | None, tmp_path: Path) -> Iterator[House]:
    """The coordinator that comes back, in the same second."""
    made = House(tmp_path)
    yield made
    made.close()


def test_nobody_hears_of_a_lease_that_is_not_on_the_disk(
    after: House, point: str, heard: Grant | None
) -> None:
    """Killed before the commit there is no lease and no word; after it there is one, and at most one word."""
    leases = Reads(after.journal).leases(0, 1 << 62)
    assert len(leases) == (0 if point == AFTER_DECIDE else 1)
    assert (heard is not None) == (point in HEARD)
    if heard:
        assert heard.lease == leases[0].lease


def test_no_second_lease_while_the_first_may_still_run(after: House, point: str, heard: Grant | None) -> None:
    """Its box renews it as one does: the line is not given away until that ends."""
    if point == AFTER_DECIDE:
        after.granted("lincoln-2")
        return
    for _ in range(round(2 * OVER_S / RENEW_S)):
        if heard and point != AFTER_SETTLE:
            assert isinstance(after.desk.hear("lincoln-1", Renew(lease=heard.lease)), Renewed)
        after.desk.look()
        if (heard and point != AFTER_SETTLE) or after.clock.passed_s < 1_000 + OVER_S:
            after.refused("lincoln-2")
        after.clock.passes(RENEW_S)
    if heard:
        after.settle(heard.lease)
    after.granted("lincoln-2")


def test_a_line_is_free_again_when_nobody_can_be_using_it(
    after: House, point: str, heard: Grant | None
) -> None:
    """Its box died too: after one longest time to live the next one is granted."""
    after.clock.passes(OVER_S - 0.1)
    after.desk.look()
    if point != AFTER_DECIDE:
        after.refused("lincoln-2")
    after.clock.passes(0.1)
    after.desk.look()
    after.granted("lincoln-2")
    ended = [lease.how for lease in Reads(after.journal).leases(0, 1 << 62)][:-1]
    assert ended == {AFTER_DECIDE: [], AFTER_COMMIT: ["lapsed"], AFTER_SETTLE: ["settled"]}.get(
        point, ["lapsed"]
    )
