"""The life of a node: one test body, run through gRPC, REST and the command line."""

from __future__ import annotations

import pytest
from support.harness.grid import Grid
from support.harness.interfaces import Interface, Refused
from support.harness.processes import is_alive
from support.waiting import eventually

NOBODY = "node-00000000"


@pytest.fixture(params=["grpc", "rest", "cli"])
def interface(request: pytest.FixtureRequest, shared_grid: Grid) -> Interface:
    chosen: Interface = getattr(shared_grid, request.param)
    return chosen


def test_a_spawned_node_runs_where_it_was_said_to_and_takes_writes(shared_grid: Grid, interface: Interface) -> None:
    node = interface.spawn("agent-1")

    assert (node.status, node.desired, node.agent_id) == ("running", "running", "agent-1")
    assert shared_grid.pids()[node.node_id] == node.pid
    assert node.storage_path == str(shared_grid.data_path("agent-1") / node.node_id)
    with shared_grid.kv(node) as kv:
        kv.put("colour", "green")
        assert kv.get("colour") == "green"
    interface.remove(node.node_id)


def test_a_node_keeps_its_data_when_it_is_stopped_started_and_restarted(
    shared_grid: Grid, interface: Interface
) -> None:
    node = interface.spawn("agent-1")
    with shared_grid.kv(node) as kv:
        kv.put("colour", "green")

    stopped = interface.stop(node.node_id)
    assert (stopped.status, stopped.desired, stopped.pid) == ("stopped", "stopped", 0)
    assert not is_alive(node.pid)

    started = interface.start(node.node_id)
    assert started.status == "running"
    assert started.endpoint == node.endpoint
    assert shared_grid.pids()[node.node_id] == started.pid

    restarted = interface.restart(node.node_id)
    assert restarted.status == "running"
    assert restarted.pid != started.pid
    assert shared_grid.pids()[node.node_id] == restarted.pid
    with shared_grid.kv(restarted) as kv:
        assert kv.get("colour") == "green"
    interface.remove(node.node_id)


def test_a_removed_node_is_gone_and_its_data_is_not(shared_grid: Grid, interface: Interface) -> None:
    node = interface.spawn("agent-1")

    interface.remove(node.node_id)

    assert not is_alive(node.pid)
    assert node.node_id not in shared_grid.processes()
    assert (shared_grid.data_path("agent-1") / node.node_id).is_dir()
    with pytest.raises(Refused) as refusal:
        interface.start(node.node_id)
    assert refusal.value.code == "not_found"
    eventually(
        lambda: node.node_id not in {shown.node_id for shown in interface.nodes()}, message="node no longer listed"
    )


def test_starting_a_running_node_and_stopping_a_stopped_one_change_nothing(
    shared_grid: Grid, interface: Interface
) -> None:
    node = interface.spawn("agent-1")

    assert interface.start(node.node_id).pid == node.pid
    interface.stop(node.node_id)
    assert interface.stop(node.node_id).status == "stopped"
    assert node.node_id not in shared_grid.processes()
    interface.remove(node.node_id)


def test_all_faces_show_the_same_grid(shared_grid: Grid) -> None:
    node = shared_grid.grpc.spawn("agent-1")
    interfaces: list[Interface] = [shared_grid.grpc, shared_grid.rest, shared_grid.cli]

    def views() -> bool:
        shown = [each.show(node.node_id) for each in interfaces]
        return all(view == shown[0] for view in shown)

    # The admin reads the registry, which follows the master's memory by at most a second.
    eventually(views, message="the same node on all interfaces")
    eventually(lambda: all(each.agents() == {"agent-1": "healthy"} for each in interfaces), message="the same agents")
    eventually(lambda: len({each.cluster() for each in interfaces}) == 1, message="the same status of the cluster")
    shared_grid.grpc.remove(node.node_id)


@pytest.mark.parametrize("command", ["show", "start", "stop", "restart", "remove"])
def test_an_unknown_node_is_not_found(interface: Interface, command: str) -> None:
    with pytest.raises(Refused, match=NOBODY) as refusal:
        getattr(interface, command)(NOBODY)

    assert refusal.value.code == "not_found"
    assert refusal.value.status in {"NOT_FOUND", "success=false", 404, 3}


def test_an_unknown_agent_is_not_found(interface: Interface) -> None:
    with pytest.raises(Refused, match="agent-99") as refusal:
        interface.spawn("agent-99")

    assert (refusal.value.code, refusal.value.reason) == ("not_found", "unknown_agent")
    assert refusal.value.hint


def test_a_path_outside_the_data_path_is_refused(shared_grid: Grid, interface: Interface) -> None:
    before = set(shared_grid.processes())

    for path in ("/tmp/elsewhere", str(shared_grid.data_path("agent-1") / ".." / "elsewhere")):
        with pytest.raises(Refused) as refusal:
            interface.spawn("agent-1", storage_path=path)
        assert refusal.value.reason == "path_outside_data", refusal.value

    assert set(shared_grid.processes()) == before


def test_a_link_that_leaves_the_data_path_is_refused(shared_grid: Grid, interface: Interface) -> None:
    link = shared_grid.data_path("agent-1") / "way-out"
    if not link.is_symlink():
        link.symlink_to(shared_grid.root)

    with pytest.raises(Refused) as refusal:
        interface.spawn("agent-1", storage_path=str(link / "elsewhere"))

    assert refusal.value.reason == "path_outside_data"


def test_a_taken_port_and_a_taken_path_are_refused_by_name_and_leave_nothing(
    shared_grid: Grid, interface: Interface
) -> None:
    node = interface.spawn("agent-1")

    with pytest.raises(Refused, match=str(node.port)) as port_refusal:
        interface.spawn("agent-1", port=node.port)
    with pytest.raises(Refused, match=node.node_id) as path_refusal:
        interface.spawn("agent-1", storage_path=node.storage_path)

    assert port_refusal.value.reason == "port_taken"
    assert path_refusal.value.reason == "path_taken"
    interface.remove(node.node_id)
    eventually(lambda: shared_grid.agent().current_storage_nodes == 0, message="no node left on the agent")


def test_a_port_out_of_range_is_refused(shared_grid: Grid, interface: Interface) -> None:
    with pytest.raises(Refused) as refusal:
        interface.spawn("agent-1", port=70 if interface is shared_grid.grpc else 71)

    assert refusal.value.reason == "port_out_of_range"


@pytest.mark.parametrize("agent_id", ["agent-1", ""])
def test_an_unknown_engine_is_refused_with_those_that_exist(interface: Interface, agent_id: str) -> None:
    with pytest.raises(Refused, match="storage") as refusal:
        interface.spawn(agent_id, engine="no-such-engine")

    assert (refusal.value.code, refusal.value.reason) == ("invalid_argument", "unknown_engine"), "not to be tried again"
