"""Pushing boards into a Grafana, over real sockets, against a server that behaves as its API does."""

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dashboards.cli import group
from tests.dashboards.shipped import BOARDS
from tests.support.grafana import Grafana, serving

UIDS = [board["uid"] for board in BOARDS]


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    """A Grafana that knows one token, an administrator's, and holds nothing."""
    with serving(Grafana()) as running:
        yield running


def push(grafana: Grafana, folder: Path, *options: str, token: str = "good", influx: bool = True) -> Result:
    """The command, with its tokens in files."""
    for name, secret in (("grafana", token), ("influx", "read-both")):
        (folder / name).write_text(f"{secret}\n")
    to_influx = ("--influx-url", "http://influx:8086", "--influx-token-file", str(folder / "influx"))
    argv = [
        "push",
        "--url",
        grafana.url,
        "--token-file",
        str(folder / "grafana"),
        *(to_influx if influx else ()),
    ]
    return CliRunner().invoke(group, [*argv, *options])


def test_everything_is_there_after_a_push(grafana: Grafana, tmp_path: Path) -> None:
    """Both data sources, the folder and all boards are in it, under their fixed uids; each step is said."""
    done = push(grafana, tmp_path)
    assert done.exit_code == 0, done.output
    assert sorted(grafana.boards) == UIDS
    assert {board["meta"]["folderUid"] for board in grafana.boards.values()} == {"firstbell"}
    assert grafana.folders == {"firstbell": "First Bell"}
    assert sorted(grafana.datasources) == ["firstbell", "firstbell_rollups"]
    source = grafana.datasources["firstbell_rollups"]
    assert source["jsonData"]["dbName"] == "firstbell_rollups"
    assert source["secureJsonData"] == {"httpHeaderValue1": "Token read-both"}
    assert "board 6 of 6, Wi-Fi: made" in done.stderr
    assert done.stdout == f"6 boards are in {grafana.url}/dashboards/f/firstbell\n"


def test_a_second_push_changes_nothing(grafana: Grafana, tmp_path: Path) -> None:
    """Boards that are there as they should be get no new version; nothing is there twice."""
    push(grafana, tmp_path)
    done = json.loads(push(grafana, tmp_path, "--json").stdout)
    assert set(done["boards"].values()) == {"as it was"}
    assert done["folder"] == "as it was"
    assert {board["dashboard"]["version"] for board in grafana.boards.values()} == {1}


def test_a_board_changed_by_hand_is_put_back(grafana: Grafana, tmp_path: Path) -> None:
    """What somebody changed or moved in Grafana is replaced, whatever version it has; the others stay."""
    push(grafana, tmp_path)
    grafana.boards["firstbell-now"]["dashboard"] |= {"title": "Mine", "version": 7}
    grafana.boards["firstbell-wifi"]["meta"]["folderUid"] = "elsewhere"
    done = json.loads(push(grafana, tmp_path, "--json").stdout)
    replaced = {uid for uid, what in done["boards"].items() if what == "replaced"}
    assert replaced == {"firstbell-now", "firstbell-wifi"}
    assert grafana.boards["firstbell-now"]["dashboard"]["version"] == 8
    assert grafana.boards["firstbell-now"]["dashboard"]["title"] == "Can every school teach at first bell?"


def test_links_lead_to_the_districts_own_pages(grafana: Grafana, tmp_path: Path) -> None:
    """--pages is where the links of the pushed boards lead."""
    push(grafana, tmp_path, "--pages", "https://firstbell.example.org/")
    variables = grafana.boards["firstbell-school"]["dashboard"]["templating"]["list"]
    assert [one["query"] for one in variables if one["name"] == "firstbell"] == [
        "https://firstbell.example.org"
    ]


def test_a_bucket_of_another_name(grafana: Grafana, tmp_path: Path) -> None:
    """A district whose buckets have other names keeps our data sources' uids, which boards name."""
    push(grafana, tmp_path, "--bucket", "schools")
    names = {uid: source["jsonData"]["dbName"] for uid, source in grafana.datasources.items()}
    assert names == {"firstbell": "schools", "firstbell_rollups": "schools_rollups"}


def test_a_grafana_under_a_path(tmp_path: Path) -> None:
    """An address with a path is asked under that path."""
    with serving(Grafana(prefix="/grafana")) as grafana:
        assert push(grafana, tmp_path).exit_code == 0
        assert all(asked.split()[1].startswith("/grafana/api/") for asked in grafana.asked)


