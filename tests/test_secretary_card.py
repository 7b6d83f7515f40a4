"""The card for a school's office: it says what the light does, it is one page, and its pictures are pictures."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from agent.machine import led
from scripts.pages import boxes

DOCS = Path(__file__).parents[1] / "docs"
CARD = (DOCS / "secretary-card.md").read_text(encoding="utf-8")
PICTURES = re.findall(r"!\[([^\]]+)\]\((pictures/[^)]+\.svg)\)", CARD)
MOST_WORDS = 330
"""With three pictures that is one page of letter paper."""


def test_it_is_one_page_with_three_pictures_in_an_offices_words() -> None:
    """No word that only technicians know."""
    assert len(PICTURES) == 3
    assert len(re.findall(r"\w+", re.sub(r"!\[.*?\)", "", CARD))) <= MOST_WORDS
    assert not re.search(r"\b(LED|Ethernet|IP|DHCP|MAC|QR|SSID|broker|agent|certificate)\b", CARD)


def test_the_light_does_what_the_card_says() -> None:
    """Each of the four, in the rhythm that the program blinks in."""
    assert set(led.BLINKS) | {led.STEADY, led.DARK} == {"done", "no network", "call us", "off"}
    assert led.SLOW_MS == 1000
    assert "| **blinks slowly**, once every two seconds | no network |" in CARD
    assert 1000 / (2 * led.FAST_MS) >= 3
    assert "| **blinks fast**, several times a second | call us |" in CARD
    assert "| **shines steadily** | done |" in CARD


@pytest.mark.parametrize(("words", "name"), PICTURES, ids=[name for _, name in PICTURES])
def test_a_picture_has_words_and_brings_nothing_along(words: str, name: str) -> None:
    """A title for whoever can't see it; no script, no link, nothing of another file; small."""
    data = (DOCS / name).read_bytes()
    root = ET.fromstring(data)
    space = "{http://www.w3.org/2000/svg}"
    title = root.find(f"{space}title")
    assert title is not None
    assert title.text
    assert words
    allowed = {f"{space}{tag}" for tag in ("svg", "title", "g", "rect", "path", "circle")}
    assert {element.tag for element in root.iter()} <= allowed
    assert not any("href" in key or key.startswith("on") for element in root.iter() for key in element.attrib)
    assert len(data) < 4000


def test_what_a_box_sees_is_what_its_port_carries() -> None:
    """The figures of docs/boxes.md: 94, about 280, about 940, and beyond; more sight proves more people."""
    assert [kind.carries_mbps for kind in boxes.KINDS] == [94, 280, 941, 2353]
    proven = [boxes.people(kind.carries_mbps) for kind in boxes.KINDS]
    assert proven == sorted(proven)
    assert proven[0] > 90
