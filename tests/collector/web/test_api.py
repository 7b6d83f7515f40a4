"""The API: what it describes is what it does, and no question that a program can think of breaks it."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings, strategies
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.routing import Route

from collector import registry
from collector.web import api
from collector.web.app import create_app
from tests.browser.site import SMALL, Site, simulated
from tests.collector.web.site import parts_of, serving
from tests.collector.workbench import BOX, Bench, report, reports

EXAMPLES = 40
"""Of each address."""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The application over a school with a box that measures."""
    tmp_path = tmp_path_factory.mktemp("api")
    bench = Bench(tmp_path)
    folder = registry.write_example(
        tmp_path / "district", school_name="Lincoln High", people=900, down_mbps=500, up_mbps=None, agent=BOX
    )
    bench.send(1, [*reports(1, 3), report(4, probe="box", target="")])
    with (
        serving(parts_of(bench, folder=folder)) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False) as client,
    ):
        yield client
    bench.close()


def test_the_document_names_every_route_and_no_other(bench: Bench) -> None:
    """What can be asked is described, and what is described can be asked."""
    document = api.openapi()
    described = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    there = {
        (method, route.path.replace(":path}", "}"))
        for route in create_app(parts_of(bench)).routes
        if isinstance(route, Route) and route.path.startswith(api.ROOT)
        for method in route.methods or ()
        if method != "HEAD"
    }
    assert described == there
    assert document["openapi"] == "3.1.0"


def test_every_query_is_answered_as_its_question(client: httpx.Client) -> None:
    """The same numbers as in the terminal, in the same structs."""
    answer = client.get("/api/v1/ask", params={"school": "lincoln", "people": 800}).json()
    assert (answer["school"], answer["people"]) == ("Lincoln High", 800)
    assert client.get("/api/v1/status").json()["boxes"][0]["name"] == BOX
    assert client.get(api.DOCUMENT).json() == json.loads(json.dumps(api.openapi()))


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("ask", 422, "school"),
        ("ask?school=lincoln&people=0", 422, "people"),
        ("ask?school=lincoln&people=many", 422, "int"),
        ("ask?school=lincoln&colour=red", 422, "colour"),
        ("ask?school=lincoln&people=1&people=2", 422, "people"),
        ("ask?school=nobody", 404, "nobody"),
        ("ask?school=lincoln&model=flux", 404, "flex"),
        ("nothing", 404, "There is no such page."),
    ],
)
def test_what_can_not_be_answered_is_said_in_one_form(
    client: httpx.Client, address: str, status: int, words: str
) -> None:
    """What is wrong, and what to do."""
    answer = client.get(f"/api/v1/{address}")
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "what_to_do"}
    assert words in answer.json()["error"]
    assert answer.json()["what_to_do"]


def test_a_journal_that_is_gone_is_said_too(bench: Bench) -> None:
    """503 in the same form."""
    bench.path.rename(bench.path.with_name("moved.db"))
    with serving(parts_of(bench)) as port:
        answer = httpx.get(f"http://127.0.0.1:{port}/api/v1/status", trust_env=False)
    assert (answer.status_code, set(answer.json())) == (503, {"error", "what_to_do"})


@pytest.fixture(scope="module")
def district(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Three simulated schools, served."""
    demo = msgspec.structs.replace(SMALL, schools=3, days=5)
    with simulated(tmp_path_factory.mktemp("simulated") / "home", demo) as site:
        yield site


def test_no_question_breaks_it(district: Site) -> None:
    """Whatever is asked, from the description and against it: no 500, and no answer that isn't described."""
    folder = district.parts.folder_now().district
    room = next(seat for seat in folder.seats if seat.room)
    known = {"school": room.school, "room": room.room, "model": "flex"}
    schema = schemathesis.openapi.from_dict(api.openapi())
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        _try(operation, schemathesis.GenerationMode.POSITIVE, district.origin, known)
        parameters = api.openapi()["paths"][operation.path][operation.method]["parameters"]
        if any(parameter["in"] == "query" for parameter in parameters):
            _try(operation, schemathesis.GenerationMode.NEGATIVE, district.origin, {})


def _try(operation: Any, mode: schemathesis.GenerationMode, base_url: str, known: dict[str, str]) -> None:
    """Ask many times. Names that nobody has are answered with 404, so half of them are made ones that are."""
    statuses = set[int]()

    @given(case=operation.as_strategy(generation_mode=mode), real=strategies.booleans())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    def ask(case: Any, real: bool) -> None:
        for values in (case.path_parameters, case.query) if real else ():
            values |= {name: known[name] for name in values if name in known}
        # A name that nobody has is asked for in due form and answered with 404: that check calls it a fault.
        answer = case.call_and_validate(base_url=base_url, excluded_checks=[positive_data_acceptance])
        statuses.add(answer.status_code)

    ask()
    assert (200 in statuses) == bool(known), operation.path


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("POST", {}, 405),
        ("GET", {"Host": "evil.example"}, 421),
        ("GET", {"Origin": "http://evil.example"}, 403),
    ],
)
def test_a_refusal_is_what_the_document_promises(
    client: httpx.Client, method: str, headers: dict[str, str], status: int
) -> None:
    """Whoever refuses, the guard or the routes: its status is named there, and its body is a trouble."""
    answer = client.request(method, f"{api.ROOT}/schools", headers=headers)
    promised = client.get(api.DOCUMENT).json()["paths"][f"{api.ROOT}/schools"]["get"]["responses"]
    assert answer.status_code == status
    assert str(status) in promised
    assert set(answer.json()) == {"error", "what_to_do"}
