"""A grid on two hosts, made of two network namespaces that a cable joins, as docs/deploying.md describes one."""

from __future__ import annotations

import functools
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.faults.fault_proxy import FaultProxy
from support.faults.namespaces import Cable, cable_or_skip
from support.harness.grid import Grid, GridSpec
from support.harness.interfaces import NodeView
from support.waiting import eventually
from sutra_grid.runtime.net import format_host_port, parse_host_port
from sutra_grid.wire import grid_pb2 as pb

MASTER_PORT = 7000
AGENT_PORT = 7001
ASK_HEALTH = """
import sys, grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
channel = grpc.insecure_channel(sys.argv[1])
print(health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5).status)
"""


@dataclass(frozen=True, slots=True)
class TwoHosts:
    """The master is at the left end of the cable, the agent with the nodes at the right one."""

    grid: Grid
    cable: Cable

    def connect(self, endpoint: str) -> socket.socket:
        """A connection from the master's host. Raises ``OSError``."""
        host, port = parse_host_port(endpoint)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        client = self.cable.left.namespace.make_socket(family)
        client.settimeout(5)
        client.connect((host, port))
        return client

    def says(self, endpoint: str, request: str) -> str:
        """The first line that the node answers on the master's host."""
        with self.connect(endpoint) as client:
            client.sendall(request.encode())
            with client.makefile("r", newline="\r\n") as answer:
                return answer.readline().rstrip("\r\n")

    def health(self, endpoint: str) -> str:
        """The status that the health service answers on the master's host."""
        command = [*self.cable.left.namespace.run_in, sys.executable, "-c", ASK_HEALTH, endpoint]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        return done.stdout.strip() or done.stderr

    def status(self, node: NodeView) -> pb.NodeStatus:
        answer: pb.NodeStatus = self.grid.stub.GetStorageNodeStatus(pb.NodeId(node_id=node.node_id), timeout=10)
        return answer

    def wait_for_problem(self, node: NodeView) -> pb.NodeStatus:
        eventually(lambda: self.status(node).endpoint_problem, message="the problem with the endpoint shown")
        return self.status(node)

    def restart_agent(self) -> None:
        agent = self.grid.agents["agent-1"]
        agent.kill()
        agent.start()
        agent.wait_ready()
        self.grid.wait_agents("healthy")


def two_hosts(
    stack: ExitStack,
    root: Path,
    *,
    cable: Cable | None = None,
    ipv6: bool = False,
    **sections: Mapping[str, Any],
) -> TwoHosts:
    """Master and agent listen on addresses of their hosts. ``sections`` are laid over the agent's configuration."""
    cable = cable or stack.enter_context(cable_or_skip())
    left, right = cable.left, cable.right
    near, far = (left.address_ipv6, right.address_ipv6) if ipv6 else (left.address, right.address)
    agent = {"listen": format_host_port(far, AGENT_PORT), "master_host": format_host_port(near, MASTER_PORT)}
    extra = {**sections, "agent": agent | dict(sections.get("agent", {}))}
    grid = Grid(
        root,
        GridSpec(
            with_admin=False,
            run_in={"master": left.namespace.run_in, "agent-1": right.namespace.run_in},
            master_extra={"master": {"listen": format_host_port(near, MASTER_PORT)}},
            extra=extra,
        ),
    )
    # This process is in neither namespace: what it asks master and agent goes through proxies.
    family = socket.AF_INET6 if ipv6 else socket.AF_INET
    for end, target, address in (
        (left, (near, MASTER_PORT), grid.master_address),
        (right, (far, AGENT_PORT), grid.agent_address("agent-1")),
    ):
        host, _, port = address.rpartition(":")
        make_socket = functools.partial(end.namespace.make_socket, family)
        stack.enter_context(FaultProxy(target, host=host, port=int(port), make_socket=make_socket))
    stack.enter_context(grid)
    return TwoHosts(grid, cable)
