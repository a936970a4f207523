"""Whatever a request to the admin holds, it is answered properly: never by 500, and a refusal is a problem document."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fakes.fake_agent import FakeAgent
from support.harness.grid import Grid, GridSpec

pytestmark = pytest.mark.e2e

EXAMPLES = pytest.mark.parametrize(
    "examples", [pytest.param(200, id="short"), pytest.param(5_000, id="long", marks=pytest.mark.soak)]
)
REQUEST_SECONDS = 15.0
HOUR_MS = 3_600_000
UNAVAILABLE = {503, 504}
"""The master or an agent can't be asked: proper, and not the admin's fault."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What is sent. ``path`` is quoted."""

    method: str
    path: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    with (
        Grid(tmp_path_factory.mktemp("grid"), GridSpec(agents=0)) as grid,
        FakeAgent("agent-1", slots=1_000) as agent,
    ):
        agent.interval_ms = HOUR_MS
        assert agent.register(grid.stub).success
        yield grid


texts = st.text(max_size=20) | st.integers(1_000, 4_000).map(lambda size: "x" * size)
WORDS = ["nodes", "agents", "agent-1", "events", "status", "metrics", "livez", "readyz", "openapi.json", "ui"]
VERBS = ["start", "stop", "restart", "drain", "undrain", "logs"]
QUERY = [
    "limit",
    "cursor",
    "agent_id",
    "status",
    "engine",
    "kind",
    "after_event_id",
    "node_id",
    "tail",
    "tail_lines",
    "stop_nodes",
    "wait",
    "view",
]
FIELDS = ["agent_id", "engine", "port", "storage_path", "memory_limit_mb", "request_id"]

numbers = st.integers(-(2**70), 2**70) | st.integers(-1, 70_000)
jsons = st.recursive(
    st.none() | st.booleans() | numbers | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


def requests(node_id: str) -> st.SearchStrategy[HttpRequest]:
    """Requests that look like those of the API, and others."""
    segment = st.sampled_from([*WORDS, node_id]) | st.sampled_from(VERBS) | texts
    known_paths = st.builds(
        lambda first, second, verb: [first, second, verb],
        st.sampled_from(["nodes", "agents"]),
        st.sampled_from([node_id, "agent-1", "node-00000001"]) | texts,
        st.sampled_from(VERBS),
    ).flatmap(lambda parts: st.integers(1, 3).map(lambda count: parts[:count]))
    paths = (known_paths | st.lists(segment, max_size=4)).map(
        lambda parts: "/" + "/".join(quote(part, safe="") for part in parts)
    )
    queries = st.dictionaries(st.sampled_from(QUERY) | texts, texts | numbers.map(str), max_size=3).map(urlencode)
    spawns = st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(["", "agent-1", 0]) | jsons, max_size=4)
    bodies = st.none() | spawns.map(json.dumps) | jsons.map(json.dumps) | st.binary(max_size=200)
    kinds = st.sampled_from(["application/json", "application/json; charset=utf-16", "text/plain", ""])
    plain = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=300)
    return st.builds(
        _request,
        st.sampled_from(["GET", "POST", "DELETE"]) | st.sampled_from(["PUT", "PATCH", "HEAD", "OPTIONS", "TRACE"]),
        paths,
        queries,
        bodies,
        st.fixed_dictionaries({"Content-Type": kinds}, optional={"Idempotency-Key": plain, "Accept": plain}),
    )


def _request(method: str, path: str, query: str, body: str | bytes | None, headers: dict[str, str]) -> HttpRequest:
    content = body.encode() if isinstance(body, str) else body
    return HttpRequest(method, f"{path}?{query}" if query else path, content, headers)


def send(address: str, request: HttpRequest) -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection(address, timeout=REQUEST_SECONDS)
    try:
        connection.request(request.method, request.path, request.body, request.headers)
        answer = connection.getresponse()
        return answer.status, answer.headers.get_content_type(), answer.read()
    finally:
        connection.close()


@EXAMPLES
def test_the_admin_answers_whatever_it_is_sent(grid: Grid, examples: int) -> None:
    node = grid.grpc.spawn("agent-1")

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=examples < 1_000,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(requests(node.node_id))
    def every_request_is_answered(request: HttpRequest) -> None:
        status, kind, body = send(grid.admin_address, request)
        assert status < 500 or status in UNAVAILABLE, (status, body)
        # 414 is gunicorn's own answer, given before the application is asked.
        if status >= 400 and status != 414 and request.method != "HEAD":
            if request.path.partition("?")[0].split("/")[1] == "ui":  # an error of a page is a page
                assert kind == "text/html", (status, kind, body)
                return
            assert kind == "application/problem+json", (status, kind, body)
            assert_a_problem(json.loads(body), status)

    every_request_is_answered()

    assert grid.http.get("/readyz").status == 200
    assert "Traceback" not in grid.admin.log_text()
    assert "Traceback" not in grid.master.log_text()


def assert_a_problem(problem: dict[str, Any], status: int) -> None:
    assert problem["status"] == status
    assert problem["code"] != "internal"
    assert problem["detail"]
