"""`firstbell influx setup` on InfluxDB 2.9.1: buckets, names, retention, and tokens that may do no more than they must."""

import json
import stat
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from collector import config
from tests.support.influxdb import Answer, AskedError, Influx2, ask
from tests.support.shipping import House

_NUMBERS = count(1)
KINDS = ("", "_spare", "_rollups")
LINE = "latency,district=Elsewhere,agent=box,status=ok rtt_p50_ms=1 "


@pytest.fixture
def house(tmp_path: Path, influxd2: Influx2) -> Iterator[House]:
    """A data folder, and a name for buckets that nobody else has."""
    with House(tmp_path / "home", influxd2, f"setup-{next(_NUMBERS)}") as made:
        yield made


def of_ours(house: House) -> dict[str, Any]:
    """Everything that the server has of this house: buckets, mappings, tokens."""
    server = house.server
    mine = house.buckets()
    dbrps = server.call("GET", f"/api/v2/dbrps?orgID={server.org_id}")["content"]
    tokens = server.call("GET", "/api/v2/authorizations?limit=100")["authorizations"]
    return {
        "buckets": mine,
        "mappings": [one for one in dbrps if one["database"] in mine and not one["virtual"]],
        "tokens": [one for one in tokens if one["description"].endswith(f"bucket {house.bucket}")],
    }


def collectors(house: House) -> str:
    """The collector's token."""
    return (house.home.folder / "influx.token").read_text(encoding="utf-8").strip()


def call(house: House, token: str, method: str, path: str, body: object = None) -> Answer:
    """What the API answers to that token."""
    headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    return ask(f"{house.server.url}{path}", data, headers, method)


def test_everything_is_made(house: House) -> None:
    """Three buckets with their retention, each a database of its name, and two tokens."""
    done = house.set_up()
    there = of_ours(house)
    assert {
        name: bucket["retentionRules"][0]["everySeconds"] for name, bucket in there["buckets"].items()
    } == {
        house.bucket: 90 * 86_400,
        f"{house.bucket}_spare": 90 * 86_400,
        f"{house.bucket}_rollups": 1826 * 86_400,
    }
    ids = {name: bucket["id"] for name, bucket in there["buckets"].items()}
    assert {one["database"]: (one["bucketID"], one["default"]) for one in there["mappings"]} == {
        name: (id_, True) for name, id_ in ids.items()
    }
    assert [one["bucket"] for one in done["buckets"]] == ["made"] * 3
    assert len(there["tokens"]) == 2
    assert len(done["grafana_token"]) > 20


def test_the_settings_are_written_once_and_secrets_for_nobody_elses_eyes(house: House) -> None:
    """Into collector.toml behind what stands there, with the token beside it; the operator's token nowhere."""
    before = '# ours\n[broker]\nhost = "10.0.0.7" # the new one\n\n[web]\nport = 0\n'
    house.home.settings.write_text(before, encoding="utf-8")
    house.home.settings.chmod(0o640)
    done = house.set_up("--district", 'Maple "Valley"')
    text = house.home.settings.read_text(encoding="utf-8")
    assert text.startswith(before)
    assert text[len(before) :].splitlines() == [
        "",
        "[influx]",
        f'url = "{house.server.url}"',
        f'org = "{house.server.org}"',
        f'bucket = "{house.bucket}"',
        'token_file = "influx.token"',
        'district = "Maple \\"Valley\\""',
    ]
    assert stat.S_IMODE(house.home.settings.stat().st_mode) == 0o640
    assert stat.S_IMODE((house.home.folder / "influx.token").stat().st_mode) == 0o600
    everything = b"".join(path.read_bytes() for path in house.home.folder.rglob("*") if path.is_file())
    assert house.server.token.encode() not in everything
    assert done["grafana_token"].encode() not in everything
    assert house.ship()["shipped"] == 0


