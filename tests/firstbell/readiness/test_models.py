"""The packaged targets, and what a wrong file of them says."""

import pytest

from firstbell.readiness import models
from firstbell.readiness.models import Number, Published
from firstbell.settings import SettingsError
from tests.firstbell.readiness.town import TARGETS, TEXT


def test_every_way_of_teaching_is_there() -> None:
    """The seven models and the test day; students learn at home in two of them."""
    assert list(TARGETS.models) == [
        "station_rotation",
        "lab_rotation",
        "flipped",
        "individual_rotation",
        "flex",
        "a_la_carte",
        "enriched_virtual",
        "test_day",
    ]
    assert [key for key, model in TARGETS.models.items() if model.home] == ["flipped", "enriched_virtual"]


def test_every_number_says_where_it_comes_from() -> None:
    """No number without a source of some length, a year and a confidence."""
    parts = [TARGETS.numbers, *TARGETS.models.values()]
    values = [getattr(part, field) for part in parts for field in part.__struct_fields__]
    numbers = [value for value in values if isinstance(value, Number)]
    assert len(numbers) >= 17 + 4 * 8
    sourced: list[Number | Published] = [*numbers, *TARGETS.published.values()]
    for number in sourced:
        assert len(number.source) > 8
        assert 2010 <= number.year <= 2026
        assert number.confidence in {"high", "medium", "low"}


def test_defaults_are_those_of_the_fact_sheet() -> None:
    """targets.md 0 and 3.3: rate 0.75, headroom 0.35, growth 0.25, 3 years, floor 0.1; flex 0.85, rotation 0.33."""
    numbers = TARGETS.numbers
    assert (numbers.rate_mbps.value, numbers.headroom.value, numbers.growth.value) == (0.75, 0.35, 0.25)
    assert (numbers.horizon_years.value, numbers.floor_mbps.value) == (3, 0.1)
    shares = {key: model.online_share.value for key, model in TARGETS.models.items()}
    assert shares["flex"] == 0.85
    assert shares["station_rotation"] == shares["lab_rotation"] == 0.33
    assert shares["individual_rotation"] == 0.5
    assert TARGETS.models["enriched_virtual"].onsite_share.value == 0.5
    assert numbers.framing == pytest.approx(1.06215, abs=1e-5)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("flex", "flex"),
        ("1:1 flex", "flex"),
        ("FLEX", "flex"),
        ("station-rotation", "station_rotation"),
        ("Station Rotation", "station_rotation"),
        ("à la carte", "a_la_carte"),
        ("a la carte", "a_la_carte"),
        ("self-blend", "a_la_carte"),
        ("test day", "test_day"),
    ],
)
def test_a_model_is_found_as_people_write_it(asked: str, found: str) -> None:
    """Case, accents, dashes and the "1:1" don't matter."""
    assert TARGETS.find(asked)[0] == found


def test_an_unknown_model_names_those_there_are() -> None:
    """Whoever mistypes a way of teaching sees them all."""
    with pytest.raises(LookupError, match=r"flexx.*station_rotation.*enriched_virtual"):
        TARGETS.find("flexx")


def test_the_digest_names_the_exact_text() -> None:
    """One changed digit is another set of targets."""
    assert models.load(TEXT).digest == TARGETS.digest
    assert models.load(TEXT.replace("value = 0.75", "value = 0.76")).digest != TARGETS.digest


def test_all_wrong_shapes_are_told_at_once() -> None:
    """A missing source, a word for a number and a misspelt name: three complaints, not the first."""
    broken = (
        TEXT.replace(', source = "Guide, line 2982" }', " }")
        .replace("headroom      = { value = 0.35", 'headroom      = { value = "a third"')
        .replace("growth        =", "grwoth        =")
    )
    with pytest.raises(SettingsError) as caught:
        models.load(broken)
    text = str(caught.value)
    assert "numbers.horizon_years.source is missing" in text
    assert "numbers.headroom.value" in text
    assert "did you mean growth?" in text


def test_all_impossible_values_are_told_at_once() -> None:
    """Shares above 1, negative and non-finite numbers, empty sources, bands out of order: each in words."""
    broken = (
        TEXT.replace("value = 0.85", "value = 8.5")
        .replace("rate_mbps     = { value = 0.75", "rate_mbps     = { value = nan")
        .replace("floor_mbps    = { value = 0.1", "floor_mbps    = { value = -0.1")
        .replace('source = "Guide, line 2982"', 'source = " "')
        .replace("bands = [{ mbps = 0.25 }]", "bands = [{ mbps = 0.25, below_students = 10 }]")
        .replace("checks             = { value = 10", "checks             = { value = 0")
    )
    with pytest.raises(SettingsError) as caught:
        models.load(broken)
    complaints = caught.value.complaints
    for part in (
        "models.flex.online_share is 8.5: a share is at most 1",
        "models.flex.fullest_share is below online_share",
        "numbers.rate_mbps is nan",
        "numbers.floor_mbps is -0.1",
        "numbers.horizon_years names no source",
        "published.guide_online.bands must rise",
        "numbers.checks is 0",
    ):
        assert any(part in complaint for complaint in complaints), part


@pytest.mark.parametrize("text", ["", "[numbers", "x = 1", "\x00", "[models]\n"])
def test_what_is_no_file_of_targets_is_said_so(text: str) -> None:
    """No traceback of another kind, whatever the text."""
    with pytest.raises(SettingsError):
        models.load(text)
