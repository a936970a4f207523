"""An outgoing connection has the port of a node: named, waited for without an end, and never a crash."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.harness.agent_harness import AgentHarness, kill_now, refusal_of
from support.texts import mentions, tries_in
from support.waiting import eventually

from sutra_grid.core.types import Desired, NodeReport, NodeSpec, NodeState, Reason

pytestmark = pytest.mark.e2e

MakeAgent = Callable[..., AgentHarness]

IMPATIENT = {"stable_secs": 1000.0, "first_delay_secs": 0.3, "max_delay_secs": 0.3, "max_crashes": 2}
"""A second crash in a row would be the last one."""

_LATE_PROGRAM = """#!/usr/bin/python3
import os, socket, sys, time
port, path = int(sys.argv[1]), sys.argv[2]
while not os.path.exists(path + "/go"):
    time.sleep(0.01)
server = socket.create_server(("127.0.0.1", port))
while True:
    server.accept()
"""


@contextmanager
def outgoing(port: int) -> Iterator[str]:
    """A connection from that port, as soon as it is free, to the address that is returned. Its end frees the port."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:

        def is_bound() -> bool:
            try:
                client.bind(("127.0.0.1", port))
            except OSError:
                return False
            return True

        eventually(is_bound, message=f"port {port} to be free")
        client.connect(server.getsockname())
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # its end leaves no TIME_WAIT
        yield f"127.0.0.1:{server.getsockname()[1]}"


def late_engine(directory: Path) -> dict[str, Any]:
    """A program that listens as soon as the file ``go`` is in its directory."""
    program = directory / "late.py"
    program.write_text(_LATE_PROGRAM)
    program.chmod(0o755)
    return {"binary_path": str(program), "args": ["{port}", "{storage_path}"], "environment": {"HOST": "{host}"}}


def waits_for_port(tries: int) -> Callable[[NodeReport], bool]:
    return lambda one: one.reason is Reason.PORT_TAKEN and tries_in(one.message) >= tries


def test_a_killed_node_waits_for_the_outgoing_connection_that_took_its_port(make_agent: MakeAgent) -> None:
    agent = make_agent(restart=IMPATIENT)
    node = agent.run("node-1")
    kill_now(node.pid)
    with outgoing(node.spec.port) as other_end:
        waiting = agent.wait_for("node-1", waits_for_port(5))
        assert waiting.state is NodeState.STARTING
        assert waiting.backoff_ms > 0
        assert [(ended.signal, ended.reason) for ended in waiting.exits] == [
            (0, Reason.START_FAILED),
            (9, Reason.CRASHED),
        ], "the tries do not push out how it ended"
        assert mentions(waiting.message, node.spec.port, "connection", os.getpid(), other_end)
        error = refusal_of(lambda: agent.run("node-2", port=node.spec.port))
        assert mentions(error.message, "node-1")
    again = agent.wait_for("node-1", NodeState.RUNNING)
    assert again.spec.port == node.spec.port
    assert again.restarts == 1, "tries that started nothing are no restarts"
    assert len(agent.journaled("node-1").crashes) == 1, "the kill, and nothing else"


def test_a_spawn_gets_another_port_or_is_refused_with_the_connection_named(make_agent: MakeAgent) -> None:
    agent = make_agent(restart=IMPATIENT)
    first = int(agent.sections["storage"]["default_port_range"].partition("-")[0])
    with outgoing(first) as other_end:
        error = refusal_of(lambda: agent.run("node-1", port=first))
        assert error.reason is Reason.PORT_TAKEN
        assert mentions(error.message, first, os.getpid(), other_end)
        assert "ss -tanp" in error.hint
        assert agent.run("node-2").spec.port != first


def test_a_program_that_loses_its_port_to_a_connection_at_its_start_has_not_crashed(
    make_agent: MakeAgent, tmp_path: Path
) -> None:
    agent = make_agent(restart=IMPATIENT, engines={"late": late_engine(tmp_path)})
    started = agent.want("node-1", Desired.RUNNING, NodeSpec(engine="late"), timeout_seconds=2.0)
    assert started.state is NodeState.STARTING
    assert started.pid > 0
    with outgoing(started.spec.port) as other_end:
        (Path(started.spec.storage_path) / "go").touch()
        lost = agent.wait_for("node-1", waits_for_port(1))
        assert lost.exits[-1].code == 1
        assert mentions(lost.message, started.spec.port, "connection", os.getpid(), other_end)
        agent.wait_for("node-1", waits_for_port(4))
    assert agent.wait_for("node-1", NodeState.RUNNING).restarts == 0
    assert agent.journaled("node-1").crashes == ()
