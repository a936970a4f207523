"""The three interfaces of the grid behind one small interface, so that one test body covers all of them.

Each interface answers the same ``NodeView`` and refuses with the same ``Refused``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

import grpc
from google.protobuf.message import Message
from grpc_status import rpc_status

from support.harness.daemons import Outcome, run_program
from support.harness.http import Answer, HttpClient
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire import grid_pb2_grpc as rpc

CALL_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class NodeView:
    """A node as an interface shows it."""

    node_id: str
    agent_id: str
    status: str
    desired: str
    pid: int
    endpoint: str
    restarts: int
    reason: str
    message: str
    health: str
    storage_path: str
    port: int


def what_runs(nodes: Iterable[NodeView]) -> set[tuple[object, ...]]:
    """What of nodes must not change by itself; reasons and messages tell the latest thing that happened, and may."""
    return {(n.node_id, n.agent_id, n.status, n.desired, n.pid, n.endpoint, n.storage_path) for n in nodes}


class Refused(Exception):
    """The grid refused a request. ``code`` is of the error tree, ``status`` is the status of the interface."""

    def __init__(self, code: str, reason: str, message: str, hint: str, status: object) -> None:
        super().__init__(f"{code}/{reason} ({status}): {message}. {hint}")
        self.code = code
        self.reason = reason
        self.message = message
        self.hint = hint
        self.status = status


class Interface(Protocol):
    """What each interface can do. Every method raises ``Refused``."""

    def spawn(self, agent_id: str = "", **fields: Any) -> NodeView: ...
    def start(self, node_id: str) -> NodeView: ...
    def stop(self, node_id: str) -> NodeView: ...
    def restart(self, node_id: str) -> NodeView: ...
    def remove(self, node_id: str) -> None: ...
    def show(self, node_id: str) -> NodeView: ...
    def nodes(self) -> list[NodeView]: ...
    def agents(self) -> dict[str, str]: ...
    def cluster(self) -> str: ...


def view_of(fields: Mapping[str, Any]) -> NodeView:
    """From a ``NodeStatus`` as JSON; 64-bit numbers may have come as strings."""
    spec = fields.get("spec") or {}
    return NodeView(
        node_id=fields["node_id"],
        agent_id=fields["agent_id"],
        status=fields["status"],
        desired=fields["desired"],
        pid=int(fields.get("pid", 0)),
        endpoint=fields.get("endpoint", ""),
        restarts=int(fields.get("restarts", 0)),
        reason=fields.get("reason", ""),
        message=fields.get("message", ""),
        health=fields.get("health", ""),
        storage_path=spec.get("storage_path", ""),
        port=int(spec.get("port", 0)),
    )


def view_of_message(node: pb.NodeStatus) -> NodeView:
    return NodeView(
        node_id=node.node_id,
        agent_id=node.agent_id,
        status=node.status,
        desired=node.desired,
        pid=node.pid,
        endpoint=node.endpoint,
        restarts=node.restarts,
        reason=node.reason,
        message=node.message,
        health=node.health,
        storage_path=node.spec.storage_path,
        port=node.spec.port,
    )


class GrpcInterface:
    """The master's own service."""

    def __init__(self, stub: rpc.GridMasterStub) -> None:
        self._stub = stub

    def spawn(self, agent_id: str = "", **fields: Any) -> NodeView:
        return self._change("SpawnStorageNode", pb.SpawnRequest(agent_id=agent_id, **fields))

    def start(self, node_id: str) -> NodeView:
        return self._change("StartStorageNode", pb.NodeCommand(node_id=node_id))

    def stop(self, node_id: str) -> NodeView:
        return self._change("StopStorageNode", pb.StopRequest(node_id=node_id))

    def restart(self, node_id: str) -> NodeView:
        return self._change("RestartStorageNode", pb.NodeCommand(node_id=node_id))

    def remove(self, node_id: str) -> None:
        self._change("RemoveStorageNode", pb.NodeCommand(node_id=node_id))

    def show(self, node_id: str) -> NodeView:
        return view_of_message(self._call("GetStorageNodeStatus", pb.NodeId(node_id=node_id)))

    def nodes(self) -> list[NodeView]:
        return [view_of_message(node) for node in self._call("ListStorageNodes", pb.ListNodesRequest()).nodes]

    def agents(self) -> dict[str, str]:
        return {agent.agent_id: agent.status for agent in self._call("ListAgents", pb.Empty()).agents}

    def cluster(self) -> str:
        status: str = self._call("GetClusterStatus", pb.Empty()).status
        return status

    def _change(self, method: str, request: Message) -> NodeView:
        answer = self._call(method, request)
        if not answer.success:
            error = answer.error
            raise Refused(error.code, error.reason, error.message or answer.error_message, error.hint, "success=false")
        return view_of_message(answer.node)

    def _call(self, method: str, request: Message) -> Any:
        """Raises ``Refused`` for an answer of the grid, and the ``RpcError`` when there is none."""
        try:
            return getattr(self._stub, method)(request, timeout=CALL_SECONDS)
        except grpc.RpcError as error:
            refused = refused_by(error)
            if refused is None:
                raise
            raise refused from error


