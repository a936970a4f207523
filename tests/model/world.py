"""Everything that can happen to a grid, as methods: what operators do, what breaks, and how it is repaired."""

from __future__ import annotations

import errno
import itertools
import logging
import random
import signal
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from model.agent_process import AgentProcess, Host
from model.clients import Clients
from model.fibers import Killed
from model.judge import Judge
from model.kernel import Kernel, ProcFs
from model.master_process import MasterProcess, RegistryFile
from model.network import CALM, Network, Weather
from model.simulation import Simulation
from sutra_grid.agent.supervision import admission, node_ports
from sutra_grid.core.errors import GridError
from sutra_grid.core.node.record import ExitStatus
from sutra_grid.core.types import Agent, Reason
from sutra_grid.runtime.port_use import PortUse
from sutra_grid.wire import connection

HOSTS: Final = 2
FIRST_PORT: Final = 20_000
PORTS_EACH: Final = 5


class World:
    """A master, some hosts, a network, an operator. ``patch(target, name, value)`` must be undone by the caller."""

    def __init__(self, directory: Path, template: bytes, patch: Callable[[object, str, object], None]) -> None:
        self.sim = Simulation()
        self.network = Network(self.sim)
        self._patch = patch  # undone by the caller
        self.judge = Judge(self.sim)
        self.hosts = [self._host(directory, number) for number in range(HOSTS)]
        self.file = RegistryFile(directory, template)
        self.judge.hosts = self.hosts
        self.clients = Clients(self.sim, self.network, self.judge)
        self.copies: list[bytes] = []
        self._node_ids = itertools.count(1)
        self._runs = itertools.count(1)
        self._logs = _FaultHandler(self.sim)
        logging.getLogger("sutra_grid").addHandler(self._logs)
        self._install()
        self.master = self._new_master()
        self.start_master()
        for host in self.hosts:
            self.start_agent(host)
        self.pass_time(1.0)

    def _host(self, directory: Path, number: int) -> Host:
        name = f"host-{number + 1}"
        kernel = Kernel(self.sim, name, self.judge.on_launch, self.judge.on_signal)
        ports = range(FIRST_PORT + 100 * number, FIRST_PORT + 100 * number + PORTS_EACH)
        eyes = self.judge.on_journal, self.judge.on_kept
        return Host(self.sim, name, f"agent-{number + 1}", kernel, directory / name, ports, *eyes)

    def _install(self) -> None:
        ProcFs(self._acting_kernel).install(self._patch)
        self._patch(node_ports, "listen_fault", self._listen_fault)
        self._patch(node_ports, "port_uses", lambda _port, _host: [PortUse("0.0.0.0", "0.0.0.0", 0, "LISTEN", 7)])
        self._patch(node_ports, "port_user", lambda _port, _host: "somebody")
        self._patch(admission, "port_holders", lambda port: [])
        self._patch(connection, "open_channel", self._open_channel)
        self._patch(connection, "time", self.sim.clock)

    def _listen_fault(self, port: int, hosts: Iterable[str]) -> tuple[str, OSError] | None:
        taken = self._acting_kernel().listens(port)
        return (next(iter(hosts)), OSError(errno.EADDRINUSE, "in use")) if taken else None

    def _open_channel(self, target: str, **_options: Any) -> Any:
        assert self.sim.acting is not None, "nobody acts"
        return self.network.channel(self.sim.acting, target)

    def _acting_kernel(self) -> Kernel:
        life = self.sim.acting
        assert life is not None, "nobody acts"
        return next(host.kernel for host in self.hosts if life.name.startswith(host.name + "#"))

    def close(self) -> None:
        """End everything, and unwind what still waits."""
        for host in self.hosts:
            if host.agent is not None:
                self.sim.end(host.agent.life, "the history ends")
        self.sim.end(self.master.life, "the history ends")
        self.sim.end(self.clients.life, "the history ends")
        logging.getLogger("sutra_grid").removeHandler(self._logs)

    # -- time --

    def pass_time(self, seconds: float) -> None:
        self.sim.run(seconds)
        self.judge.check_faults()

    def nodes(self) -> list[str]:
        """All nodes that ever existed, oldest first."""
        return list(self.judge.born)

    # -- the master --

    def _new_master(self) -> MasterProcess:
        return MasterProcess(self.sim, self.network, self.file, next(self._runs), self.judge.recorded)

    def start_master(self) -> None:
        """Start the first master, or the next one after the last has died."""
        if not self.master.life.alive:
            self.master = self._new_master()
        if self.master.registry is None:
            self.sim.within(self.master.life, self._open_master)
            if self.master.core is not None:
                spawner: Any = self.master.core.spawner
                spawner._new_id = lambda: f"node-{next(self._node_ids)}"
            self.judge.master = self.master

    def _open_master(self) -> None:
        try:
            self.master.start()
        except GridError as error:
            self.sim.tell(f"{self.master.life.name}: does not start: {error}")
            raise Killed from error

    def kill_master(self) -> None:
        self.sim.end(self.master.life, "SIGKILL")
        self.pass_time(0.0)

    def doom_master(self, steps: int) -> None:
        """Kill the master after ``steps`` further effects."""
        self.sim.tell(f"the master will die in {steps} steps")
        self.master.life.doom = steps

    def copy_registry(self) -> None:
        self.sim.tell("registry copied")
        self.copies.append(self.file.copy())

    def lose_registry(self, copy: int | None) -> None:
        """Kill the master and lose its registry. The next master has an older copy, or nothing."""
        self.kill_master()
        if copy is None or not self.copies:
            self.sim.tell("registry deleted")
            self.file.delete()
        else:
            self.sim.tell(f"registry restored from copy {copy % len(self.copies)}")
            self.file.put_back(self.copies[copy % len(self.copies)])
        self.judge.registry_lost(self.file)

    def lock_registry(self, locked: bool) -> None:
        self.sim.tell(f"the registry is {'locked' if locked else 'free'}")
        self.file.unavailable = locked

    # -- agents and hosts --

    def record_of(self, host: Host) -> Agent | None:
        """The record of the agent in the master."""
        core = self.master.core
        return core.state.agents.get(host.agent_id) if core is not None and self.master.life.alive else None

    def host_of(self, node_id: str) -> Host:
        """The host of a node, or where it would be."""
        return next((host for host in self.hosts if node_id in self.judge.nodes_of(host)), self.hosts[0])

    def start_agent(self, host: Host, dies_after: int | None = None) -> None:
        """Start an agent process, unless one is alive: the lock of the state directory refuses a second one."""
        if host.alive:
            return
        agent = host.agent = AgentProcess(host, self.network)
        agent.life.doom = dies_after
        self.sim.tell(f"{agent.life.name}: starts")
        self.sim.within(agent.life, agent.start)
        self.pass_time(0.0)

    def kill_agent(self, host: Host) -> None:
        if host.agent is not None:
            self.sim.end(host.agent.life, "SIGKILL")
        self.pass_time(0.0)

    def doom_agent(self, host: Host, steps: int) -> None:
        if host.agent is not None:
            self.sim.tell(f"{host.agent.life.name} will die in {steps} steps")
            host.agent.life.doom = steps

    def stop_agent(self, host: Host) -> None:
        """Stop the agent on purpose, so that it unregisters."""
        if host.agent is not None and host.alive:
            host.agent.unregister()
        self.pass_time(0.0)

    def reboot(self, host: Host) -> None:
        self.sim.tell(f"{host.name} reboots")
        self.kill_agent(host)
        self.judge.rebooted(host)
        host.kernel.reboot()

    def crash_node(self, node_id: str, number: int) -> None:
        for host in self.hosts:
            process = host.kernel.process_of(node_id)
            if process is not None:
                self.judge.crashes[node_id] += 1
                host.kernel.end(process, ExitStatus(signal=number) if number else ExitStatus(code=1))
        self.pass_time(0.0)

    def hang_nodes(self, host: Host) -> None:
        self.sim.tell(f"the nodes of {host.name} hang")
        for process in host.kernel.living():
            process.hung = True

    def give_pid_to_foreign_process(self, host: Host, disguised: bool) -> None:
        """Give the pid of the journal to a foreign process, perhaps without a readable environment."""
        for entry in self.judge.journal(host):
            process = entry.record.process if entry.record else None
            if process is not None and process.pid not in host.kernel.processes:
                environment = {} if disguised else {"PATH": "/bin"}
                host.kernel.add_foreign_process(process.pid, int(self.sim.now * 100), environment)

    def fill_disk(self, host: Host) -> None:
        """Fill the disk of the host: its journal can't be written."""
        self.sim.tell(f"the disk of {host.name} is full")
        host.disk_full = True

    def turn_wall_clock(self, seconds: float) -> None:
        self.sim.tell(f"wall clock jumps by {seconds:g} s")
        self.sim.clock.jump_wall(seconds)

    # -- the network --

    def cut(self, host: Host, *, to_master: bool, from_master: bool) -> None:
        self.sim.tell(f"cut: {host.name}{' to master' * to_master}{' from master' * from_master}")
        if to_master:
            self.network.cut.add((host.name, "master"))
        if from_master:
            self.network.cut.add(("master", host.name))

    def heal_network(self) -> None:
        self.network.cut.clear()
        self.network.weather = CALM

    def is_calm(self) -> bool:
        return not self.network.cut and self.network.weather == CALM

    def set_weather(self, weather: Weather, seed: int) -> None:
        self.sim.tell(f"weather: {weather}")
        self.network.weather = weather
        self.network.chance = random.Random(seed)

    # -- settling --

    def heal(self) -> None:
        """Repair everything and start every process."""
        self.heal_network()
        self.file.unavailable = False
        self.master.life.doom = None
        self.start_master()
        for host in self.hosts:
            host.disk_full = False
            host.kernel.launch_error = None
            for process in host.kernel.living():
                process.hung = False
            if host.agent is not None:
                host.agent.life.doom = None
            self.start_agent(host)
            self._end_suspects(host)

    def _end_suspects(self, host: Host) -> None:
        """As a person does: end the processes that the agent can't prove to be its own."""
        for report in host.remembered():
            process = host.kernel.processes.get(report.pid)
            if process is not None and report.reason is Reason.UNPROVED_PROCESS:
                host.kernel.end(process, ExitStatus(signal=signal.SIGKILL))

    def settle(self) -> None:
        """Heal, wait until nothing changes for two heartbeats, then judge everything."""
        self.sim.tell("-- settling --")
        self.judge.settle(self.heal, self.clients.are_waiting)


class _FaultHandler(logging.Handler):
    """A bug that a broad ``except`` has logged is a fault of the history."""

    def __init__(self, sim: Simulation) -> None:
        super().__init__(logging.ERROR)
        self._sim = sim

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[0] is not None:
            self._sim.fault(f"{record.getMessage()}: {record.exc_info[1]!r}")
