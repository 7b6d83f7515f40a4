"""Tokens: shown once, kept as hashes, gone at once."""

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner

from collector.cli import main
from collector.tokens import TokenError, Tokens

NOW_NS = 1_790_000_000_000_000_000


def test_a_token_opens_what_it_was_given_for(tmp_path: Path) -> None:
    """Whoever shows it is known by name and role; a wrong one by nothing."""
    tokens = Tokens(tmp_path)
    viewer, operator = tokens.add("Ann", "viewer", NOW_NS), tokens.add("Bob", "operator", NOW_NS)
    found = [tokens.find(token) for token in (viewer, operator, viewer[:-1], "", "\udcff", viewer + "x")]
    assert [token and (token.name, token.role) for token in found] == [
        ("Ann", "viewer"),
        ("Bob", "operator"),
        *[None] * 4,
    ]
    assert len(viewer) > 40
    assert viewer != operator


def test_the_file_holds_no_token_and_nobody_else_reads_it(tmp_path: Path) -> None:
    """Only hashes are kept, mode 0600 whatever the umask, and nothing is left beside the file."""
    before = os.umask(0)
    try:
        token = Tokens(tmp_path).add("Ann", "viewer", NOW_NS)
    finally:
        os.umask(before)
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert token not in file.read_text(encoding="utf-8")
    assert token.removeprefix("fb_") not in file.read_text(encoding="utf-8")


def test_what_is_taken_away_is_gone_at_once(tmp_path: Path) -> None:
    """A server that has read the file sees each change of it."""
    server, admin = Tokens(tmp_path), Tokens(tmp_path)
    token = admin.add("Ann", "viewer", NOW_NS)
    assert server.find(token)
    admin.remove("Ann")
    assert server.find(token) is None
    assert server.find(admin.add("Ann", "viewer", NOW_NS))


@pytest.mark.parametrize("name", ["", " Ann", "a" * 65, "a\nb", "<b>"])
def test_a_name_is_a_name(tmp_path: Path, name: str) -> None:
    """Nothing that would break a table or a log."""
    with pytest.raises(TokenError, match="a name has"):
        Tokens(tmp_path).add(name, "viewer", NOW_NS)


def test_a_damaged_file_opens_nothing(tmp_path: Path) -> None:
    """It is said, not taken for an empty one: that would be written over."""
    (tmp_path / "tokens.json").write_text("[{", encoding="utf-8")
    with pytest.raises(TokenError, match="can't be used"):
        Tokens(tmp_path).find("fb_x")
    with pytest.raises(TokenError, match="can't be used"):
        Tokens(tmp_path).add("Ann", "viewer", NOW_NS)


def test_who_changes_tokens_at_once_undoes_nothing(tmp_path: Path) -> None:
    """Eight give one each while another is taken away: it does not come back, and all eight are there."""
    Tokens(tmp_path).add("fired", "operator", NOW_NS)
    names = [f"n{n}" for n in range(8)]
    with ThreadPoolExecutor(9) as pool:
        given = [pool.submit(Tokens(tmp_path).add, name, "viewer", NOW_NS) for name in names]
        taken = pool.submit(Tokens(tmp_path).remove, "fired")
    assert all(each.result().startswith("fb_") for each in given)
    assert taken.exception() is None
    assert [token.name for token in Tokens(tmp_path).all()] == names


def test_the_commands(tmp_path: Path) -> None:
    """Add, list and remove; the token is printed by the first alone."""

    def firstbell(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, ["--data", str(tmp_path), "token", *arguments])
        return result.exit_code, result.output

    assert firstbell("list") == (0, "Nobody has a token.\n")
    code, said = firstbell("add", "Ann", "--role", "operator", "--json")
    given = json.loads(said)
    assert (code, given["role"], Tokens(tmp_path).find(given["token"]) is not None) == (0, "operator", True)
    assert firstbell("add", "Ann")[0] == 1
    code, said = firstbell("list")
    assert "Ann   operator" in said
    assert given["token"] not in said + firstbell("list", "--json")[1]
    assert firstbell("remove", "Ann") == (0, "Ann has no token any more.\n")
    assert firstbell("remove", "Ann")[0] == 1
