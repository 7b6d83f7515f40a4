"""The box's own choices when it is put together."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent import app
from agent.config import BoxSettings, BrokerSettings, Settings
from firstbell.settings import SettingsError


def test_a_named_place_has_its_summers_and_winters() -> None:
    """The stretches of a school day follow the clock on the wall, in January as in July."""
    zone = app._zone(Settings(box=BoxSettings(name="box-1", timezone="America/Chicago")))
    offsets = {datetime(2026, month, 1, tzinfo=UTC).astimezone(zone).utcoffset() for month in (1, 7)}
    assert len(offsets) == 2


def test_check_logs_in_and_says_why_it_can_not(tmp_path: Path) -> None:
    """A broker that nobody runs is said, and a file that can't be used is a setting's mistake."""
    settings = Settings(box=BoxSettings(name="box-1"), broker=BrokerSettings(port=1))
    findings = app.check(settings, tmp_path)
    assert not findings["broker"]["ok"]
    assert "127.0.0.1:1 can't be used" in findings["broker"]["says"]
    with pytest.raises(SettingsError, match="nowhere"):
        app.check(
            Settings(box=BoxSettings(name="box-1"), broker=BrokerSettings(ca_file="nowhere.pem")), tmp_path
        )
