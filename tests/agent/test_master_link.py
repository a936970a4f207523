"""The calls to the master, over a real channel to a real server."""

from collections.abc import Iterator

import grpc
import pytest
from support.faults.fault_proxy import FaultProxy
from support.harness.ports import free_port

from sutra_grid.agent.master_link import MasterLink
from sutra_grid.core.errors import AlreadyExists, DeadlineExceeded, FailedPrecondition, Unavailable
from sutra_grid.core.samples import HostSample
from sutra_grid.core.types import Agent, Assignment, Desired, NodeReport, NodeState, Reason
from sutra_grid.wire import grid_pb2
from sutra_grid.wire.connection import ConnectionClosed
from sutra_grid.wire.grid_pb2_grpc import GridMasterServicer, add_GridMasterServicer_to_server
from sutra_grid.wire.server import RunningServer, ServerLimits, serve

AGENT = Agent("agent-1", "host", "desktop", 3, host_id="h", instance_id="i", engines=("storage",))
REPORT = NodeReport("node-1", 2, Desired.RUNNING, NodeState.RUNNING, pid=7)


class Master(GridMasterServicer):
    registration = grid_pb2.RegistrationResponse(success=True, session_id="s1", master_version="9")
    received: grid_pb2.HeartbeatRequest | None = None
    left: grid_pb2.AgentId | None = None

    def RegisterAgent(  # noqa: N802
        self, request: grid_pb2.AgentInfo, context: grpc.ServicerContext
    ) -> grid_pb2.RegistrationResponse:
        assert request.nodes[0].pid == 7
        return self.registration

    def Heartbeat(  # noqa: N802
        self, request: grid_pb2.HeartbeatRequest, context: grpc.ServicerContext
    ) -> grid_pb2.HeartbeatResponse:
        self.received = request
        assignment = grid_pb2.Assignment(node_id="node-2", generation=3, desired="stopped")
        return grid_pb2.HeartbeatResponse(acknowledged=True, assignments=[assignment])

    def UnregisterAgent(self, request: grid_pb2.AgentId, context: grpc.ServicerContext) -> grid_pb2.Empty:  # noqa: N802
        self.left = request
        return grid_pb2.Empty()


@pytest.fixture
def master() -> Master:
    return Master()


@pytest.fixture
def server(master: Master) -> Iterator[RunningServer]:
    with serve(
        {"grid.GridMaster": lambda server: add_GridMasterServicer_to_server(master, server)},
        host="127.0.0.1",
        port=0,
        limits=ServerLimits(workers=2, calls=8),
        name="master",
    ) as running:
        yield running


@pytest.fixture
def link(server: RunningServer) -> Iterator[MasterLink]:
    with MasterLink(f"127.0.0.1:{server.port}") as made:
        yield made


def test_a_registration_brings_session_and_version(link: MasterLink) -> None:
    answer = link.register(AGENT, [REPORT])
    assert (answer.session_id, answer.master_version) == ("s1", "9")


def test_a_refused_registration_is_the_masters_error(link: MasterLink, master: Master) -> None:
    detail = grid_pb2.ErrorDetail(code="already_exists", reason="host_conflict", message="held by b", hint="remove it")
    master.registration = grid_pb2.RegistrationResponse(success=False, error_message="held by b", error=detail)
    with pytest.raises(AlreadyExists, match=detail.message) as refused:
        link.register(AGENT, [REPORT])
    assert (refused.value.reason, refused.value.hint) == (Reason.HOST_CONFLICT, detail.hint)
    master.registration = grid_pb2.RegistrationResponse(success=False, error_message="no room")
    with pytest.raises(FailedPrecondition, match=master.registration.error_message):
        link.register(AGENT, [REPORT])


def test_a_heartbeat_carries_the_inventory_and_brings_assignments(link: MasterLink, master: Master) -> None:
    answer = link.heartbeat("agent-1", "s1", 1234, [REPORT], HostSample(cpu_count=2))
    assert answer.assignments == (Assignment("node-2", 3, Desired.STOPPED),)
    assert master.received is not None
    assert (master.received.storage_node_count, master.received.timestamp, master.received.session_id) == (
        1,
        1234,
        "s1",
    )
    assert master.received.host.cpu_count == 2


def test_the_farewell_names_session_and_reason(link: MasterLink, master: Master) -> None:
    link.unregister("agent-1", "s1", "SIGTERM")
    assert master.left is not None
    assert (master.left.session_id, master.left.reason) == ("s1", "SIGTERM")


def test_nobody_there_is_an_error_that_names_the_address() -> None:
    target = f"127.0.0.1:{free_port()}"
    with MasterLink(target) as link, pytest.raises(Unavailable, match=target):
        link.register(AGENT, [REPORT])


def test_after_a_call_without_an_answer_the_next_one_goes_over_a_new_connection(server: RunningServer) -> None:
    with FaultProxy((server.host, server.port)) as proxy, MasterLink(proxy.address, call_seconds=0.5) as link:
        link.heartbeat("agent-1", "s1", 1, [], None)
        proxy.freeze_open_connections()
        with pytest.raises(DeadlineExceeded):
            link.heartbeat("agent-1", "s1", 2, [], None)

        assert link.heartbeat("agent-1", "s1", 3, [], None).acknowledged


def test_a_link_that_was_closed_under_a_call_opens_nothing_more(server: RunningServer) -> None:
    with FaultProxy((server.host, server.port)) as proxy, MasterLink(proxy.address, call_seconds=0.5) as link:
        link.heartbeat("agent-1", "s1", 1, [], None)
        link.close()
        with pytest.raises(ConnectionClosed):
            link.heartbeat("agent-1", "s1", 2, [], None)

        assert proxy.accepted == 1
