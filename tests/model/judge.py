"""What must hold in every history: at each moment, and after everything has settled.

At each moment: a node has one process at most; nothing of a foreign process is signalled; a living process is only
signalled when a command asks for its end. After settling: registry, memory of the master,
journals and process tables agree with each other and with the commands.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from model.agent_process import HEARTBEAT_SECONDS, MAX_CRASHES, Host
from model.kernel import Kernel, SimProcess
from model.master_process import MasterProcess, RegistryFile
from model.simulation import Simulation
from sutra_grid.agent.state.journal import Journal, JournalEntry
from sutra_grid.core.node.record import NodeRecord
from sutra_grid.core.states import Phase
from sutra_grid.core.types import AgentStatus, Desired, Node, NodeState, Reason
from sutra_grid.registry import Registry

MAX_ROUNDS: Final = 8
ROUND_SECONDS: Final = 2 * HEARTBEAT_SECONDS + 1.5  # two heartbeats, and the write-behind after the second
TOLD_LINES: Final = 150

_Wish = tuple[int, Desired, int]


class GridFault(AssertionError):
    """A history violated an invariant; the text tells the history's end."""


class Judge:
    """Receives every launch, signal and registry write, and every answer to a client."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        self.hosts: list[Host] = []
        self.master: MasterProcess | None = None
        self.born: dict[str, str] = {}  # node id -> idempotency key
        self.crashes: Counter[str] = Counter()  # since the last command that made the agent begin its count again
        self.epoch = 0  # rises when the registry is lost
        self._expected: dict[str, Desired | None] = {}  # what clients were told; None: nobody can know
        self._versions: Counter[str] = Counter()
        self._journaled: dict[str, int] = {}  # the newest generation that the node's agent ever had
        self._kept: dict[str, int] = {}  # the newest on its disk
        self._given_up: set[str] = set()  # nodes whose spawn was answered with a failure
        self._ever_journaled: set[str] = set()  # nodes that an agent ever journaled
        self._confirmed: set[str] = set()  # of these, nodes that were confirmed to a client
        self._requested: dict[str, set[_Wish]] = {}  # in any registry: generation, desired, restart since
        self.removals: set[str] = set()  # commanded by an operator

    # -- answers to clients --

    def asked(self, node_id: str) -> int:
        """A command was sent; until its answer the expected state is unknown. Returns its number."""
        self._expected[node_id] = None
        self._versions[node_id] += 1
        return self._versions[node_id]

    def retried(self, node_id: str, version: int) -> int:
        """An unanswered command is sent again. Returns its new number, or 0 when others came between.

        It may get the answer of the first attempt, which then says nothing about the present.
        """
        alone = version == self._versions[node_id]
        number = self.asked(node_id)
        return number if alone else 0

    def answered(self, node_id: str, desired: Desired, version: int, epoch: int, *, confirmed: bool) -> None:
        """A command was confirmed, or only recorded: then the agent can still refuse a node that it does not have.

        The stop of a refused node is confirmed too, because it has no process.
        """
        if confirmed and node_id in self._ever_journaled:
            self._confirmed.add(node_id)
        if version == self._versions[node_id] and epoch == self.epoch:
            self._expected[node_id] = desired

    def spawn_answered(self, request_id: str, success: bool, node_id: str, epoch: int) -> None:
        """A spawn was confirmed or refused. A refused one must leave nothing."""
        made = [one for one, request in self.born.items() if request == request_id]
        if epoch != self.epoch:
            return
        if success and made != [node_id]:
            self._sim.fault(f"{request_id} was answered with {node_id} and made {made}")
        for one in made:
            (self._confirmed if success else self._given_up).add(one)
            if self._versions[one] == 0:
                self._expected[one] = Desired.RUNNING if success else Desired.ABSENT

    def spawn_is_open(self, request_id: str) -> None:
        """Its node, if it made one, is being commanded again, or was answered without a confirmation."""
        for one, request in self.born.items():
            if request == request_id and self._versions[one] == 0:
                self._expected[one] = None

    def nodes_of(self, host: Host) -> list[str]:
        """The nodes in the journal of a host or in the registry."""
        ids = [entry.node_id for entry in self.journal(host)]
        core = self.master.core if self.master else None
        known = core.state.nodes.of_agent(host.agent_id) if core else []
        return [*ids, *(node.node_id for node in known if node.node_id not in ids)]

    # -- writes to the registry --

    def recorded(self, name: str, arguments: tuple[Any, ...], options: dict[str, Any], result: Any) -> None:
        """A transaction was committed."""
        if name == "create_node":
            node, record = arguments[0], options.get("record")
            self.born[node.node_id] = record.idempotency_key if record else ""
        elif name == "change_desired":
            self._wish(result.node_id, result.generation, result.desired, result.restart_generation)
            if result.desired is Desired.ABSENT:  # the tombstone is one generation higher
                self._wish(result.node_id, result.generation + 1, Desired.ABSENT, 0)
            if result.desired is Desired.ABSENT and result.node_id not in self.removals:
                self._judge_giving_up(result)
        elif name == "remove_agent":
            for node_id, generation in self._registry().tombstones().items():
                self._wish(node_id, generation + 1, Desired.ABSENT, 0)

    def _judge_giving_up(self, node: Node) -> None:
        """Check that the master removes a node by itself only after a failed spawn, and never a node that runs."""
        report = node.report
        if node.node_id in self._given_up or report is None:
            return
        if report.state is NodeState.RUNNING and report.generation == node.generation - 1:
            self._sim.fault(f"{node.node_id} runs, its agent has reported it, and the master gives it up")

    def _wish(self, node_id: str, generation: int, desired: Desired, restart_generation: int) -> None:
        self._requested.setdefault(node_id, set()).add((generation, desired, restart_generation))

    def registry_lost(self, file: RegistryFile) -> None:
        """Another registry stands in its place: what only the lost one knew is not guaranteed any more."""
        self.epoch += 1
        registry = Registry.open(file.url, migrate=False)
        try:
            rows = {node.node_id: node for node in registry.nodes()}
        finally:
            registry.close()
        held = {entry.node_id: entry for host in self.hosts for entry in self.journal(host)}
        remembered = {report.node_id for host in self.hosts for report in host.remembered()}
        for node_id, expected in self._expected.items():
            entry, row = held.get(node_id), rows.get(node_id)
            if expected is Desired.ABSENT:
                known = entry is None and row is None and node_id not in remembered
            else:
                known = (
                    entry is not None
                    and entry.record is not None
                    and (
                        entry.record.assignment.desired is expected
                        and (row is None or row.generation <= entry.record.assignment.generation)
                    )
                )
            if not known:
                self._expected[node_id] = None

    # -- at each moment --

    def on_journal(self, node_id: str, generation: int | None) -> None:
        """An agent has journaled a generation of a node, or deleted the node."""
        if generation is None:
            self._journaled.pop(node_id, None)
            self._kept.pop(node_id, None)
            self.crashes.pop(node_id, None)
        else:
            self._ever_journaled.add(node_id)
            self._journaled[node_id] = max(generation, self._journaled.get(node_id, 0))

    def on_kept(self, record: NodeRecord) -> None:
        """An agent has a record on its disk. A newer command ends the count of crashes, unless what runs fulfils it."""
        node_id, generation = record.assignment.node_id, record.assignment.generation
        if generation > self._kept.get(node_id, 0):
            self._kept[node_id] = generation
            if record.phase not in (Phase.STARTING, Phase.RUNNING):
                self.crashes[node_id] = 0

    def on_launch(self, kernel: Kernel, process: SimProcess) -> None:
        """A process of a node was started."""
        for host in self.hosts:
            other = host.kernel.process_of(process.node_id)
            if other is not None:
                self._sim.fault(f"{process.node_id} is started on {kernel.name} while process {other.pid} of it lives")
            for left in host.kernel.members_of(process.node_id):
                self._sim.fault(f"{process.node_id} is started on {kernel.name} beside {left.pid}, left by a launch")

    def on_signal(self, kernel: Kernel, process: SimProcess, number: int) -> None:
        """A live process is signalled."""
        if process.member_of:
            self._judge_signal_to_member(kernel, process, number)
            return
        if not process.node_id:
            self._sim.fault(f"a foreign process {process.pid} on {kernel.name} is signalled with {number}")
            return
        since, newest = process.launch_generation, self._journaled.get(process.node_id, 0)
        requested = self._requested.get(process.node_id, set())
        asked_for = any(
            generation > since and generation >= newest and (desired is not Desired.RUNNING or restart > since)
            for generation, desired, restart in requested
        )
        if asked_for or process.stopping:
            process.stopping = True  # a stop that has begun is completed
        else:
            self._sim.fault(
                f"process {process.pid} of {process.node_id}, launched for generation {since} and told generation "
                f"{newest}, is signalled with {number}, and nobody asked for its end: {sorted(requested)}"
            )

    def _judge_signal_to_member(self, kernel: Kernel, process: SimProcess, number: int) -> None:
        """A member is only signalled when its leader has ended, or is being stopped too."""
        leader = kernel.process_of(process.member_of)
        if leader is not None and not leader.stopping:
            self._sim.fault(f"member {process.pid} of {process.member_of} gets {number} while its leader runs on")

    def rebooted(self, host: Host) -> None:
        for process in host.kernel.living():
            self.crashes[process.node_id] += 1

    def check_faults(self) -> None:
        if self._sim.faults:
            raise GridFault(self._told("; ".join(self._sim.faults)))

    # -- after settling --

    def settle(self, heal: Callable[[], None], is_busy: Callable[[], bool]) -> None:
        """Wait until nothing changes for two heartbeats, then judge. ``heal`` repairs everything before."""
        before = None
        for _ in range(MAX_ROUNDS):
            heal()
            self._sim.run(ROUND_SECONDS)
            self.check_faults()
            now = self._picture()
            if now == before and not is_busy():
                break
            before = now
        problems = self._problems()
        if problems:
            raise GridFault(self._told("; ".join(problems)))

    def journal(self, host: Host) -> list[JournalEntry]:
        """The journal of a host, as the next agent would read it."""
        directory = host.journal_directory()
        if not directory.exists():
            return []
        logging.disable(logging.CRITICAL)
        try:
            return Journal(directory, host.kernel.boot_id).load()
        finally:
            logging.disable(logging.NOTSET)

    def _registry(self) -> Registry:
        assert self.master is not None
        assert self.master.registry is not None
        return self.master.registry

    def _picture(self) -> tuple[Any, ...]:
        rows = [(node.node_id, node.generation, node.desired) for node in self._registry().nodes()]
        journals = [
            (entry.node_id, entry.record.assignment.generation, entry.record.phase)
            for host in self.hosts
            for entry in self.journal(host)
            if entry.record
        ]
        processes = [(host.name, one.pid) for host in self.hosts for one in host.kernel.living()]
        return rows, journals, processes

    def _problems(self) -> list[str]:
        rows = {node.node_id: node for node in self._registry().nodes()}
        problems = [problem for host in self.hosts for problem in self._host_problems(host, rows)]
        problems += self._promise_problems(rows)
        problems += self._memory_problems(rows)
        return problems

    def _host_problems(self, host: Host, rows: dict[str, Node]) -> list[str]:
        mine = {node_id: node for node_id, node in rows.items() if node.agent_id == host.agent_id}
        entries = {entry.node_id: entry for entry in self.journal(host)}
        problems = [] if host.alive else [f"the agent of {host.name} is gone"]
        problems += [
            f"{one} is in the journal of {host.name} and not in the registry" for one in entries if one not in mine
        ]
        for process in host.kernel.living():
            node = mine.get(process.node_id)
            if node is None or node.desired is not Desired.RUNNING:
                problems.append(f"process {process.pid} of {process.node_id} runs on {host.name} and should not")
        problems += [
            f"process {one.pid} is left on {host.name} of {one.member_of}, which does not run"
            for one in host.kernel.processes.values()
            if one.member_of and host.kernel.process_of(one.member_of) is None
        ]
        for node in mine.values():
            problems += self._node_problems(host, node, entries.get(node.node_id))
        specs = [entry.record.assignment.spec for entry in entries.values() if entry.record]
        for what, values in (("port", [s.port for s in specs]), ("path", [s.storage_path for s in specs])):
            problems += [f"{what} {one} of {host.name} is used twice" for one, n in Counter(values).items() if n > 1]
        return problems

    def _node_problems(self, host: Host, node: Node, entry: JournalEntry | None) -> list[str]:
        if entry is None or entry.record is None:
            if self._is_refused(node):
                return []  # the agent's checks did not let it in, and say why; nobody was told that it runs
            return [f"{node.node_id} is in the registry ({node.desired}) and not in the journal of {host.name}"]
        record, who = entry.record, node.node_id
        problems = []
        if (record.assignment.generation, record.assignment.desired) != (node.generation, node.desired):
            held = f"{record.assignment.generation} {record.assignment.desired}"
            problems.append(f"{who}: journal has generation {held}, registry {node.generation} {node.desired}")
        if record.assignment.spec != node.spec:
            problems.append(f"{who}: journal has {record.assignment.spec}, registry {node.spec}")
        process = host.kernel.process_of(who)
        if node.desired is Desired.RUNNING and process is None:
            given_up = record.phase is Phase.FAILED and self.crashes[who] >= MAX_CRASHES
            if not given_up:
                problems.append(f"{who} should run and does not: {record.phase} {record.reason} {record.message}")
        report = node.report
        pid = process.pid if process else 0
        if report is None or report.pid != pid or (process is not None and report.state is not NodeState.RUNNING):
            problems.append(f"{who}: process {pid}, and the registry has the report {report}")
        if record.process is not None and record.process.pid != pid:
            problems.append(f"{who}: the journal has process {record.process.pid}, {pid} lives")
        return problems

    def _is_refused(self, node: Node) -> bool:
        """Whether the agent has refused the node: it reports that, and has no journal entry."""
        report = node.report
        if (
            report is None
            or report.generation != node.generation
            or any(entry.node_id == node.node_id for host in self.hosts for entry in self.journal(host))
        ):
            return False
        return report.state is NodeState.FAILED and report.reason is not Reason.NONE and not report.pid

    def _promise_problems(self, rows: dict[str, Node]) -> list[str]:
        problems = []
        for node_id, expected in self._expected.items():
            found = rows[node_id].desired if node_id in rows else Desired.ABSENT
            refused = node_id in rows and self._is_refused(rows[node_id])
            if expected is not None and (found is not expected or (refused and node_id in self._confirmed)):
                problems.append(f"{node_id} should be {expected} and is {found}")
        return problems

    def _memory_problems(self, rows: dict[str, Node]) -> list[str]:
        assert self.master is not None
        assert self.master.core is not None
        state: Any = self.master.core.state
        known = {node.node_id: (node.generation, node.desired, node.spec) for node in state.nodes.all()}
        wanted = {node.node_id: (node.generation, node.desired, node.spec) for node in rows.values()}
        problems = [] if known == wanted else [f"the master has {known} in memory, the registry {wanted}"]
        problems += [
            f"{agent.agent_id} is {agent.status}"
            for agent in state.agents.all()
            if agent.status is not AgentStatus.HEALTHY
        ]
        reserved, calls = state.slots._reserved, state.pending_assignments._calls
        if sum(reserved.values()) or sum(calls.values()):
            problems.append(f"slots {dict(reserved)} or calls {dict(calls)} are kept for nobody")
        return problems

    def _told(self, problem: str) -> str:
        return "\n".join([problem, "the history's end:", *list(self._sim.trace)[-TOLD_LINES:]])
