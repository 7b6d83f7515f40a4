"""The ways that a box's settings allow, and what is said of settings that can't be."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent import lines
from agent.config import Settings, UplinkSettings
from agent.machine.machine import Machine
from firstbell.settings import SettingsError
from tests.support.box_keys import openssl

COLLECTOR = "https://firstbell.example.org:8830"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A box's folder with a certificate."""
    openssl(
        *(
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-subj",
            "/CN=x",
        ),
        *("-keyout", str(tmp_path / "box.key"), "-out", str(tmp_path / "box.pem")),
    )
    return tmp_path


def settings(*, certificate: bool = True, tls: bool = True, **uplink: Any) -> Settings:
    """Settings of a box."""
    broker = {"ca_file": "box.pem"} if tls else {}
    broker |= {"cert_file": "box.pem", "key_file": "box.key"} if certificate else {}
    return msgspec.convert({"box": {"name": "lincoln-1"}, "broker": broker, "uplink": uplink}, Settings)


@pytest.mark.parametrize(
    ("told", "ways"),
    [
        ({}, ["mqtt"]),
        ({"collector": COLLECTOR}, ["mqtt", "websocket", "https"]),
        ({"collector": COLLECTOR, "certificate": False}, ["mqtt", "websocket"]),
        ({"collector": COLLECTOR, "certificate": False, "tls": False}, ["mqtt"]),
        ({"collector": COLLECTOR, "rungs": ["https", "mqtt"]}, ["mqtt", "https"]),
    ],
)
def test_what_is_allowed_and_can_be(folder: Path, told: dict[str, Any], ways: list[str]) -> None:
    """Best first, whatever the order in the settings."""
    assert [*lines.makes(settings(**told), folder, Machine.real())] == ways


def test_no_way_at_all_is_told(folder: Path) -> None:
    """Requests alone, and no certificate to sign with."""
    told = settings(certificate=False, collector=COLLECTOR, rungs=["https"])
    with pytest.raises(SettingsError, match="certificate"):
        lines.makes(told, folder, Machine.real())


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"collector": "http://x"}, "collector"),
        ({"collector": "https://x/pages"}, "collector"),
        ({"collector": "https://a@x"}, "collector"),
        ({"collector": "https://x:port"}, "collector"),
        ({"proxy": "socks://x"}, "proxy"),
        ({"proxy": "http://user:word@x"}, "proxy_user"),
        ({"proxy": "http://x", "proxy_user": "a"}, "proxy_password_file"),
        ({"proxy_user": "a", "proxy_password_file": "b"}, "with proxy"),
        ({"rungs": []}, "rungs"),
        ({"rungs": ["mqtt", "mqtt"]}, "rungs"),
        ({"rungs": ["https"]}, "rungs"),
        ({"rungs": ["pigeon"]}, "pigeon"),
        ({"patience_s": [5, 1]}, "patience_s"),
        ({"again_s": 0}, "again_s|>= 1"),
    ],
)
def test_what_can_not_be_is_told(wrong: dict[str, Any], why: str) -> None:
    """By its name."""
    with pytest.raises(msgspec.ValidationError, match=why):
        msgspec.convert(wrong, UplinkSettings)


def test_a_proxy_of_the_environment_that_is_none_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In words, and by the variable's name; a wrong password file too."""
    monkeypatch.setenv("HTTPS_PROXY", "socks5://proxy:1080")
    with pytest.raises(SettingsError, match="HTTPS_PROXY"):
        lines.makes(settings(collector=COLLECTOR), folder, Machine.real())
    told = settings(collector=COLLECTOR, proxy="http://x", proxy_user="a", proxy_password_file="nowhere")
    with pytest.raises(SettingsError, match="nowhere"):
        lines.makes(told, folder, Machine.real())
