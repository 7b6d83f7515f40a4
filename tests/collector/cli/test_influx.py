"""`firstbell influx` without an InfluxDB: what it says of what it knows, and of what is wrong, in words."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from collector.cli import main
from collector.clock import SystemClock
from collector.store.outbox import Aside, Days, Outbox
from tests.collector.workbench import BOX, Bench, free_port
from tests.support.refusing_influx import RefusingInflux
from tests.support.shipping import reports, write_folder

MINUTE_NS = 60 * 10**9


class Desk:
    """A data folder with ten reports, whose settings name an InfluxDB at `url`."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.bench = Bench(folder)
        self.now_ns = self.bench.clock.wall_ns = SystemClock().now_ns()
        self.bench.send(1, reports(1, 10, self.now_ns - 3600 * 10**9))
        self.outbox = Outbox(self.bench.journal)
        write_folder(folder / "district")
        self.settings = folder / "collector.toml"
        self.settings.write_text(f'[influx]\nurl = "{url}"\norg = "district"\n', encoding="utf-8")
        (folder / "influx.token").write_text("a-token\n", encoding="utf-8")

    def say(self, *words: str, **how: Any) -> Result:
        """What `firstbell influx` answers."""
        return CliRunner().invoke(main, ["--data", str(self.folder), "influx", *words], **how)

    def shipped(self, arrival: int, ago_ns: int = 0) -> None:
        """As it was after that many reports had gone out."""
        self.outbox.begin("store", "folder", "Maple")
        self.outbox.move("store", arrival, self.now_ns - ago_ns, shipped=arrival)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Nobody listens at its address."""
    made = Desk(tmp_path, f"http://127.0.0.1:{free_port()}")
    yield made
    made.outbox.close()
    made.bench.close()


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[tuple[Desk, RefusingInflux]]:
    """A scripted server listens there, which has one bucket of the two."""
    with RefusingInflux() as server:
        made = Desk(tmp_path, server.url)
        yield made, server
        made.outbox.close()
        made.bench.close()


def test_before_anything_was_shipped(desk: Desk) -> None:
    """How many wait, and for what; that nobody is there just now is told, too, and the command ends with 1."""
    said = desk.say("status")
    assert said.exit_code == 1
    assert f"{desk.url}, bucket firstbell: nothing was shipped yet; 10 reports wait" in said.output
    assert "nothing goes out, and nothing is lost:" in said.output
    assert "the connection was refused" in said.output


def test_how_far_it_is(desk: Desk) -> None:
    """So many of so many; the whole of it under its names for programs."""
    desk.shipped(7)
    desk.outbox.move("store", 7, desk.now_ns, too_old=2, aside=[Aside(3, "no"), Aside(5, "never")])
    desk.outbox.place_anew("folder", "Maple", [Days(BOX, 1, 3)])
    desk.outbox.complain("away", desk.now_ns - 5 * MINUTE_NS)
    lines = desk.say("status").output.splitlines()
    assert lines[0] == f"{desk.url}, bucket firstbell: 3 of 10 reports wait."
    assert lines[1].startswith("Since ")
    assert "3 days of boxes, which the folder places otherwise, go out again." in lines
    assert "2 reports were older than the bucket keeps, and were not sent." in lines
    assert lines[-3:] == [
        "2 reports are set aside; the journal has them:",
        "  report 5: never",
        "  report 3: no",
    ]
    told = json.loads(desk.say("status", "--json").stdout)
    assert (told["arrival"], told["newest"], told["behind"], told["shipped"]) == (7, 10, 3, 7)
    assert (told["too_old"], told["aside"], told["days_again"], told["last_ns"]) == (2, 2, 3, desk.now_ns)
    assert told["asides"] == [[5, "never"], [3, "no"]]
    assert (told["trouble_since_ns"], told["url"]) == (desk.now_ns - 5 * MINUTE_NS, desk.url)


def test_all_is_there(desk: Desk) -> None:
    """And when the last went."""
    desk.shipped(10, ago_ns=3 * MINUTE_NS)
    assert "all 10 reports are there, the last went 3 min ago." in desk.say("status").output


def test_of_much_that_was_set_aside_the_newest_is_shown(desk: Desk) -> None:
    """Twenty lines, and the number of all."""
    desk.shipped(10)
    desk.outbox.move("store", 10, desk.now_ns, aside=[Aside(n, "no") for n in range(1, 31)])
    said = desk.say("status").output
    assert "30 reports are set aside" in said
    assert said.count("  report ") == 20
    assert "  report 30: no" in said


@pytest.mark.parametrize("command", ["ship", "verify", "rebuild"])
def test_nobody_there_is_a_sentence(desk: Desk, command: str) -> None:
    """No traceback, exit code 1, and the address that was asked."""
    desk.shipped(10)
    said = desk.say(command)
    assert said.exit_code == 1
    assert f"Error: {desk.url} can't be reached: the connection was refused" in said.output or (
        command == "verify" and "the folder was changed" in said.output
    )
    assert "Traceback" not in said.output
    assert isinstance(said.exception, SystemExit)


def test_what_ship_could_not_is_in_status(desk: Desk) -> None:
    """The reason is noted for whoever looks next, from when it began."""
    assert desk.say("ship").exit_code == 1
    state = desk.outbox.state()
    assert state is not None
    assert "the connection was refused" in state.trouble
    assert state.trouble_ns > 0


@pytest.mark.parametrize("command", ["status", "ship", "verify", "rebuild"])
def test_no_influxdb_named(desk: Desk, command: str) -> None:
    """Says where it would stand, and what makes everything ready."""
    desk.settings.write_text("", encoding="utf-8")
    said = desk.say(command)
    assert said.exit_code == 1
    assert (
        "no InfluxDB is named. `firstbell influx setup --url http://HOST:8086` makes everything"
        in said.output
    )


@pytest.mark.parametrize("command", ["status", "ship", "verify", "rebuild"])
def test_no_journal_yet(tmp_path: Path, command: str) -> None:
    """The same word as of every other command."""
    (tmp_path / "collector.toml").write_text('[influx]\nurl = "http://127.0.0.1:1"\n', encoding="utf-8")
    said = CliRunner().invoke(main, ["--data", str(tmp_path), "influx", command])
    assert said.exit_code == 1
    assert "there is no journal in" in said.output


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('url = "influx:8086"', "begins with http:// or https://"),
        ('url = "http://a:b@127.0.0.1:8086"', "no user and password"),
        ('url = "http://127.0.0.1:1"\nbucket = "a/b"', "bucket: a name without /"),
        ('url = "http://127.0.0.1:1"\nraw_days = 0', "raw_days"),
        ('url = "http://127.0.0.1:1"\nraw_dayz = 9', "raw_dayz"),
    ],
)
def test_settings_that_can_be_none(desk: Desk, toml: str, words: str) -> None:
    """Each with what is wrong."""
    desk.settings.write_text(f"[influx]\n{toml}\n", encoding="utf-8")
    said = desk.say("status")
    assert said.exit_code == 1
    assert words in said.output
    assert "Traceback" not in said.output


@pytest.mark.parametrize("token", [None, "", "two words", "Ü", "a\nb"])
def test_a_token_that_can_be_none(desk: Desk, token: str | None) -> None:
    """Gone, empty or no token: told before anything is asked."""
    file = desk.folder / "influx.token"
    file.unlink() if token is None else file.write_text(token, encoding="utf-8")
    said = desk.say("ship")
    assert said.exit_code == 1
    assert "Traceback" not in said.output
    assert "token" in said.output or "can't be reached" in said.output


def test_a_bucket_that_is_not_there(answering: tuple[Desk, RefusingInflux]) -> None:
    """Which one, and what makes it; nothing is sent meanwhile."""
    desk, server = answering
    said = desk.say("ship")
    assert said.exit_code == 1
    assert f"Error: {server.url} has no bucket 'firstbell_rollups'. `firstbell influx setup` makes it." in (
        said.output
    )
    assert server.asked == []


@pytest.mark.parametrize("command", ["ship", "setup", "rebuild"])
def test_a_server_that_is_no_influxdb(tmp_path: Path, command: str) -> None:
    """A web server of another kind, to which no request of ours means anything: a sentence, and no more."""
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        desk = Desk(tmp_path, f"http://127.0.0.1:{server.server_port}")
        said = desk.say(command, env={"INFLUX_TOKEN": "operators"})
        server.shutdown()
    assert said.exit_code == 1
    assert f"Error: {desk.url} answers 501" in said.output or "patience (501)" in said.output
    assert "Traceback" not in said.output
    desk.outbox.close()
    desk.bench.close()


def test_setup_wants_to_know_where(desk: Desk) -> None:
    """Without an address there is nothing to set up."""
    desk.settings.unlink()
    said = desk.say("setup", env={"INFLUX_TOKEN": "operators"})
    assert said.exit_code == 1
    assert "no InfluxDB is named: say --url http://HOST:8086" in said.output
    assert not desk.settings.exists()


def test_setup_asks_for_the_token_and_does_not_show_it(desk: Desk) -> None:
    """Where neither a file nor the environment has it."""
    said = desk.say("setup", input="operators-token\n", env={"INFLUX_TOKEN": ""})
    assert "The operator's token of InfluxDB" in said.output
    assert "operators-token" not in said.output
    assert said.exit_code == 1
