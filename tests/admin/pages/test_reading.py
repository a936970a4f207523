"""What each page shows of a grid, with and without a master."""

from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from support.browser.pages import open_page
from support.fakes.clock import FakeClock
from support.fakes.fake_master import FakeMaster
from support.texts import mentions
from support.values.grid_values import HOST, a_node, a_report, an_agent, an_event
from support.waiting import eventually

from sutra_grid.client.next_steps import NEXT_STEPS
from sutra_grid.core.types import AgentStatus, Health, NodeState, Reason
from sutra_grid.registry import Contents, Observations, Registry
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.access_pb2 import Caller

pytestmark = pytest.mark.usefixtures("registry")

SAMPLES = pb.NodeSampleList(
    samples=[pb.NodeSample(at_ms=at, cpu_percent=at * 10, rss_bytes=at << 20) for at in (1, 2, 3)]
)


def test_a_browser_is_sent_to_the_pages_and_a_program_is_not(client: FlaskClient) -> None:
    browser = client.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (browser.status_code, browser.headers["Location"]) == (302, "/ui/")
    for accept in ("*/*", "application/json"):
        assert client.get("/", headers={"Accept": accept}).json["links"]["pages"] == "/ui/"


def test_the_overview_of_a_degraded_grid_says_what_is_wrong_and_why(client: FlaskClient) -> None:
    page = open_page(client, "/ui/")
    assert mentions(page.text("cluster-status"), "degraded", "agent-2", "offline")
    assert mentions(page.text("attention"), "agent-2")
    # The node of an offline agent is not told beside its agent.
    assert "node-00000003" not in page.text("attention")
    assert "1/10" in page.text("cell-agent-2")
    assert page.ids.index("cell-agent-2") < page.ids.index("cell-agent-1"), "what is wrong stands first"
    assert "node.spawned" in page.text("events")


def test_the_overview_of_a_healthy_grid_says_so(client: FlaskClient, registry: Registry) -> None:
    registry.remove_agent("agent-2")
    page = open_page(client, "/ui/")
    assert mentions(page.text("cluster-status"), "healthy")
    assert "attention" not in page.ids


def test_the_overview_of_a_critical_grid_says_so(client: FlaskClient, registry: Registry) -> None:
    registry.save_agent(an_agent("agent-1", status=AgentStatus.OFFLINE))
    assert mentions(open_page(client, "/ui/").text("cluster-status"), "critical")


def test_the_overview_of_an_empty_grid_says_how_to_begin(client: FlaskClient, registry: Registry) -> None:
    for agent_id in ("agent-1", "agent-2"):
        registry.remove_agent(agent_id)
    assert "sutra-grid-agent --config" in open_page(client, "/ui/").text("cluster-status")


def test_a_failed_node_an_unhealthy_one_and_a_full_disk_need_attention(client: FlaskClient, registry: Registry) -> None:
    low = replace(HOST, disk_free_bytes=1 << 20, disk_reserve_bytes=1 << 30)
    registry.save_agent(an_agent("agent-1", host=low))
    nodes = [a_node("node-0000000a"), a_node("node-0000000b")]
    for node in nodes:
        registry.create_node(node, record=None)
    crash_loop = a_report(nodes[0], state=NodeState.FAILED, pid=0, reason=Reason.CRASH_LOOP, message="five crashes")
    unhealthy = a_report(nodes[1], health=Health.UNHEALTHY)
    registry.write_observations(Observations(reports=[crash_loop, unhealthy]))
    shown = open_page(client, "/ui/").text("attention")
    assert mentions(shown, "low disk agent-1", "failed node-0000000a", "five crashes", "unhealthy node-0000000b")
    assert mentions(shown, NEXT_STEPS[Reason.CRASH_LOOP].text)


def test_a_node_that_runs_again_after_a_crash_needs_attention_until_it_is_stable(
    client: FlaskClient, registry: Registry, clock: FakeClock
) -> None:
    node = a_node("node-0000000a")
    registry.create_node(node, record=None)
    now_ms = int(clock.wall() * 1000)
    again = a_report(
        node, unstable=True, stable_in_ms=30_000, started_at_ms=now_ms, reported_at_ms=now_ms, backoff_ms=0
    )
    registry.write_observations(Observations(reports=[again]))
    page = open_page(client, "/ui/")
    assert mentions(page.text("attention"), "unstable node-0000000a", "runs again", "stable in 30s", "log")
    registry.write_observations(Observations(reports=[replace(again, unstable=False, stable_in_ms=0)]))
    assert "node-0000000a" not in open_page(client, "/ui/").text("attention")


