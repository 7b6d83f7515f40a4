"""The servers that other tests stand on do what those tests take for granted."""

from pathlib import Path

import pytest

from collector.clock import SystemClock
from tests.support.influxdb import Answer, AskedError, Influx1, Influx2, NoServerError, ask, program
from tests.support.mosquitto import wait_until
from tests.support.refusing_influx import RefusingInflux

Either = Influx2 | RefusingInflux

TEN = "\n".join(f"delay,school=lincoln ms={n} {n}" for n in range(1, 11))
TAILS = 'SELECT PERCENTILE("ms", 95) AS p95, PERCENTILE("ms", 5) AS p5 FROM delay GROUP BY school'


PARTIAL = "failure writing points to database: partial write: "
TYPES = (
    'field type conflict: input field "f" on measurement "m" is type string, '
    "already exists as type float dropped=2"
)
WRONG = {
    "bad line": "invalid field format",
    "m": "missing fields",
    ",a=b f=1 1": "missing measurement",
    "m,a=b 3": "invalid field format",
    "m,a=b f= 3": "missing field value",
    "m,a=b f=1, 3": "invalid field format",
    "m,a=b =1 3": "missing field key",
    "m,a f=1 3": "missing tag value",
    "m,a= f=1 3": "missing tag value",
    "m,=b f=1 3": "missing tag key",
    "m,a=b=c f=1 3": "invalid tag format",
    "m,a=b\\ f=1 3": "invalid tag format",
    "m,a=b,a=c f=1 3": "duplicate tags",
    "m,time=b f=1 3": 'cannot use reserved tag key "time"',
    "m,a=b f=NaN 3": "invalid number",
    "m,a=b f=1.2.3 3": "invalid number",
    "m,a=b f=+Inf 3": "invalid boolean",
    "m,a=b f=yes 3": "invalid boolean",
    "m,a=b f=1 soon": "bad timestamp",
    "m,a=b f=1 1\r": "bad timestamp",
    "m,a=b f=1 9223372036854775807": "time outside range -9223372036854775806 - 9223372036854775806",
}
RIGHT = [
    ("m f=1 1", {"f": 1}),
    ("m f=1i,g=-2.5e3,h=T,i=false 1", {"f": 1, "g": -2500, "h": True, "i": False}),
    ('m s="a, b=c \\"d\\" \\\\ e\nf" 1', {"s": 'a, b=c "d" \\ e\nf'}),
    ("m,a=b\\ c\\,d\\=e f=1 1", {"a": "b c,d=e", "f": 1}),
    ('m,a="b" f=1 1', {"a": '"b"', "f": 1}),
    ("m,a=b\\c f=1 1", {"a": "b\\c", "f": 1}),
    ("m,a=\u00fc f\\ g=1 1", {"a": "\u00fc", "f g": 1}),
    ("# not a point\n\n  m f=1   1  ", {"f": 1}),
]


def said(answer: Answer) -> tuple[int, str, str]:
    """An error's status, code and message; the code is in the header too."""
    assert answer.headers["X-Platform-Error-Code"] == answer.json["code"]
    return answer.status, answer.json["code"], answer.json["message"]


def times(server: Either, bucket: str) -> list[int]:
    """The times of what the bucket holds of measurement m."""
    return [row["time"] for row in server.query("SELECT * FROM m", bucket)]


def test_a_point_written_twice_is_there_once(influxd2: Influx2, bucket: str) -> None:
    """The same measurement, tags and time: the later value stands, and nothing is doubled."""
    for value in ("1", "1", "2"):
        assert influxd2.write(f"delay,school=lincoln ms={value} 1000", bucket).status == 204
    assert influxd2.query("SELECT * FROM delay", bucket) == [
        {"name": "delay", "time": 1000, "school": "lincoln", "ms": 2}
    ]


def test_percentiles_are_nearest_rank(influxd2: Influx2, bucket: str) -> None:
    """Of ten values the 95th percentile is the tenth, and the 5th is the first: no value is made up."""
    assert influxd2.write(TEN, bucket).status == 204
    assert influxd2.query(TAILS, bucket) == [
        {"name": "delay", "school": "lincoln", "time": 0, "p95": 10, "p5": 1}
    ]


def test_the_old_kind_answers_the_same_question_the_same_way(influxd1: Influx1, database: str) -> None:
    """InfluxDB 1.6, as Debian has it, knows the same InfluxQL."""
    assert influxd1.write(TEN, database).status == 204
    assert influxd1.query(TAILS, database) == [
        {"name": "delay", "school": "lincoln", "time": 0, "p95": 10, "p5": 1}
    ]


