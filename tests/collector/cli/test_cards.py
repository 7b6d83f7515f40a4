"""`firstbell cards`: what a Pi needs at its first start, labels whose code is read by another's eyes, a list."""

import csv
import json
import re
import subprocess
import tomllib
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
import yaml
import zxingcpp
from click.testing import CliRunner, Result

from agent import enrol
from collector.cli import main
from collector.identity import authority
from collector.store import identities, labels
from collector.store.identities import Certificate
from collector.store.journal import open_journal
from tests.collector.questions.morning import FILES

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGc2ZJ1m5b4qO1mC0mJm8Yb8m2nS9m0Jm1y3d3bq0hZx deploy@district"
SECRETS = ("canary-8021x-pässword", "canary-wifi")
NETWORK = """
vlan = 20
[dot1x]
identity = "firstbell"
password_file = "dot1x.password"
ca_file = "radius.pem"
[wifi]
ssid = "District; IoT"
password_file = "wifi.password"
[schools.prairie]
vlan = 30
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A district with an authority, five boxes, one of which stands on Wi-Fi, and the bench's files."""
    data = tmp_path / "data"
    (data / "district").mkdir(parents=True)
    seats = FILES["seats.csv"].replace("circuit\n", "circuit,medium\n").replace("line-l\n", "line-l,\n")
    seats = seats.replace("line-p\n", "line-p,wifi\n")
    for name, text in (FILES | {"seats.csv": seats}).items():
        (data / "district" / name).write_text(text, encoding="utf-8")
    open_journal(data / "journal.db")
    authority.make(data, "Maple Valley", 1_790_000_000 * 10**9)
    (data / "collector.toml").write_text(
        '[enrol]\ncollector = "https://bell.example.org:8830"\nbroker = "bell.example.org"\n',
        encoding="utf-8",
    )
    (tmp_path / "deploy.pub").write_text(KEY + "\n", encoding="utf-8")
    (tmp_path / "network.toml").write_text(NETWORK, encoding="utf-8")
    (tmp_path / "dot1x.password").write_text(SECRETS[0] + "\n", encoding="utf-8")
    (tmp_path / "wifi.password").write_text(SECRETS[1] + "\n", encoding="utf-8")
    (tmp_path / "radius.pem").write_text("an authority\n", encoding="utf-8")
    return data


def run(home: Path, *arguments: str, code: int = 0) -> Result:
    """The command as users start it; what it says is no traceback."""
    out = home.parent / "out"
    common = ["--data", str(home), "cards", "--out", str(out), *arguments]
    result = CliRunner().invoke(main, common)
    assert result.exit_code == code, result.output
    return result


def cards(home: Path, *arguments: str, code: int = 0) -> Any:
    """The same with the bench's files; the answer, in words where it fails."""
    beside = home.parent
    given = ["--ssh-key", str(beside / "deploy.pub"), "--network", str(beside / "network.toml")]
    result = run(home, *given, *arguments, "--json", code=code)
    return json.loads(result.stdout) if code == 0 else result.output


def boot(home: Path, agent: str) -> Path:
    """What goes onto the boot partition of a box."""
    return home.parent / "out" / "boxes" / agent


def decoded(path: Path) -> list[tuple[list[str], str]]:
    """Each sheet of a PDF: the QR codes on it as another library reads them, from a picture, and its text."""
    found = []
    with closing(pypdfium2.PdfDocument(path)) as document:
        for page in document:
            seen = zxingcpp.read_barcodes(page.render(scale=3).to_pil())
            found.append(([code.text for code in seen], page.get_textpage().get_text_bounded()))
    return found


# --- Trixie -------------------------------------------------------------------------------------------


