"""The bill of materials: valid, whole against the lock, the same from the same lock, and with licences."""

import json
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from scripts import bill, bundling


@pytest.fixture(scope="module")
def shipped() -> str:
    """The bill of all that runs in a district."""
    return bill.text(bill.SHIPPED)


def test_it_is_what_cyclonedx_says(shipped: str) -> None:
    """By the schema of version 1.5, strictly."""
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(shipped) is None


def test_it_is_whole_and_holds_nothing_else(shipped: str) -> None:
    """What follows from the lock by our own count is what uv wrote."""
    assert bill.pairs(json.loads(shipped)) == bill.locked(bill.SHIPPED)


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bill is not made then."""
    real = bill.bill

    def without(extras: list[str]) -> dict[str, object]:
        made = real(extras)
        made["components"] = [each for each in made["components"] if each["name"] != "cryptography"]
        return made

    monkeypatch.setattr(bill, "bill", without)
    with pytest.raises(SystemExit, match=r"not whole: uv\.lock has cryptography"):
        bill.text(["agent"])


def test_the_same_lock_makes_the_same_bytes(shipped: str) -> None:
    """No time and no random number is in it."""
    assert bill.text(bill.SHIPPED) == shipped


def test_every_library_has_its_hashes_and_its_licence(shipped: str) -> None:
    """What isn't installed on this system (colorama is Windows') has no licence here."""
    components = json.loads(shipped)["components"]
    assert [each["name"] for each in components if not each.get("licenses")] in ([], ["colorama"])
    assert all(each["externalReferences"][0]["hashes"] for each in components)


def test_a_bundle_with_a_wheel_that_the_bill_lacks_is_refused(tmp_path: Path) -> None:
    """And one with less than the bill is not: it is for one system."""
    (tmp_path / "click-8.0.0-py3-none-any.whl").touch()
    with pytest.raises(SystemExit, match="click"):
        bundling.billed(tmp_path, "agent")
    (tmp_path / "click-8.0.0-py3-none-any.whl").unlink()
    assert json.loads(bundling.billed(tmp_path, "agent"))["bomFormat"] == "CycloneDX"


def test_an_extra_that_is_none_is_refused() -> None:
    """With those that there are."""
    with pytest.raises(SystemExit, match="known are agent"):
        bill.text(["agnet"])
