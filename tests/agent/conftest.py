"""Fixtures of the agent's tests: a node program, a configuration, and no process left behind."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.harness.ports import free_port
from support.programs.node_program import write_node_program

from sutra_grid.agent.config import SCHEMA, AgentConfig, agent_config
from sutra_grid.agent.processes.proof import find_own_processes
from sutra_grid.runtime.config import load

MakeConfig = Callable[..., AgentConfig]


@pytest.fixture
def node_program(tmp_path: Path) -> Path:
    return write_node_program(tmp_path)


@pytest.fixture
def config_text(tmp_path: Path, node_program: Path) -> Callable[..., str]:
    """The text of a configuration file; keyword arguments are more lines of a section, or ``more`` at the end."""

    def make(*, more: str = "", **lines: str) -> str:
        first = free_port()
        ports = f"{first}-{min(first + 20, 65535)}"
        return f"""
[agent]
agent_id = "agent-1"
master_host = "127.0.0.1:{free_port()}"
platform = "docker"
max_storage_nodes = 5
listen = "127.0.0.1:0"
{lines.get("agent", "")}
[storage]
binary_path = "{node_program}"
health_probe = "tcp"
data_path = "{tmp_path / "data"}"
default_memory_mb = 64
default_port_range = "{ports}"
disk_reserve_mb = 0
{lines.get("storage", "")}
[monitoring]
heartbeat_interval_secs = 0.2
health_check_interval_secs = 0.2
restart_failed_nodes = {lines.get("restart_failed_nodes", "true")}
[restart]
first_delay_secs = 0.05
max_delay_secs = 0.2
max_crashes = 3
{lines.get("restart", "stable_secs = 0.3")}
{more}
"""

    return make


@pytest.fixture
def make_config(tmp_path: Path, config_text: Callable[..., str]) -> MakeConfig:
    def make(**lines: Any) -> AgentConfig:
        file = tmp_path / "agent.toml"
        file.write_text(config_text(**lines))
        return agent_config(load(SCHEMA, file, environ={}, overrides={}))

    return make


@pytest.fixture(autouse=True)
def no_process_left(tmp_path: Path) -> Iterator[None]:
    """End what the test's agents launched; only processes with the tag of their state directories."""
    yield
    for host_id in tmp_path.rglob("host_id"):
        for found in find_own_processes(host_id.read_text().strip()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(found.identity.pid, signal.SIGKILL)