def test_cloud_init_gets_a_name_a_key_a_card_and_no_password(home: Path) -> None:
    """The three files are YAML; the card in them is one that a box reads; nobody has a password."""
    cards(home)
    texts = {
        name: (boot(home, "box-204") / name).read_text(encoding="utf-8")
        for name in ("user-data", "network-config", "meta-data")
    }
    assert texts["user-data"].startswith("#cloud-config\n")
    user_data, net, meta = (yaml.safe_load(text) for text in texts.values())
    assert (user_data["hostname"], user_data["timezone"]) == ("box-204", "America/Chicago")
    people, program = user_data["users"]
    assert people["ssh_authorized_keys"] == [KEY]
    assert (people["lock_passwd"], program["lock_passwd"], user_data["ssh_pwauth"]) == (True, True, False)
    assert not {"passwd", "plain_text_passwd", "hashed_passwd", "chpasswd"} & {*user_data, *people, *program}
    files = {file["path"]: file for file in user_data["write_files"]}
    assert {file["permissions"] for file in files.values()} == {"0640"}
    place = home.parent / "card.toml"
    place.write_text(files["/etc/firstbell/card/card.toml"]["content"], encoding="utf-8")
    card = enrol.read(place)
    assert (card.collector, card.broker, card.broker_port) == (
        "https://bell.example.org:8830",
        "bell.example.org",
        8883,
    )
    assert files["/etc/firstbell/card/ca.pem"]["content"] == authority.Authority(home).pem
    with closing(open_journal(home / "journal.db").reader()) as db:
        tokens = {row[0] for row in db.execute("SELECT token FROM enrolments WHERE agent = 'box-204'")}
    assert tokens == {sha256(card.token.encode()).digest()}
    assert meta["instance-id"].startswith("firstbell-box-204-")
    wire = net["network"]["ethernets"]["eth0"]
    assert (wire["link-local"], wire["auth"]["password"], wire["auth"]["method"]) == ([], SECRETS[0], "peap")
    assert net["network"]["vlans"] == {"eth0.20": {"id": 20, "link": "eth0", "dhcp4": True, "dhcp6": True}}
    assert (boot(home, "box-204") / "firstbell" / "radius-ca.pem").read_text(
        encoding="utf-8"
    ) == "an authority\n"
    for file in boot(home, "box-204").rglob("*"):
        assert file.is_dir() or file.stat().st_mode & 0o777 == 0o600


def test_what_opens_anything_is_taken_off_the_boot_partition(home: Path) -> None:
    """Every file there in which a password or the card stands: whoever takes the SD card out reads it."""
    cards(home)
    for agent in ("box-204", "box-p"):
        files = {file.name: file.read_text(encoding="utf-8") for file in boot(home, agent).glob("*-*")}
        secret = {name for name, text in files.items() if any(each in text for each in (*SECRETS, "fbe_"))}
        assert secret == {"user-data", "network-config"}
        last = yaml.safe_load(files["user-data"])["runcmd"][-1]
        assert set(last) == {"rm", "-f", *(f"/boot/firmware/{name}" for name in secret)}


def test_a_box_on_wifi_gets_the_wifi(home: Path) -> None:
    """By its seat; the wire's settings are not on its card."""
    cards(home)
    net = yaml.safe_load((boot(home, "box-p") / "network-config").read_text(encoding="utf-8"))["network"]
    assert set(net) == {"version", "wifis"}
    assert net["wifis"]["wlan0"]["access-points"] == {"District; IoT": {"password": SECRETS[1]}}


def test_onto_a_boot_partition_that_is_mounted(home: Path) -> None:
    """What was on the kernel's line stays; written twice it stands there once; another folder is refused."""
    place = home.parent / "bootfs"
    place.mkdir()
    assert "no boot partition" in cards(home, "--box", "box-204", "--onto", str(place), code=1)
    with closing(open_journal(home / "journal.db").reader()) as db:
        assert identities.enrolments(db) == []
    (place / "cmdline.txt").write_text("console=tty1 root=PARTUUID=1-02 rootwait ds=nocloud;i=rpi-imager-1\n")
    for _ in range(2):
        cards(home, "--box", "box-204", "--onto", str(place), "--again")
    number = re.findall(r"\d+", (place / "meta-data").read_text().split("box-204-")[1])[0]
    assert (place / "cmdline.txt").read_text() == (
        f"console=tty1 root=PARTUUID=1-02 rootwait ds=nocloud;i=firstbell-box-204-{number}\n"
    )
    assert (place / "user-data").read_text().startswith("#cloud-config\n")
    assert "name it with --box" in cards(home, "--school", "lincoln", "--onto", str(place), "--again", code=1)


def test_onto_leaves_the_batchs_labels_and_list(home: Path) -> None:
    """Step 3 of docs/boxes.md writes a box at a time; what step 2 printed for all stays, and it is said."""
    cards(home)
    names = ("labels.pdf", "boxes.csv")
    before = [(home.parent / "out" / name).read_bytes() for name in names]
    place = home.parent / "bootfs"
    place.mkdir()
    (place / "cmdline.txt").write_text("console=tty1 rootwait\n")
    said = run(
        home,
        "--ssh-key",
        str(home.parent / "deploy.pub"),
        "--box",
        "box-204",
        "--again",
        "--onto",
        str(place),
    ).output
    assert [(home.parent / "out" / name).read_bytes() for name in names] == before
    assert "box-204 is on" in said
    assert "labels.pdf" not in said