def test_three_thousand_agents_are_cells_with_words_for_who_does_not_see_colours(
    client: FlaskClient, registry: Registry
) -> None:
    agents = [an_agent(f"host-{number:04}", max_storage_nodes=4) for number in range(3000)]
    agents[7] = replace(agents[7], status=AgentStatus.DEGRADED)
    registry.refill(Contents(agents, [], {}), [], 0)
    answer = client.get("/ui/")
    assert answer.text.count('aria-label="host-') == 3000
    assert 'aria-label="host-0007: degraded, 0 of 4 slots used"' in answer.text
    assert answer.text.index("host-0007: degraded") < answer.text.index("host-0000: healthy")
    assert len(answer.data) < 1_000_000
    assert 'hx-trigger="every 10s' in answer.text, "so much is polled less often"


def test_agents_are_filtered_and_link_to_their_page(client: FlaskClient) -> None:
    page = open_page(client, "/ui/agents?status=offline")
    assert "/ui/agents/agent-2" in page.links
    assert "/ui/agents/agent-1" not in page.links
    assert "agent-1" in open_page(client, "/ui/agents?q=AGENT-1&status=").text()


def test_agents_are_filtered_by_every_platform_that_one_has(client: FlaskClient, registry: Registry) -> None:
    registry.save_agent(an_agent("agent-3", platform="hetzner"))
    options = client.get("/ui/agents").text.partition('name="platform"')[2].partition("</select>")[0]
    assert all(f"<option>{platform}</option>" in options for platform in ("docker", "k8s", "aws", "desktop", "hetzner"))
    page = open_page(client, "/ui/agents?platform=hetzner")
    assert "/ui/agents/agent-3" in page.links
    assert "/ui/agents/agent-1" not in page.links


def test_an_agent_shows_its_host_its_nodes_and_its_events(client: FlaskClient) -> None:
    page = open_page(client, "/ui/agents/agent-1")
    for words in ("healthy", "512Gi free of 1.0Ti", "12% of 8", "zone=eu-1", "/data/sutra", "node-00000002", "stopped"):
        assert words in page.text(), words
    assert mentions(page.text(), "Memory limits", "2.0Gi of 1 node"), "of the nodes that should run"
    assert "/ui/agents/agent-1/drain" in page.links
    assert "/ui/agents/agent-1/undrain" not in page.links


def test_what_an_offline_agent_measured_last_does_not_look_current(client: FlaskClient, registry: Registry) -> None:
    node = registry.nodes("agent-2")[0]
    registry.write_observations(Observations(reports=[a_report(node, started_at_ms=2_000)]))
    page = open_page(client, "/ui/agents/agent-2")
    assert mentions(page.text("host-age"), "Last measured", "current values are unknown")
    assert "<meter" not in client.get("/ui/agents/agent-2").text
    assert not [link for link in page.links if link.startswith("/ui/spawn?agent_id=")]
    assert "Drain for its return" in page.text()
    asked = open_page(client, "/ui/agents/agent-2/drain")
    assert mentions(asked.text(), "offline", "When it is back", "can't be stopped now")
    row = open_page(client, "/ui/nodes").text(f"row-{node.node_id}")
    assert mentions(row, "unknown")
    assert not mentions(row, "44Mi")
    explained = open_page(client, f"/ui/nodes/{node.node_id}")
    assert mentions(explained.text("explain"), "unknown since", "process 4711 in the last report")
    assert ", started" not in explained.text("explain")
    assert mentions(explained.text("resources"), "Last memory", "not known; healthy in the last report")
    listed = client.get("/agents").json["agents"]
    assert "CPU" in open_page(client, "/ui/agents").text()
    assert all(agent["host"]["at_ms"] for agent in listed), "a program gets the values with their time"


def test_the_history_of_a_node_is_unknown_while_its_agent_was_offline(client: FlaskClient, registry: Registry) -> None:
    events = [
        an_event("node.started", at_ms=1_000),
        an_event("agent.offline", at_ms=20_000, node_id=""),
        an_event("agent.recovered", at_ms=30_000, node_id=""),
    ]
    registry.write_observations(Observations(events=events))
    assert mentions(open_page(client, "/ui/nodes/node-00000001").text("history"), "unknown 10s")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"node-00000001", "node-00000002", "node-00000003"}),
        ("agent_id=agent-1", {"node-00000001", "node-00000002"}),
        ("status=unknown", {"node-00000003"}),
        ("engine=redis", {"node-00000002"}),
        ("q=0002", {"node-00000002"}),
        ("attention=true", {"node-00000003"}),
        ("status=running&agent_id=agent-2", set()),
    ],
)
def test_nodes_are_filtered(client: FlaskClient, query: str, found: set[str]) -> None:
    page = open_page(client, f"/ui/nodes?{query}")
    assert {link.rpartition("/")[2] for link in page.links if link.startswith("/ui/nodes/node-")} == found