def refused_by(error: grpc.RpcError) -> Refused | None:
    """The grid's error in a gRPC status; None when something else answered."""
    if not isinstance(error, grpc.Call) or (status := rpc_status.from_call(error)) is None:
        return None
    detail = pb.ErrorDetail()
    for packed in status.details:
        packed.Unpack(detail)
    return Refused(detail.code, detail.reason, detail.message, detail.hint, error.code().name)


class RestInterface:
    """The admin's JSON interface."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    def spawn(self, agent_id: str = "", **fields: Any) -> NodeView:
        body = {"agent_id": agent_id, **fields} if agent_id else fields
        return view_of(self._json(self._http.post("/nodes", body)))

    def start(self, node_id: str) -> NodeView:
        return view_of(self._json(self._http.post(f"/nodes/{node_id}/start")))

    def stop(self, node_id: str) -> NodeView:
        return view_of(self._json(self._http.post(f"/nodes/{node_id}/stop")))

    def restart(self, node_id: str) -> NodeView:
        return view_of(self._json(self._http.post(f"/nodes/{node_id}/restart")))

    def remove(self, node_id: str) -> None:
        answer = self._http.delete(f"/nodes/{node_id}")
        if answer.status >= 400:
            self._refuse(answer)

    def show(self, node_id: str) -> NodeView:
        return view_of(self._json(self._http.get(f"/nodes/{node_id}")))

    def nodes(self) -> list[NodeView]:
        return [view_of(node) for node in self._json(self._http.get("/nodes"))["nodes"]]

    def agents(self) -> dict[str, str]:
        return {agent["agent_id"]: agent["status"] for agent in self._json(self._http.get("/agents"))["agents"]}

    def cluster(self) -> str:
        status: str = self._json(self._http.get("/status"))["status"]
        return status

    def _json(self, answer: Answer) -> Any:
        if answer.status >= 400:
            self._refuse(answer)
        return answer.json

    def _refuse(self, answer: Answer) -> NoReturn:
        assert answer.content_type == "application/problem+json", f"{answer.status} {answer.content_type}"
        problem = answer.json
        message = problem.get("detail", "")
        raise Refused(problem["code"], problem["reason"], message, problem.get("hint", ""), answer.status)


class CliInterface:
    """The command line as a process of its own."""

    def __init__(self, master_address: str, options: Sequence[str] = ()) -> None:
        self._master_address = master_address
        self._options = options

    def run(self, *arguments: str) -> Outcome:
        return run_program("sutra-grid-cli", "--master", self._master_address, *self._options, "-o", "json", *arguments)

    def spawn(self, agent_id: str = "", **fields: Any) -> NodeView:
        options = [f"--{name.replace('_', '-')}={value}" for name, value in fields.items()]
        agent = [f"--agent={agent_id}"] if agent_id else []
        (node,) = self._nodes("nodes", "spawn", *agent, *options)
        return node

    def start(self, node_id: str) -> NodeView:
        return self._one("nodes", "start", node_id)

    def stop(self, node_id: str) -> NodeView:
        return self._one("nodes", "stop", node_id)

    def restart(self, node_id: str) -> NodeView:
        return self._one("nodes", "restart", node_id)

    def remove(self, node_id: str) -> None:
        self._json("nodes", "remove", node_id, "--yes")

    def show(self, node_id: str) -> NodeView:
        return view_of(self._json("nodes", "show", node_id))

    def nodes(self) -> list[NodeView]:
        return self._nodes("nodes", "list")

    def agents(self) -> dict[str, str]:
        return {agent["agent_id"]: agent["status"] for agent in self._json("agents", "list")["agents"]}

    def cluster(self) -> str:
        status: str = self._json("status")["status"]
        return status

    def _one(self, *arguments: str) -> NodeView:
        (node,) = self._nodes(*arguments)
        return node

    def _nodes(self, *arguments: str) -> list[NodeView]:
        return [view_of(node) for node in self._json(*arguments)["nodes"]]

    def _json(self, *arguments: str) -> Any:
        outcome = self.run(*arguments)
        if outcome.exit_code != 0:
            self._refuse(outcome)
        return json.loads(outcome.stdout)

    def _refuse(self, outcome: Outcome) -> NoReturn:
        assert "Traceback" not in outcome.stderr, outcome
        try:
            error = json.loads(outcome.stderr)["error"]
        except ValueError:
            raise AssertionError(f"no JSON on stderr: {outcome}") from None
        raise Refused(error["code"], error["reason"], error["message"], error["hint"], outcome.exit_code)
