"""The light on the box: dark, no network, call us, done; each a pattern that the kernel blinks by itself."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from agent.machine import led
from agent.machine.light import Light, light, sign_of

ROOT = Path(__file__).resolve().parents[3]


def lights(folder: Path, *names: str) -> Path:
    """A machine's lights, as the kernel shows them: the SD card's activity on the green one."""
    for name in names:
        (folder / name).mkdir(parents=True)
        for file, value in (("trigger", "none timer [mmc0]"), ("brightness", "0"), ("max_brightness", "255")):
            (folder / name / file).write_text(f"{value}\n", encoding="ascii")
        for file in ("delay_on", "delay_off"):
            (folder / name / file).write_text("500\n", encoding="ascii")
    return folder


def shown(folder: Path, name: str) -> dict[str, str]:
    """What was written to a light."""
    return {file.name: file.read_text(encoding="ascii").strip() for file in (folder / name).iterdir()}


@pytest.mark.parametrize(
    ("sign", "wrote"),
    [
        ("done", {"trigger": "none", "brightness": "255"}),
        ("no network", {"trigger": "timer", "delay_on": "1000", "delay_off": "1000"}),
        ("call us", {"trigger": "timer", "delay_on": "125", "delay_off": "125"}),
        ("off", {"trigger": "none", "brightness": "0"}),
    ],
)
@pytest.mark.parametrize("name", ["ACT", "led0"])
def test_each_sign_is_a_pattern_of_its_own(
    tmp_path: Path, name: str, sign: str, wrote: dict[str, str]
) -> None:
    """By the program that the unit starts, from the word that the box wrote; the red light is left alone."""
    folder = lights(tmp_path / "leds", "PWR", name)
    Light(tmp_path).show(sign)  # type: ignore[arg-type]
    argv = [sys.executable, "-m", "agent.machine.led", str(tmp_path / "light"), str(folder)]
    subprocess.run(argv, cwd=ROOT, check=True, timeout=30)
    found = shown(folder, name)
    assert {file: found[file] for file in wrote} == wrote
    assert shown(folder, "PWR")["trigger"] == "none timer [mmc0]"


def test_a_machine_without_a_light_is_fine(tmp_path: Path) -> None:
    """A laptop has other lights, which stay what they are."""
    folder = lights(tmp_path / "leds", "input3::capslock")
    assert led.main([str(tmp_path / "light"), str(folder)]) == 0
    assert shown(folder, "input3::capslock")["trigger"] == "none timer [mmc0]"


@pytest.mark.parametrize("text", ["", "party", "done\ndone", "x" * 10_000])
def test_another_word_is_not_shown(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Root believes the box four words and no more, and says nothing of what else the file holds."""
    folder = lights(tmp_path / "leds", "ACT")
    (tmp_path / "light").write_text(text, encoding="ascii")
    assert led.main([str(tmp_path / "light"), str(folder)]) == 1
    assert shown(folder, "ACT")["trigger"] == "none timer [mmc0]"
    assert "party" not in capsys.readouterr().err


def test_a_link_or_a_pipe_is_not_followed(tmp_path: Path) -> None:
    """Whoever has the box's user can't let root read another's file, or wait."""
    folder = lights(tmp_path / "leds", "ACT")
    (tmp_path / "other").write_text("done", encoding="ascii")
    (tmp_path / "light").symlink_to(tmp_path / "other")
    assert led.main([str(tmp_path / "light"), str(folder)]) == 1
    (tmp_path / "light").unlink()
    os.mkfifo(tmp_path / "light")
    assert led.main([str(tmp_path / "light"), str(folder)]) == 1
    assert shown(folder, "ACT")["trigger"] == "none timer [mmc0]"


def test_the_word_is_written_once_and_read_by_everybody(tmp_path: Path) -> None:
    """Only a change is written, so that the unit which shows it starts rarely; its mode lets root's other half read."""
    said = Light(tmp_path)
    said.show("done")
    assert stat.S_IMODE((tmp_path / "light").stat().st_mode) == 0o644
    first = (tmp_path / "light").stat().st_ino
    said.show("done")
    said.show(None)
    assert (tmp_path / "light").stat().st_ino == first
    said.show("no network")
    assert (tmp_path / "light").read_text(encoding="ascii") == "no network\n"


def test_the_box_at_work_has_the_last_word(tmp_path: Path) -> None:
    """What somebody else said into the file since is said over, as soon as it has something to say."""
    box, enrolling = Light(tmp_path), Light(tmp_path)
    box.show("done")
    enrolling.show("call us")
    assert (tmp_path / "light").read_text(encoding="ascii") == "call us\n"
    box.show("done")
    assert (tmp_path / "light").read_text(encoding="ascii") == "done\n"


def test_without_a_folder_nobody_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a laptop; with systemd's it is the first one that it names. One that is gone is said once."""
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    light().show("done")
    monkeypatch.setenv("RUNTIME_DIRECTORY", f"{tmp_path}:/elsewhere")
    light().show("done")
    assert (tmp_path / "light").exists()
    gone = Light(tmp_path / "gone")
    gone.show("done")
    gone.show("call us")


@pytest.mark.parametrize(
    ("answered_s", "running_s", "trouble", "sign"),
    [
        (5.0, 10.0, "", "done"),
        (599.0, 9000.0, "timed out", "done"),
        (601.0, 9000.0, "timed out", "no network"),
        (None, 10.0, "", None),
        (None, 61.0, "Name or service not known", "no network"),
        (None, 5.0, "the broker says: Not authorized", "call us"),
        (None, 5.0, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate is not yet valid", "call us"),
        (3600.0, 9000.0, "[SSL: SSLV3_ALERT_CERTIFICATE_REVOKED] sslv3 alert certificate revoked", "call us"),
    ],
)
def test_what_a_box_at_work_says(
    answered_s: float | None, running_s: float, trouble: str, sign: str | None
) -> None:
    """Answered lately is done; somebody who says no, or shows what can't be, wants a person; else the network."""
    assert sign_of(answered_s, running_s, trouble) == sign
