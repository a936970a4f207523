"""Addresses and names of an agent's configuration that its host does not have, has lost, or can't resolve."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
from support.faults.namespaces import cable_or_skip
from support.harness.agent_harness import AgentHarness
from support.harness.daemons import run_program, script
from support.harness.processes import kill
from support.harness.two_hosts import two_hosts
from support.texts import tries_in
from support.waiting import eventually

from sutra_grid.core.types import Desired, Health

pytestmark = pytest.mark.e2e

EXTRA = "10.232.0.7"


def test_an_agent_without_its_bind_address_does_not_start_and_names_those_of_its_host(tmp_path: Path) -> None:
    agent = AgentHarness(tmp_path / "host", storage={"bind": "192.0.2.77"})

    ended = run_program("sutra-grid-agent", "--config", str(agent.daemon.config))

    assert ended.exit_code == 1
    assert "nodes can't listen on 192.0.2.77: this host does not have the address" in ended.stderr
    assert "Correct bind in [storage]" in ended.stderr
    assert "127.0.0.1" in ended.stderr


def test_a_node_waits_for_a_bind_address_that_its_host_has_lost(tmp_path: Path) -> None:
    with ExitStack() as stack:
        cable = stack.enter_context(cable_or_skip())
        right = cable.right.namespace
        right.ip("address", "add", f"{EXTRA}/32", "dev", "lo")
        patience = {"first_delay_secs": 0.1, "max_delay_secs": 0.2, "max_crashes": 2}
        hosts = two_hosts(stack, tmp_path, cable=cable, storage={"bind": EXTRA}, restart=patience)
        node = hosts.grid.grpc.spawn("agent-1")

        right.ip("address", "del", f"{EXTRA}/32", "dev", "lo")
        kill([node.pid])
        eventually(
            lambda: tries_in(hosts.status(node).message) > patience["max_crashes"], message="more tries than crashes"
        )
        waiting = hosts.status(node)
        assert (waiting.status, waiting.reason) == ("starting", "address_missing")
        assert f"can't listen on {EXTRA}: this host does not have the address" in waiting.message

        right.ip("address", "add", f"{EXTRA}/32", "dev", "lo")
        assert hosts.grid.wait_node(node.node_id, "running").port == node.port


def test_names_that_can_not_be_resolved_are_said_at_the_start(tmp_path: Path) -> None:
    agent = AgentHarness(
        tmp_path / "host", agent={"master_host": "master.invalid:7000", "advertise": "this-host.invalid"}
    )
    agent.start()
    try:
        eventually(lambda: agent.daemon.log_text().count("can't resolve it") == 2, message="both names said")
        said = [line for line in agent.daemon.log_text().splitlines() if "can't resolve it" in line]
        assert any('name=master.invalid used_as="master_host in [agent]"' in line for line in said)
        assert any('name=this-host.invalid used_as="advertise in [agent]"' in line for line in said)

        report = agent.run("node-1")
        assert report.endpoint == ""
        assert "the name this-host.invalid can't be resolved on this host" in report.endpoint_problem
    finally:
        agent.want("node-1", Desired.STOPPED)
        agent.stop()


def test_a_variable_of_the_agents_environment_does_not_move_its_nodes(tmp_path: Path) -> None:
    program = {"binary_path": str(script("sutra-storage-server")), "health_probe": "grpc"}
    agent = AgentHarness(tmp_path / "host", storage=program)
    agent.move_to(("env", "SUTRA_STORAGE_LISTEN=127.0.0.9"))
    agent.start()
    try:
        report = agent.run("node-1")
        assert (report.health, report.endpoint) == (Health.HEALTHY, f"127.0.0.1:{report.spec.port}")
        assert "variable=SUTRA_STORAGE_LISTEN value=127.0.0.9" in agent.daemon.log_text()
    finally:
        agent.want("node-1", Desired.STOPPED)
        agent.stop()
