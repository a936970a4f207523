"""Writes the configuration files of a dev grid."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Final

from sutra_grid.cli.dev.layout import AgentPlan, GridPlan, Layout
from sutra_grid.runtime.tls.section import TlsFiles

# A storage server needs half of it at its start; the rest is for large values under load, because limits are enforced.
NODE_MEMORY_MB: Final = 128
HOST: Final = "127.0.0.1"


def write_configs(layout: Layout, plan: GridPlan, storage_server: Path, *, with_tls: bool = False) -> None:
    """Write the files of all daemons. Every start writes them again, because ports may have changed."""
    layout.config("master").write_text(master_config(layout, plan, with_tls=with_tls), encoding="utf-8")
    layout.config("admin").write_text(admin_config(layout, plan, with_tls=with_tls), encoding="utf-8")
    for agent in plan.agents:
        text = agent_config(layout, plan, agent, storage_server, with_tls=with_tls)
        layout.config(agent.agent_id).write_text(text, encoding="utf-8")


def master_config(layout: Layout, plan: GridPlan, *, with_tls: bool = False) -> str:
    """For ``sutra-grid-master --config``."""
    text = f"""\
# Written by sutra-grid-cli dev at each start; sutra-grid-master --config reads it.
[master]
listen = "{HOST}:{plan.master_port}"
registry_url = {_text(registry_url(layout))}
"""
    if not with_tls:
        return text
    listen = f'token_listen = "{HOST}:{plan.token_port}"\n'
    key = f"ca_key_file = {_text(str(layout.tls.ca_key))}\n"
    return text + listen + tls_section("tls", layout.tls.files("master")) + key


def admin_config(layout: Layout, plan: GridPlan, *, with_tls: bool = False) -> str:
    """For ``sutra-grid-admin --config``."""
    text = f"""\
# Written by sutra-grid-cli dev at each start; sutra-grid-admin --config reads it.
[admin]
listen = "{HOST}:{plan.admin_port}"
registry_url = {_text(registry_url(layout))}
master = "{HOST}:{plan.master_port}"
"""
    if not with_tls:
        return text
    own = layout.tls.files("admin")
    # Otherwise a browser that was at https://localhost would use HTTPS for every other program at localhost.
    hsts = "hsts_secs = 0\n"
    return text + hsts + tls_section("tls", replace(own, ca_file=None)) + tls_section("master_tls", own)


def agent_config(
    layout: Layout, plan: GridPlan, agent: AgentPlan, storage_server: Path, *, with_tls: bool = False
) -> str:
    """For ``sutra-grid-agent --config``."""
    slots = agent.last_node_port - agent.first_node_port + 1
    text = f"""\
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
tls = {"true" if with_tls else "false"}

[monitoring]
heartbeat_interval_secs = 5
health_check_interval_secs = 10
restart_failed_nodes = true
"""
    return text + (tls_section("tls", layout.tls.files(agent.agent_id)) if with_tls else "")


def tls_section(name: str, files: TlsFiles) -> str:
    """The section with a member's files."""
    ca_file = f"ca_file = {_text(str(files.ca_file))}\n" if files.ca_file else ""
    return f"""
[{name}]
cert_file = {_text(str(files.cert_file))}
key_file = {_text(str(files.key_file))}
{ca_file}"""


def registry_url(layout: Layout) -> str:
    """SQLite in the grid's directory; four slashes, because the path is absolute."""
    return f"sqlite:///{layout.registry}"


def _text(value: str) -> str:
    """A TOML string; JSON's escapes are a part of TOML's."""
    return json.dumps(value, ensure_ascii=False)
