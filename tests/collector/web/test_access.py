"""Who may do what: every role at every route over TLS, and pages of other origins at the open one."""

import logging
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from starlette.routing import Mount, Route

from collector import app, config
from collector.config import WebSettings
from collector.tokens import Role, Tokens
from collector.web.access import COOKIE, Slowness
from collector.web.app import create_app
from tests.collector.web.site import parts_of, serving
from tests.collector.workbench import Bench
from tests.support.web import certificate

OPEN_TO_ALL = {"/login", "/logout", "/static", "/here/nobody", "/updates/offer", "/updates/archive"}
HTML = {"Accept": "text/html"}


class Door(NamedTuple):
    """A server that asks for tokens, a token of each role, and how long wrong ones had to wait."""

    client: httpx.Client
    tokens: dict[Role, str]
    file: Tokens
    waited: list[float]
    routes: list[tuple[str, str]]
    folder: Path

    def ask(
        self, method: str, path: str, token: str | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """An answer to whoever has that token."""
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        return self.client.request(method, path, headers=bearer | (headers or {}))


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate(folder, "localhost")
    return folder


def routes_of(bench: Bench) -> list[tuple[str, str]]:
    """Method and path of everything that the application answers to."""
    found = []
    for route in create_app(parts_of(bench), Tokens(bench.path.parent)).routes:
        if isinstance(route, Route):
            path = route.path
            for name in route.param_convertors:
                path = path.replace(f"{{{name}}}", "nobody").replace(f"{{{name}:path}}", "nobody")
            found += [(method, path) for method in sorted(route.methods or ())]
        else:
            assert isinstance(route, Mount)
            found.append(("GET", route.path))
    return found


@pytest.fixture
def door(bench: Bench, tls: Path) -> Iterator[Door]:
    """The application as it is served beyond this machine: TLS and tokens."""
    file, waited = Tokens(bench.path.parent), list[float]()

    async def pause(seconds: float) -> None:
        waited.append(seconds)

    given: dict[Role, str] = {role: file.add(role, role, 1) for role in ("viewer", "operator")}
    with serving(parts_of(bench), file, Slowness(pause), tls) as port:
        base = f"https://localhost:{port}"
        trusting = ssl.create_default_context(cafile=tls / "cert.pem")
        with httpx.Client(base_url=base, verify=trusting, timeout=20, trust_env=False) as client:
            yield Door(client, given, file, waited, routes_of(bench), bench.path.parent)


def test_every_role_at_every_route(door: Door) -> None:
    """Without a token nothing; with a viewer's all that reads; with an operator's everything."""
    assert len(door.routes) > 3
    for method, path in door.routes:
        if path in OPEN_TO_ALL:
            continue
        reads = method in {"GET", "HEAD"}
        for token in (None, "fb_wrong"):
            refused = door.ask(method, path, token)
            assert refused.status_code == 401, (method, path)
            assert method == "HEAD" or refused.json()["what_to_do"]
        viewer = door.ask(method, path, door.tokens["viewer"]).status_code
        assert (viewer not in {401, 403}) if reads else viewer == 403, (method, path, viewer)
        operator = door.ask(method, path, door.tokens["operator"]).status_code
        assert operator not in {401, 403}, (method, path, operator)


def test_what_is_not_there_is_not_told_to_strangers(door: Door) -> None:
    """Whether a page exists is for those with a token."""
    assert door.ask("GET", "/nothing").status_code == 401
    assert door.ask("GET", "/nothing", door.tokens["viewer"]).status_code == 404
    assert door.ask("POST", "/healthz", door.tokens["viewer"]).status_code == 403


def test_people_sign_in_once(door: Door) -> None:
    """The form, the token as a cookie that scripts and other sites can't have, the page asked for, and out."""
    sent = door.ask("GET", "/nothing?a=1", headers=HTML)
    assert (sent.status_code, sent.headers["location"]) == (303, "/login?next=%2Fnothing%3Fa%3D1")
    assert 'value="/nothing?a=1"' in door.client.get(sent.headers["location"]).text
    form = {"token": door.tokens["viewer"], "next": "/nothing?a=1"}
    entered = door.client.post("/login", data=form)
    assert (entered.status_code, entered.headers["location"]) == (303, "/nothing?a=1")
    cookie = entered.headers["set-cookie"].lower()
    for part in (COOKIE.lower(), "httponly", "secure", "samesite=strict", "path=/"):
        assert part in cookie
    assert "domain" not in cookie
    page = door.ask("GET", "/nothing", headers=HTML)
    assert page.status_code == 404
    assert "Sign out" in page.text
    assert door.client.post("/logout").status_code == 303
    assert door.ask("GET", "/nothing", headers=HTML).status_code == 303


def test_a_token_that_was_taken_away_ends_its_sign_in(door: Door) -> None:
    """The cookie is the token: with it goes the session."""
    door.client.post("/login", data={"token": door.tokens["viewer"]})
    assert door.client.get("/healthz").status_code == 200
    door.file.remove("viewer")
    assert door.client.get("/healthz").status_code == 401


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "/\n/x", ""])
def test_a_login_leads_nowhere_else(door: Door, target: str) -> None:
    """An address made by somebody else can't send people away after they signed in."""
    answer = door.client.post("/login", data={"token": door.tokens["viewer"], "next": target})
    assert answer.headers["location"] == "/"