def test_that_the_agent_of_a_filter_does_not_exist_is_said(client: FlaskClient) -> None:
    unknown = open_page(client, "/ui/nodes?agent_id=agent-99")
    assert mentions(unknown.text(), "No agent agent-99 is registered")
    none_matches = open_page(client, "/ui/nodes?agent_id=agent-2&engine=redis")
    assert "is registered" not in none_matches.text()


def test_nodes_come_page_by_page_sorted_as_asked(client: FlaskClient, registry: Registry) -> None:
    for number in range(60):
        registry.create_node(a_node(f"node-1000{number:04}"), record=None)
    first = open_page(client, "/ui/nodes?sort=-id&limit=50")
    [following] = [link for link in first.links if "cursor=" in link]
    second = open_page(client, following)
    ids = [link.rpartition("/")[2] for page in (first, second) for link in page.links if "/ui/nodes/node-" in link]
    assert len(ids) == 63
    assert ids == sorted(ids, reverse=True)
    assert any(link == "/ui/nodes?limit=50&sort=-id" for link in second.links), "back to the first page"


def test_a_node_is_explained_measured_and_told_from_its_beginning(
    client: FlaskClient, registry: Registry, master: FakeMaster, clock: FakeClock
) -> None:
    now_ms = int(clock.wall() * 1000)
    node = registry.node("node-00000001")
    assert node is not None
    report = a_report(
        node, state=NodeState.STARTING, pid=0, reason=Reason.BACK_OFF, message="exited with code 3", backoff_ms=9_000
    )
    told = [
        an_event("node.started", at_ms=now_ms - 60_000),
        an_event("node.exited", at_ms=now_ms - 6_000, message="exited with code 3"),
    ]
    registry.write_observations(Observations(reports=[report], events=told))
    master.answers["ListNodeSamples"] = SAMPLES
    master.answers["ReadNodeLog"] = pb.LogChunk(data=b"one\n\x1b[31mtwo\n")
    page = open_page(client, "/ui/nodes/node-00000001")
    explained = page.text("explain")
    assert mentions(explained, "back_off", report.message, "9s", "sutra-grid-cli nodes start node-00000001")
    assert mentions(explained, NEXT_STEPS[Reason.BACK_OFF].text)
    assert "CPU last 30% peak 30%" in page.text("resources")
    assert "Memory last 3.0Mi" in page.text("resources")
    assert "signal 9 (SIGKILL)" in page.text("exits")
    assert mentions(page.text("timeline"), "node.exited", told[1].message)
    assert page.text("log-text") == "one \ufffd[31mtwo"
    assert [link for link in page.links if link.startswith("/ui/act/")] == [
        f"/ui/act/{verb}?node_id=node-00000001" for verb in ("start", "stop", "remove")
    ]


def test_the_page_of_a_node_that_is_not_reachable_says_why(client: FlaskClient, registry: Registry) -> None:
    node = registry.node("node-00000001")
    assert node is not None
    problem = "not reachable at 10.0.0.5:50051: Connection refused. It answers at 127.0.0.1:50051. Restart the node"
    report = a_report(node, state=NodeState.RUNNING, endpoint="", endpoint_problem=problem, health=Health.HEALTHY)
    registry.write_observations(Observations(reports=[report]))
    page = open_page(client, "/ui/nodes/node-00000001")
    assert mentions(page.text("explain"), problem, "sutra-grid-cli nodes restart node-00000001")
    assert "no endpoint" in page.text()


