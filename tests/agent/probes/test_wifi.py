"""Wi-Fi between two looks: counts that grow, stand still, begin anew, and radios that come and go."""

from pathlib import Path
from typing import Any

import pytest

from agent.machine.commands import Ended
from agent.probes import wifi_air, wifi_link
from agent.probes.base import NothingHereError, ProbeFailedError
from agent.probes.settings import ProbeSettings
from firstbell.report import Finding, Status, finding_complaint
from tests.support.whole_machines import WholeMachine

_STATION, _SURVEY, _LINK = (
    f"commands/iw dev wlp1s0 {what}" for what in ("station dump", "survey dump", "link")
)
_PROBES = {"link": wifi_link.probe, "air": wifi_air.probe}


class Laptop(WholeMachine):
    """A connected laptop, with the memory of its probes."""

    def __init__(self, folder: Path, name: str = "laptop-worn-battery") -> None:
        super().__init__(name, folder)
        self._memories: dict[str, dict[str, Any]] = {"link": {}, "air": {}}

    def looks(self, probe: str) -> list[Finding]:
        """One look; its findings can be reported."""
        findings = _PROBES[probe](ProbeSettings())(self.machine, self._memories[probe])
        assert [finding_complaint(finding) for finding in findings] == [None] * len(findings)
        return list(findings)

    def look(self, probe: str) -> Finding:
        """One look that has one finding."""
        (finding,) = self.looks(probe)
        return finding

    def wait(self, seconds: float = 300.0) -> None:
        """Let time pass."""
        self.clock.seconds += seconds


@pytest.fixture
def laptop(tmp_path: Path) -> Laptop:
    """After its first look at both."""
    laptop = Laptop(tmp_path / "machine")
    laptop.look("link")
    laptop.look("air")
    laptop.wait()
    return laptop


def test_counts_are_differences_between_two_looks(laptop: Laptop) -> None:
    """1000 frames more with 250 repetitions are a share of 20 %; 10 were given up, 1 %; two beacons were lost."""
    laptop.change(_STATION, "tx packets:\t2391", "tx packets:\t3391")
    laptop.change(_STATION, "tx retries:\t210", "tx retries:\t460")
    laptop.change(_STATION, "tx failed:\t3", "tx failed:\t13")
    laptop.change(_STATION, "beacon loss:\t0", "beacon loss:\t2")
    finding = laptop.look("link")
    expected = {
        "tx_frames": 1000,
        "tx_retry_pct": 20.0,
        "tx_failed_pct": 1.0,
        "lost_beacons": 2,
        "ap_changed": False,
    }
    assert {name: finding.readings[name] for name in expected} == expected
    assert (finding.status, finding.reason) == (Status.OK, "")


def test_no_frames_have_no_shares(laptop: Laptop) -> None:
    """Nothing sent, nothing repeated: the count is zero and there is no share of it."""
    readings = laptop.look("link").readings
    assert readings["tx_frames"] == 0
    assert not {"tx_retry_pct", "tx_failed_pct"} & set(readings)


def test_counts_that_began_anew_make_no_difference(laptop: Laptop) -> None:
    """A new connection to the same access point counts from zero again, even where its counts look higher."""
    laptop.change(_STATION, "connected time:\t1540", "connected time:\t12")
    laptop.change(_STATION, "tx packets:\t2391", "tx packets:\t9000")
    finding = laptop.look("link")
    assert finding.reason == "the counts began anew since the look before"
    assert "tx_frames" not in finding.readings
    assert finding.readings["ap_changed"] is False


def test_another_access_point_is_told_and_makes_no_counts(laptop: Laptop) -> None:
    """That it changed is a fact; what was sent to two of them is not to be had. The next look counts again."""
    for path in (_LINK, _STATION):
        laptop.change(path, "02:00:00:00:01:01", "02:00:00:00:07:07")
    finding = laptop.look("link")
    assert finding.readings["ap_changed"] is True
    assert "tx_frames" not in finding.readings
    assert laptop.look("link").readings["tx_frames"] == 0


