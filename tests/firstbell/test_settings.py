"""Settings in TOML: all errors at once, each with its line."""

from typing import Literal

import msgspec
import pytest

from firstbell import settings
from firstbell.report import Segment


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A table of settings for the tests."""

    host: str
    port: int = 1

    def __post_init__(self) -> None:
        """A struct's own rule."""
        if self.port < 1:
            raise ValueError("port: 1 or more")


class All(msgspec.Struct, frozen=True, kw_only=True):
    """A file of settings for the tests."""

    place: Place
    names: list[Place] = []
    ratio: float = 0.5


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """Settings that take certain words only."""

    engine: Literal["own", "iperf3"] = "own"
    part: Segment = Segment.WAN
    maybe: Segment | None = None


def test_settings_are_read_with_their_defaults() -> None:
    """What is not set has its default."""
    read = settings.load("a.toml", '[place]\nhost = "x"\n[[names]]\nhost = "y"', All)
    assert read == All(place=Place(host="x"), names=[Place(host="y")])


def test_every_error_is_told_at_once_with_its_line() -> None:
    """Three mistakes are three complaints, each with file, line, name and what to do."""
    text = 'ratio = "half"\n[place]\nprot = 5\nport = "eighty"\n'
    with pytest.raises(settings.SettingsError) as caught:
        settings.load("a.toml", text, All)
    assert sorted(caught.value.complaints) == [
        "a.toml: line 1: ratio: Expected a number, got a text in quotes",
        "a.toml: line 2: place.host is missing",
        "a.toml: line 3: place.prot is no setting; did you mean port?",
        "a.toml: line 4: place.port: Expected a whole number, got a text in quotes",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            'engine = "iperf"',
            "a.toml: line 1: engine: 'iperf' is none of: own, iperf3",
        ),
        (
            'part = "lan"',
            "a.toml: line 1: part: 'lan' is none of: self, site, wan, internet",
        ),
        (
            'maybe = "lan"',
            "a.toml: line 1: maybe: 'lan' is none of: self, site, wan, internet",
        ),
        ("engine = 3", "a.toml: line 1: engine: Expected a text in quotes, got a whole number"),
    ],
)
def test_where_only_certain_words_may_stand_they_are_named(text: str, complaint: str) -> None:
    """Who wrote `iperf` is told that it is `iperf3`; who wrote a number, that it must be a text."""
    with pytest.raises(settings.SettingsError) as caught:
        settings.load("a.toml", text, Words)
    assert caught.value.complaints == [complaint]


@pytest.mark.parametrize("text", ["[place", "a = 1 = 2", "[" * 5000, "x" * (1 << 21)])
def test_what_is_no_toml_is_said_so(text: str) -> None:
    """Broken, deep or huge text is one complaint and no traceback."""
    with pytest.raises(settings.SettingsError, match=r"a\.toml"):
        settings.load("a.toml", text, All)


def test_a_struct_and_each_of_a_list_are_told_with_their_own_lines() -> None:
    """What a struct asks of its values, and the second of two tables, are found at the right line."""
    text = '[place]\nhost = "x"\nport = 0\n[[names]]\nhost = "y"\n[[names]]\nhost = 5\n'
    with pytest.raises(settings.SettingsError) as caught:
        settings.load("a.toml", text, All)
    assert caught.value.complaints == [
        "a.toml: line 1: place: port: 1 or more",
        "a.toml: line 7: names[2].host: Expected a text in quotes, got a whole number",
    ]


def test_an_unknown_name_hides_nothing_that_a_struct_asks_of_its_values() -> None:
    """A port that can't be is told beside the setting that is none."""
    with pytest.raises(settings.SettingsError) as caught:
        settings.load("a.toml", '[place]\nhots = "x"\nhost = "x"\nport = 0\n', All)
    assert caught.value.complaints == [
        "a.toml: line 2: place.hots is no setting; did you mean host?",
        "a.toml: line 1: place: port: 1 or more",
    ]
