"""Into a Grafana that is there already, over its API: four calls, and the one door of grafana-api.

That library has had no release since 2021; all that is asked of it stands in this file. Where it is missing,
or the Grafana says no, `PushError` says in words what to do.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, NoReturn
from urllib.parse import urlsplit

from dashboards import Json, provision
from dashboards.places import FOLDER, FOLDER_UID
from firstbell.copies import RAW

OLDEST = 10
"""The oldest Grafana for which the boards are written."""
TIMEOUT_S = 30.0
INSTALL = "pip install '.[grafana]' in First Bell's folder, by the same Python"
Say = Callable[[str], None]


class PushError(Exception):
    """A Grafana that can't be reached or doesn't take it; the message says what to do."""


class ForbiddenError(PushError):
    """The token may not do it."""


NO_DATASOURCE = (
    "this Grafana has no data source {uid} yet. Name the InfluxDB with --influx-url and --influx-token-file, "
    "or make it by the provisioning files (`firstbell dashboards files`)"
)
_READS = "a role that may read"


class Influx(NamedTuple):
    """The InfluxDB that Grafana is to ask: its address from there, a token that may read, the bucket."""

    url: str
    token: str
    bucket: str = RAW


class Pushed(NamedTuple):
    """What a push did: each data source and board by its uid, as `made`, `replaced` or `as it was`."""

    grafana: str
    version: str
    datasources: dict[str, str]
    folder: str
    boards: dict[str, str]


class Grafana:
    """A Grafana at an address, with a service account's token. Every method raises PushError."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise PushError(f"{url} is no address of a Grafana: https://grafana.example.org, say")
        self.url = url.rstrip("/")
        prefix = parts.path.strip("/")
        self._face = _face_type()(
            token,
            host=f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname,
            port=parts.port,
            url_path_prefix=f"{prefix}/" if prefix else "",
            protocol=parts.scheme,
            timeout=TIMEOUT_S,
        )

    def version(self) -> str:
        """Its version; refused if it is too old for the boards."""
        with self._words("look whether it is there", _READS):
            health = self._face.api.GET("/health")
        version = str(health.get("version", "")) if isinstance(health, dict) else ""
        first = version.partition(".")[0]
        if isinstance(health, dict) and "database" in health and not version:
            return "of an unknown version"  # an administrator may hide it
        if not first.isdigit():
            raise PushError(f"what answers at {self.url} is no Grafana: is that its address?")
        if int(first) < OLDEST:
            raise PushError(f"this Grafana is {version}; the boards want {OLDEST} or newer")
        return version

    def put_datasource(self, uid: str, wanted: Json | None) -> str:
        """Make the data source, or replace it; without `wanted` it has to be there already."""
        try:
            # The library puts this into the path as it is; numbers have gone from Grafana's API.
            there = self._get(
                f"write the data source {uid}",
                "the role Admin",
                lambda: self._face.datasource.get_datasource_by_id(f"uid/{uid}"),
            )
        except ForbiddenError:
            if wanted:
                raise
            return "not looked at: this token may not"
        if wanted is None:
            if there is None:
                raise PushError(NO_DATASOURCE.format(uid=uid))
            return "as it was"
        with self._words(f"write the data source {uid}", "the role Admin"):
            if there is None:
                self._face.datasource.create_datasource(wanted)
                return "made"
            self._face.datasource.update_datasource(f"uid/{uid}", wanted)
        return "replaced"

    def put_folder(self, uid: str, title: str) -> str:
        """Make the folder unless it is there, under whatever title."""
        if self._get("read the folder", _READS, lambda: self._face.folder.get_folder(uid)) is not None:
            return "as it was"
        with self._words("make the folder", "the role Editor"):
            self._face.folder.create_folder(title, uid)
        return "made"

    def put_board(self, board: Json, folder: str) -> str:
        """Make the board, or replace what is there under its uid unless it is the same."""
        uid = board["uid"]
        there = self._get(f"read the board {uid}", _READS, lambda: self._face.dashboard.get_dashboard(uid))
        if there is not None and _same(there, board, folder):
            return "as it was"
        body = {
            "dashboard": board,
            "folderUid": folder,
            "overwrite": True,
            "message": "firstbell dashboards push",
        }
        with self._words(f"write the board {uid}", "the role Editor"):
            self._face.dashboard.update_dashboard(body)
        return "made" if there is None else "replaced"

    def _get(self, what: str, role: str, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - as the library has it
        """What it has; None where it has none."""
        with self._words(what, role):
            try:
                return call()
            except _client_error() as error:
                if error.status_code == 404:  # noqa: PLR2004 - HTTP's own
                    return None
                raise

    @contextmanager
    def _words(self, what: str, role: str) -> Iterator[None]:
        """What goes wrong while doing `what`, which wants `role`, in words."""
        from grafana_api.grafana_api import GrafanaException  # noqa: PLC0415
        from requests.exceptions import RequestException  # noqa: PLC0415

        try:
            yield
        except GrafanaException as error:
            self._refused(error, what, role)
        except ValueError as error:  # what should have been JSON; requests' own is one, too
            raise PushError(f"what answers at {self.url} is no Grafana: is that its address?") from error
        except RequestException as error:
            raise PushError(f"no Grafana can be reached at {self.url}: {error}") from error

    def _refused(self, error: Any, what: str, role: str) -> NoReturn:  # noqa: ANN401 - as the library has it
        response = error.response
        said = response.get("message", "") if isinstance(response, dict) else ""
        words = {
            401: "it does not know this token: was it made in this Grafana, and is it still valid?",
            403: f"this token may not {what}; its service account wants {role}",
            404: f"there is no such thing at {self.url}: a Grafana under a path wants the path in --url",
        }
        default = f"it would not {what}: {error.status_code} {said}".rstrip()
        if "provisioned" in str(said).lower():
            default = f"it would not {what}: provisioning files of its own bring it; change it there"
        kind = ForbiddenError if error.status_code == 403 else PushError  # noqa: PLR2004 - HTTP's own
        raise kind(f"{self.url}: {words.get(error.status_code, default)}") from error


def push(grafana: Grafana, boards: Sequence[Json], influx: Influx | None, say: Say) -> Pushed:
    """Put data sources, folder and boards into a Grafana; again changes nothing. Raises PushError."""
    version = grafana.version()
    say(f"Grafana {version} answers at {grafana.url}")
    sources = {}
    for uid in provision.NAMES:
        wanted = provision.datasource(uid, *influx) if influx else None
        sources[uid] = grafana.put_datasource(uid, wanted)
        say(f"data source {uid}: {sources[uid]}")
    folder = grafana.put_folder(FOLDER_UID, FOLDER)
    say(f"folder {FOLDER}: {folder}")
    put = {}
    for number, board in enumerate(boards, 1):
        put[board["uid"]] = grafana.put_board(board, FOLDER_UID)
        say(f"board {number} of {len(boards)}, {board['title']}: {put[board['uid']]}")
    return Pushed(grafana.url, version, sources, folder, put)


def _same(there: Json, board: Json, folder: str) -> bool:
    """Whether a board is there as it is to be, but for what Grafana itself numbers."""
    own = {"id", "version"}
    held = {key: value for key, value in there["dashboard"].items() if key not in own}
    return held == board and there.get("meta", {}).get("folderUid") == folder


def _face_type() -> Any:  # noqa: ANN401 - the library has no types
    try:
        from grafana_api.grafana_face import GrafanaFace  # noqa: PLC0415
    except ImportError as missing:
        raise PushError(f"a push wants one more library: {INSTALL}") from missing
    return GrafanaFace


def _client_error() -> Any:  # noqa: ANN401 - the library has no types
    from grafana_api.grafana_api import GrafanaClientError  # noqa: PLC0415

    return GrafanaClientError
