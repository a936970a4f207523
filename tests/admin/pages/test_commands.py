"""What is commanded through the pages: told before, done once, and its failure told with the reason."""

import pytest
from flask.testing import FlaskClient
from support.browser.html import Page
from support.browser.pages import open_page, send_form
from support.fakes.fake_master import FakeMaster
from support.texts import mentions
from support.values.cli_records import node
from support.values.grid_values import an_agent

from sutra_grid.core.errors import FailedPrecondition, ResourceExhausted
from sutra_grid.core.types import Desired, Reason
from sutra_grid.registry import Registry
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.errors import error_detail

pytestmark = pytest.mark.usefixtures("registry")

NODE = "node-00000001"
STOPPED = pb.StopResponse(success=True, node=pb.NodeStatus(node_id=NODE, status="stopped"))
SPAWNED = pb.SpawnResponse(success=True, node=pb.NodeStatus(node_id=NODE, agent_id="agent-1", status="running"))
FULL = ResourceExhausted("agent-1 has 10 nodes of 10", reason=Reason.SLOTS_FULL, hint="Remove some")


def asked(client: FlaskClient, path: str) -> str:
    page = open_page(client, path)
    return page.text()


@pytest.mark.parametrize(
    ("path", "named"),
    [
        (f"/ui/act/stop?node_id={NODE}", [4711, f"/data/sutra/{NODE}"]),
        (f"/ui/act/restart?node_id={NODE}", [4711]),
        (f"/ui/act/remove?node_id={NODE}", [4711, "data", "log", f"/data/sutra/{NODE}"]),
        ("/ui/act/start?node_id=node-00000002", ["process", "agent-1"]),
        ("/ui/act/stop?node_id=node-00000003", ["agent-2", "offline"]),
        (f"/ui/act/stop?node_id={NODE}&node_id=node-00000002", [NODE, 4711, "node-00000002", "no process"]),
        ("/ui/agents/agent-1/drain", ["2 nodes"]),
        ("/ui/agents/agent-1/undrain", ["agent-1 is not drained", "Nothing changes"]),
        ("/ui/agents/agent-1/remove", ["2 nodes", "master"]),
        ("/ui/agents/agent-2/remove", ["1 node", "data stays"]),
    ],
)
def test_a_confirmation_says_what_will_happen_and_does_nothing(
    client: FlaskClient, master: FakeMaster, path: str, named: list[object]
) -> None:
    assert mentions(asked(client, path), *named)
    assert not master.calls


