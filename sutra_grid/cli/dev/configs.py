"""Writes the configuration files of a dev grid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from sutra_grid.cli.dev.layout import AgentPlan, GridPlan, Layout

# A storage server needs half of it at its start; the rest is for large values under load, because limits are enforced.
NODE_MEMORY_MB: Final = 128
HOST: Final = "127.0.0.1"


def write_configs(layout: Layout, plan: GridPlan, storage_server: Path) -> None:
    """Write the files of all daemons. Every start writes them again, because ports may have changed."""
    layout.config("master").write_text(master_config(layout, plan), encoding="utf-8")
    layout.config("admin").write_text(admin_config(layout, plan), encoding="utf-8")
    for agent in plan.agents:
        text = agent_config(layout, plan, agent, storage_server)
        layout.config(agent.agent_id).write_text(text, encoding="utf-8")


def master_config(layout: Layout, plan: GridPlan) -> str:
    """For ``sutra-grid-master --config``."""
    return f"""\
# Written by sutra-grid-cli dev at each start; sutra-grid-master --config reads it.
[master]
listen = "{HOST}:{plan.master_port}"
registry_url = {_text(registry_url(layout))}
"""


def admin_config(layout: Layout, plan: GridPlan) -> str:
    """For ``sutra-grid-admin --config``."""
    return f"""\
# Written by sutra-grid-cli dev at each start; sutra-grid-admin --config reads it.
[admin]
listen = "{HOST}:{plan.admin_port}"
registry_url = {_text(registry_url(layout))}
master = "{HOST}:{plan.master_port}"
"""


def agent_config(layout: Layout, plan: GridPlan, agent: AgentPlan, storage_server: Path) -> str:
    """For ``sutra-grid-agent --config``."""
    slots = agent.last_node_port - agent.first_node_port + 1
    return f"""\
# Written by sutra-grid-cli dev at each start; sutra-grid-agent --config reads it.
[agent]
agent_id = {_text(agent.agent_id)}
master_host = "{HOST}:{plan.master_port}"
platform = "desktop"
max_storage_nodes = {slots}
listen = "{HOST}:{agent.port}"
state_path = {_text(str(layout.agent_state(agent.agent_id)))}

[storage]
binary_path = {_text(str(storage_server))}
data_path = {_text(str(layout.agent_data(agent.agent_id)))}
default_memory_mb = {NODE_MEMORY_MB}
default_port_range = "{agent.first_node_port}-{agent.last_node_port}"

[monitoring]
heartbeat_interval_secs = 5
health_check_interval_secs = 10
restart_failed_nodes = true
"""


def registry_url(layout: Layout) -> str:
    """SQLite in the grid's directory; four slashes, because the path is absolute."""
    return f"sqlite:///{layout.registry}"


def _text(value: str) -> str:
    """A TOML string; JSON's escapes are a part of TOML's."""
    return json.dumps(value, ensure_ascii=False)
