"""Lists over HTTP: filtered, sorted, a page at a time, with links to the next."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from support.fakes.clock import FakeClock
from support.texts import mentions
from support.values.grid_values import a_node, a_report, an_event

from sutra_grid.core.types import NodeState
from sutra_grid.registry import Observations, Registry
from sutra_grid.runtime.clock import wall_ms


@pytest.fixture(autouse=True)
def more(registry: Registry) -> None:
    """Ten nodes more, of one to ten restarts."""
    nodes = [a_node(f"node-1000000{number}", "agent-1") for number in range(10)]
    for node in nodes:
        registry.create_node(node, record=None)
    reports = [a_report(node, restarts=number + 1, log_tail=()) for number, node in enumerate(nodes)]
    registry.write_observations(Observations(reports=reports))


def get(client: FlaskClient, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json


def link(client: FlaskClient, path: str, relation: str) -> str | None:
    links = {
        rel: url
        for url, rel in re.findall(r'<([^>]*)>; rel="(\w+)"', ", ".join(client.get(path).headers.getlist("Link")))
    }
    return links.get(relation)


def ids(document: Any) -> list[str]:
    return [node["node_id"] for node in document["nodes"]]


def test_a_list_has_the_back_off_that_is_left_now_as_the_node_has(
    client: FlaskClient, registry: Registry, clock: FakeClock
) -> None:
    node = a_node("node-20000000", "agent-1")
    registry.create_node(node, record=None)
    report = a_report(node, state=NodeState.STARTING, pid=0, backoff_ms=9_000, reported_at_ms=wall_ms(clock))
    registry.write_observations(Observations(reports=[report]))
    clock.advance(4)
    [listed] = get(client, "/nodes?q=node-2000")["nodes"]
    assert listed["backoff_ms"] == get(client, "/nodes/node-20000000")["backoff_ms"] == 5_000


def test_pages_follow_each_other_by_cursor_and_by_link(client: FlaskClient) -> None:
    path: str | None = "/nodes?limit=5&sort=-restarts&q=node-1"
    seen: list[str] = []
    while path is not None:
        page = get(client, path)
        seen += ids(page)
        path = link(client, path, "next")
        assert bool(page["next_cursor"]) == (path is not None)
    assert seen == [f"node-1000000{number}" for number in reversed(range(10))]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("sort=-id&limit=1", ["node-10000009"]),
        ("sort=restarts&limit=1&q=node-1", ["node-10000000"]),
        ("sort=status&limit=1", ["node-00000003"]),
        ("sort=-status&limit=1&engine=redis", ["node-00000002"]),
        ("q=NODE-0", ["node-00000001", "node-00000002", "node-00000003"]),
        ("health=unhealthy", []),
        ("status=unhealthy", []),
        ("status=back-off", []),
        ("attention=true", ["node-00000003"]),
        ("attention=false&q=node-0", ["node-00000001", "node-00000002"]),
    ],
)
def test_nodes_are_found_and_sorted(client: FlaskClient, query: str, found: list[str]) -> None:
    assert ids(get(client, f"/nodes?{query}")) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("sort=-used", ["agent-1", "agent-2"]),
        ("sort=used", ["agent-2", "agent-1"]),
        ("sort=status", ["agent-2", "agent-1"]),
        ("label=zone", ["agent-1", "agent-2"]),
        ("label=zone%3Deu-1&limit=1&sort=-id", ["agent-2"]),
        ("label=zone%3Dus", []),
        ("drained=true", []),
        ("drained=false&platform=docker&q=of-agent-2", ["agent-2"]),
    ],
)
def test_agents_are_found_and_sorted(client: FlaskClient, query: str, found: list[str]) -> None:
    assert [agent["agent_id"] for agent in get(client, f"/agents?{query}")["agents"]] == found


def test_events_link_backward_and_forward(client: FlaskClient, registry: Registry) -> None:
    registry.write_observations(
        Observations(events=[an_event(at_ms=number, message=str(number)) for number in range(9)])
    )
    newest = "/events?limit=3"
    older = link(client, newest, "prev")
    assert older is not None
    assert [event["message"] for event in get(client, newest)["events"]] == ["6", "7", "8"]
    assert [event["message"] for event in get(client, older)["events"]] == ["3", "4", "5"]
    newer = link(client, older, "next")
    assert newer is not None
    assert [event["message"] for event in get(client, newer)["events"]] == ["6", "7", "8"]
    assert len(get(client, "/events?reason=crashed")["events"]) == 0
    assert len(get(client, "/events?actor=operator&since_ms=3&until_ms=5")["events"]) == 3


def test_events_are_found_by_text_and_by_times_in_both_forms(
    client: FlaskClient, registry: Registry, clock: FakeClock
) -> None:
    now_ms = int(clock.wall() * 1000)
    ages = (0, 30, 90, 3600)
    events = [an_event("agent.offline", at_ms=now_ms - age * 1000, message=f"{age} s ago") for age in reversed(ages)]
    registry.write_observations(Observations(events=events))

    def found(query: str) -> list[str]:
        return [event["message"] for event in get(client, f"/events?kind=agent.offline&{query}")["events"]]

    assert found("since=1m") == ["30 s ago", "0 s ago"]
    assert found("until=1m&since=2m") == ["90 s ago"]
    assert found(f"since_ms={now_ms - 90_000}&until=1s") == ["90 s ago", "30 s ago"]
    assert found("until=1970-01-01T00:00:01Z") == []
    assert found("q=3600%20S") == ["3600 s ago"]
    assert found("q=AGENT.OFF&limit=1") == ["0 s ago"]


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/nodes?cursor=x", ["cursor"]),
        ("/nodes?sort=restart", ["sort", "id, -id, agent, -agent, status, -status, restarts, -restarts"]),
        ("/nodes?sort=restart", ["did you mean restarts"]),
        ("/nodes?limit=1001&health=ill&sotr=id", ["limit", "integer", 1, 1000, 1001]),
        ("/nodes?limit=1001&health=ill&sotr=id", ['"sotr"', "did you mean sort"]),
        ("/nodes?limit=1001&health=ill&sotr=id", ["health", "unknown, healthy, unhealthy", '"ill"']),
        ("/agents?drained=yes", ["drained", "true", "false", '"yes"']),
        ("/events?reason=nonsense", ["reason", '"nonsense"']),
        ("/events?since=1%20hour", ["since", "15m", '"1 hour"']),
        ("/events?until=2026-01-02&until_ms=1", ["until_ms", "until"]),
    ],
)
def test_all_faults_of_a_query_are_named(client: FlaskClient, path: str, named: list[object]) -> None:
    answer = client.get(path)
    assert answer.status_code == 400
    assert mentions(answer.get_json(force=True)["detail"], *named)


def test_a_cursor_of_another_filter_is_refused(client: FlaskClient) -> None:
    cursor = get(client, "/nodes?limit=1")["next_cursor"]
    answer = client.get(f"/nodes?limit=1&status=running&cursor={cursor}")
    assert answer.status_code == 400
    problem = answer.get_json(force=True)
    assert mentions(problem["detail"], "cursor", "filter", "sort")
    assert mentions(problem["hint"], "next_cursor")