def test_what_was_acknowledged_survives_a_power_cut(influxd2: Influx2, bucket: str) -> None:
    """Killed in the moment of its 204, the server has the points when it is back, at the same address."""
    url = influxd2.url
    assert influxd2.write(TEN, bucket).status == 204
    influxd2.kill()
    influxd2.start()
    assert influxd2.url == url
    assert influxd2.query("SELECT COUNT(ms) FROM delay", bucket)[0]["count"] == 10


@pytest.mark.parametrize(("line", "holds"), RIGHT)
def test_what_can_be_read(either: Either, its_bucket: str, line: str, holds: dict[str, object]) -> None:
    """Both servers read the same out of a line, escapes and all."""
    assert either.write(line, its_bucket).status == 204
    assert either.query("SELECT * FROM m", its_bucket) == [{"name": "m", "time": 1, **holds}]


@pytest.mark.parametrize(("line", "why"), WRONG.items())
def test_one_line_that_cannot_be_read_fails_the_batch(
    either: Either, its_bucket: str, line: str, why: str
) -> None:
    """400, the line and the reason are named, and nothing of the batch is stored."""
    answer = either.write(f"m,a=b f=1 1\n{line}\nm,a=b f=1 2", its_bucket)
    assert said(answer) == (400, "invalid", f"unable to parse '{line}': {why}")
    assert times(either, its_bucket) == []


def test_a_string_without_an_end_takes_the_lines_behind_it_along(either: Either, its_bucket: str) -> None:
    """What is named is then no line of those that were sent, but all from there on."""
    answer = either.write('m f=1 1\nm f="x 2\nm f=3 3\nm f=4 4', its_bucket)
    assert said(answer)[2] == "unable to parse 'm f=\"x 2\nm f=3 3\nm f=4 4': unbalanced quotes"
    assert times(either, its_bucket) == []


def test_all_lines_that_cannot_be_read_are_named(either: Either, its_bucket: str) -> None:
    """One answer names all of them, one a line."""
    answer = either.write("bad line\nm f=1 1\nm f= 2", its_bucket)
    assert said(answer)[2].splitlines() == [
        "unable to parse 'bad line': invalid field format",
        "unable to parse 'm f= 2': missing field value",
    ]


def test_a_field_of_another_type_is_dropped_alone(either: Either, its_bucket: str) -> None:
    """422 with the number of points that were dropped, each of them whole; all others are stored."""
    assert either.write("m f=1 1", its_bucket).status == 204
    answer = either.write('m f=2 2\nm f="x",g=1 3\nm f=4 4\nm f=5i 5\nm f=6 6', its_bucket)
    assert said(answer) == (
        422,
        "unprocessable entity",
        PARTIAL + TYPES,
    )
    assert times(either, its_bucket) == [1, 2, 4, 6]
    assert "g" not in either.query("SELECT * FROM m", its_bucket)[0]


def test_a_string_that_is_too_long_is_dropped_alone(either: Either, its_bucket: str) -> None:
    """More than a mebibyte in one field: 422, and the others are stored."""
    long = "x" * ((1 << 20) + 1)
    answer = either.write(f'm s="{long}" 1\nm s="x" 2', its_bucket)
    assert said(answer) == (
        422,
        "unprocessable entity",
        f'{PARTIAL}input field "s" on measurement "m" is too long, 1048577 > 1048576 dropped=1',
    )
    assert times(either, its_bucket) == [2]


def test_what_is_older_than_the_bucket_keeps_is_dropped_alone(either: Either) -> None:
    """422 here too, and the younger ones are stored: sent again, it would be the same."""
    bucket, now_ns = either.make_bucket(keep_s=3600), SystemClock().now_ns()
    answer = either.write(f"m f=1 1\nm f=1 {now_ns}\nm f=2 2", bucket)
    status, code, message = said(answer)
    assert (status, code) == (422, "unprocessable entity")
    assert "partial write: dropped 2 points outside retention policy of duration" in message
    assert times(either, bucket) == [now_ns]
    either.delete_bucket(bucket)


