"""Slips that would make a folder tell of a school what nobody saw, or cost the time of whoever reads it."""

import pytest

from firstbell import folder, settings
from firstbell.tables import FolderError
from tests.firstbell.test_folder import GOOD


@pytest.mark.parametrize(
    ("gateway", "said"),
    [
        ("127.0.0.1", "is the machine that asks"),
        ("localhost", "is the machine that asks"),
        ("LocalHost.", "is the machine that asks"),
        ("0.0.0.0", "is the machine that asks"),
        ("::1", "is the machine that asks"),
        ("::ffff:127.0.0.1", "is the machine that asks"),
        ("255.255.255.255", "is an address of many machines"),
        ("224.0.0.1", "is an address of many machines"),
        ("ff02::1", "is an address of many machines"),
        ("127.1", "is neither an address"),
        ("2130706433", "is neither an address"),
        ("10.1.0.0x1", "is neither an address"),
    ],
)
def test_a_gateway_is_another_machine(gateway: str, said: str) -> None:
    """Whatever always answers, or never, would tell of a school what nobody has seen."""
    text = f"id,name,students,gateway\nlincoln,L,10,{gateway}\nadams,A,10,\n"
    with pytest.raises(FolderError, match=rf"schools\.csv, line 2: gateway .* {said}"):
        folder.parse({**GOOD, "schools.csv": text})


def test_a_gateway_is_one_schools() -> None:
    """The same address twice is a slip: one router's answers would be two schools' facts."""
    text = "id,name,students,gateway\nlincoln,L,10,gw.example.org\nadams,A,10,GW.example.org\n"
    with pytest.raises(FolderError, match=r"line 3: the gateway gw\.example\.org stands already in line 2"):
        folder.parse({**GOOD, "schools.csv": text})


MANY = 3000


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("schools.csv", ",".join(f"c{n}" for n in range(MANY)) + "\n1\n", "has 3000 columns, more than 50"),
        ("district.toml", "".join(f"[t{n}]\nx = 1\n" for n in range(MANY)), "line 1: t0 is no setting"),
        ("district.toml", "[[quiet]]\nsince = 1\n" * MANY, "line 1: quiet[1].until is missing"),
        (
            "district.toml",
            "[[quiet]]\nsince = 2026-01-02T08:00:00\nuntil = 2026-01-01T08:00:00\n" * MANY,
            "since must lie before until",
        ),
        ("district.toml", ".".join("a" * MANY) + " = 1\n", "line 1: a name of more than 40 parts"),
        ("district.toml", "\n[" + " . ".join(['"a"'] * MANY) + "]\n", "line 2: a name of more than 40 parts"),
    ],
)
def test_a_bad_file_costs_no_more_for_being_long(
    monkeypatch: pytest.MonkeyPatch, file: str, text: str, said: str
) -> None:
    """The first problems have their lines; for the rest the text is not walked through again."""
    walks: list[tuple[str, ...]] = []
    line_of = settings.line_of

    def counted(path: tuple[str, ...], text: str) -> int | None:
        walks.append(path)
        return line_of(path, text)

    monkeypatch.setattr(settings, "line_of", counted)
    with pytest.raises(FolderError) as caught:
        folder.parse({**GOOD, file: text})
    assert said in str(caught.value.problems[0])
    assert len(walks) <= 100