def test_twice_changes_nothing(house: House) -> None:
    """Neither in the server nor on the disk, and no token is shown again; with no option given at all, too."""
    house.set_up()
    there, files = of_ours(house), _files(house)
    again = house.set_up()
    assert [(one["bucket"], one["mapping"]) for one in again["buckets"]] == [("kept", "kept")] * 3
    assert (again["collector_token"], again["grafana_token"]) == ("kept", "")
    said = house.say("setup")
    assert said.exit_code == 0
    assert "can't be shown again; --new-tokens makes another" in said.output
    assert collectors(house) not in said.output
    assert (of_ours(house), _files(house)) == (there, files)


def _files(house: House) -> dict[str, tuple[bytes, int]]:
    named = (house.home.settings, house.home.folder / "influx.token")
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in named}


def test_it_is_found_among_many_tokens_and_buckets(house: House) -> None:
    """A server that has more of each than fit on one page of its lists."""
    server = house.server
    buckets = [server.make_bucket(f"{house.bucket}-other-{n}") for n in range(30)]
    tokens = [server.make_token(buckets[0]) for _ in range(30)]
    house.set_up()
    more = [server.make_token(buckets[0]) for _ in range(30)]
    again = house.set_up()
    assert (again["collector_token"], again["grafana_token"]) == ("kept", "")
    assert len(of_ours(house)["tokens"]) == 2
    assert len({*tokens, *more}) == 60
    for bucket in buckets:
        server.delete_bucket(bucket)


def test_the_collectors_token_can_what_it_must(house: House) -> None:
    """Write, read and delete in its three buckets: shipping, correcting and rebuilding work with it alone."""
    house.set_up()
    token = collectors(house)
    for kind in KINDS:
        bucket = f"{house.bucket}{kind}"
        assert house.server.write(LINE + str(house.now_ns), bucket, token=token).status == 204
        assert len(house.server.query("SELECT * FROM latency", bucket, token=token)) == 1
    house.send(30)
    assert house.ship()["shipped"] == 30
    assert house.wrong(district="Maple Valley") == []


def test_the_collectors_token_can_nothing_else(house: House) -> None:
    """No bucket more, no token, no other bucket's points, and none of its own buckets away."""
    house.set_up()
    token, server = collectors(house), house.server
    other = server.make_bucket()
    assert server.write(LINE + str(house.now_ns), other).status == 204
    assert server.write(LINE + str(house.now_ns), other, token=token).status in {403, 404}
    with pytest.raises(AskedError, match="not found"):
        server.query("SELECT * FROM latency", other, token=token)
    bucket = {"orgID": server.org_id, "name": f"{house.bucket}-mine", "retentionRules": []}
    assert call(house, token, "POST", "/api/v2/buckets", bucket).status in {401, 403}
    may = {"orgID": server.org_id, "permissions": [{"action": "read", "resource": {"type": "buckets"}}]}
    assert call(house, token, "POST", "/api/v2/authorizations", may).status in {401, 403}
    mine = of_ours(house)["buckets"][house.bucket]["id"]
    delete = f"/api/v2/delete?org={server.org}&bucket={other}"
    everything = {"start": "1970-01-01T00:00:00Z", "stop": "2100-01-01T00:00:00Z"}
    assert call(house, token, "POST", delete, everything).status in {401, 403, 404}
    assert len(server.query("SELECT * FROM latency", other)) == 1
    assert call(house, token, "GET", "/api/v2/users").json.get("users", []) == []
    assert mine in {bucket["id"] for bucket in of_ours(house)["buckets"].values()}
    server.delete_bucket(other)


def test_grafanas_token_reads_and_nothing_else(house: House) -> None:
    """Its three buckets, by InfluxQL; no write, no deletion, and no other bucket."""
    token, server = house.set_up()["grafana_token"], house.server
    house.send(5)
    house.ship()
    assert len(server.query("SELECT * FROM latency", house.bucket, token=token)) == 5
    assert server.query("SHOW MEASUREMENTS", f"{house.bucket}_rollups", token=token)
    for kind in KINDS:
        assert server.write(LINE + str(house.now_ns), f"{house.bucket}{kind}", token=token).status == 403
    delete = f"/api/v2/delete?org={server.org}&bucket={house.bucket}"
    everything = {"start": "1970-01-01T00:00:00Z", "stop": "2100-01-01T00:00:00Z"}
    assert call(house, token, "POST", delete, everything).status in {401, 403}
    with pytest.raises(AskedError, match="not found"):
        server.query("SELECT * FROM m", server.bucket, token=token)
    assert len(server.query("SELECT * FROM latency", house.bucket)) == 5


