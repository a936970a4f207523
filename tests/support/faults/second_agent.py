"""Another agent process of the same name: on a copy of a state directory, as a restored host or a moved disk has it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import toml

from support.harness.daemons import Daemon, serves_grpc, write_config
from support.harness.grid import Grid
from support.harness.ports import free_port


def copy_state(grid: Grid, agent_id: str, name: str) -> Path:
    """A copy of all that the agent remembers, as its disk had it at that moment."""
    copy = grid.root / name / "state"
    shutil.copytree(grid.state_path(agent_id), copy)
    return copy


@contextmanager
def another_agent(
    grid: Grid,
    agent_id: str,
    name: str,
    *,
    state: Path | None = None,
    run_in: Sequence[str] = (),
    own_data: bool = False,
) -> Iterator[Daemon]:
    """A daemon, not started, with the agent's name and settings but its own port, on ``state`` (none: a new one).

    ``own_data``: its data path is another one too. Leaving the context kills it if it runs; its nodes end with the
    grid.
    """
    address = f"127.0.0.1:{free_port()}"
    config = toml.loads(grid.agents[agent_id].config.read_text())
    home = grid.root / name
    home.mkdir(exist_ok=True)
    config["agent"] |= {"listen": address, "state_path": str(state or home / "state")}
    if own_data:
        config["storage"]["data_path"] = str(home / "data")
    path = write_config(grid.root / f"{name}.toml", config)
    daemon = Daemon(name, "sutra-grid-agent", path, ready=lambda: serves_grpc(address), run_in=run_in)
    try:
        yield daemon
    finally:
        if daemon.is_running:
            daemon.kill()
