"""What iw writes, to values: rates of every generation, kinds of interfaces, hostile networks, odd drivers."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.readers import iw
from agent.readers.iw import Interface, Network, Rate

CASES = Path(__file__).resolve().parents[2] / "cases" / "iw"


def case(name: str) -> bytes:
    """One output of iw."""
    return (CASES / f"{name}.txt").read_bytes()


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("54.0 MBit/s", Rate(54.0, None, None)),
        ("144.4 MBit/s MCS 15 short GI", Rate(144.4, 4, 2)),
        ("300.0 MBit/s MCS 31 40MHz short GI", Rate(300.0, 4, 4)),
        ("6.0 MBit/s MCS 32 40MHz", Rate(6.0, 4, None)),
        ("866.7 MBit/s VHT-MCS 9 80MHz short GI VHT-NSS 2", Rate(866.7, 5, 2)),
        ("2401.9 MBit/s 160MHz HE-MCS 11 HE-NSS 2 HE-GI 0 HE-DCM 0", Rate(2401.9, 6, 2)),
        ("286.8 MBit/s HE-MCS 11 HE-NSS 1 HE-GI 0 HE-DCM 0 HE-RU-ALLOC 4", Rate(286.8, 6, 1)),
        ("5764.7 MBit/s 320MHz EHT-MCS 13 EHT-NSS 2 EHT-GI 0", Rate(5764.7, 7, 2)),
        ("900.0 MBit/s UHR-MCS 4 UHR-NSS 3", Rate(900.0, None, 3)),
        ("0.0 MBit/s", None),
        ("(unknown)", None),
        ("", None),
    ],
)
def test_a_rate_tells_its_generation_and_streams(text: str, rate: Rate | None) -> None:
    """802.11n names steps of a rate that hold the streams; later ones tell them; a rate of zero is none."""
    assert iw.rate(text) == rate


def test_interfaces_are_told_in_the_order_of_radios() -> None:
    """By radio, then by number; nameless ones are left out, and a network's name is no interface."""
    assert iw.interfaces(case("dev-many-kinds")) == (
        Interface(0, 3, "wlan0", "managed", 904, 1),
        Interface(0, 5, "wlan1", "managed", 2412, None),
        Interface(2, 8, "hotspot", "AP", 5500, 160),
        Interface(2, 9, "mon0", "monitor", 2437, 20),
    )


def test_a_network_can_not_pass_for_another_by_its_name() -> None:
    """Of two networks there are two, whatever one is called; the first count stands; what is no count is none."""
    assert iw.networks(case("scan-hostile")) == (
        Network("02:00:00:00:01:01", True, 2412, 0.04, 7, 255),
        Network("02:00:00:00:01:02", False, 2484, None, None, None),
    )


def test_what_a_driver_does_not_know_is_none() -> None:
    """A signal of 0 or 127 dBm is none, nor is an unknown rate; a neighbour joined directly is no access point."""
    (station,) = iw.stations(case("station-neighbours"))
    assert (station.address, station.frames, station.retries) == ("02:00:00:00:01:01", 100, 9)
    assert (station.signal_dbm, station.sent, station.failed, station.lost_beacons) == (
        None,
        None,
        None,
        None,
    )
    assert (station.received, station.expected_mbps) == (Rate(6.0, None, None), 47.43)


def test_not_connected_is_none() -> None:
    """No link, whether iw says so, says nothing, or is still on its way in."""
    assert iw.link(b"Not connected.\n") is None
    assert iw.link(b"") is None
    assert iw.link(b"Authenticated with 02:00:00:00:01:01 (on wlan0)\n") is None


_WORDS = st.sampled_from([
    b"phy#", b"Interface", b"Connected to ", b"Station ", b"BSS 02:00:00:00:00:01", b"Survey data from w", b"\n",
    b"\n\t", b" ", b"channel 1 (2412 MHz), width: 20 MHz", b"freq:", b"frequency:", b"Link 0:", b"* station count:",
    b"* channel utilisation: 1/255", b"-", b"signal:", b"9" * 30, b"MBit/s", b"tx bitrate: ", b"ifindex", b"type",
])  # fmt: skip


@given(st.one_of(st.binary(max_size=300), st.lists(_WORDS, max_size=40).map(b"".join)))
def test_nothing_makes_a_reader_fall(stdout: bytes) -> None:
    """Any bytes are read as something or as nothing."""
    for read in (iw.interfaces, iw.link, iw.stations, iw.surveys, iw.networks):
        read(stdout)