def test_new_tokens_end_those_of_before(house: House) -> None:
    """Both: what was in use is no more, what is new works, and there are two, not four."""
    first = house.set_up()
    before = collectors(house), first["grafana_token"]
    second = house.set_up("--new-tokens")
    after = collectors(house), second["grafana_token"]
    assert not {*before} & {*after}
    assert len(of_ours(house)["tokens"]) == 2
    for token in before:
        with pytest.raises(AskedError, match="401"):
            house.server.query("SHOW MEASUREMENTS", house.bucket, token=token)
    for token in after:
        assert house.server.query("SHOW MEASUREMENTS", house.bucket, token=token) == []


def test_a_token_that_was_lost_is_made_anew(house: House) -> None:
    """The file is gone (a new machine, a restored folder): the collector gets one that works, boards keep theirs."""
    grafanas = house.set_up()["grafana_token"]
    (house.home.folder / "influx.token").unlink()
    done = house.set_up()
    assert (done["collector_token"], done["grafana_token"]) == ("made", "")
    house.send(3)
    assert house.ship()["shipped"] == 3
    assert len(house.server.query("SELECT * FROM latency", house.bucket, token=grafanas)) == 3


def test_a_second_district_takes_nothing_from_the_first(house: House, tmp_path: Path) -> None:
    """One bucket for both: after the second was set up, the first one's tokens still do what they did."""
    grafanas = house.set_up()["grafana_token"]
    with House(tmp_path / "oak", house.server, house.bucket, name="Oak Valley") as oak:
        done = oak.set_up()
        assert done["collector_token"] == "made"
        house.send(3)
        oak.send(4)
        assert (house.ship()["shipped"], oak.ship()["shipped"]) == (3, 4)
        assert house.wrong(district="Maple Valley") == []
        assert oak.wrong(district="Oak Valley") == []
        assert len(house.server.query("SELECT * FROM latency", house.bucket, token=grafanas)) == 7
        oak.set_up("--new-tokens")
        house.send(3)
        assert house.ship()["shipped"] == 3


@pytest.mark.parametrize("seconds", [0, 7 * 86_400])
def test_a_bucket_that_keeps_too_long_or_too_short_is_put_right(house: House, seconds: int) -> None:
    """One that setup has made; and no other setting of it is touched."""
    house.set_up()
    bucket = of_ours(house)["buckets"][house.bucket]
    rules = [{"type": "expire", "everySeconds": seconds}]
    told = {"retentionRules": rules}
    house.server.call("PATCH", f"/api/v2/buckets/{bucket['id']}", told)
    done = house.set_up()
    assert [one["bucket"] for one in done["buckets"]] == ["changed", "kept", "kept"]
    now = of_ours(house)["buckets"][house.bucket]
    assert (now["retentionRules"][0]["everySeconds"], now["description"]) == (
        90 * 86_400,
        bucket["description"],
    )


@pytest.mark.parametrize("days", [0, 400])
def test_a_bucket_of_others_is_never_cut_short(house: House, days: int) -> None:
    """It was there before, and somebody keeps things in it for longer: it stays as it is, and reports go there."""
    house.server.make_bucket(house.bucket, keep_s=days * 86_400)
    done = house.set_up()
    assert (done["buckets"][0]["bucket"], done["buckets"][0]["days"]) == ("kept", days)
    house.send(3)
    assert house.ship()["shipped"] == 3