# --- Bookworm -----------------------------------------------------------------------------------------


def test_firstrun_is_a_script_that_bash_reads(home: Path) -> None:
    """Its syntax is right with any password in it; network and card are written, and nobody gets a password."""
    (home.parent / "dot1x.password").write_text("it's $HOME `x` \\ \"end\n", encoding="utf-8")
    cards(home, "--os", "bookworm")
    script = boot(home, "box-204") / "firstrun.sh"
    subprocess.run(["bash", "-n", str(script)], check=True, timeout=20)
    text = script.read_text(encoding="utf-8")
    assert "chpasswd" not in text
    assert "passwd --lock firstbell-admin" in text
    assert "ssid=District\\\\; IoT\n" in (boot(home, "box-p") / "firstrun.sh").read_text(encoding="utf-8")
    onto = home.parent / "bootfs"
    onto.mkdir()
    (onto / "cmdline.txt").write_text("console=tty1 rootwait\n")
    cards(home, "--os", "bookworm", "--box", "box-p", "--onto", str(onto), "--again")
    assert (onto / "cmdline.txt").read_text() == (
        "console=tty1 rootwait cfg80211.ieee80211_regdom=US systemd.run=/boot/firmware/firstrun.sh "
        "systemd.run_success_action=reboot systemd.unit=kernel-command-line.target\n"
    )


# --- labels and list ----------------------------------------------------------------------------------


def test_labels_are_read_by_another_eye(home: Path) -> None:
    """The code leads to this box's own page; school, room, number, MAC stand beside it, and no secret."""
    macs = home.parent / "macs.csv"
    macs.write_text("box,mac\nbox-204,B8-27-EB-00-00-01\n1000,b827eb000002\n", encoding="utf-8")
    cards(home, "--labels-only")
    answer = cards(home, "--macs", str(macs))
    assert len(answer["boxes"]) == 5
    ((codes, text),) = decoded(home.parent / "out" / "labels.pdf")
    with closing(open_journal(home / "journal.db").reader()) as db:
        known = {labels.with_code(db, code.rsplit("/", 1)[1]) for code in codes}
    assert {code.rsplit("/", 1)[0] for code in codes} == {"https://bell.example.org:8830/here"}
    assert {label.agent for label in known if label} == {"box-203", "box-204", "box-205", "box-mc", "box-p"}
    for words in ("Lincoln High", "Main closet", "1004", "box-204", "b8:27:eb:00:00:01", "b8:27:eb:00:00:02"):
        assert words in text, words
    assert text.count("Wi-Fi: no network cable") == 1  # box-p's, and nobody said of the others
    rows = list(csv.DictReader((home.parent / "out" / "boxes.csv").read_text(encoding="utf-8").splitlines()))
    by_box = {row["box"]: row for row in rows}
    assert by_box["box-204"]["mac"] == "b8:27:eb:00:00:01"
    assert (by_box["box-204"]["network"], by_box["box-204"]["vlan"]) == ("802.1X", "20")
    assert (by_box["box-p"]["network"], by_box["box-p"]["room"]) == ("wifi", "101")
    assert {row["number"] for row in rows} == {str(label.number) for label in known if label}
    for name in ("labels.pdf", "boxes.csv"):
        written = (home.parent / "out" / name).read_bytes()
        assert not any(secret.encode() in written for secret in (*SECRETS, "fbe_"))
    assert not any(secret in text for secret in (*SECRETS, "fbe_"))


def test_eleven_labels_are_two_sheets_and_odd_names_are_printed(home: Path) -> None:
    """A long name gets smaller, then is cut; letters that no font has lose their marks."""
    rows = "".join(f"n-{n},lincoln,204,line-l,\n" for n in range(11))
    folder = home / "district"
    (folder / "seats.csv").write_text(f"agent,school,room,circuit,medium\n{rows}", encoding="utf-8")
    schools = (folder / "schools.csv").read_text(encoding="utf-8")
    long = "Wai\u02bbanae P\u0101hoa " + "and Surroundings " * 3
    (folder / "schools.csv").write_text(schools.replace("Lincoln High", long.strip()), encoding="utf-8")
    cards(home, "--labels-only")
    sheets = decoded(home.parent / "out" / "labels.pdf")
    assert [len(codes) for codes, _ in sheets] == [10, 1]
    assert "Wai\u2018anae Pahoa" in sheets[0][1]