def test_an_editor_pushes_boards_without_data_sources(tmp_path: Path) -> None:
    """Who may not look at data sources still brings boards, where no InfluxDB is named."""
    with serving(Grafana(tokens={"editor": "Editor"})) as grafana:
        done = push(grafana, tmp_path, token="editor", influx=False)
        assert done.exit_code == 0, done.output
        assert "data source firstbell: not looked at" in done.stderr


def test_data_sources_that_are_there_are_left_alone(grafana: Grafana, tmp_path: Path) -> None:
    """Without an InfluxDB the data sources have to be there, and stay as they are."""
    push(grafana, tmp_path)
    grafana.datasources["firstbell"]["url"] = "http://by-hand:8086"
    assert push(grafana, tmp_path, influx=False).exit_code == 0
    assert grafana.datasources["firstbell"]["url"] == "http://by-hand:8086"


def refused(grafana: Grafana, folder: Path, **how: str | bool) -> str:
    """What is said when a push fails; it is one sentence, and nothing of a traceback."""
    influx = bool(how.get("influx", True))
    done = push(grafana, folder, token=str(how.get("token", "good")), influx=influx)
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    return done.stderr.splitlines()[-1]


def test_a_missing_data_source_is_said(grafana: Grafana, tmp_path: Path) -> None:
    """Boards without data sources would be empty: the push says how to have them."""
    assert "has no data source firstbell yet. Name the InfluxDB with --influx-url" in refused(
        grafana, tmp_path, influx=False
    )


def test_an_unknown_token(grafana: Grafana, tmp_path: Path) -> None:
    """401: the token is not this Grafana's."""
    assert "does not know this token" in refused(grafana, tmp_path, token="stolen")


def test_a_token_that_may_not(tmp_path: Path) -> None:
    """403: which role is wanting."""
    with serving(Grafana(tokens={"viewer": "Viewer", "editor": "Editor"})) as grafana:
        assert "may not write the data source firstbell; its service account wants the role Admin" in refused(
            grafana, tmp_path, token="editor"
        )
        assert "may not make the folder; its service account wants the role Editor" in refused(
            grafana, tmp_path, token="viewer", influx=False
        )


def test_no_grafana_there(grafana: Grafana, tmp_path: Path) -> None:
    """Another page answers, another server, or nobody: each is said as it is."""
    right = grafana.url
    grafana.url = f"{right}/wrong"
    assert "wants the path in --url" in refused(grafana, tmp_path)
    grafana.url, grafana.garbage = right, True
    assert "is no Grafana: is that its address?" in refused(grafana, tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        grafana.url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    assert f"no Grafana can be reached at {grafana.url}" in refused(grafana, tmp_path)
    grafana.url = "grafana.example.org"
    assert "is no address of a Grafana" in refused(grafana, tmp_path)


def test_an_old_grafana(grafana: Grafana, tmp_path: Path) -> None:
    """Too old a version is refused before anything is written; the oldest, and one that hides its own, is not."""
    grafana.version = "8.5.27"
    assert "this Grafana is 8.5.27; the boards want 10 or newer" in refused(grafana, tmp_path)
    assert not grafana.boards
    for grafana.version in ("10.0.0", ""):
        assert push(grafana, tmp_path).exit_code == 0


def test_a_grafana_in_trouble(grafana: Grafana, tmp_path: Path) -> None:
    """Its own words are told."""
    grafana.broken = True
    assert "500 database is locked" in refused(grafana, tmp_path)


def test_boards_that_files_of_its_own_bring(grafana: Grafana, tmp_path: Path) -> None:
    """A provisioned board can't be pushed, and the message says where it is changed."""
    grafana.provisioned.add("firstbell-now")
    assert "provisioning files of its own bring it" in refused(grafana, tmp_path)


def test_a_push_without_the_library(
    grafana: Grafana, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where grafana-api is not installed, the message says how to have it."""
    monkeypatch.setitem(sys.modules, "grafana_api.grafana_face", None)
    assert "pip install '.[grafana]'" in refused(grafana, tmp_path)


def test_a_push_without_a_token(grafana: Grafana) -> None:
    """A token comes from a file, and a missing one is asked for."""
    done = CliRunner().invoke(group, ["push", "--url", grafana.url])
    assert done.exit_code == 1
    assert "--token-file names a file with a service account's token" in done.stderr
