"""The roles, in Debian roots: a district deployed twice, a box from its card to its reports, and out again."""

import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import firstbell
from tests.deploy.district import BOX, BROKER, DATA, District, changed
from tests.deploy.releases import another
from tests.deploy.roots import needed
from tests.support.mosquitto import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.root,
    pytest.mark.timeout(1200),
    pytest.mark.xdist_group("district"),
]


def test_a_second_run_changes_nothing(district: District) -> None:
    """And says so before, too."""
    assert changed(district.control.play("site.yml")) == {"server": 0, BOX: 0}
    assert changed(district.control.play("site.yml", "--check", "--diff")) == {"server": 0, BOX: 0}


def test_places_entered_on_the_server_are_not_written_over(district: District) -> None:
    """A click on the boxes' page is a line in the server's seats.csv: a deployment stops, and says how to fetch it."""
    control = district.folder / "district" / "seats.csv"
    server = district.server.path(f"{DATA}/district/seats.csv")
    before = server.read_text(encoding="utf-8")
    entered = before + before.splitlines()[-1].replace(BOX, "lincoln-2") + "\n"
    server.write_text(entered, encoding="utf-8")
    said = " ".join(district.control.play("site.yml", "--limit", "server,localhost", code=2).split())
    assert "seats.csv was changed on the server since the last deployment" in said
    assert server.read_text(encoding="utf-8") == entered != control.read_text(encoding="utf-8")
    district.control.play("fetch.yml")
    assert control.read_text(encoding="utf-8") == entered
    assert changed(district.control.play("site.yml", "--limit", "server,localhost"))["server"] == 1
    assert changed(district.control.play("site.yml", "--limit", "server,localhost"))["server"] == 0


def test_keys_are_their_owners(district: District) -> None:
    """Nobody else reads a key or a password; what runs for the district owns none of its program or settings."""
    for machine, user in ((district.server, "firstbell-collector"), (district.box, "firstbell")):
        find = (
            "find",
            "/etc",
            "/var",
            "/opt",
            "-xdev",
            "(",
            "-name",
            "*.key",
            "-o",
            "-name",
            "authority-*.pem",
            ")",
        )
        readable = machine.run(*find, "-perm", "/007")
        assert readable == ""
        owned = (
            machine.run("find", "/opt/firstbell", "/etc/firstbell", "/etc/systemd/system", "-user", user)
            if (machine.path("/etc/firstbell").exists())
            else ""
        )
        assert owned == ""


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


def is_upgraded_and_goes_back(district: District, bundle: Path) -> None:
    """Server and box get another version, and the gate hears of it; in one command they are back. Nothing is lost."""
    held = reports(district)
    said = district.control.play(
        "site.yml", "-e", f"program_bundle={bundle}", "-e", "rollout_wait_s=120", "-vvv", "--diff"
    )
    assert f"{BOX}: heard" in said
    assert (runs(district), reports(district) > held) == ("9.9.9", True)
    held = reports(district)
    district.control.play("rollback.yml", "-e", "machines=boxes:collector")
    within(60, lambda: runs(district) == firstbell.__version__)
    assert reports(district) > held
    assert district.json("box", "show", BOX)["absences"] == []


def holds_up_a_rollout(district: District, bundle: Path) -> None:
    """A box that does not come back stops it; it is named, and so is the command that takes it back."""
    said = district.control.play(
        "boxes.yml", "-e", f"program_bundle={bundle}", "-e", "rollout_wait_s=5", code=2
    )
    said = " ".join(said.split())
    assert f"The rollout stops here: {BOX} did not report with the new version within 5 s." in said
    assert f"firstbell.district.rollback -e machines={BOX}" in said
    assert "9.9.9" in district.box.path("/opt/firstbell/current").readlink().name
    district.control.play("rollback.yml", "-e", f"machines={BOX}")
    assert "9.9.9" not in district.box.path("/opt/firstbell/current").readlink().name