def test_who_may_write_where(either: Either, its_bucket: str) -> None:
    """No such bucket or organisation: 404. No such token: 401. A token that may only read: 403, or 404 first."""
    reader = either.make_token(its_bucket, actions=("read",))
    assert said(either.write("m f=1 1", "nobodys")) == (404, "not found", 'bucket "nobodys" not found')
    assert said(either.write("m f=1 1", its_bucket, org="nobody")) == (
        404,
        "not found",
        'organization name "nobody" not found',
    )
    assert said(either.write("m f=1 1", its_bucket, token="nobodys")) == (
        401,
        "unauthorized",
        "unauthorized access",
    )
    assert said(either.write("m f=1 1", its_bucket, token=reader)) == (
        403,
        "forbidden",
        "insufficient permissions for write",
    )
    assert either.write("m f=1 1", "nobodys", token=reader).status == 404
    assert either.write("m f=1 1", its_bucket, token=either.make_token(its_bucket)).status == 204


def test_who_may_read_what(either: Either, its_bucket: str) -> None:
    """No such bucket is an error within a 200; to a token that may not read, a bucket is none, or empty."""
    assert either.write("m f=1 1", its_bucket).status == 204
    with pytest.raises(AskedError, match="database not found: nobodys"):
        either.query("SELECT * FROM m", "nobodys")
    with pytest.raises(AskedError, match="401"):
        either.query("SELECT * FROM m", its_bucket, token="nobodys")
    writer = either.make_token(its_bucket, actions=("write",))
    with pytest.raises(AskedError, match="database not found"):
        either.query("SELECT * FROM m", its_bucket, token=writer)
    assert either.query("SHOW MEASUREMENTS", its_bucket, token=writer) == []
    assert either.query("SHOW MEASUREMENTS", its_bucket) == [{"name": "m"}]
    assert [row["name"] for row in either.query("SHOW DATABASES") if row["name"] == its_bucket]


def test_whose_points_are_there(either: Either, its_bucket: str) -> None:
    """The values of a tag, by measurement."""
    question = 'SHOW TAG VALUES WITH KEY = "a"'
    assert either.query(question, its_bucket) == []
    assert (
        either.write("m,a=b f=1 1\nm,a=b f=1 2\nm,a=c f=1 1\nn,a=b f=1 1\no f=1 1", its_bucket).status == 204
    )
    assert [(row["name"], row["key"], row["value"]) for row in either.query(question, its_bucket)] == [
        ("m", "a", "b"),
        ("m", "a", "c"),
        ("n", "a", "b"),
    ]


def test_it_says_that_it_is_well(either: Either) -> None:
    """/health and /ping, without a token."""
    assert ask(f"{either.url}/health").json["status"] == "pass"
    assert ask(f"{either.url}/ping").status == 204


def test_what_was_refused_for_want_of_time_may_be_stored_after_all(tmp_path: Path) -> None:
    """500 `timeout` is no word on the points: they are written when the storage gets to it."""
    with Influx2(tmp_path, _influxd2(), "--storage-write-timeout=1ms") as server:
        lines = "\n".join(f"m,n={n % 100} f={n} {n}" for n in range(20_000))
        assert said(server.write(lines)) == (
            500,
            "internal error",
            "unexpected error writing points to database: timeout",
        )
        wait_until(lambda: _count(server) == 20_000, "all are stored")


def test_what_is_acknowledged_after_a_torn_write_is_lost_at_the_next_start(
    influxd2: Influx2, bucket: str
) -> None:
    """A fault of 2.9.1 that a writer has to know: after a power cut within a write, a 204 is no promise.

    At its start it cuts the torn record off its log, but goes on writing where that ended: the gap ends the log
    for whoever reads it next. /ready tells that it has been started anew.
    """
    assert influxd2.write("m f=1 1", bucket).status == 204
    influxd2.kill()
    influxd2.tear(bucket)
    influxd2.start()
    started = ask(f"{influxd2.url}/ready").json["started"]
    assert influxd2.write("m f=2 2", bucket).status == 204
    assert times(influxd2, bucket) == [1, 2]
    influxd2.stop()
    influxd2.start()
    assert ask(f"{influxd2.url}/ready").json["started"] != started
    assert times(influxd2, bucket) == [1]


def test_who_hangs_goes_on(influxd2: Influx2, bucket: str) -> None:
    """Stopped in its tracks it answers nobody; let go, it does."""
    influxd2.hang()
    with pytest.raises(TimeoutError):
        ask(f"{influxd2.url}/health", timeout_s=0.3)
    influxd2.resume()
    assert influxd2.write("m f=1 1", bucket).status == 204


def _count(server: Influx2) -> int:
    rows = server.query("SELECT COUNT(f) FROM m")
    return int(rows[0]["count"]) if rows else 0


def _influxd2() -> Path:
    try:
        return program()
    except NoServerError as error:
        pytest.skip(str(error))
