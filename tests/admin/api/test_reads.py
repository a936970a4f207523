"""What is read from the registry, and shown in the field names of the wire."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from support.fakes.clock import FakeClock
from support.fakes.fake_master import FakeMaster
from support.texts import mentions
from support.values.grid_values import an_event

from sutra_grid import __version__
from sutra_grid.admin.schemas.responses import MASTER_ONLY_FIELDS
from sutra_grid.core.types import Desired
from sutra_grid.registry import Observations, Registry
from sutra_grid.wire import grid_pb2 as pb

pytestmark = pytest.mark.usefixtures("registry")


def get(client: FlaskClient, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "application/json"
    return answer.json


def test_the_index_leads_to_everything(client: FlaskClient) -> None:
    index = get(client, "/")
    assert index["version"] == __version__
    for path in set(index["links"].values()) - {"/docs", "/metrics", "/ui/"}:
        get(client, path)
    assert client.get(index["links"]["docs"]).content_type.startswith("text/html")
    assert client.get(index["links"]["metrics"]).content_type.startswith("text/plain")


def test_status_counts_the_grid_and_says_why_it_is_not_healthy(client: FlaskClient) -> None:
    status = get(client, "/status")
    # The registry knows nothing of the master's process, so its two fields are not there.
    assert set(status) == {field.name for field in pb.ClusterStatus.DESCRIPTOR.fields} - MASTER_ONLY_FIELDS
    assert (status["total_agents"], status["offline_agents"]) == (2, 1)
    assert (status["total_storage_nodes"], status["running_storage_nodes"], status["unknown_storage_nodes"]) == (
        3,
        1,
        1,
    )
    assert status["status"] == "degraded"
    assert any("agent-2" in reason for reason in status["reasons"])


def test_agents_are_listed_with_the_number_of_their_nodes(client: FlaskClient) -> None:
    agents = get(client, "/agents")["agents"]
    assert [(agent["agent_id"], agent["status"]) for agent in agents] == [
        ("agent-1", "healthy"),
        ("agent-2", "offline"),
    ]
    assert [agent["current_storage_nodes"] for agent in agents] == [2, 1]
    assert "storage_nodes" not in agents[0]
    assert agents[0]["labels"] == {"zone": "eu-1", "disk": "nvme"}
    assert agents[0]["host"]["cpu_count"] == 8


def test_agents_are_filtered_by_status(client: FlaskClient) -> None:
    assert [agent["agent_id"] for agent in get(client, "/agents?status=offline")["agents"]] == ["agent-2"]


def test_one_agent_is_shown(client: FlaskClient) -> None:
    agent = get(client, "/agents/agent-1")
    assert [node["node_id"] for node in agent["storage_nodes"]] == ["node-00000001", "node-00000002"]
    assert {**agent, "storage_nodes": None} == {**get(client, "/agents")["agents"][0], "storage_nodes": None}
    assert agent["current_storage_nodes"] == 2


def test_nodes_show_desired_and_observed_together(client: FlaskClient) -> None:
    nodes = get(client, "/nodes")["nodes"]
    assert [(node["node_id"], node["status"], node["desired"]) for node in nodes] == [
        ("node-00000001", "running", "running"),
        ("node-00000002", "stopped", "stopped"),
        ("node-00000003", "unknown", "running"),
    ]
    assert nodes[0]["pid"] == 4711
    assert nodes[0]["exits"][0]["signal"] == 9
    assert "code" not in nodes[0]["exits"][0]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("agent_id=agent-1", ["node-00000001", "node-00000002"]),
        ("agent_id=nobody", []),
        ("status=unknown", ["node-00000003"]),
        ("engine=redis", ["node-00000002"]),
        ("agent_id=agent-1&status=running&engine=storage", ["node-00000001"]),
        ("", ["node-00000001", "node-00000002", "node-00000003"]),
    ],
)
def test_nodes_are_filtered(client: FlaskClient, query: str, found: list[str]) -> None:
    assert [node["node_id"] for node in get(client, f"/nodes?{query}")["nodes"]] == found


def test_one_node_is_shown(client: FlaskClient) -> None:
    assert get(client, "/nodes/node-00000003") == get(client, "/nodes")["nodes"][2]


def test_events_are_listed_and_followed(client: FlaskClient, registry: Registry) -> None:
    first = get(client, "/events")
    assert [event["node_id"] for event in first["events"]] == ["node-00000001", "node-00000002", "node-00000003"]
    cursor = first["last_event_id"]
    assert get(client, f"/events?after_event_id={cursor}") == {"events": [], "last_event_id": cursor}
    registry.write_observations(Observations(events=[an_event("agent.offline", at_ms=9_000)]))
    [event] = get(client, f"/events?after_event_id={cursor}")["events"]
    assert (event["kind"], event["actor"]) == ("agent.offline", "operator")


def test_events_are_filtered_and_limited(client: FlaskClient) -> None:
    assert len(get(client, "/events?limit=2")["events"]) == 2
    assert len(get(client, "/events?node_id=node-00000002&kind=node")["events"]) == 1
    filtered = get(client, "/events?kind=agent")
    assert filtered["events"] == []
    assert filtered["last_event_id"] == get(client, "/events")["last_event_id"]


def test_reads_need_no_master(client: FlaskClient, master: FakeMaster) -> None:
    master.stop()
    for path in ("/status", "/agents", "/agents/agent-1", "/nodes", "/nodes/node-00000001", "/events"):
        get(client, path)
    ready = client.get("/readyz")
    assert (ready.status_code, ready.get_json()["status"]) == (503, "read_only")
    assert master.address in ready.get_json()["master"]["message"]
    assert get(client, "/readyz?exclude=master")["status"] == "read_only"
    assert get(client, "/livez")["status"] == "alive"
    assert client.get("/readyz?exclude=registry").status_code == 400


def test_without_a_master_the_status_is_unknown_and_tells_as_of_when(
    client: FlaskClient, registry: Registry, master: FakeMaster, clock: FakeClock
) -> None:
    registry.write_observations(Observations(master_at_ms=1_772_000_000_000))
    before = get(client, "/status")
    assert (before["status"], before["as_of_ms"]) == ("degraded", 0)
    assert all(get(client, path)["as_of_ms"] == 0 for path in ("/nodes", "/agents"))
    master.stop()
    clock.advance(2)
    status = get(client, "/status")
    assert (status["status"], status["as_of_ms"]) == ("unknown", 1_772_000_000_000)
    assert {name: before[name] for name in before if name.endswith(("agents", "nodes"))} == {
        name: status[name] for name in status if name.endswith(("agents", "nodes"))
    }
    assert all(get(client, path)["as_of_ms"] == 1_772_000_000_000 for path in ("/nodes", "/agents")), "lists too"
    why, *others = status["reasons"]
    assert mentions(why, "the master can't be asked", master.address, "2026-02-25 06:13:20 UTC", "degraded then")
    assert others == before["reasons"]


def test_without_a_master_its_last_time_is_read_once_for_all_nodes_of_an_agent(
    client: FlaskClient, master: FakeMaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []
    read = Registry.master_last_seen_ms
    monkeypatch.setattr(Registry, "master_last_seen_ms", lambda opened: reads.append(1) or read(opened))
    master.stop()
    assert len(get(client, "/agents/agent-1")["storage_nodes"]) == 2
    assert len(reads) == 1


def test_a_master_that_never_wrote_leaves_no_age(client: FlaskClient, registry: Registry, master: FakeMaster) -> None:
    master.stop()
    status = get(client, "/status")
    assert (status["status"], status["as_of_ms"]) == ("unknown", 0)
    assert "unknown time" in status["reasons"][0]


def test_a_grid_with_registry_and_master_is_ready(client: FlaskClient) -> None:
    ready = get(client, "/readyz")
    assert (ready["status"], ready["registry"]["ok"], ready["master"]["ok"]) == ("ready", True, True)


@pytest.mark.parametrize("path", ["/status", "/agents/agent-1", "/nodes/node-00000001", "/nodes", "/agents", "/events"])
def test_what_the_client_has_already_is_not_sent_again(client: FlaskClient, registry: Registry, path: str) -> None:
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    registry.change_desired("node-00000001", Desired.ABSENT, events=[an_event("node.removed")])
    assert client.get(path, headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_answers_are_not_kept_by_caches(client: FlaskClient) -> None:
    headers = client.get("/livez").headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_log_is_read_through_the_master(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["ReadNodeLog"] = pb.LogChunk(data="zeile ä\n".encode() + b"\xff", cursor="c1", rotated=True)
    answer = get(client, "/nodes/node-00000001/logs?tail=5&max_bytes=1000")
    assert (answer["data"], answer["cursor"], answer["rotated"]) == ("zeile ä\n�", "c1", True)
    assert master.calls["ReadNodeLog"] == [pb.LogRequest(node_id="node-00000001", tail_lines=5, max_bytes=1000)]


def test_what_of_a_tail_does_not_fit_is_told_in_fields_and_headers(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["ReadNodeLog"] = pb.LogChunk(
        data=b"x", cursor="c2", more=True, omitted_lines=7, omitted_cursor="c1", note="words"
    )
    answer = get(client, "/nodes/n/logs?tail=8")
    assert {key: answer[key] for key in ("more", "omitted_lines", "omitted_cursor", "note")} == {
        "more": True,
        "omitted_lines": 7,
        "omitted_cursor": "c1",
        "note": "words",
    }
    headers = client.get("/nodes/n/logs?tail=8", headers={"Accept": "text/plain"}).headers
    assert headers["X-Log-Omitted-Lines"] == "7"
    assert headers.getlist("Link") == ['</nodes/n/logs?cursor=c1>; rel="prev"', '</nodes/n/logs?cursor=c2>; rel="next"']


def test_a_log_begins_a_hundred_lines_back_or_at_the_cursor(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["ReadNodeLog"] = pb.LogChunk()
    get(client, "/nodes/n/logs")
    get(client, "/nodes/n/logs?cursor=c1")
    assert master.calls["ReadNodeLog"] == [
        pb.LogRequest(node_id="n", tail_lines=100, max_bytes=1 << 20),
        pb.LogRequest(node_id="n", cursor="c1"),
    ]


def test_a_log_is_plain_text_for_who_takes_text(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["ReadNodeLog"] = pb.LogChunk(data=b"one\ntwo\n")
    answer = client.get("/nodes/n/logs", headers={"Accept": "text/plain"})
    assert (answer.content_type, answer.text) == ("text/plain; charset=utf-8", "one\ntwo\n")