def is_shut_out(district: District, broker: subprocess.Popen[bytes], agent: subprocess.Popen[bytes]) -> None:
    """Within a minute, its session open."""
    district.firstbell("box", "shut-out", BOX)
    began = time.monotonic()
    # What firstbell-revoked.path would start as soon as the list changes.
    *installs, (_, restart) = district.server.exec_of("firstbell-revoked.service")
    for user, install in installs:
        district.server.run(*install, user=user)
    assert restart == ["/usr/bin/systemctl", "restart", "mosquitto.service"]
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


@pytest.mark.timeout(1200)
def test_a_box_from_its_card_to_its_end(district: District) -> None:
    """Let in, reporting over mutual TLS, upgraded and taken back, through a rotation, shut out: units and playbooks alone."""
    server, box = district.server, district.box
    bundle = another(needed("FIRSTBELL_BUNDLE", "bundle"), district.folder / "newer", "9.9.9")
    said = district.control.play("rollback.yml", code=2)
    assert "There was no other version here" in said
    with (
        server.process(BROKER, "root", "broker") as broker,
        server.kept("firstbell-collector.service") as again,
    ):
        wait_until(server.path(f"{DATA}/web.port").exists, "the pages are served")
        token = enrol(district)
        with box.kept("firstbell-agent.service"):
            within(60, lambda: reports(district) > 0)
            is_upgraded_and_goes_back(district, bundle)
        holds_up_a_rollout(district, bundle)
        with box.service("firstbell-agent.service") as agent:
            more_reports(district)
            before = server.path("/etc/mosquitto/firstbell/broker.pem").read_text(encoding="ascii")
            district.control.play("rotate.yml", "-vvv", "--diff")
            assert server.path("/etc/mosquitto/firstbell/broker.pem").read_text(encoding="ascii") != before
            broker.terminate()
            broker.wait(20)
            with server.process(BROKER, "root", "broker") as renewed:
                again.set()
                more_reports(district)
                assert agent.poll() is None
                is_shut_out(district, renewed, agent)
    says_no_secret(district, token)


def test_the_broker_shows_its_next_certificate(district: District) -> None:
    """Signed by the collector's user, put in its place by the unit that sees it, shown by a broker that is no root."""
    server = district.server
    there = server.path("/etc/mosquitto/firstbell/broker.pem")
    before = there.read_text(encoding="ascii")
    renewed = district.json("authority", "renew", "--all")["renewed"]
    assert f"{DATA}/broker/localhost.pem" in renewed
    path = server.path("/etc/systemd/system/firstbell-revoked.path").read_text(encoding="utf-8")
    assert f"PathChanged={DATA}/broker/localhost.pem" in path
    for user, argv in server.exec_of("firstbell-revoked.service")[:-1]:
        server.run(*argv, user=user)
    assert there.read_text(encoding="ascii") != before
    drop_in = server.path("/etc/systemd/system/mosquitto.service.d/firstbell.conf").read_text(
        encoding="utf-8"
    )
    assert "\nUser=mosquitto\n" in drop_in
    with server.process(BROKER, "mosquitto", "broker"):
        wait_until(lambda: shown(district.broker_port) == there.read_text(encoding="ascii"), "it is shown")


def shown(port: int) -> str:
    """The certificate that a server shows; "" while there is none."""
    try:
        return ssl.get_server_certificate(("127.0.0.1", port))
    except OSError:
        return ""


def test_nothing_stays_after_a_removal(district: District) -> None:
    """No file, no user, no unit; a second time nothing is changed."""
    district.control.play("remove.yml")
    assert changed(district.control.play("remove.yml")) == {BOX: 0}
    found = district.box.run(
        "find", "/", "-xdev", "-iname", "*firstbell*", "-not", "-path", "/root/.ansible/*"
    )
    assert found == ""
    assert "firstbell" not in district.box.path("/etc/passwd").read_text(encoding="utf-8")
    assert "firstbell" not in district.box.path("/etc/group").read_text(encoding="utf-8")
