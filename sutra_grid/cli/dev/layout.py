"""The directory of a dev grid: its paths, and the plan that is kept from start to start."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from sutra_grid.cli.context import DEV_ADDRESS_FILE, DEV_TLS_FILE
from sutra_grid.cli.dev.certificates import DevTls
from sutra_grid.core.errors import FailedPrecondition
from sutra_grid.core.types import Reason
from sutra_grid.runtime.files import write_atomically

FORMAT: Final = 1
_PLAN_FILE: Final = "grid.json"


@dataclass(frozen=True, slots=True)
class AgentPlan:
    """One agent: its name, its ports, and how many nodes dev has spawned on it so far."""

    agent_id: str
    port: int
    first_node_port: int
    last_node_port: int
    spawned: int = 0


@dataclass(frozen=True, slots=True)
class GridPlan:
    """What a dev grid consists of, and where it listens. ``token_port`` is 0 until it starts with TLS."""

    master_port: int = 0
    admin_port: int = 0
    nodes_per_agent: int = 0
    agents: tuple[AgentPlan, ...] = field(default_factory=tuple)
    token_port: int = 0

    def with_spawned(self, agent_id: str, spawned: int) -> GridPlan:
        """The plan after one more node of an agent."""
        agents = (replace(a, spawned=spawned) if a.agent_id == agent_id else a for a in self.agents)
        return replace(self, agents=tuple(agents))


class Layout:
    """Paths below the directory of one dev grid, which is absolute and free of links."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self.lock = self.directory / "dev.lock"
        self.registry = self.directory / "registry.db"
        self.address_file = self.directory / DEV_ADDRESS_FILE
        self.tls_file = self.directory / DEV_TLS_FILE
        self.tls = DevTls(self.directory / "tls")
        self._plan_file = self.directory / _PLAN_FILE

    def config(self, name: str) -> Path:
        """The configuration file of a daemon: ``master``, ``admin`` or an agent's id."""
        return self.directory / "config" / f"{name}.toml"

    def log(self, name: str) -> Path:
        """The log of a daemon."""
        return self.directory / "log" / f"{name}.log"

    def agent_data(self, agent_id: str) -> Path:
        """Where the nodes of an agent keep their data."""
        return self.directory / "agents" / agent_id / "data"

    def agent_state(self, agent_id: str) -> Path:
        """Where an agent keeps its journal."""
        return self.directory / "agents" / agent_id / "state"

    def make(self) -> None:
        """Make the directory. Raises FailedPrecondition when that fails or it holds other files."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            has_foreign_files = not self._plan_file.exists() and any(
                path.name not in (self.lock.name, _PLAN_FILE) for path in self.directory.iterdir()
            )
        except OSError as error:
            raise FailedPrecondition(
                f"the directory {self.directory} can't be used: {error.strerror}",
                reason=Reason.PATH_NOT_WRITABLE,
                hint="Use a directory that you can write to, with --data-dir DIR",
            ) from error
        if has_foreign_files:
            raise FailedPrecondition(
                f"the directory {self.directory} holds files that are not of a dev grid",
                reason=Reason.PATH_TAKEN,
                hint="Use a new or empty directory, or that of a dev grid, with --data-dir DIR",
            )

    def make_subdirectories(self, plan: GridPlan) -> None:
        """Make the directories that the daemons need."""
        folders = [self.config("x").parent, self.log("x").parent]
        for agent in plan.agents:
            folders += [self.agent_data(agent.agent_id), self.agent_state(agent.agent_id)]
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)

    def load_plan(self) -> GridPlan | None:
        """The plan of the last start; None in a new directory. Raises FailedPrecondition if it can't be read."""
        try:
            values = json.loads(self._plan_file.read_text(encoding="utf-8"))
            return _plan(values)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise FailedPrecondition(
                f"{self._plan_file} can't be read: {error}",
                reason=Reason.JOURNAL_CORRUPT,
                hint="Use another directory with --data-dir DIR, or remove this one if you do not need its data",
            ) from error

    def save_plan(self, plan: GridPlan) -> None:
        """Keep the plan for the next start, durably."""
        text = json.dumps({"format": FORMAT, **asdict(plan)}, indent=2)
        write_atomically(self._plan_file, text.encode() + b"\n")


def _plan(values: Mapping[str, Any]) -> GridPlan:
    if values["format"] != FORMAT:
        raise ValueError(f"its format is {values['format']}, and this program writes {FORMAT}")
    return GridPlan(
        master_port=int(values["master_port"]),
        admin_port=int(values["admin_port"]),
        nodes_per_agent=int(values["nodes_per_agent"]),
        agents=tuple(AgentPlan(**agent) for agent in values["agents"]),
        token_port=int(values.get("token_port", 0)),
    )
