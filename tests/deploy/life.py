"""A box's life in a deployed district, step by step, for the tests that walk it."""

import re
import shutil
import subprocess
import time
from collections.abc import Callable

from tests.deploy.district import BOX, BROKER, DATA, District


def enrol(district: District) -> str:
    """The box gets its card, and is let in; the card's token."""
    district.firstbell("box", "card", BOX, "--out", f"{DATA}/card")
    shutil.copytree(district.server.path(f"{DATA}/card"), district.folder / "card")
    card = (district.folder / "card" / "card.toml").read_text(encoding="utf-8")
    (token,) = re.findall(r"fbe_[a-z2-7]{26}", card)
    district.control.play("boxes.yml", "-e", f"agent_card={district.folder / 'card'}", "-vvv", "--diff")
    assert "somebody has to let this box in" in district.enrol(code=3)
    (waits,) = district.json("box", "waiting")
    assert waits["agent"] == BOX
    district.firstbell("box", "let-in", str(waits["number"]))
    assert f"This box is {BOX}" in district.enrol(code=0)
    return str(token)


def within(seconds: float, condition: Callable[[], bool]) -> None:
    """See that it comes to be in that time: each look is a command on the district's server."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.5)


def reports(district: District) -> int:
    """How many reports the collector holds."""
    return int(district.json("status")["reports"])


def more_reports(district: District) -> None:
    """See that more come."""
    before = reports(district)
    within(90, lambda: reports(district) > before)


def runs(district: District) -> str:
    """The version that the box said last."""
    boxes = [box for group in district.json("boxes")["groups"] for box in group["boxes"]]
    return next(str(box["version"]) for box in boxes if box["name"] == BOX)


def is_shut_out(district: District, broker: subprocess.Popen[bytes], agent: subprocess.Popen[bytes]) -> None:
    """Within a minute, its session open."""
    district.firstbell("box", "shut-out", BOX)
    began = time.monotonic()
    # What firstbell-revoked.path would start as soon as the list changes.
    ((user, (*takes, restart)),) = district.server.exec_of("firstbell-revoked.service")
    assert "crl.pem is new" in district.server.run(*takes, user=user)
    assert restart == "--restart"
    broker.terminate()
    broker.wait(20)
    with district.server.process(BROKER, "root", "broker"):
        within(60, lambda: "let in" not in district.checked())
        assert time.monotonic() - began < 60
        assert agent.poll() is None
        held = reports(district)
        time.sleep(3)
        assert reports(district) == held
        assert "shut out" in district.enrol(code=1)


def canaries(district: District, token: str) -> set[str]:
    """What nobody may ever say: the card's token, those of InfluxDB, and each line of each key."""
    found = {token}
    for machine in (district.server, district.box):
        for pattern in (
            "etc/**/*.key",
            "var/lib/**/*.key",
            "var/lib/**/authority-*.pem",
            "var/lib/**/ticket*",
        ):
            for path in machine.root.glob(pattern):
                text = path.read_text(encoding="utf-8", errors="replace")
                secret = re.sub(r"(?s)-----BEGIN CERT.*?-----END CERT[^\n]*", "", text)
                found |= {
                    line for line in secret.splitlines() if len(line) > 20 and not line.startswith("-----")
                }
    for name in (
        "/etc/influxdb/firstbell.operator",
        f"{DATA}/influx.grafana",
        f"{DATA}/influx.token",
    ):
        if district.server.path(name).exists():
            found.add(district.server.path(name).read_text(encoding="utf-8").strip())
    return found


def says_no_secret(district: District, token: str) -> None:
    """Neither Ansible at its most talkative, nor a log, nor the journal's backup."""
    secrets = canaries(district, token)
    assert len(secrets) > 10
    logs = [log.read_text(encoding="utf-8", errors="replace") for log in district.folder.glob("*.log")]
    assert logs
    district.firstbell("backup", f"{DATA}/kept.db")
    backup = district.server.path(f"{DATA}/kept.db").read_bytes()
    assert not [secret[:8] for secret in secrets if secret.encode() in backup]
    for text in [*district.control.said, *logs]:
        assert not [secret[:8] for secret in secrets if secret in text]
