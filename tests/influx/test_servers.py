"""The servers that other tests stand on do what those tests take for granted."""

from tests.support.influxdb import Influx1, Influx2

TEN = "\n".join(f"delay,school=lincoln ms={n} {n}" for n in range(1, 11))
TAILS = 'SELECT PERCENTILE("ms", 95) AS p95, PERCENTILE("ms", 5) AS p5 FROM delay GROUP BY school'


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
