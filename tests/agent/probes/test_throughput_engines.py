"""The probe `throughput` against servers of others, through its child and into a finding."""

import subprocess
from pathlib import Path

import msgspec
import pytest

from agent import config
from agent.machine.machine import Machine
from agent.probes import throughput
from agent.probes.settings import ProbeSettings, Server
from firstbell.report import Finding, Segment, Status, finding_complaint
from firstbell.settings import SettingsError
from tests.support import foreign_servers
from tests.support.foreign_servers import Behaviour

MB = 1_000_000


def measured(*servers: Server, mb: int = 12) -> list[Finding]:
    """What the probe finds of them, a few megabytes each."""
    memory = {"max_bytes": mb * MB, "max_seconds": 16.0, "tickets": {}}
    found = list(throughput.probe(ProbeSettings(servers=servers))(Machine.real(), memory))
    assert [finding_complaint(finding) for finding in found] == [None] * len(servers)
    return found


def test_a_server_of_others_gives_a_finding_of_its_own() -> None:
    """LibreSpeed and a server of M-Lab's kind beside each other: target, engine, figures, and that it was this machine."""
    rate = Behaviour(rate=4 * MB)
    with foreign_servers.librespeed(rate) as (url, _):
        (libre,) = measured(Server(name="libre", engine="librespeed", url=url, segment=Segment.INTERNET))
    assert (libre.target, libre.engine, libre.status) == ("libre", "librespeed", Status.OK)
    assert libre.segment is Segment.SELF
    assert {"down_mbps", "up_mbps", "bytes_received", "loaded_s", "own_cpu_pct"} <= set(libre.readings)


def test_what_an_engine_lacks_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the program iperf3 there is nothing to measure with, and it is said what to install."""
    assert subprocess.run(["iperf3", "--version"], capture_output=True, check=True).returncode == 0
    monkeypatch.setenv("PATH", str(tmp_path))
    (finding,) = measured(Server(name="iperf", engine="iperf3", host="127.0.0.1"), mb=500)
    assert (finding.status, "apt install iperf3" in finding.reason) == (Status.NOTHING, True)


def test_the_public_platform_wants_consent(tmp_path: Path) -> None:
    """Nobody's address is published by a slip: without consent, or a server of one's own, the settings are refused."""
    text = '[box]\nname = "box-1"\n[[servers]]\nname = "mlab"\nengine = "ndt7"\nsegment = "internet"\n'
    path = tmp_path / "agent.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match="consent = true"):
        config.read(path)
    path.write_text(f"{text}consent = true\n", encoding="utf-8")
    assert config.read(path).servers[0].on_platform
    path.write_text(f'{text}host = "ndt.example"\n', encoding="utf-8")
    assert not config.read(path).servers[0].on_platform


def test_off_by_default() -> None:
    """A box whose settings name no server asks nobody, and the platform least of all."""
    assert config.Settings(box=config.BoxSettings(name="box-1")).servers == ()
    assert msgspec.structs.asdict(Server(name="n", host="h"))["engine"] == "own"