def test_a_stop_goes_to_the_master_once_and_leads_to_the_node(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["StopStorageNode"] = STOPPED
    answer = send_form(client, f"/ui/act/stop?node_id={NODE}")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/ui/nodes/{NODE}")
    [call] = master.calls["StopStorageNode"]
    assert call.node_id == NODE
    assert call.request_id
    assert mentions(open_page(client, f"/ui/nodes/{NODE}").text("said"), NODE, "stopped")
    assert open_page(client, f"/ui/nodes/{NODE}").text("said") == "", "it is told once"


@pytest.mark.parametrize(
    ("verb", "method", "after"),
    [
        ("start", "StartStorageNode", f"/ui/nodes/{NODE}"),
        ("restart", "RestartStorageNode", f"/ui/nodes/{NODE}"),
        ("remove", "RemoveStorageNode", "/ui/nodes"),
    ],
)
def test_each_command_is_the_master_s(
    client: FlaskClient, master: FakeMaster, verb: str, method: str, after: str
) -> None:
    master.answers[method] = pb.NodeResult(success=True, node=pb.NodeStatus(node_id=NODE))
    answer = send_form(client, f"/ui/act/{verb}?node_id={NODE}")
    assert answer.headers["Location"] == after
    assert [call.node_id for call in master.calls[method]] == [NODE]


def test_htmx_is_told_where_to_go(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["StopStorageNode"] = STOPPED
    answer = send_form(client, f"/ui/act/stop?node_id={NODE}", htmx=True)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (200, f"/ui/nodes/{NODE}")


def test_a_refusal_is_shown_in_the_form_with_reason_and_hint(client: FlaskClient, master: FakeMaster) -> None:
    refusal = FailedPrecondition("agent-1 is offline", reason=Reason.AGENT_OFFLINE, hint="Bring it back")
    master.answers["StopStorageNode"] = pb.StopResponse(success=False, error=error_detail(refusal))
    answer = send_form(client, f"/ui/act/stop?node_id={NODE}", htmx=True)
    assert answer.status_code == 409
    assert "<html" not in answer.text
    failure = Page(answer.text).text("failure")
    assert mentions(failure, refusal.message, refusal.hint)


def test_of_several_nodes_those_that_failed_are_asked_about_again(client: FlaskClient, master: FakeMaster) -> None:
    def stop(request: pb.StopRequest) -> pb.StopResponse:
        if request.node_id == NODE:
            return STOPPED
        return pb.StopResponse(success=False, error=error_detail(FailedPrecondition("not now")))

    master.answers["StopStorageNode"] = stop
    answer = send_form(client, f"/ui/act/stop?node_id={NODE}&node_id=node-00000002&node_id={NODE}")
    assert len({call.request_id for call in master.calls["StopStorageNode"]}) == 2
    page = Page(answer.text)
    assert mentions(page.text("failure"), "1 of 2")
    [form] = [form for form in page.forms if form.method == "post"]
    assert [value for name, value in form.values if name == "node_id"] == ["node-00000002"]


def test_a_form_whose_outcome_is_not_known_keeps_its_key(client: FlaskClient, master: FakeMaster) -> None:
    master.stop()
    answer = send_form(client, f"/ui/act/stop?node_id={NODE}", key="the-key")
    assert answer.status_code == 503
    page = Page(answer.text)
    assert master.address in page.text("failure")
    [form] = [form for form in page.forms if form.method == "post"]
    assert dict(form.values)["key"] == "the-key"


def test_a_selection_that_is_empty_or_gone_is_told(client: FlaskClient) -> None:
    assert mentions(open_page(client, "/ui/act/stop", 400).text(), "node", "selected")
    assert mentions(open_page(client, "/ui/act/stop?node_id=node-x", 404).text(), "node-x")


def test_progress_is_shown_as_text(client: FlaskClient) -> None:
    assert mentions(client.get(f"/ui/act/now?node_id={NODE}").text, NODE, "running", 4711)
    assert mentions(client.get(f"/ui/act/now?node_id={NODE}&node_id=node-00000002").text, "1 running", "1 stopped")


def test_a_node_is_spawned_as_the_form_says(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["SpawnStorageNode"] = SPAWNED
    answer = send_form(client, "/ui/spawn?agent_id=agent-1", port="50055", memory_limit_mb="512")
    assert answer.headers["Location"] == f"/ui/nodes/{NODE}"
    [call] = master.calls["SpawnStorageNode"]
    assert (call.agent_id, call.port, call.memory_limit_mb, call.engine) == ("agent-1", 50055, 512, "")


def test_several_are_spawned_alike(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["SpawnStorageNode"] = SPAWNED
    answer = send_form(client, "/ui/spawn", count="3")
    assert answer.headers["Location"] == "/ui/nodes?sort=-created"
    assert len({call.request_id for call in master.calls["SpawnStorageNode"]}) == 3


def test_a_wrong_field_is_told_beside_it_and_the_rest_stays(client: FlaskClient, master: FakeMaster) -> None:
    answer = send_form(client, "/ui/spawn", port="many", engine="redis")
    assert answer.status_code == 400
    page = Page(answer.text)
    assert mentions(page.text("hint-port"), "integer", 0, 65535)
    assert ("engine", "redis") in page.forms[-1].values
    assert not master.calls


def test_a_refused_spawn_keeps_what_was_filled_in(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["SpawnStorageNode"] = pb.SpawnResponse(success=False, error=error_detail(FULL))
    answer = send_form(client, "/ui/spawn", agent_id="agent-1")
    assert answer.status_code == 409
    page = Page(answer.text)
    assert mentions(page.text("failure"), FULL.message)
    assert ("agent_id", "agent-1") in page.forms[-1].values


def test_an_agent_is_drained_undrained_and_removed(client: FlaskClient, master: FakeMaster, registry: Registry) -> None:
    master.answers |= {
        "DrainAgent": pb.AgentRecord(agent_id="agent-1", drained=True),
        "UndrainAgent": pb.AgentRecord(agent_id="agent-1"),
        "RemoveAgent": pb.Empty(),
    }
    assert send_form(client, "/ui/agents/agent-1/drain").headers["Location"] == "/ui/agents/agent-1"
    registry.save_agent(an_agent("agent-1", drained=True))
    assert "/ui/agents/agent-1/undrain" in open_page(client, "/ui/agents/agent-1").links
    assert send_form(client, "/ui/agents/agent-1/undrain").headers["Location"] == "/ui/agents/agent-1"
    assert send_form(client, "/ui/agents/agent-1/remove").headers["Location"] == "/ui/agents"
    assert {method: len(calls) for method, calls in master.calls.items()} == {
        "DrainAgent": 1,
        "UndrainAgent": 1,
        "RemoveAgent": 1,
    }


def test_an_undrain_offers_to_start_what_the_drain_has_stopped(
    client: FlaskClient, master: FakeMaster, registry: Registry
) -> None:
    assert "start_nodes" not in client.get("/ui/agents/agent-1/undrain").text
    registry.change_desired("node-00000001", Desired.STOPPED, for_drain=True)
    by_drain = node("node-00000001", status="stopped", desired="stopped", stopped_by_drain=True)
    master.answers |= {
        "UndrainAgent": pb.AgentRecord(agent_id="agent-1"),
        "GetAgent": pb.AgentRecord(agent_id="agent-1", storage_nodes=[by_drain]),
        "StartStorageNode": pb.NodeResult(success=True, node=node("node-00000001")),
    }
    for path in ("/ui/agents/agent-1", "/ui/agents/agent-1/undrain"):
        assert mentions(asked(client, path), "drain has stopped 1 node")
    assert send_form(client, "/ui/agents/agent-1/undrain", start_nodes="true").status_code == 303
    assert [call.node_id for call in master.calls["StartStorageNode"]] == ["node-00000001"]


def test_equal_refusals_of_many_nodes_are_told_once(client: FlaskClient, master: FakeMaster) -> None:
    master.answers["StopStorageNode"] = pb.StopResponse(success=False, error=error_detail(FULL))
    answer = send_form(client, "/ui/act/stop?node_id=node-00000001&node_id=node-00000002")
    assert answer.text.count(FULL.message) == 1
    assert mentions(answer.text, "2 (node-00000001, node-00000002)", FULL.message)


def test_removing_an_agent_whose_node_may_run_names_what_is_lost_and_needs_a_tick(
    client: FlaskClient, master: FakeMaster
) -> None:
    master.answers["RemoveAgent"] = pb.Empty()
    assert mentions(
        asked(client, "/ui/agents/agent-2/remove"), "node-00000003", "may still run", "stops those that run"
    )
    send_form(client, "/ui/agents/agent-2/remove")
    send_form(client, "/ui/agents/agent-2/remove", force="true")
    assert [call.force for call in master.calls["RemoveAgent"]] == [False, True]


def test_draining_may_stop_the_nodes_too(client: FlaskClient, master: FakeMaster) -> None:
    at_rest = pb.NodeStatus(node_id=NODE, status="stopped", desired="stopped", generation=2, observed_generation=2)
    running = pb.NodeStatus(node_id=NODE, status="running", desired="running", pid=4711)
    master.answers |= {
        "DrainAgent": pb.AgentRecord(agent_id="agent-1", drained=True),
        "GetAgent": [pb.AgentRecord(storage_nodes=[running]), pb.AgentRecord(storage_nodes=[at_rest])],
        "StopStorageNode": STOPPED,
    }
    send_form(client, "/ui/agents/agent-1/drain", stop_nodes="true")
    assert [call.node_id for call in master.calls["StopStorageNode"]] == [NODE]
    assert mentions(open_page(client, "/ui/").text("said"), "agent-1", "process")
