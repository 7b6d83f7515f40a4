"""The page that `scripts/prove` writes says what happened, and nothing better."""

import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

from tests.chaos import prove
from tests.chaos.storm import Result
from tests.oracle.judge import Verdict

PROVE = Path(__file__).parents[2] / "scripts" / "prove"
BEGAN_NS = 1_790_000_000_000_000_000
"""21 September 2026, 14:13 UTC."""


def result(broker: str, **figures: Any) -> Result:
    """A storm of one minute and two kills that left these figures."""
    verdict = {**vars(Verdict()), "measured": 30_000, **figures}
    kills = Counter({"box at random": 1, "collector after_answer": 1})
    return Result(7, broker, kills, storm_s=60.0, calm_s=0.5, verdict=verdict)


def words(text: str) -> str:
    """The text without its line breaks."""
    return " ".join(text.split())


def test_a_page_adds_up_its_storms() -> None:
    """Two sound storms: the sums, a row for each, and what none lost of 60,000 proves (fewer than 3 in 60,000)."""
    page = words(prove.page([result("mosquitto"), result("embedded")], 2, BEGAN_NS))
    assert "Run of 2026-09-21 14:13 UTC: 2 storms, 2.0 minutes of kills" in page
    assert "**60,000 reports, 4 kills: 0 lost, 0 invented, 0 changed**" in page
    assert "Storms with anything wrong: 0." in page
    assert "| mosquitto | 7 | 30,000 | 2 | 1 | 1 | 0 | 0 | 0 | 0 | 60 | 0.5 |" in page
    assert "| collector | after answer | 2 |" in page
    assert "fewer than one in 20,000" in page


def test_a_page_names_the_code_that_stood(tmp_path: Path) -> None:
    """Its figures are those of one commit, and of what `scripts/prove` finds: with changes in it, it says so."""
    assert "14:13 UTC, commit 0123456789ab-dirty: 1 storms" in words(
        prove.page([result("mosquitto")], 1, BEGAN_NS, "0123456789ab-dirty")
    )
    (line,) = [line for line in PROVE.read_text().splitlines() if line.startswith("FIRSTBELL_COMMIT=")]
    for command in ("git init -q", "git -c user.name=a -c user.email=a@b commit -q --allow-empty -m one"):
        subprocess.run(command.split(), cwd=tmp_path, check=True)
    told = subprocess.run(
        ["sh", "-c", f'{line}; echo "$FIRSTBELL_COMMIT"'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert head.stdout.startswith(told.strip())
    assert len(told.strip()) == 12


def test_a_page_of_a_storm_that_lost_something_says_so() -> None:
    """A loss stands in the sum, and no claim is made."""
    page = words(prove.page([result("mosquitto", lost=1)], 10, BEGAN_NS))
    assert "1 storms of 10 that were asked for" in page
    assert "2 kills: 1 lost" in page
    assert "Storms with anything wrong: 1." in page
    assert "1 of 30,000 were lost." in page
    assert "confidence" not in page


def test_what_the_box_could_not_store_is_something_wrong() -> None:
    """A storm without a full disk in which a spool refused to store is no sound storm."""
    assert "Storms with anything wrong: 1." in words(
        prove.page([result("embedded", unstored=25)], 1, BEGAN_NS)
    )
