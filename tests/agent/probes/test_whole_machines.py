"""Whole machines, each a folder: what the Wi-Fi and power probes find at first sight, and say to nobody."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.gate import Ceilings, Gate
from agent.probes import PROBES
from agent.probes.settings import ProbeSettings
from agent.runner import Runner
from firstbell import catalogue
from firstbell.report import Finding
from tests.support.whole_machines import MACHINES, WholeMachine

NAMES = sorted(folder.name for folder in MACHINES.iterdir())
LOOKED_AT = ("power", "wifi_link", "wifi_air")
_SECRET = re.compile(r"(?i)lincoln|elm street|wlan0|wlp1s0|wlx|\b02:|\b02-|4711|0815|5B10W|AP18F|SMP|LGC")
"""Names and addresses that stand in the machines' files, and are nobody else's business."""


class _NoLedger:
    def used_bytes(self, _day: str, /) -> int:
        return 0

    def add_used(self, _day: str, _amount: int, /) -> None:
        pass


def found(whole: WholeMachine, probe: str) -> list[Finding]:
    """One run, as the box does it."""
    measures = {probe: PROBES[probe](ProbeSettings())}
    gate = Gate(Ceilings(), _NoLedger(), None, fill=lambda: 0.0, metered=lambda: False)  # type: ignore[arg-type]
    drafts = Runner(whole.machine, measures, gate).run(probe)
    fields = Finding.__struct_fields__
    return [Finding(**{name: getattr(draft, name) for name in fields}) for draft in drafts]


def expected(name: str) -> dict[str, list[dict[str, Any]]]:
    """What its folder says must be found."""
    told: dict[str, list[dict[str, Any]]] = json.loads((MACHINES / name / "expected.json").read_bytes())
    return told


@pytest.mark.parametrize("probe", LOOKED_AT)
@pytest.mark.parametrize("name", NAMES)
def test_a_machine_is_found_as_it_is(tmp_path: Path, name: str, probe: str) -> None:
    """Status, reason, label and every reading, and no reading more, as the machine's folder has them."""
    seen = msgspec.to_builtins(found(WholeMachine(name, tmp_path / "machine"), probe))
    wanted = expected(name)[probe]
    assert [{**finding, "readings": {}} for finding in seen] == [
        {**finding, "readings": {}} for finding in wanted
    ]
    for finding, want in zip(seen, wanted, strict=True):
        assert finding.get("readings", {}) == pytest.approx(want.get("readings", {}))
        assert set(finding.get("readings", {})) <= set(catalogue.PROBES[probe].metrics)


@pytest.mark.parametrize("probe", LOOKED_AT)
@pytest.mark.parametrize("name", NAMES)
def test_names_and_addresses_stay_where_they_are(tmp_path: Path, name: str, probe: str) -> None:
    """No network's or interface's name, no address, no serial number leaves by a finding."""
    text = msgspec.json.encode(found(WholeMachine(name, tmp_path / "machine"), probe)).decode()
    assert _SECRET.search(text) is None


def test_the_machines_hold_what_must_not_leave() -> None:
    """The search above would find something: the machines' own files are full of it."""
    told = "".join(file.read_text() for file in MACHINES.rglob("*") if file.is_file())
    assert len(_SECRET.findall(told)) > 30