def test_a_log_is_polled_alone(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["ReadNodeLog"] = pb.LogChunk(data=b"the last line\n")
    answer = client.get("/ui/nodes/node-00000001/log", headers={"HX-Request": "true"})
    assert answer.text.startswith('<div id="log"')
    assert "the last line" in answer.text


def test_a_poll_gets_the_part_that_changes_and_nothing_else(client: FlaskClient) -> None:
    for path in ("/ui/", "/ui/agents", "/ui/agents/agent-1", "/ui/nodes", "/ui/nodes/node-00000001", "/ui/events"):
        answer = client.get(path, headers={"HX-Request": "true", "HX-Target": "live"})
        assert answer.text.strip().startswith('<div id="live">'), path
        assert "<html" not in answer.text
        assert "Sutra Grid</title>" in answer.text, "a tab tells the status too"


def test_what_is_not_there_is_a_page_that_says_so(client: FlaskClient) -> None:
    assert mentions(open_page(client, "/ui/nodes/node-x", 404).text(), "node-x")
    assert mentions(open_page(client, "/ui/agents/agent-9", 404).text(), "agent-9")


def test_events_are_filtered_and_lead_back_in_time(client: FlaskClient, registry: Registry) -> None:
    events = [an_event("agent.offline", node_id="", at_ms=number, message=f"number {number}") for number in range(120)]
    registry.write_observations(Observations(events=events))
    first = open_page(client, "/ui/events?kind=agent.offline&limit=100")
    assert "number 119" in first.text()
    assert "node.spawned" not in first.ids
    [older] = [link for link in first.links if "before_event_id=" in link]
    second = open_page(client, older)
    assert "number 0" in second.text()
    assert "number 119" not in second.text()


def test_without_a_master_all_is_read_and_each_page_says_that_it_is_down(
    client: FlaskClient, registry: Registry, master: FakeMaster, clock: FakeClock
) -> None:
    def is_told() -> bool:
        clock.advance(10)
        return "master-banner" in open_page(client, "/ui/").ids

    report = a_report(registry.node("node-00000001"))
    registry.write_observations(Observations(reports=[report], master_at_ms=int(clock.wall() * 1000) - 4_000))
    overview = client.get("/ui/")
    assert "master-banner" not in overview.text
    assert "<title>degraded" in overview.text
    master.stop()
    assert is_told()
    unknown = client.get("/ui/")
    assert "<title>unknown" in unknown.text
    assert 'class="verdict rest"' in unknown.text
    verdict = open_page(client, "/ui/").text("cluster-status")
    assert mentions(verdict, "unknown", "As of 2023-11-14", "14s ago", "degraded then", "agent-2")
    for path in ("/ui/", "/ui/agents", "/ui/agents/agent-1", "/ui/nodes", "/ui/nodes/node-00000001", "/ui/events"):
        page = open_page(client, path)
        assert mentions(page.text("master-banner"), "master", master.address, "as of 2023-11-14"), path
    node = open_page(client, "/ui/nodes/node-00000001")
    assert mentions(node.text("resources"), "Last memory", "not known; healthy in the last report")
    assert mentions(node.text("explain"), "last reported running", "process 4711 in the last report")
    assert mentions(node.text("explain"), "You next", "Check that the master runs", "this admin reaches it")
    assert mentions(open_page(client, "/ui/agents/agent-1").text("host-age"), "Last measured", "unknown")
    assert "<meter" not in client.get("/ui/agents/agent-1").text
    master.start()
    eventually(lambda: not is_told())


def test_without_a_master_no_time_of_a_node_goes_on(
    client: FlaskClient, registry: Registry, master: FakeMaster, clock: FakeClock
) -> None:
    seen_ms = int(clock.wall() * 1000)
    runs = registry.node("node-00000001")
    waits = a_node("node-0000000a")
    registry.create_node(waits, record=None, events=[an_event("node.started", node_id=waits.node_id, at_ms=1_000)])
    reports = [
        a_report(runs, started_at_ms=seen_ms - 30_000),
        a_report(waits, state=NodeState.STARTING, pid=0, backoff_ms=60_000, reported_at_ms=seen_ms),
    ]
    event = an_event("node.started", node_id="node-00000001", at_ms=seen_ms - 30_000)
    registry.write_observations(Observations(reports=reports, events=[event], master_at_ms=seen_ms))
    master.stop()
    clock.advance(600)
    for path in ("/ui/nodes", "/ui/agents/agent-1", "/ui/search?q=node-"):
        page = open_page(client, path)
        assert " 30s " in page.text("row-node-00000001"), path
        assert "back-off 60s" in page.text("row-node-0000000a"), path
    assert mentions(open_page(client, "/ui/").text("attention"), "back-off 60s")
    assert "back-off 60s" in open_page(client, "/ui/nodes/node-0000000a").text("node-status")
    assert client.get("/nodes/node-0000000a").json["backoff_ms"] == 60_000
    [listed] = [each for each in client.get("/nodes").json["nodes"] if each["node_id"] == "node-0000000a"]
    assert listed["backoff_ms"] == 60_000
    history = open_page(client, "/ui/nodes/node-00000001").text("history")
    assert mentions(history, "running 30s", "unknown 10m"), "nobody has seen it since"


def test_every_page_says_which_daemons_are_open(
    client: FlaskClient, registry: Registry, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "exposure-banner" not in open_page(client, "/ui/").ids
    registry.save_agent(an_agent("agent-1", insecure=("agent",)))
    monkeypatch.setattr("sutra_grid.admin.upstream.master_check.who_am_i", lambda *_: Caller(insecure=True))
    clock.advance(16)
    for path in ("/ui/", "/ui/agents", "/ui/nodes", "/ui/events"):
        assert mentions(
            open_page(client, path).text("exposure-banner"), "change everything. One agent or its nodes have"
        )
    assert "no TLS" in open_page(client, "/ui/agents").text("agent-agent-1")
    assert "no TLS" not in open_page(client, "/ui/agents").text("agent-agent-2")
    assert "whoever reaches the agent can stop and remove its nodes" in open_page(client, "/ui/agents/agent-1").text()
    status = client.get("/status").json
    assert (status["insecure"], status["insecure_agents"], status["insecure_master"]) == (False, 1, True)
    assert client.get("/agents/agent-1").json["insecure"] == ["agent"]
