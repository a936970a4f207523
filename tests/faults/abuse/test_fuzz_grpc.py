"""Whatever a message holds, every method of every service answers it properly: never INTERNAL, never UNKNOWN."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from storage.server import StorageServer
from support.fakes.fake_agent import FakeAgent
from support.harness.agent_harness import AgentHarness
from support.harness.grid import Grid, GridSpec
from support.harness.processes import kill_and_wait, node_processes, processes_below
from support.values.messages import Known, messages, path_of, services

from sutra_grid.wire import grid_pb2, node_pb2, storage_pb2

pytestmark = pytest.mark.e2e

Call = Callable[[MethodDescriptor, Message], Message]

IMPROPER = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.CANCELLED, grpc.StatusCode.DATA_LOSS}
CALL_SECONDS = 10.0
HOUR_MS = 3_600_000
NUMBERS = itertools.count(1)

EXAMPLES = pytest.mark.parametrize(
    "examples", [pytest.param(60, id="short"), pytest.param(2_000, id="long", marks=pytest.mark.soak)]
)

GRID_WORDS: Known = {
    "agent_id": ["", "agent-1"],
    "host_id": ["", "host-1"],
    "desired": ["running", "stopped", "absent"],
    "state": ["starting", "running", "stopping", "stopped", "failed"],
    "health": ["unknown", "healthy", "unhealthy"],
    "reason": ["", "crashed", "commanded"],
    "status": ["", "running", "unknown"],
    "kind": ["", "node", "agent.registered"],
    "platform": ["docker", "k8s", "aws", "desktop"],
    "engine": ["", "storage"],
    "request_id": ["", "request-1", "request-2"],
    "generation": [0, 1, 2, 3, 2**63 - 1, 2**63],
    "restart_generation": [0, 1, 2, 3],
    "port": [0, 1, 65_535, 65_536],
    "storage_path": ["", "/", "..", "\0", "a/b"],
    "memory_limit_mb": [0, 1, 64],
    "limit": [0, 1, 1_000],
    "cursor": ["", "0", "-1", "0:0"],
}


def names_of(service: str) -> list[Any]:
    """The methods of a service, as parameters of a test."""
    (found,) = [one for one in services(grid_pb2, node_pb2, storage_pb2) if one.full_name == service]
    return [pytest.param(method, id=method.name) for method in found.methods]


def caller(channel: grpc.Channel, timeout_seconds: float = CALL_SECONDS) -> Call:
    """Calls a method; a refusal with a proper status is an answer (an empty one), any other fails."""

    def call(method: MethodDescriptor, request: Message) -> Message:
        answer_class = GetMessageClass(method.output_type)
        options: dict[str, Any] = {
            "request_serializer": type(request).SerializeToString,
            "response_deserializer": answer_class.FromString,
        }
        try:
            if method.server_streaming:
                return list(channel.unary_stream(path_of(method), **options)(request, timeout=timeout_seconds))[-1]
            answer: Message = channel.unary_unary(path_of(method), **options)(request, timeout=timeout_seconds)
        except grpc.RpcError as error:
            if error.code() in IMPROPER or not error.details():
                raise AssertionError(f"{method.name}: {error.code()} {error.details()!r}") from error
            return answer_class()
        if "error" in answer.DESCRIPTOR.fields_by_name:
            assert answer.error.code != "internal", answer
        return answer

    return call


def fuzz(call: Call, method: MethodDescriptor, known: Known, examples: int) -> None:
    """Many messages, each answered properly. The short run is the same each time."""

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=examples < 1_000,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(messages(method.input_type, known))
    def every_message_is_answered(request: Message) -> None:
        call(method, request)

    every_message_is_answered()


# -- the master ------------------------------------------------------------------


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    with Grid(tmp_path_factory.mktemp("grid"), GridSpec(agents=0, with_admin=False, agents_explain=False)) as grid:
        yield grid


@pytest.fixture
def agent(grid: Grid) -> Iterator[FakeAgent]:
    """An agent for this test alone: the test may drain, remove or replace it."""
    with FakeAgent(f"agent-{next(NUMBERS)}", host_id="host-1", slots=1_000) as agent:
        agent.interval_ms = HOUR_MS
        assert agent.register(grid.stub).success
        yield agent


@EXAMPLES
@pytest.mark.parametrize("method", names_of("grid.GridMaster"))
def test_the_master_answers_whatever_it_is_sent(
    grid: Grid, agent: FakeAgent, method: MethodDescriptor, examples: int
) -> None:
    node = grid.grpc.spawn(agent.agent_id)
    known = {
        **GRID_WORDS,
        "agent_id": ["", agent.agent_id, "agent-0"],
        "node_id": ["", node.node_id, "node-00000001"],
        "session_id": ["", agent.session_id],
        # No name that needs a DNS server.
        "agent_endpoint": st.sampled_from([agent.endpoint, "", "127.0.0.1:1", "127.0.0.1:65536", ":", "[::1", "\0"]),
    }
    with grpc.insecure_channel(grid.master_address) as channel:
        fuzz(caller(channel), method, known, examples)

    assert grid.agent_statuses()
    assert "Traceback" not in grid.master.log_text()


# -- the agent -------------------------------------------------------------------


SLOTS = 5


@pytest.fixture(scope="module")
def real_agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentHarness]:
    home = tmp_path_factory.mktemp("agent")
    agent = AgentHarness(home).start()
    try:
        yield agent
    finally:
        agent.stop()
        kill_and_wait(processes_below(home))


@EXAMPLES
@pytest.mark.parametrize("method", names_of("grid.GridAgent"))
def test_an_agent_answers_whatever_it_is_sent(
    real_agent: AgentHarness, method: MethodDescriptor, examples: int
) -> None:
    known = {
        **GRID_WORDS,
        "node_id": ["", *(f"node-0000000{number}" for number in range(SLOTS))],
        "engine": ["", "storage", "broken", "deaf", "missing"],
    }
    with grpc.insecure_channel(real_agent.address) as channel:
        # An agent answers half a second before the deadline what it has by then.
        fuzz(caller(channel, timeout_seconds=0.7), method, known, examples)

    processes = [process.node_id for process in node_processes(real_agent.home)]
    assert len(processes) == len(set(processes)) <= SLOTS
    assert "Traceback" not in real_agent.daemon.log_text()


# -- a storage node ----------------------------------------------------------------


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StorageServer]:
    with StorageServer(tmp_path_factory.mktemp("node") / "store") as server:
        yield server


KEYS = [b"", b"\0", b"a", b"b", b"c", b"k1"]
STORAGE_WORDS: Known = {
    "key": KEYS,
    "range_end": KEYS,
    "value": [b"", b"1"],
    "revision": [0, 1, 2],
    "limit": [0, 1, 2**63 - 1],
    "lease": [0],
    "name": ["", "..", "a/b", "copy"],
}


@EXAMPLES
@pytest.mark.parametrize(
    "method",
    [
        *names_of("etcdserverpb.KV"),
        *names_of("etcdserverpb.Cluster"),
        *names_of("etcdserverpb.Maintenance"),
        *names_of("grid.StorageNode"),
    ],
)
def test_a_storage_node_answers_whatever_it_is_sent(
    storage: StorageServer, method: MethodDescriptor, examples: int
) -> None:
    said = len(storage.log.read_text())
    with grpc.insecure_channel(storage.address) as channel:
        fuzz(caller(channel), method, STORAGE_WORDS, examples)
        put = storage_pb2.DESCRIPTOR.services_by_name["KV"].methods_by_name["Put"]
        assert caller(channel)(put, storage_pb2.PutRequest(key=b"k", value=b"v")).header.revision > 0

    assert "Traceback" not in storage.log.read_text()[said:]