def test_busy_time_is_a_share_of_the_time_between_two_looks(laptop: Laptop) -> None:
    """Of 300 s that it listened 90 were busy (30 %), 60 received, 6 sent."""
    laptop.change(_SURVEY, "active time:\t\t1500000", "active time:\t\t1800000")
    laptop.change(_SURVEY, "busy time:\t\t300000", "busy time:\t\t390000")
    laptop.change(_SURVEY, "receive time:\t\t200000", "receive time:\t\t260000")
    laptop.change(_SURVEY, "transmit time:\t\t20000", "transmit time:\t\t26000")
    finding = laptop.look("air")
    expected = {"busy_pct": 30.0, "receive_pct": 20.0, "transmit_pct": 2.0, "watched_s": 300.0}
    assert {name: finding.readings[name] for name in expected} == expected
    assert finding.reason == ""


@pytest.mark.parametrize(
    ("active", "busy", "reason"),
    [
        (1500000, 300000, "stand still"),
        (1800000, 300000, "never busy"),
        (1501000, 302000, "longer than it listened"),
        (1900000, 320000, "longer than passed"),
        (1500, 300, "began anew"),
        (1800000, 299999, "began anew"),
    ],
)
def test_counts_of_a_driver_that_can_not_be_right_make_no_share(
    laptop: Laptop, active: int, busy: int, reason: str
) -> None:
    """Counts that stand still, fall, or contradict the clock or each other are told as such, and not used."""
    laptop.change(_SURVEY, "active time:\t\t1500000", f"active time:\t\t{active}")
    laptop.change(_SURVEY, "busy time:\t\t300000", f"busy time:\t\t{busy}")
    finding = laptop.look("air")
    assert reason in finding.reason
    assert not {"busy_pct", "watched_s"} & set(finding.readings)
    assert finding.status is Status.OK
    assert finding.readings["ap_busy_pct"] == 40.0


def test_another_channel_makes_no_share(laptop: Laptop) -> None:
    """Each channel has counts of its own, which are not one's differences to the other."""
    laptop.change(_SURVEY, "5745 MHz [in use]", "5180 MHz [in use]")
    laptop.change(_LINK, "freq: 5745", "freq: 5180")
    finding = laptop.look("air")
    assert "another channel" in finding.reason
    assert "busy_pct" not in finding.readings
    assert finding.readings["frequency_mhz"] == 5180


def test_what_the_access_point_said_long_ago_is_not_said_again(laptop: Laptop) -> None:
    """Its count of devices from before the last look would pass for today's."""
    laptop.change("commands/iw dev wlp1s0 scan dump", "1200 ms ago", "301000 ms ago")
    assert not {"ap_busy_pct", "ap_stations", "ap_load_age_s"} & set(laptop.look("air").readings)


def test_a_cache_without_neighbours_counts_none(laptop: Laptop) -> None:
    """When nobody has scanned of late only the own network is known: that is no count of zero others."""
    scan = "commands/iw dev wlp1s0 scan dump"
    own = (laptop.folder / scan).read_text().split("BSS 02:00:00:00:01:02")[0]
    (laptop.folder / scan).write_text(own)
    readings = laptop.look("air").readings
    assert readings["ap_stations"] == 23
    assert not [name for name in readings if name.endswith("_networks")]


def test_a_lost_connection_is_a_failure(laptop: Laptop) -> None:
    """After it was connected; the air still tells whose networks are heard, as counts."""
    (laptop.folder / _LINK).write_text("Not connected.\n")
    finding = laptop.look("link")
    assert (finding.status, finding.reason) == (Status.FAILED, "not connected to an access point")
    assert finding.target == "wifi"
    air = laptop.look("air")
    assert (air.status, air.readings["band_5ghz_networks"]) == (Status.OK, 3)
    assert "channel_networks" not in air.readings


def test_a_wifi_that_is_switched_off_is_nobodys_failure(laptop: Laptop) -> None:
    """An interface that somebody has taken down is told as nothing there."""
    (laptop.folder / _LINK).write_text("Not connected.\n")
    (laptop.folder / "commands/iw dev wlp1s0 scan dump").write_text("")
    laptop.change("root/sys/class/net/wlp1s0/flags", "0x1003", "0x1002")
    for probe in ("link", "air"):
        finding = laptop.look(probe)
        assert (finding.status, finding.reason) == (Status.NOTHING, "the Wi-Fi is switched off")