def test_labels_may_lead_people_elsewhere_than_boxes(home: Path) -> None:
    """To pages with a certificate that phones believe; the card stays with the authority's."""
    with (home / "collector.toml").open("a", encoding="utf-8") as settings:
        settings.write('pages = "https://bell.example.net/"\n')
    cards(home, "--box", "box-204")
    ((codes, _),) = decoded(home.parent / "out" / "labels.pdf")
    assert [code.rsplit("/", 1)[0] for code in codes] == ["https://bell.example.net/here"]
    assert "https://bell.example.org:8830" in (boot(home, "box-204") / "user-data").read_text(
        encoding="utf-8"
    )


def test_labels_stay_what_they_are(home: Path) -> None:
    """Printed again they are the same to the last dot."""
    cards(home, "--labels-only")
    first = (home.parent / "out" / "labels.pdf").read_bytes()
    cards(home, "--labels-only", "--again")
    assert (home.parent / "out" / "labels.pdf").read_bytes() == first


# --- who gets a card, and who doesn't -----------------------------------------------------------------


def test_a_card_that_waits_is_not_made_worthless(home: Path) -> None:
    """A second run gives none; nor does an enrolled box get one, but for whoever names it."""
    journal = open_journal(home / "journal.db")
    now_ns = 1_790_000_000 * 10**9
    identities.offer(journal, b"t" * 32, "box-203", automatic=True, now_ns=now_ns, expires_ns=1 << 62)
    identities.claim(journal, b"t" * 32, b"k" * 32, now_ns)
    identities.keep(journal, Certificate("a", "1", "box-203", b"k" * 32, now_ns, 1 << 62, "pem"), now_ns)
    first = cards(home, "--school", "Lincoln High")
    assert [each["box"] for each in first["boxes"]] == ["box-204", "box-205", "box-mc"]
    assert first["skipped"] == {"box-203": "is enrolled"}
    again = cards(home)
    assert [each["box"] for each in again["boxes"]] == ["box-p"]
    assert again["skipped"]["box-204"] == "has a card"
    named = cards(home, "--box", "box-203")
    assert [each["box"] for each in named["boxes"]] == ["box-203"]
    words = run(home, "--ssh-key", str(home.parent / "deploy.pub"), "--box", "box-204").output
    assert "No box needs a card." in words
    assert "box-204: has a card already; --again writes a new one" in words


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--box", "nobody"], "nobody: no place"),
        (["--school", "nowhere"], "'nowhere' is no school here"),
        (["--ssh-key", "{}/network.toml"], "public SSH keys"),
        (["--network", "{}/bad.toml"], "vlan"),
        (["--network", "{}/none.toml"], "none.toml: can't be read"),
        (["--network", "{}/typo.toml"], "schools.prarie: no school has this id; did you mean prairie?"),
        (["--macs", "{}/bad.csv"], "bad.csv, line 3: 'xy' is no hardware address"),
        (["--macs", "{}/bad.csv"], "line 4: '01:00:5e:00:00:01' is the address of a group"),
        (["--user", "Root Beer"], "--user: a name"),
    ],
)
def test_mistakes_are_told_in_words(home: Path, arguments: list[str], said: str) -> None:
    """What is wrong, where, and no card is made for it."""
    (home.parent / "bad.toml").write_text("vlan = 5000\n", encoding="utf-8")
    (home.parent / "typo.toml").write_text("[schools.prarie]\nvlan = 30\n", encoding="utf-8")
    (home.parent / "bad.csv").write_text(
        "box,mac\nbox-204,b8:27:eb:00:00:01\nbox-205,xy\nbox-203,01:00:5e:00:00:01\n", encoding="utf-8"
    )
    code = 2 if arguments[0] == "--user" else 1
    assert said in cards(home, *(each.format(home.parent) for each in arguments), code=code)
    with closing(open_journal(home / "journal.db").reader()) as db:
        assert db.execute("SELECT count(*) FROM enrolments").fetchone() == (0,)


def test_without_a_key_or_a_network_it_is_said(home: Path) -> None:
    """Nobody has a password, so a key must be; a box on Wi-Fi must know which."""
    assert "--ssh-key is missing" in run(home, code=2).output
    said = run(home, "--ssh-key", str(home.parent / "deploy.pub"), code=1).output
    assert "name the network with --network FILE" in said


def test_the_card_of_firstbell_box_card_is_the_same(home: Path) -> None:
    """One card, whoever writes it."""
    out = home.parent / "single"
    said = CliRunner().invoke(main, ["--data", str(home), "box", "card", "box-204", "--out", str(out)])
    assert "put it into /etc/firstbell/card" in said.output
    table = tomllib.loads((out / "card.toml").read_text(encoding="utf-8"))
    assert set(table) == {"collector", "broker", "broker_port", "token"}
