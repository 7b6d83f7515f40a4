"""Clocks that are wrong, end to end: what arrives has the right time, or says within which bounds it lies."""

import json
import sqlite3
from collections import Counter
from contextlib import closing
from typing import Any

import msgspec
import pytest

from collector.clock import SystemClock
from tests.chaos import storm
from tests.chaos.clocks import Hands
from tests.chaos.processes import wait_until
from tests.chaos.town import Box, Town

S = 10**9
HOUR_NS = 3600 * S
TEN_YEARS_NS = 3653 * 24 * HOUR_NS


def reports(town: Town, name: str) -> list[dict[str, Any]]:
    """What the journal holds of a box, in the order of its arrival; without what it says of itself."""
    with closing(sqlite3.connect(town.journal, timeout=10)) as db:
        query = "SELECT raw FROM reports JOIN agents USING (agent_id) WHERE name = ? ORDER BY arrival"
        rows = [json.loads(raw) for (raw,) in db.execute(query, (name,))]
    return [row for row in rows if row["probe"] != "box"]


def qualities(town: Town, name: str) -> Counter[str]:
    """How the times of a box are known."""
    return Counter(row["clock"] for row in reports(town, name))


def measures(town: Town, box: Box, number: int = 60) -> None:
    """Wait until a box has stored so many reports more."""
    name = f"{box.plan.name}.*"
    before = storm.measured(town.truth, name)
    wait_until(lambda: storm.measured(town.truth, name) >= before + number, f"{box.plan.name} measures")


def steps(box: Box, town: Town, *wrong_ns: int, synchronised: bool) -> None:
    """Step a box's wall clock about while it measures."""
    for wrong in wrong_ns:
        box.turn(msgspec.structs.replace(box.hands, wrong_ns=wrong, synchronised=synchronised))
        measures(town, box)


def add(town: Town, name: str, **hands: Any) -> Box:
    """A box on a machine that has just started, with clocks as given."""
    box = town.add_box(name, exact=False)
    now_ns = SystemClock().now_ns()
    box.turn(Hands(boot="boot-1", **{"booted_ns": now_ns, "synchronised": False, **hands}))
    return box


def waits_for_ntp(box: Box) -> None:
    """Make a box wait for NTP as it does by default, rather than take the collector's word at once."""
    box.plan = msgspec.structs.replace(box.plan, ask_time_after_s=600.0)


@pytest.mark.slow
def test_times_are_right_or_bounded_whatever_a_clock_says(town: Town) -> None:
    """1970 and then synchronised, steps both ways, 2036 by a false server, never synchronised."""
    now_ns = SystemClock().now_ns()
    from_1970 = add(town, "from-1970", wrong_ns=-now_ns)
    waits_for_ntp(from_1970)
    stepping = add(town, "stepping", synchronised=True)
    adrift = add(town, "adrift")
    from_2036 = add(town, "from-2036", wrong_ns=TEN_YEARS_NS, synchronised=True)
    never = add(town, "never", wrong_ns=-HOUR_NS)
    _first_boot_without_anybody(town, never)
    town.start()
    measures(town, from_1970)
    assert not reports(town, "from-1970"), "sent before anybody knew the time"
    steps(from_1970, town, 0, synchronised=True)
    steps(stepping, town, HOUR_NS, 0, -HOUR_NS, 0, synchronised=True)
    steps(adrift, town, -3 * HOUR_NS, 48 * HOUR_NS, 0, synchronised=False)
    measures(town, from_2036)
    storm.drain(town)
    verdict = storm.ask_oracle(town)
    assert storm.sound(verdict), storm.told(verdict)
    assert verdict["worst_ms"] < 1000, verdict
    assert set(qualities(town, "from-1970")) == {"ntp"}
    assert set(qualities(town, "stepping")) <= {"ntp", "collector"}
    assert set(qualities(town, "adrift")) == {"collector"}
    assert set(qualities(town, "from-2036")) == {"collector"}
    assert set(qualities(town, "never")) == {"bounded", "collector"}
    assert qualities(town, "never")["bounded"] == verdict["bounded"] >= 60


def _first_boot_without_anybody(town: Town, box: Box) -> None:
    """A whole boot in which a box measures, hears from nobody, and loses its power; then another begins."""
    box.process.start()
    measures(town, box)
    box.process.kill()
    box.reboot()


def test_a_step_back_begins_a_new_start(town: Town) -> None:
    """A synchronised clock that steps back by an hour ends the epoch, and the next one says why."""
    box = add(town, "stepping", synchronised=True)
    town.start()
    steps(box, town, 0, -HOUR_NS, synchronised=True)
    wait_until(lambda: "clock" in ends(town), "the start that a step back began")
    storm.drain(town)
    verdict = storm.ask_oracle(town)
    assert storm.sound(verdict), storm.told(verdict)


def ends(town: Town) -> set[str]:
    """How the starts ended that later ones speak of."""
    with closing(sqlite3.connect(town.journal, timeout=10)) as db:
        return {ended for (ended,) in db.execute("SELECT ended FROM epochs")}
