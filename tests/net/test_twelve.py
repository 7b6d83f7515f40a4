"""Twelve little networks: the doctor names what is in the way of each, within a minute."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.net.host import need_network
from tests.net.little_district import HOST, LittleDistrict, little_district
from tests.net.middlebox import Middlebox
from tests.net.twelve import NETWORKS, Lab, Network

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(180)]

PAGE = Path(__file__).parents[2] / "docs" / "doctor.md"
MOST_S = 60.0
each = pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)


class Examined(NamedTuple):
    """What the doctor said, its exit code, and how long it took."""

    found: dict[str, Any]
    code: int
    took_s: float


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
def examined(
    lab: Lab, district: LittleDistrict, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Examined]:
    """What the doctor says in each network, with nothing but the card of a box: all at once."""
    card = tmp_path_factory.mktemp("card") / "card.toml"
    card.write_text(
        f'collector = "https://{HOST}"\nbroker = "{HOST}"\nauthorities = "{district.ca_file}"\n',
        encoding="utf-8",
    )
    began = time.monotonic()
    options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    asked = {
        network.name: lab.agent(network, "doctor", "--card", card, "--json", **options)
        for network in NETWORKS
    }
    answers = {}
    for name, process in asked.items():
        out, err = process.communicate(timeout=120)
        assert "Traceback" not in err, err
        answers[name] = Examined(json.loads(out), process.returncode, time.monotonic() - began)
    return answers


@each
def test_the_doctor_names_what_is_in_the_way(network: Network, examined: dict[str, Examined]) -> None:
    """All that there is and nothing else, the cause first, within a minute; its exit code says if reports can go."""
    found, code, took_s = examined[network.name]
    diagnosis = found["diagnosis"]
    codes = [finding["code"] for finding in diagnosis["findings"]]
    assert codes == list(network.says), json.dumps(found, indent=2)
    assert code == (0 if diagnosis["mqtt"] or diagnosis["websocket"] or diagnosis["https"] else 1)
    assert took_s < MOST_S


@each
def test_the_page_says_what_the_doctor_does(network: Network, examined: dict[str, Examined]) -> None:
    """docs/doctor.md has a row for each network, with these very sentences."""
    rows = [line.split("|") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    (row,) = [cells for cells in rows if cells[1].strip() == network.name]
    pattern = re.escape(row[3].strip()).replace("…", ".+")
    findings = examined[network.name].found["diagnosis"]["findings"]
    said = "<br>".join(f"`{finding['code']}` {finding['admin']}" for finding in findings)
    assert re.fullmatch(pattern, said), said
