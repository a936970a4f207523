"""Agents that end: the next one adopts the nodes that live and restarts those that died meanwhile."""

from __future__ import annotations

import pytest
from support.harness.grid import Grid
from support.harness.processes import is_alive, kill, kill_and_wait
from support.waiting import eventually

pytestmark = pytest.mark.e2e


def test_an_agent_killed_with_sigkill_comes_back_to_the_same_processes(shared_grid: Grid) -> None:
    nodes = [shared_grid.grpc.spawn("agent-1") for _ in range(3)]
    with shared_grid.kv(nodes[0]) as kv:
        kv.put("colour", "green")
    before = shared_grid.processes()
    agent = shared_grid.agents["agent-1"]

    agent.kill()
    assert shared_grid.processes() == before
    agent.start()
    agent.wait_ready()

    shared_grid.wait_agents("healthy")
    for node in nodes:
        view = shared_grid.wait_node(node.node_id, "running")
        assert (view.pid, view.restarts) == (node.pid, 0)
    assert shared_grid.processes() == before
    for node in nodes:
        shared_grid.grpc.remove(node.node_id)


def test_an_adopted_node_is_watched_stopped_and_restarted_like_a_child(shared_grid: Grid) -> None:
    node = shared_grid.grpc.spawn("agent-1")
    agent = shared_grid.agents["agent-1"]
    agent.kill()
    agent.start()
    agent.wait_ready()
    shared_grid.wait_agents("healthy")

    kill([node.pid])
    eventually(lambda: shared_grid.grpc.show(node.node_id).restarts == 1, message="the adopted process restarted")
    running = shared_grid.wait_node(node.node_id, "running")
    restarted = shared_grid.grpc.restart(node.node_id)
    stopped = shared_grid.grpc.stop(node.node_id)

    assert len({node.pid, running.pid, restarted.pid}) == 3
    assert stopped.status == "stopped"
    assert node.node_id not in shared_grid.processes()
    shared_grid.grpc.remove(node.node_id)


def test_a_node_that_died_while_its_agent_was_down_is_started_with_the_agent(shared_grid: Grid) -> None:
    lost, kept = (shared_grid.grpc.spawn("agent-1") for _ in range(2))
    agent = shared_grid.agents["agent-1"]

    agent.kill()
    kill_and_wait([lost.pid])
    agent.start()
    agent.wait_ready()

    eventually(lambda: set(shared_grid.processes()) >= {lost.node_id, kept.node_id}, message="both nodes run")
    eventually(lambda: shared_grid.grpc.show(lost.node_id).pid not in {0, lost.pid}, message="the new process shown")
    assert shared_grid.wait_node(lost.node_id, "running").pid == shared_grid.pids()[lost.node_id]
    assert shared_grid.wait_node(kept.node_id, "running").pid == kept.pid
    for node in (lost, kept):
        shared_grid.grpc.remove(node.node_id)


def test_an_agent_ended_by_sigterm_is_offline_at_once_and_its_nodes_live(shared_grid: Grid) -> None:
    node = shared_grid.grpc.spawn("agent-1")
    agent = shared_grid.agents["agent-1"]

    assert agent.stop() == 0

    eventually(lambda: shared_grid.agent().status == "offline", timeout_seconds=1.0, message="offline at once")
    assert shared_grid.agent().reason == "unregistered"
    assert shared_grid.grpc.show(node.node_id).status == "unknown"
    assert is_alive(node.pid)

    agent.start()
    agent.wait_ready()
    shared_grid.wait_agents("healthy")
    assert shared_grid.wait_node(node.node_id, "running").pid == node.pid
    shared_grid.grpc.remove(node.node_id)
