"""One run of a master: the real ``MasterCore`` over the real registry, with tickers in simulated time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from model.network import Context, Network
from model.simulation import Life, Simulation
from sutra_grid.core.errors import Unavailable
from sutra_grid.core.types import Reason
from sutra_grid.master.agent_calls import AgentCalls
from sutra_grid.master.config import MasterConfig
from sutra_grid.master.master import CHECK_SECONDS, MasterCore
from sutra_grid.registry import Registry
from sutra_grid.wire import grid_pb2 as pb

COMMAND_SECONDS: Final = 8.0
FLUSH_SECONDS: Final = 1.0
MEND_SECONDS: Final = 1.0
_SOON_SECONDS: Final = 0.002

REQUESTS: Final[dict[str, Any]] = {
    "RegisterAgent": pb.AgentInfo,
    "Heartbeat": pb.HeartbeatRequest,
    "UnregisterAgent": pb.AgentId,
    "SpawnStorageNode": pb.SpawnRequest,
    "StopStorageNode": pb.StopRequest,
    "StartStorageNode": pb.NodeCommand,
    "RestartStorageNode": pb.NodeCommand,
    "RemoveStorageNode": pb.NodeCommand,
    "RemoveAgent": pb.AgentCommand,
    "DrainAgent": pb.AgentCommand,
    "UndrainAgent": pb.AgentCommand,
}
_AT_ONCE = frozenset({"RegisterAgent", "Heartbeat", "UnregisterAgent", "DrainAgent", "UndrainAgent"})

Recorded = Callable[[str, tuple[Any, ...], dict[str, Any], Any], None]


class RegistryFile:
    """The file of the registry, its copies, and whether it responds."""

    def __init__(self, directory: Path, template: bytes) -> None:
        self.path = directory / "registry.db"
        self._template = template
        self.unavailable = False
        self.delete()

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    def copy(self) -> bytes:
        """Make a consistent copy, as a backup does."""
        with closing(sqlite3.connect(self.path)) as connection:
            return bytes(connection.serialize())

    def put_back(self, copy: bytes) -> None:
        """Restore an older copy. Only while no master runs."""
        for suffix in ("-wal", "-shm", ""):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        self.path.write_bytes(copy)

    def delete(self) -> None:
        """Replace the registry by an empty one, as the next start would make it."""
        self.put_back(self._template)


class StepRegistry:
    """The real registry. The master can die before and after each transaction, or the registry does not respond."""

    def __init__(self, sim: Simulation, life: Life, file: RegistryFile, registry: Registry, recorded: Recorded) -> None:
        self._sim = sim
        self._life = life
        self._file = file
        self._registry = registry
        self._recorded = recorded

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._registry, name)

        def call(*arguments: Any, **options: Any) -> Any:
            self._sim.step(self._life, f"registry.{name}{_shown(arguments)}")
            if self._file.unavailable:
                raise Unavailable("the registry does not answer", reason=Reason.REGISTRY_UNAVAILABLE)
            result = method(*arguments, **options)
            self._recorded(name, arguments, options, result)
            self._sim.step(self._life, f"registry.{name} is done")
            return result

        return call


def _shown(arguments: tuple[Any, ...]) -> str:
    shown = [getattr(one, "node_id", None) or getattr(one, "agent_id", None) or one for one in arguments[:2]]
    return f"({', '.join(str(one) for one in shown if isinstance(one, str))})"


class MasterProcess:
    """A master process, which is a ``Server`` of the network."""

    blocking = frozenset(REQUESTS) - _AT_ONCE

    def __init__(self, sim: Simulation, network: Network, file: RegistryFile, number: int, recorded: Recorded) -> None:
        self.sim = sim
        self.network = network
        self.life = Life(f"master#{number}")
        self._file = file
        self._recorded = recorded
        self.registry: Registry | None = None
        self.core: MasterCore | None = None

    def start(self) -> None:
        """Open the registry, load it, serve. As part of its life."""
        sim, life = self.sim, self.life
        self.registry = Registry.open(self._file.url, migrate=False)
        life.on_end.append(self.registry.close)
        registry: Any = StepRegistry(sim, life, self._file, self.registry, self._recorded)
        calls = AgentCalls(lambda agent_id: self._open_channel)
        config = MasterConfig(command_timeout_seconds=COMMAND_SECONDS)
        core: Any = MasterCore(config, registry, calls, sim.clock)
        self.core = core
        core.reconciliation_writer._ticker = _Tick(sim, life, core.reconciliation_writer.write_queued)
        core.registry_writer._ticker = _Tick(sim, life, core.registry_writer.flush)
        for seconds, work in (
            (FLUSH_SECONDS, core.registry_writer.flush),
            (MEND_SECONDS, core.reconciliation_writer.write_queued),
            (CHECK_SECONDS, core.monitor.check),
        ):
            self._repeat(seconds, work)
        self.network.servers["master:7000"] = self

    def _open_channel(self, target: str) -> Any:
        return self.network.channel(self.life, target)

    def _repeat(self, seconds: float, work: Callable[[], None]) -> None:
        def tick() -> None:
            self.sim.later(seconds, tick, self.life)
            work()

        self.sim.later(seconds, tick, self.life)

    def answer(self, method: str, data: bytes, context: Context) -> bytes:
        assert self.core is not None
        request = REQUESTS[method].FromString(data)
        if method in self.blocking:
            self.core.registry_writer.flush()  # so that a command does not wait for the registry writer's thread
        answer: bytes = getattr(self.core.service, method)(request, context).SerializeToString()
        return answer


class _Tick:
    """A ticker that ticks soon after a trigger."""

    def __init__(self, sim: Simulation, life: Life, work: Callable[[], None]) -> None:
        self._sim = sim
        self._life = life
        self._work = work

    def trigger(self) -> None:
        self._sim.later(_SOON_SECONDS, self._work, self._life)


def template_of(directory: Path) -> bytes:
    """The bytes of an empty registry of this version."""
    url = f"sqlite:///{directory / 'template.db'}"
    Registry.open(url, migrate=True).close()
    with closing(sqlite3.connect(directory / "template.db")) as connection:
        return bytes(connection.serialize())
