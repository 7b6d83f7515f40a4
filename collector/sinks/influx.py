"""The door to InfluxDB: influxdb-client, synchronous, one request at a time, and every answer told apart.

Its batching mode loses points without a word, so nothing of it is used: whoever calls `write` hears what
became of those lines, and keeps them until it went well.
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec

from collector.sinks.answers import RefusedError, StoppedError, short, talking
from firstbell.points import Point

if TYPE_CHECKING:
    from influxdb_client import InfluxDBClient

T = TypeVar("T")
BATCH = 5_000
"""So many lines go into one request."""
TIMEOUTS_MS = (5_000, 60_000)
"""To connect, and between two pieces of an answer."""
DELETE_MS = 900_000
"""To delete: seconds where little is there, minutes where much is."""
_NS = 10**9
END_OF_TIME = (1 << 63) - 1 - 86_400 * _NS
"""Later points no store takes."""
_DAY_S = 86_400
MOST_ANSWER = 512 << 20
"""Of bytes in an answer to a query; a week of a box is some twenty million."""
_SMALL = 64 << 10
_RUN_CHARS = 64
_NO_CONTENT = 204
_NOT_FOUND = 404


@dataclass(frozen=True)
class Address:
    """Where InfluxDB is and who asks. `ca_file` is whose word counts for its certificate; "" the system's."""

    url: str
    org: str
    token: str
    ca_file: str = ""


class Found(NamedTuple):
    """A bucket as it is: its id, and for how many days it keeps points (0: for ever)."""

    id: str
    days: int


