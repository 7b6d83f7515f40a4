"""Twelve little networks: the doctor names what is in the way of each, and reports get out of all that let HTTPS out."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agent.lines import KEPT
from agent.uplink.ladder import remembered
from tests.net.host import need_network
from tests.net.little_district import HOST, LittleDistrict, little_district
from tests.net.middlebox import Middlebox
from tests.net.twelve import NETWORKS, Lab, Network

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.timeout(180),
]

PAGE = Path(__file__).parents[2] / "docs" / "doctor.md"
MOST_S = 60.0
each = pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)


PIPES: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
# Not "clock wrong": whoever ends TLS on 8883 there can show the broker no certificate, which looks like a refusal.
WITH_SETTINGS = ("no WebSocket", "proxy only", "portal", "TLS intercepted")
WAYS = {"mqtt": "MQTT", "websocket": "a WebSocket", "https": "HTTPS"}
QUIET: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


class Examined(NamedTuple):
    """What the doctor said, and its exit code."""

    found: dict[str, Any]
    code: int


@pytest.fixture(scope="module")
def district(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LittleDistrict]:
    """A district that runs."""
    need_network()
    with little_district(tmp_path_factory.mktemp("district")) as made:
        yield made


@pytest.fixture(scope="module")
def lab(district: LittleDistrict, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """All networks."""
    with Middlebox() as middle, Lab(district, tmp_path_factory.mktemp("lab"), middle).built() as built:
        yield built


@pytest.fixture(scope="module")
def boxes(district: LittleDistrict, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The settings of an enrolled box for each network."""
    return {
        network.name: district.enrol(f"box-{number}", tmp_path_factory.mktemp("box"))
        for number, network in enumerate(NETWORKS, 1)
    }


@pytest.fixture(scope="module")
def asked(
    lab: Lab, district: LittleDistrict, boxes: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, str], Examined]:
    """What the doctor says, all at once: in each network with nothing but a card, in some with settings."""
    card = tmp_path_factory.mktemp("card") / "card.toml"
    card.write_text(
        f'collector = "https://{HOST}"\nbroker = "{HOST}"\nauthorities = "{district.ca_file}"\n',
        encoding="utf-8",
    )
    answers = {}
    started = {
        (network.name, "card"): lab.agent(network, "doctor", "--card", card, "--json", **PIPES)
        for network in NETWORKS
    } | {
        (network.name, "settings"): lab.agent(
            network, "--config", boxes[network.name], "doctor", "--json", **PIPES
        )
        for network in NETWORKS
        if network.name in WITH_SETTINGS
    }
    for name, process in started.items():
        out, err = process.communicate(timeout=120)
        assert "Traceback" not in err, err
        answers[name] = Examined(json.loads(out), process.returncode)
    return answers


@pytest.fixture(scope="module")
def examined(asked: dict[tuple[str, str], Examined]) -> dict[str, Examined]:
    """What the doctor says with nothing but a card."""
    return {name: answer for (name, how), answer in asked.items() if how == "card"}


@each
def test_the_doctor_names_what_is_in_the_way(network: Network, examined: dict[str, Examined]) -> None:
    """All that there is and nothing else, the cause first, within a minute; its exit code says if reports can go."""
    found, code = examined[network.name]
    diagnosis = found["diagnosis"]
    codes = [finding["code"] for finding in diagnosis["findings"]]
    assert codes == list(network.says), json.dumps(found, indent=2)
    assert code == (0 if diagnosis["mqtt"] or diagnosis["websocket"] or diagnosis["https"] else 1)
    assert found["took_s"] < MOST_S


@each
def test_the_page_says_what_the_doctor_does(network: Network, examined: dict[str, Examined]) -> None:
    """docs/doctor.md has a row for each network, with these very sentences."""
    rows = [line.split("|") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    (row,) = [cells for cells in rows if cells[1].strip() == network.name]
    pattern = re.escape(row[4].strip()).replace("…", ".+")
    findings = examined[network.name].found["diagnosis"]["findings"]
    said = "<br>".join(f"`{finding['code']}` {finding['admin']}" for finding in findings)
    assert re.fullmatch(pattern, said), said
    assert row[3].strip() == (", ".join(WAYS[way] for way in network.by) or "none")


@pytest.fixture(scope="module")
def delivered(lab: Lab, district: LittleDistrict, boxes: dict[str, Path]) -> set[str]:
    """The boxes whose reports came, where every network had its box running for long enough."""
    running = {
        network.name: lab.agent(network, "--config", boxes[network.name], "run", **QUIET)
        for network in NETWORKS
    }
    expected = {f"box-{number}" for number, network in enumerate(NETWORKS, 1) if network.by}
    deadline = time.monotonic() + MOST_S
    while not expected <= district.heard_of() and time.monotonic() < deadline:
        time.sleep(0.5)
    for process in running.values():
        assert process.poll() is None, "a box died"
        process.terminate()
    for process in running.values():
        process.wait(30)
    return district.heard_of()


@each
def test_reports_get_out_wherever_https_does(
    network: Network, delivered: set[str], boxes: dict[str, Path]
) -> None:
    """A real box's reports are in the collector's journal, and came by the best way that there is."""
    arrived = f"box-{NETWORKS.index(network) + 1}" in delivered
    assert arrived == bool(network.by)
    if arrived:
        assert remembered(boxes[network.name].with_name(KEPT)) in network.by_here


@pytest.mark.parametrize("name", WITH_SETTINGS)
def test_with_settings_it_says_how_the_box_itself_gets_out(
    name: str, asked: dict[tuple[str, str], Examined]
) -> None:
    """An enrolled box tries each way as it sends: through a filter that opens TLS its reports go sealed."""
    (network,) = [network for network in NETWORKS if network.name == name]
    examined = asked[name, "settings"]
    diagnosis = examined.found["diagnosis"]
    assert [way for way in ("mqtt", "websocket", "https") if diagnosis[way]] == list(network.by_here)
    assert examined.code == (0 if network.by else 1)
    assert [finding["code"] for finding in diagnosis["findings"]] == list(network.says)
    assert examined.found["took_s"] < MOST_S
