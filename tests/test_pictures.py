"""The front page's pictures are there, are what they say, and are small enough to be looked at anywhere."""

from pathlib import Path

import pytest

from scripts.pictures import FOLDER, MOST_BYTES, PICTURES, Picture

README = Path(__file__).resolve().parents[1] / "README.md"


@pytest.mark.parametrize("picture", PICTURES, ids=[picture.name for picture in PICTURES])
def test_a_picture_is_on_the_front_page(picture: Picture) -> None:
    """A PNG of its page's width, under the bound, and named in README."""
    name, _, width, height = picture
    data = (FOLDER / f"{name}.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(data[16:20]), int.from_bytes(data[20:24])) == (width, height)
    assert len(data) <= MOST_BYTES
    assert f"docs/pictures/{name}.png" in README.read_text(encoding="utf-8")
