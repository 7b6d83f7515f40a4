"""Nothing is lost, invented or changed while everything is killed again and again.

A run draws its seed and prints it; FIRSTBELL_CHAOS_SEED=N raises the same storm again.
"""

import os
import secrets
from pathlib import Path

import pytest

from tests.chaos import storm
from tests.chaos.storm import Result, Storm


def seed() -> int:
    """The seed that somebody wants to see again, else a new one."""
    return int(os.environ.get("FIRSTBELL_CHAOS_SEED") or secrets.randbits(32))


def rage(plan: Storm, folder: Path) -> Result:
    """Raise a storm and say what it was."""
    print(f"to see it again: FIRSTBELL_CHAOS_SEED={plan.seed}")  # noqa: T201 - pytest shows it when the test fails
    result = storm.rage(plan, folder)
    print(result)  # noqa: T201 - same
    return result


@pytest.mark.slow
@pytest.mark.timeout(330)
def test_nothing_is_lost_over_a_broker_that_keeps_nothing(tmp_path: Path) -> None:
    """20,000 reports, 50 kills, many at named points: 0 lost, 0 invented, 0 changed; spools empty in time."""
    plan = Storm(seed=seed(), broker="mosquitto", reports=20_000, kills=50, most_s=200)
    result = rage(plan, tmp_path)
    assert storm.sound(result.verdict), storm.told(result.verdict)
    assert result.verdict["measured"] >= plan.reports
    assert result.killed >= plan.kills
    assert result.at_points() >= 10
    assert min(result.killed_of(program) for program in ("box", "collector", "broker")) >= 3
    assert "box by itself" not in result.kills
    assert "collector by itself" not in result.kills


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_nothing_is_lost_over_the_embedded_broker(tmp_path: Path) -> None:
    """The same over the broker of `firstbell up`, which forgets everything too."""
    plan = Storm(seed=seed(), broker="embedded", reports=5_000, kills=15, most_s=120)
    result = rage(plan, tmp_path)
    assert storm.sound(result.verdict), storm.told(result.verdict)
    assert result.verdict["measured"] >= plan.reports
    assert result.killed >= plan.kills
    assert "broker by itself" not in result.kills