def test_a_damaged_file_of_tokens_is_said_at_the_login_too(door: Door) -> None:
    """Neither a request nor the form is a failure of the program: 503, and what is damaged."""
    (tokens_file,) = door.folder.glob("tokens.json")
    tokens_file.write_text("[{", encoding="utf-8")
    for answer in (door.ask("GET", "/", "fb_any"), door.client.post("/login", data={"token": "fb_any"})):
        assert answer.status_code == 503
        assert "tokens.json is damaged" in answer.json()["what_to_do"]


def test_wrong_tokens_are_slowed_down(door: Door) -> None:
    """Each wrong try waits longer than the one before, up to eight seconds; a right one ends it."""
    for _ in range(4):
        assert door.ask("GET", "/healthz", "fb_wrong").status_code == 401
    assert door.client.post("/login", data={"token": "fb_wrong"}).status_code == 401
    assert door.waited == [0.5, 1.0, 2.0, 4.0, 8.0]
    assert door.ask("GET", "/healthz", door.tokens["viewer"]).status_code == 200
    door.ask("GET", "/healthz", "fb_wrong")
    assert door.waited[-1] == 0.5
    door.client.get("/healthz")  # without any token nobody tried anything
    assert len(door.waited) == 6


def test_a_token_in_an_address_opens_nothing(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    """Addresses are written into logs and histories; and no token is in ours."""
    token = door.tokens["operator"]
    caplog.set_level(logging.DEBUG)
    for name in ("token", "access_token", "auth"):
        assert door.ask("GET", f"/healthz?{name}={token}").status_code == 401
    door.client.post("/login", data={"token": token})
    door.ask("GET", "/healthz", token)
    assert not [
        record
        for record in caplog.records
        if token in record.getMessage() and not record.name.startswith(("httpx", "httpcore"))
    ]


def test_another_site_can_not_act_for_somebody_who_signed_in(door: Door) -> None:
    """A form on another page is refused by its origin, whatever cookie the browser would send."""
    own = str(door.client.base_url)
    for origin in ("https://evil.example", "null", "http://localhost", own.replace("https", "http")):
        refused = door.ask("POST", "/healthz", door.tokens["operator"], {"Origin": origin})
        assert refused.status_code == 403, origin
    assert door.ask("POST", "/healthz", door.tokens["operator"], {"Origin": own}).status_code == 405


FOREIGN = [
    ({"Host": "evil.example"}, 421),
    ({"Origin": "https://evil.example"}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": "http://127.0.0.1:9"}, 403),
    ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}, 403),
    ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}, 403),
    ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 403),
]


def test_a_page_of_another_origin_gets_nothing_from_the_open_port(bench: Bench) -> None:
    """By a rebound name, a request of a script, a script tag or a frame: refused at every route."""
    with serving(parts_of(bench)) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        for method, path in [*routes_of(bench), ("POST", "/healthz")]:
            if method == "HEAD":
                continue
            for headers, status in FOREIGN:
                refused = client.request(method, path, headers=headers)
                assert refused.status_code == status, (method, path, headers)
                assert "firstbell" not in refused.text


def test_a_link_from_elsewhere_may_be_followed_but_a_form_may_not_be_sent(bench: Bench) -> None:
    """Opening a page from a mail is fine: the page itself is ours, and whoever linked to it reads nothing."""
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    with serving(parts_of(bench)) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        assert client.get("/healthz", headers=headers).status_code == 200
        assert client.post("/healthz", headers=headers).status_code == 403
        assert client.post("/healthz", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 405


@pytest.mark.parametrize("host", ["0.0.0.0", "10.1.2.3", "::", "firstbell.example.org"])
def test_beyond_this_machine_tls_is_a_must(host: str) -> None:
    """Settings that would send tokens in the clear are refused with what to do."""
    with pytest.raises(ValueError, match="cert_file and key_file must be set"):
        WebSettings(host=host)
    assert WebSettings(host=host, cert_file="c.pem", key_file="k.pem").url(1).startswith("https://")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_on_this_machine_it_is_not(host: str) -> None:
    """Loopback is open as it always was."""
    assert WebSettings(host=host).on_loopback


def test_a_server_that_nobody_can_sign_in_to_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """At its start, with the command that helps; not once somebody has a token, nor on loopback."""
    home = config.home(str(tmp_path))
    web = WebSettings(host="0.0.0.0", cert_file="c.pem", key_file="k.pem")
    app._tokens(home, web)
    assert "firstbell token add NAME" in caplog.text
    caplog.clear()
    Tokens(tmp_path).add("Ann", "viewer", 1)
    app._tokens(home, web)
    app._tokens(config.home(str(tmp_path / "other")), WebSettings())
    assert not any(record.name == "collector.app" for record in caplog.records)