def test_an_adapter_that_is_gone_is_missed(laptop: Laptop) -> None:
    """Whether iw still runs or the last radio went with it."""
    (laptop.folder / "commands/iw dev").write_text("")
    assert laptop.look("link").reason == "the Wi-Fi adapter that was here is gone"
    laptop.remove("root/sys/class/ieee80211/phy0")
    finding = laptop.look("link")
    assert (finding.status, finding.target) == (Status.FAILED, "wifi")


def test_two_radios_keep_their_labels(laptop: Laptop) -> None:
    """The second one in use is wifi-2, also when the first one goes."""
    dev = (laptop.folder / "commands/iw dev").read_text()
    second = "phy#1\n\tInterface wlan1\n\t\tifindex 9\n\t\ttype managed\n"
    (laptop.folder / "commands/iw dev").write_text(dev + second)
    for what in ("link", "station dump"):
        said = (laptop.folder / f"commands/iw dev wlp1s0 {what}").read_text()
        (laptop.folder / f"commands/iw dev wlan1 {what}").write_text(said)
    assert [finding.target for finding in laptop.looks("link")] == ["wifi", "wifi-2"]
    (laptop.folder / "commands/iw dev").write_text(second)
    seen = {finding.target: finding.status for finding in laptop.looks("link")}
    assert seen == {"wifi-2": Status.OK, "wifi": Status.FAILED}


def test_a_machine_with_no_other_way_out_misses_its_wifi(tmp_path: Path) -> None:
    """A box that starts where it can't join, with no cable in, tells so at once."""
    box = Laptop(tmp_path / "machine", "pi-wifi-5ghz")
    box.remove("root/proc/net/route")
    (box.folder / "commands/iw dev wlan0 link").write_text("Not connected.\n")
    assert box.look("link").status is Status.FAILED


def test_a_dead_cable_does_not_accuse_a_wifi_that_nobody_set_up(tmp_path: Path) -> None:
    """A box on a cable whose way out is gone has another trouble than its unused radio."""
    box = Laptop(tmp_path / "machine", "pi4-undervolting")
    with pytest.raises(NothingHereError):
        box.look("link")
    box.remove("root/proc/net/route")
    box.change("root/sys/class/net/eth0/carrier", "1", "0")
    with pytest.raises(NothingHereError):
        box.look("link")


def test_iw_is_found_where_debian_keeps_it(laptop: Laptop) -> None:
    """A plain user's search doesn't look in /usr/sbin."""
    outputs = {path.name: path.read_bytes() for path in (laptop.folder / "commands").iterdir()}
    laptop.remove("commands")
    laptop.commands.endings = {f"/usr/sbin/{words}": Ended(0, said, b"") for words, said in outputs.items()}
    assert laptop.look("link").status is Status.OK


def test_an_iw_that_hangs_is_a_failure(laptop: Laptop) -> None:
    """A driver that never answers is told in words."""
    laptop.commands.endings["iw dev"] = Ended(-9, b"", b"", timed_out=True)
    with pytest.raises(ProbeFailedError, match="no answer in 5 s"):
        laptop.look("air")


def test_nothing_is_scanned_for(laptop: Laptop) -> None:
    """Only what is known already is asked for: a scan would take the radio off its channel."""
    laptop.look("air")
    assert {words.split(maxsplit=3)[-1] for words in laptop.commands.asked if words != "iw dev"} == {
        "link",
        "scan dump",
        "station dump",
        "survey dump",
    }


def test_one_links_counts_do_not_stand_for_all(tmp_path: Path) -> None:
    """Two links at once (Wi-Fi 7): frames are those of both, and beacons that one link lost are no total."""
    laptop = Laptop(tmp_path / "machine", "laptop-wifi-7")
    laptop.look("link")
    laptop.change("commands/iw dev wlan0 station dump", "tx packets:\t239", "tx packets:\t339")
    laptop.change("commands/iw dev wlan0 station dump", "beacon loss:\t1", "beacon loss:\t5")
    readings = laptop.look("link").readings
    assert readings["tx_frames"] == 100
    assert "lost_beacons" not in readings
