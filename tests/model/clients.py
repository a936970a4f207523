"""The callers of the master: operators with their commands, and processes that should not exist.

The judge checks the grid against the answers that they get.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from model.agent_process import MASTER_ADDRESS, Host
from model.judge import Judge
from model.network import CLIENT, Network, SimRpcError
from model.simulation import Life, Simulation
from sutra_grid.core.types import Agent, Desired, Reason
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.convert import agent_to_info, node_report_to_message
from sutra_grid.wire.grid_pb2_grpc import GridMasterStub

CLIENT_SECONDS: Final = 12.0

DESIRED: Final = {
    "Spawn": Desired.RUNNING,
    "Start": Desired.RUNNING,
    "Restart": Desired.RUNNING,
    "Stop": Desired.STOPPED,
    "Remove": Desired.ABSENT,
}


@dataclass(eq=False)
class Command:
    """One request of a client and its outcome."""

    kind: str
    request: Any
    node_id: str
    version: int
    epoch: int
    flying: bool = False
    disputed: bool = False  # sent while the spawn of the node was in progress: either can win
    tries: int = 0
    answer: Any = None


class Clients:
    """Clients on a connection without faults. The master can be down."""

    def __init__(self, sim: Simulation, network: Network, judge: Judge) -> None:
        self._sim = sim
        self._judge = judge
        self.life = Life(CLIENT)
        channel: Any = network.channel(self.life, MASTER_ADDRESS)
        self._stub = GridMasterStub(channel)
        self._commands: list[Command] = []
        self._request_ids = itertools.count(1)

    def are_waiting(self) -> bool:
        """Whether a command is in progress."""
        return any(command.flying for command in self._commands)

    def spawn(self, agent_id: str, engine: str, port: int = 0) -> None:
        request_id = f"request-{next(self._request_ids)}"
        request = pb.SpawnRequest(agent_id=agent_id, engine=engine, port=port, request_id=request_id)
        self._send(Command("Spawn", request, "", 0, self._judge.epoch))

    def command(self, kind: str, node_id: str) -> None:
        request_id = f"request-{next(self._request_ids)}"
        message = pb.StopRequest if kind == "Stop" else pb.NodeCommand
        request = message(node_id=node_id, request_id=request_id)
        self._send(Command(kind, request, node_id, self._judge.asked(node_id), self._judge.epoch))

    def retry(self) -> None:
        """Send the last unanswered request again, with the same idempotency key."""
        for command in reversed(self._commands):
            if not command.flying and command.answer is None:
                if command.kind == "Spawn":
                    self._judge.spawn_is_open(command.request.request_id)
                else:
                    command.version = self._judge.retried(command.node_id, command.version)
                self._send(command)
                return

    def _send(self, command: Command) -> None:
        if command not in self._commands:
            self._commands.append(command)
        command.flying = True
        command.tries += 1
        made = {self._judge.born.get(command.node_id)}
        command.disputed |= any(one.flying and one.request.request_id in made for one in self._commands)
        if command.kind == "Remove":
            self._judge.removals.add(command.node_id)
        self._sim.tell(
            f"operator: {command.kind} {command.node_id or command.request.agent_id} {command.request.request_id}"
        )
        call = getattr(self._stub, f"{command.kind}StorageNode")

        def work() -> None:
            try:
                command.answer = call(command.request, timeout=CLIENT_SECONDS)
            except SimRpcError as error:
                self._sim.tell(f"operator: {command.request.request_id} got no answer: {error.details()}")
            finally:
                command.flying = False
            if command.answer is not None:
                self._answered(command)

        self._sim.spawn(self.life, work)

    def _answered(self, command: Command) -> None:
        answer = command.answer
        outcome = "done" if answer.success else answer.error_message
        self._sim.tell(f"operator: {command.request.request_id} answered: {outcome}")
        recorded = not answer.success and "recorded: " in answer.error_message
        if command.kind == "Spawn" and ("not recorded yet" in answer.error_message or _tells_nothing(command)):
            self._judge.spawn_is_open(command.request.request_id)
        elif command.kind == "Spawn":
            self._judge.spawn_answered(command.request.request_id, answer.success, answer.node_id, command.epoch)
        elif (answer.success or recorded) and not command.disputed:
            self._judge.answered(
                command.node_id, DESIRED[command.kind], command.version, command.epoch, confirmed=answer.success
            )

    def remove_agent(self, host: Host) -> None:
        """``agents remove --force``, which the master refuses unless the agent is offline."""

        def work() -> None:
            request_id = f"request-{next(self._request_ids)}"
            request = pb.AgentCommand(agent_id=host.agent_id, request_id=request_id, force=True)
            for node_id in self._judge.nodes_of(host):
                self._judge.asked(node_id)
            try:
                self._stub.RemoveAgent(request, timeout=CLIENT_SECONDS)
            except SimRpcError as error:
                self._sim.tell(f"operator: remove {host.agent_id}: {error.details()}")

        self._sim.tell(f"operator: remove {host.agent_id}")
        self._sim.spawn(self.life, work)

    def beat_as_older_process(self, host: Host, record: Callable[[], Agent | None]) -> None:
        """The previous agent process sends one more heartbeat, with what it knew."""
        if host.past is None:
            return
        session_id, reports = host.past
        nodes = [node_report_to_message(report) for report in reports]
        request = pb.HeartbeatRequest(agent_id=host.agent_id, session_id=session_id, nodes=nodes)

        def check(answer: pb.HeartbeatResponse) -> None:
            holder = record()
            # While the newer process has sent no heartbeat yet, the older one is told to wait, without an order.
            waits = bool(answer.message) and not answer.assignments
            if answer.acknowledged and not waits and (holder is None or holder.session_id != session_id):
                self._sim.fault(f"a heartbeat of an older process of {host.agent_id} counted")

        self._call_as_somebody("the heartbeat of an older process", "Heartbeat", request, check)

    def register_as_other_host(self, holder: Agent | None) -> None:
        """A host with another identity registers under the agent's id while the record exists."""
        if holder is None:
            return
        impostor = replace(holder, host_id="f" * 32, instance_id="f" * 32, hostname="impostor", session_id="")

        def check(answer: pb.RegistrationResponse) -> None:
            if answer.success:
                self._sim.fault(f"another host was admitted as {holder.agent_id}")

        self._call_as_somebody("an impostor registers", "RegisterAgent", agent_to_info(impostor, ()), check)

    def _call_as_somebody(self, what: str, method: str, request: Any, check: Callable[[Any], None]) -> None:
        self._sim.tell(what)

        def work() -> None:
            try:
                check(getattr(self._stub, method)(request, timeout=CLIENT_SECONDS))
            except SimRpcError as error:
                self._sim.tell(f"{what}: {error.details()}")

        self._sim.spawn(self.life, work)


def _tells_nothing(command: Command) -> bool:
    """Whether a retry failed before the master could look up the first attempt, which may have made a node."""
    return command.tries > 1 and command.answer.error.reason == Reason.REGISTRY_UNAVAILABLE
