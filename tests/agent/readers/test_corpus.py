"""The readers over outputs of strangers' machines, where a folder of them is at hand.

`FIRSTBELL_CORPUS` names it. Its files are under licences of their own and hold strangers' addresses, so
they are in no copy of this program, and no test prints them.
"""

import json
import os
import re
from pathlib import Path

import pytest

from agent.readers import iw, sysfs
from agent.readers.sysfs import Battery, Charging, Supply

_FOLDER = os.environ.get("FIRSTBELL_CORPUS", "")
pytestmark = pytest.mark.skipif(not Path(_FOLDER, "wifi-tools").is_dir() or not _FOLDER, reason="no corpus")


def test_scans_are_read_as_another_parser_reads_them() -> None:
    """Frequencies and ages as a parser of other people has them, where that one reads the whole scan."""
    for number in (0, 2):
        scan = Path(_FOLDER, "wifi-tools/iw", f"iw-scan{number}")
        theirs = json.loads(scan.with_suffix(".json").read_bytes())
        ours = iw.networks(
            scan.with_suffix(".out").read_bytes().replace(b"BSS xx:xx:xx:xx", b"BSS 02:00:00:00")
        )
        seen = [(network.frequency_mhz, round((network.age_s or 0) * 1000)) for network in ours]
        assert (seen == [(network["freq"], network["last_seen_ms"]) for network in theirs]) is True


def test_every_load_of_a_crowded_scan_is_read() -> None:
    """26 networks, one of them the machine's own; each load that stands there, in its order."""
    stdout = Path(_FOLDER, "wifi-tools/iw/iw-scan1.out").read_bytes()
    networks = iw.networks(stdout)
    stations = [int(count) for count in re.findall(rb"\* station count: (\d+)", stdout)]
    busy = [int(count) for count in re.findall(rb"\* channel utilisation: (\d+)/255", stdout)]
    assert len(networks) == 26
    assert sum(network.associated for network in networks) == 1
    assert ([network.stations for network in networks if network.stations is not None] == stations) is True
    assert ([network.busy_255 for network in networks if network.busy_255 is not None] == busy) is True
    assert 768 in stations


def test_a_link_cleaned_by_hand_is_read() -> None:
    """A comment above, spaces instead of tabs, a frequency with a point."""
    folder = Path(_FOLDER, "wifi-tools/iw")
    link = iw.link((folder / "linux-iw-dev-wlp1s0-link.txt").read_bytes())
    assert link is not None
    assert (link.frequency_mhz, link.signal_dbm, link.received) == (2412, -51.0, None)
    assert link.sent == iw.Rate(26.0, None, None)
    (interface,) = iw.interfaces((folder / "linux-iw-dev-wlp1s0-info.txt").read_bytes())
    assert (interface.kind, interface.frequency_mhz) == ("managed", None)


def test_two_laptops_supplies_are_read() -> None:
    """Batteries of two laptops that discharge, with a mains adapter that is out."""
    seen = []
    for source in ("node_exporter", "procfs"):
        supplies = Path(_FOLDER, "power", source, "sys/class/power_supply")
        for name in ("AC", "BAT0"):
            told = sysfs.properties(
                (supplies / name / "uevent").read_text(encoding="utf-8", errors="replace")
            )
            seen.append(sysfs.supply(told | {"type": (supplies / name / "type").read_text().strip()}))
    assert seen[0] == seen[2] == Supply(online=False)
    for battery, (now, full, watts) in zip(
        seen[1::2], ((36.58, 45.07, 5.002), (40.73, 47.39, 5.064)), strict=True
    ):
        assert isinstance(battery, Battery)
        assert (battery.status, battery.cycles) == (Charging.DISCHARGING, None)
        assert (battery.now_wh, battery.full_wh, battery.power_w) == pytest.approx((now, full, watts))
        assert battery.health_pct == pytest.approx(100 * full / 47.52)