class Server:
    """One InfluxDB; for one thread. Every method raises InfluxError. `operator`: by the operator's token."""

    def __init__(
        self, address: Address, timeouts_ms: tuple[int, int] = TIMEOUTS_MS, *, operator: bool = False
    ) -> None:
        self.address = address
        self._operator = operator
        self._client = _client(address, timeouts_ms)
        self._patient = _client(address, (timeouts_ms[0], max(timeouts_ms[1], DELETE_MS)))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        self._patient.close()

    def talking(self) -> talking:
        """Whatever goes wrong inside `with server.talking():` is told as an InfluxError."""
        return talking(self.address.url, self.address.token, operator=self._operator)

    def write(self, bucket: str, lines: Sequence[bytes]) -> None:
        """Write lines of line protocol; when it returns they are in."""
        from influxdb_client.client.write_api import SYNCHRONOUS  # noqa: PLC0415

        api = self._client.write_api(write_options=SYNCHRONOUS)
        with self.talking():
            api.write(bucket=bucket, record=b"\n".join(lines))
            answer = self._client.api_client.last_response
        if answer.status != _NO_CONTENT:
            # A portal or a proxy in between answers 200 with a page of its own, and nothing was written.
            raise StoppedError(f"{self.address.url} is no InfluxDB: it answered a write with {answer.status}")

    def delete(self, bucket: str, begin_ns: int, end_ns: int, tags: Mapping[str, str]) -> None:
        """Delete all points of a time (its end not included) that have these tags."""
        predicate = " AND ".join(f'"{name}"={_quoted(value)}' for name, value in tags.items())
        with self.talking():
            # The end is included there.
            self._patient.delete_api().delete(_time(begin_ns), _time(end_ns - 1), predicate, bucket=bucket)

    def query(self, database: str, influxql: str) -> Iterator[tuple[str, dict[str, str], dict[str, Any]]]:
        """The rows of an InfluxQL query: measurement, tags of GROUP BY, columns; times in nanoseconds."""
        with self.talking():
            answer = self._client.api_client.call_api(
                "/query",
                "GET",
                query_params={"db": database, "q": influxql, "epoch": "ns"},
                header_params={"Accept": "application/json"},
                _preload_content=False,
                _return_http_data_only=True,
            )
            body = _whole(self.address.url, answer, MOST_ANSWER)
        return _rows(_decoded(self.address.url, body))

    def bucket(self, name: str) -> "Found":
        """Which bucket has that name now, and how long it keeps points."""
        found = self.look_for(name)
        if found is None:
            raise StoppedError(
                f"{self.address.url} has no bucket {name!r}. `firstbell influx setup` makes it."
            )
        rules = found.retention_rules
        return Found(found.id, rules[0].every_seconds // _DAY_S if rules else 0)

    def districts(self, database: str) -> set[str]:
        """Whose points are there: the values of the tag `district`."""
        rows = self.query(database, 'SHOW TAG VALUES WITH KEY = "district"')
        return {row["value"] for _, _, row in rows}

    def clear(self, bucket: str, tags: Mapping[str, str]) -> None:
        """Delete all points that have these tags, of all times; without tags all there are."""
        self.delete(bucket, 0, END_OF_TIME, tags)

    def run(self) -> str:
        """Since when this server runs, in its own words; "" where it doesn't say (only InfluxDB 2 does)."""
        try:
            with self.talking():
                answer = self._client.api_client.call_api(
                    "/ready", "GET", _preload_content=False, _return_http_data_only=True
                )
                told = msgspec.json.decode(_whole(self.address.url, answer, _SMALL), type=dict[str, Any])
        except (StoppedError, msgspec.DecodeError):
            return ""
        return short(str(told.get("started", ""))).replace(" ", "")[:_RUN_CHARS]

    def is_new(self) -> bool:
        """Whether nobody has made a user, an organisation and a first token there yet."""
        with self.talking():
            answer = self._client.api_client.call_api(
                "/api/v2/setup", "GET", _preload_content=False, _return_http_data_only=True
            )
            body = _whole(self.address.url, answer, _SMALL)
        try:
            return bool(msgspec.json.decode(body, type=dict[str, Any]).get("allowed"))
        except msgspec.DecodeError:
            return False

    def look_for(self, bucket: str) -> Any | None:  # noqa: ANN401 - the library's own
        """The bucket as the library has it; None where there is none."""
        from influxdb_client.rest import ApiException  # noqa: PLC0415

        with self.talking():
            try:
                found = self._client.buckets_api().find_buckets(name=bucket, org=self.address.org).buckets
            except ApiException as error:
                # Of what is not there only the bucket may be missing.
                if error.status != _NOT_FOUND or "bucket" not in str(error.body):
                    raise
                return None
        return found[0] if found else None

    @property
    def client(self) -> "InfluxDBClient":
        """The library's own client, for setting up (`collector.sinks.setup`)."""
        return self._client


class _Series(msgspec.Struct):
    name: str
    columns: list[str]
    values: list[list[Any]] = []
    tags: dict[str, str] = {}
    partial: bool = False


class _Result(msgspec.Struct):
    series: list[_Series] = []
    error: str = ""
    partial: bool = False


class _Results(msgspec.Struct):
    results: list[_Result] = []
    error: str = ""


def _whole(url: str, answer: Any, most: int) -> bytes:  # noqa: ANN401 - the library's own
    """The body of an answer, unless it is longer than any that makes sense."""
    body: bytes = answer.read(most + 1, decode_content=True)
    if len(body) > most:
        answer.close()
        raise StoppedError(f"{url} answers with more than {most:,} bytes, as no InfluxDB would")
    return body


def _decoded(url: str, body: bytes) -> list[_Result]:
    try:
        found = msgspec.json.decode(body, type=_Results)
    except msgspec.DecodeError as error:
        raise StoppedError(f"{url} is no InfluxDB: its answer to a query is none ({error})") from None
    for trouble in (found.error, *(result.error for result in found.results)):
        if trouble:
            raise RefusedError(f"{url}: {short(trouble)}")
    if any(result.partial for result in found.results):
        raise RefusedError(f"{url} gave a part of the answer only: its settings bound the rows of a query")
    return found.results


def _rows(results: Iterable[_Result]) -> Iterator[tuple[str, dict[str, str], dict[str, Any]]]:
    for result in results:
        for series in result.series:
            for values in series.values:
                yield series.name, series.tags, dict(zip(series.columns, values, strict=True))


def in_parts(items: Iterable[T], most: int = BATCH) -> Iterator[list[T]]:
    """Items as lists of at most so many."""
    left = iter(items)
    while part := list(islice(left, most)):
        yield part


def good_line(district: str, now_ns: int) -> bytes:
    """A line in which nothing can be wrong: how a store is told from what it is sent."""
    return lines([Point("sink_trial", {"district": district}, {"taken": True}, now_ns)])[0]


def lines(points: Iterable[Point]) -> list[bytes]:
    """Points in line protocol, as the library writes it; times in nanoseconds."""
    from influxdb_client import Point as Line  # noqa: PLC0415

    return [_line(Line(point.measurement), point).encode() for point in points]


def _line(made: Any, point: Point) -> str:  # noqa: ANN401 - the library's own
    for name, value in point.tags.items():
        made.tag(name, value)
    for field, reading in point.fields.items():
        made.field(field, reading)
    text: str = made.time(point.at_ns).to_line_protocol()
    return text


def _client(address: Address, timeouts_ms: tuple[int, int]) -> "InfluxDBClient":
    try:
        from influxdb_client import InfluxDBClient  # noqa: PLC0415 - 42 MB, and only where it is used
    except ImportError:
        raise StoppedError(
            "InfluxDB needs a library: pip install '.[influx]' in First Bell's folder, by the same Python"
        ) from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what it would like installed beside it
        return InfluxDBClient(
            url=address.url,
            token=address.token,
            org=address.org,
            timeout=timeouts_ms,
            enable_gzip=True,
            ssl_ca_cert=address.ca_file or None,
        )


def _time(at_ns: int) -> str:
    """RFC 3339 with all nine digits."""
    whole = datetime.fromtimestamp(at_ns // _NS, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{at_ns % _NS:09}Z"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
