"""`firstbell authority`: certificates of the district's own are renewed, and what ends soon is said where people look."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from collector import config
from collector.cli import main
from collector.store.identities import Certificate
from collector.store.journal import open_journal
from tests.collector.workbench import NOW_NS
from tests.end_to_end.test_up import write_lincoln
from tests.support.let_in import let_in

DAY_NS = 86_400 * 10**9


class District:
    """A data folder whose clock the test sets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        write_lincoln(config.Home(folder), "America/Chicago")
        self.at(0)
        self.say("authority", "make")
        self.say("authority", "program", "--out", str(folder))
        self.say("authority", "server", "localhost", "--out", str(folder / "broker"))

    def at(self, days: float) -> None:
        """Let the clock stand so many days after the beginning."""
        mark = config.Demo(seed=7, schools=1, days=1, as_of_ns=NOW_NS + int(days * DAY_NS))
        config.home(str(self.folder)).demo_file.write_bytes(msgspec.json.encode(mark))

    def told(self, *argv: str, code: int = 0) -> str:
        """What `firstbell` says."""
        ended = CliRunner().invoke(main, ["--data", str(self.folder), *argv])
        assert ended.exit_code == code, ended.output
        return ended.output

    def say(self, *argv: str) -> Any:
        """The same as JSON."""
        return json.loads(self.told(*argv, "--json"))


@pytest.fixture
def district(tmp_path: Path) -> District:
    """An authority, the collector's certificate, and the broker's."""
    return District(tmp_path)


def test_what_is_due_is_renewed(district: District) -> None:
    """Nothing before the middle; then both, and again nothing; all of them where somebody wants that."""
    assert district.told("authority", "renew") == "Nothing is due.\n"
    district.at(190)
    assert len(district.say("authority", "renew")["renewed"]) == 2
    assert district.told("authority", "renew") == "Nothing is due.\n"
    assert district.told("authority", "renew", "--all").count("is renewed, good until") == 2
    held = district.say("authority", "show")["certificates"]
    assert [each["ends_ns"] for each in held] == [NOW_NS + (190 + 365) * DAY_NS] * 2


def test_what_ends_soon_is_said_where_people_look(district: District) -> None:
    """By status in words and as JSON, with what to do; nothing while all is well."""
    assert district.say("status")["certificates"] == []
    district.at(340)
    told = district.say("status")["certificates"]
    assert len(told) == 2
    assert all("`firstbell authority renew`" in each for each in told)
    district.say("authority", "renew")
    assert district.say("status")["certificates"] == []
    district.at(8.5 * 365)
    assert "The certificate authority ends on" in district.told("status")
    assert "--follow" in district.told("authority", "show")
    district.say("authority", "make", "--follow")
    district.say("authority", "renew")
    assert district.say("status")["certificates"] == []


def test_what_cant_be_renewed_is_told(district: District) -> None:
    """In a sentence that names the file, and the others are renewed."""
    (district.folder / "broker" / "localhost.pem").write_text("nonsense", encoding="ascii")
    district.at(200)
    said = district.told("authority", "renew", code=1)
    assert "is renewed, good until" in said
    assert f"{district.folder / 'broker' / 'localhost.pem'}: this is no certificate" in said


def test_one_certificate_is_good(district: District) -> None:
    """One is, two are."""
    journal = open_journal(district.folder / "journal.db")
    for n, said in ((1, "1 certificate is good, 0 were revoked."), (2, "2 certificates are good")):
        given = Certificate("Example", str(n), f"box-{n}", bytes([n]), 0, 2**62, "pem")
        let_in(journal, given, 1)
        assert said in district.told("authority", "show")