def test_a_table_that_is_there_already_is_added_to(house: House) -> None:
    """What somebody entered beforehand stays, and the file can still be read."""
    house.home.settings.write_text("[influx] # ours\nraw_days = 30\n\n[web]\nport = 0\n", encoding="utf-8")
    done = house.set_up()
    settings = config.read(house.home.settings)
    assert (settings.influx.raw_days, settings.influx.url, settings.web.port) == (30, house.server.url, 0)
    assert done["buckets"][0]["days"] == 30


def test_a_name_that_leads_elsewhere_is_put_right(house: House) -> None:
    """InfluxQL's database of that name was another bucket: afterwards it is ours."""
    other = house.server.make_bucket()
    mapping = {
        "orgID": house.server.org_id,
        "bucketID": house.server._ids[other],
        "database": house.bucket,
        "retention_policy": "autogen",
        "default": True,
    }
    house.server.call("POST", "/api/v2/dbrps", mapping)
    assert [one["mapping"] for one in house.set_up()["buckets"]] == ["changed", "made", "made"]
    house.send(2)
    house.ship()
    assert len(house.server.query("SELECT * FROM latency", house.bucket)) == 2
    house.server.delete_bucket(other)


def test_days_that_somebody_chose_are_kept(house: House) -> None:
    """Retention as collector.toml has it."""
    house.set_up()
    text = house.home.settings.read_text(encoding="utf-8")
    house.home.settings.write_text(f"{text}raw_days = 30\ndaily_days = 400\n", encoding="utf-8")
    done = house.set_up()
    assert [(one["days"], one["bucket"]) for one in done["buckets"]] == [
        (30, "changed"),
        (30, "changed"),
        (400, "changed"),
    ]


def test_an_organisation_that_is_not_there_is_told_with_those_that_are(house: House) -> None:
    """And nothing is made."""
    said = house.say("setup", "--url", house.server.url, "--org", "nobody", "--bucket", house.bucket)
    assert said.exit_code == 1
    assert "has no organisation 'nobody': there is district. Name it with --org." in said.output
    assert of_ours(house) == {"buckets": {}, "mappings": [], "tokens": []}
    assert not house.home.settings.exists()


def test_a_wrong_token_is_told(house: House) -> None:
    """In words, with what to do; nothing is written."""
    where = ("--url", house.server.url, "--org", house.server.org, "--bucket", house.bucket)
    said = house.say("setup", *where, token="nobodys")
    assert said.exit_code == 1
    assert "401: unauthorized access. That is no operator's token of this server." in said.output
    assert isinstance(said.exception, SystemExit), said.exception
    assert not house.home.settings.exists()
    assert not (house.home.folder / "influx.token").exists()


def test_a_token_that_may_not_make_buckets_is_told(house: House) -> None:
    """A token of somebody who may read and write one bucket only: in words, and nothing is made."""
    token = house.server.make_token()
    said = house.say(
        "setup", "--url", house.server.url, "--org", house.server.org, "--bucket", house.bucket, token=token
    )
    assert isinstance(said.exception, SystemExit), said.exception
    assert said.exit_code == 1
    assert house.server.url in said.output
    assert of_ours(house) == {"buckets": {}, "mappings": [], "tokens": []}
    assert not house.home.settings.exists()


def test_the_token_can_come_from_a_file(house: House, tmp_path: Path) -> None:
    """Which is read before the environment is."""
    file = tmp_path / "operators"
    file.write_text(f"{house.server.token}\n", encoding="utf-8")
    where = ("--url", house.server.url, "--org", house.server.org, "--bucket", house.bucket)
    said = house.say("setup", *where, "--token-file", str(file), token="nobodys")
    assert said.exit_code == 0, said.output
    assert "This is the token for Grafana: it may read these buckets and do nothing else." in said.output


def test_what_is_entered_is_not_overwritten(house: House) -> None:
    """Another address than the one in collector.toml is refused, and both stand as they did."""
    house.set_up()
    files, there = _files(house), of_ours(house)
    said = house.say("setup", "--url", "http://127.0.0.1:1", "--org", "another")
    assert said.exit_code == 1
    assert f"influx.url = '{house.server.url}'" in said.output
    assert "which is not overwritten" in said.output
    assert (_files(house), of_ours(house)) == (files, there)
