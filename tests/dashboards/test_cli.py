"""`firstbell dashboards`: build, check, and files for a Grafana that reads them."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from dashboards import build, lint
from dashboards.cli import group
from tests.dashboards.shipped import BOARDS


def test_a_check_passes_on_this_tree() -> None:
    """`build --check` says that all is as it should be, as CI asks it."""
    done = CliRunner().invoke(group, ["build", "--check"])
    assert (done.exit_code, done.stdout) == (0, "All files are what their code makes.\n")


def test_a_check_fails_and_names_what_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that code would make otherwise fails the check, by name, and is left alone."""
    made = build.files()
    monkeypatch.setattr(build, "files", lambda: {**made, "generated/firstbell-now.json": "{}"})
    monkeypatch.setattr(build, "write", lambda: pytest.fail("a check writes nothing"))
    done = CliRunner().invoke(group, ["build", "--check", "--json"])
    assert done.exit_code == 1
    assert json.loads(done.stdout) == {"changed": ["generated/firstbell-now.json"]}
    assert "firstbell dashboards build" in done.stderr


def test_a_build_that_changes_something_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written is told by name, and the command ends well."""
    monkeypatch.setattr(build, "write", lambda: ["generated/firstbell-now.json"])
    done = CliRunner().invoke(group, ["build"])
    assert (done.exit_code, done.stdout) == (0, "generated/firstbell-now.json\n")


def test_a_broken_rule_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """What our own rules say is what the command says."""

    def broken() -> None:
        raise lint.LintError(["firstbell-now: it asks nothing"])

    monkeypatch.setattr(build, "write", broken)
    done = CliRunner().invoke(group, ["build"])
    assert (done.exit_code, done.stderr) == (1, "Error: firstbell-now: it asks nothing\n")


def test_a_build_without_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Users, who don't have Grafana's SDK, are told that they don't need it."""
    monkeypatch.setitem(sys.modules, "dashboards.build", None)
    monkeypatch.delattr("dashboards.build")
    done = CliRunner().invoke(group, ["build"])
    assert done.exit_code == 1
    assert "which only developers have" in done.stderr


def test_files_for_a_grafana_that_reads_them(tmp_path: Path) -> None:
    """All files are handed out, with the district's addresses in links and runbooks."""
    runbook = "https://docs.example.org/troubleshooting"
    argv = [
        "files",
        str(tmp_path),
        "--pages",
        "https://firstbell.example.org",
        "--runbook",
        runbook,
        "--json",
    ]
    argv += ["--bucket", "schools"]
    done = CliRunner().invoke(group, argv)
    written = [Path(path) for path in json.loads(done.stdout)["written"]]
    assert len(written) == len(BOARDS) + 3
    assert all(path.exists() for path in written)
    sources = (tmp_path / "provisioning" / "datasources" / "firstbell.yaml").read_text()
    assert 'dbName: "schools"' in sources
    assert 'dbName: "schools_rollups"' in sources
    rules = (tmp_path / "provisioning" / "alerting" / "firstbell.yaml").read_text()
    assert f"{runbook}#a-school-is-down" in rules
    board = json.loads((tmp_path / "boards" / "firstbell-now.json").read_text())
    assert "https://firstbell.example.org" in str(board["templating"])


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--pages", "firstbell.example.org", "is no address"),
        ("--pages", 'https://firstbell.example.org/"x', "is no address"),
        ("--runbook", "https://docs.example.org/a page", "is no address"),
        ("--bucket", "", "is no bucket's name"),
        ("--bucket", 'schools"', "is no bucket's name"),
        ("--bucket", "a/b", "is no bucket's name"),
        ("--bucket", "$HOME", "is no bucket's name"),
        ("--bucket", "two\nlines", "is no bucket's name"),
    ],
)
def test_what_would_break_a_file_is_refused(tmp_path: Path, option: str, value: str, said: str) -> None:
    """Neither a quote nor a sign that Grafana expands comes into a link or a provisioning file."""
    done = CliRunner().invoke(group, ["files", str(tmp_path), option, value])
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_files_without_any_wish(tmp_path: Path) -> None:
    """Without options the files are those that are shipped, and their names are printed."""
    done = CliRunner().invoke(group, ["files", str(tmp_path)])
    assert str(tmp_path / "boards" / "firstbell-now.json") in done.stdout
    assert json.loads((tmp_path / "boards" / "firstbell-now.json").read_text()) in BOARDS
