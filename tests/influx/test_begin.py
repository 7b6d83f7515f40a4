"""`firstbell influx setup --begin`: an InfluxDB that nobody has set up, from nothing to a collector's token."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from collector.cli import main
from tests.influx.conftest import _program
from tests.support.influxdb import Influx2, ask


class NewInflux(Influx2):
    """One that was just installed."""

    def _furnish(self) -> None:
        """Nothing: that is what is tried here."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NewInflux]:
    """It runs, and knows nobody."""
    (tmp_path / "influxd").mkdir()
    with NewInflux(tmp_path / "influxd", _program("2")) as running:
        yield running


def setup(home: Path, server: Influx2, *more: str) -> Result:
    """The command as the role starts it."""
    (home / "data").mkdir(exist_ok=True)
    words = ("influx", "setup", "--url", server.url, "--org", "district", "--district", "Example", "--json")
    files = (
        "--begin",
        str(home / "keys" / "operator"),
        "--grafana-token-file",
        str(home / "keys" / "grafana"),
    )
    return CliRunner().invoke(main, ["--data", str(home / "data"), *words, *(more or files)])


def test_an_influxdb_begins(tmp_path: Path, server: NewInflux) -> None:
    """All of it in one command; tokens lie in files of their owner alone, and no word of them is said; again: nothing."""
    done = setup(tmp_path, server)
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    files = [
        tmp_path / "keys" / "operator",
        tmp_path / "keys" / "grafana",
        tmp_path / "data" / "influx.token",
    ]
    tokens = [file.read_text().strip() for file in files]
    assert len(set(tokens)) == 3
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * 3
    assert not any(token in done.output for token in tokens)
    assert answer["grafana_token_in"] == str(files[1])
    headers = {"Authorization": f"Token {tokens[0]}"}
    names = {one["name"] for one in ask(f"{server.url}/api/v2/buckets", None, headers).json["buckets"]}
    assert {name for name in names if not name.startswith("_")} == {
        "firstbell",
        "firstbell_spare",
        "firstbell_rollups",
    }
    again = json.loads(setup(tmp_path, server).stdout)
    assert (again["collector_token"], again["grafana_token_in"]) == ("kept", "")
    assert [file.read_text().strip() for file in files] == tokens


def test_a_token_comes_on_stdin(tmp_path: Path, server: NewInflux) -> None:
    """As the role brings it: from a file that the command itself may not read."""
    (tmp_path / "data").mkdir()
    words = [
        "influx",
        "setup",
        "--url",
        server.url,
        "--org",
        "district",
        "--district",
        "Example",
        "--begin",
        "-",
    ]
    argv = ["--data", str(tmp_path / "data"), *words, "--json"]
    done = CliRunner().invoke(main, argv, input="a-token-of-our-own\n")
    assert done.exit_code == 0, done.output
    headers = {"Authorization": "Token a-token-of-our-own"}
    assert ask(f"{server.url}/api/v2/buckets", None, headers).status == 200
    assert not (tmp_path / "data" / "-").exists()


def test_grafanas_lost_file_is_made_anew(tmp_path: Path, server: NewInflux) -> None:
    """With another token; the one before ends, and the collector's stays."""
    assert setup(tmp_path, server).exit_code == 0
    file, own = tmp_path / "keys" / "grafana", tmp_path / "data" / "influx.token"
    before, kept = file.read_text().strip(), own.read_text()
    file.unlink()
    assert setup(tmp_path, server).exit_code == 0
    assert (file.read_text().strip() != before, own.read_text()) == (True, kept)
    url = f"{server.url}/api/v2/buckets"
    assert ask(url, None, {"Authorization": f"Token {before}"}).status == 401


def test_somebody_elses_influxdb_is_not_begun(tmp_path: Path, server: NewInflux) -> None:
    """Where somebody set it up a token of our own making opens nothing, and that is said."""
    assert setup(tmp_path, server).exit_code == 0
    (tmp_path / "keys" / "operator").unlink()
    refused = setup(tmp_path, server)
    assert refused.exit_code == 1
    assert "Traceback" not in refused.output
    assert setup(tmp_path, server, "--begin", "a", "--token-file", __file__).exit_code == 2
