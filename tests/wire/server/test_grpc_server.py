import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from support.fakes.scripted_agent import SERVICE, ScriptedAgent, start
from support.texts import mentions
from support.waiting import eventually

from sutra_grid.core.errors import AlreadyExists, InvalidArgument
from sutra_grid.core.types import Reason
from sutra_grid.wire.channels import MAX_MESSAGE_BYTES, open_channel
from sutra_grid.wire.grid_pb2 import Assignment, NodeReport
from sutra_grid.wire.grid_pb2_grpc import GridAgentStub
from sutra_grid.wire.keepalive import DENSE_KEEPALIVE, PING_FLOOR_SECONDS
from sutra_grid.wire.server import RunningServer, ServerLimits
from sutra_grid.wire.server.grpc_server import OPTIONS
from sutra_grid.wire.server.health import HealthServicer

TIMEOUT_SECONDS = 10.0


def health_of(channel: grpc.Channel, service: str = "") -> int:
    request = health_pb2.HealthCheckRequest(service=service)
    response = health_pb2_grpc.HealthStub(channel).Check(request, timeout=TIMEOUT_SECONDS)
    status: int = response.status
    return status


class Gate:
    """An answer that waits until the test opens it."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.opened = threading.Event()

    def __call__(self, _request: Assignment, _context: grpc.ServicerContext) -> NodeReport:
        self.entered.release()
        self.opened.wait(TIMEOUT_SECONDS)
        return NodeReport(node_id="answered")


def test_it_answers_on_the_port_that_it_tells(stub: GridAgentStub, server: RunningServer) -> None:
    assert server.port > 0
    assert server.address == f"127.0.0.1:{server.port}"
    assert stub.Apply(Assignment(), timeout=TIMEOUT_SECONDS) == NodeReport()


def test_handlers_run_on_threads_that_bear_its_name(agent: ScriptedAgent, stub: GridAgentStub) -> None:
    agent.answer = lambda _request, _context: NodeReport(message=threading.current_thread().name)
    assert stub.Apply(Assignment(), timeout=TIMEOUT_SECONDS).message.startswith("test_")


@pytest.mark.parametrize("service", ["", SERVICE])
def test_the_health_service_answers_for_the_server_and_each_service(
    channel: grpc.Channel, server: RunningServer, service: str
) -> None:
    assert health_of(channel, service) == health_pb2.HealthCheckResponse.SERVING
    server.set_serving(False, service)
    assert health_of(channel, service) == health_pb2.HealthCheckResponse.NOT_SERVING


def test_the_health_of_a_service_that_is_not_there_is_not_found(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        health_of(channel, "grid.Other")
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND


def test_watching_health_is_refused_and_holds_no_worker(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        next(health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_SECONDS))
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_server_that_stops_says_so_to_who_asks_and_nothing_changes_that() -> None:
    servicer = HealthServicer([SERVICE])
    servicer.stop()
    servicer.set_serving(SERVICE, True)
    response = servicer.Check(health_pb2.HealthCheckRequest(service=SERVICE), cast(grpc.ServicerContext, None))
    assert response.status == health_pb2.HealthCheckResponse.NOT_SERVING


def test_the_reflection_service_lists_every_service(channel: grpc.Channel) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    (response,) = stub.ServerReflectionInfo(iter([request]), timeout=TIMEOUT_SECONDS)
    names = {service.name for service in response.list_services_response.service}
    assert names == {SERVICE, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}


def test_a_taken_port_is_refused_naming_its_holder(agent: ScriptedAgent, server: RunningServer) -> None:
    with pytest.raises(AlreadyExists) as raised:
        start(agent, port=server.port)
    assert raised.value.reason is Reason.PORT_TAKEN
    assert mentions(raised.value.message, f"127.0.0.1:{server.port}", os.getpid(), psutil.Process().name())


def test_a_port_of_a_connection_is_refused_naming_its_process_and_its_other_end(
    agent: ScriptedAgent, server: RunningServer
) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as client, pytest.raises(AlreadyExists) as raised:
        start(agent, port=client.getsockname()[1])
    assert raised.value.reason is Reason.PORT_TAKEN
    assert mentions(raised.value.message, "connection", os.getpid(), server.address)
    assert "ss -tanp" in raised.value.hint


def test_a_taken_port_whose_holder_is_not_found_is_refused_as_well(agent: ScriptedAgent) -> None:
    with socket.socket() as bound:  # neither listens nor is connected: no table of the kernel lists it
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(AlreadyExists, match="can't be found"):
            start(agent, port=bound.getsockname()[1])


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_an_address_that_is_not_of_this_host_is_refused(agent: ScriptedAgent, host: str) -> None:
    with pytest.raises(InvalidArgument, match=f"{host}:0"):
        start(agent, host=host)


def test_a_port_is_free_again_after_the_stop(agent: ScriptedAgent) -> None:
    with start(agent) as first, open_channel(first.address) as channel:
        GridAgentStub(channel).Apply(Assignment(), timeout=TIMEOUT_SECONDS)
        port = first.port
    with start(agent, port=port) as second:
        assert second.port == port


def test_calls_above_the_bound_are_refused_at_once(agent: ScriptedAgent) -> None:
    gate = Gate()
    agent.answer = gate
    with start(agent, limits=ServerLimits(workers=4, calls=2)) as server, open_channel(server.address) as channel:
        stub = GridAgentStub(channel)
        held = [stub.Apply.future(Assignment(), timeout=TIMEOUT_SECONDS) for _ in range(2)]
        for _ in held:
            assert gate.entered.acquire(timeout=TIMEOUT_SECONDS)
        with pytest.raises(grpc.RpcError) as raised:
            stub.Apply(Assignment(), timeout=TIMEOUT_SECONDS)
        assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        gate.opened.set()
        assert [call.result().node_id for call in held] == ["answered"] * 2


def test_a_stop_lets_calls_in_flight_end_and_refuses_new_ones(agent: ScriptedAgent) -> None:
    gate = Gate()
    agent.answer = gate
    server = start(agent)
    with ThreadPoolExecutor(1) as threads, open_channel(server.address) as channel:
        stub = GridAgentStub(channel)
        call = stub.Apply.future(Assignment(), timeout=TIMEOUT_SECONDS)
        assert gate.entered.acquire(timeout=TIMEOUT_SECONDS)
        stopping = threads.submit(server.stop, TIMEOUT_SECONDS)
        eventually(lambda: refused(server.address))
        gate.opened.set()
        assert call.result().node_id == "answered"
        stopping.result(TIMEOUT_SECONDS)


def refused(address: str) -> bool:
    with open_channel(address) as channel:
        try:
            health_of(channel)
        except grpc.RpcError as error:
            return error.code() is grpc.StatusCode.UNAVAILABLE
    return False


def test_a_stop_does_not_wait_longer_than_its_grace_for_a_handler_that_hangs(agent: ScriptedAgent) -> None:
    gate = Gate()
    agent.answer = gate
    server = start(agent)
    with open_channel(server.address) as channel:
        call = GridAgentStub(channel).Apply.future(Assignment(), timeout=TIMEOUT_SECONDS)
        assert gate.entered.acquire(timeout=TIMEOUT_SECONDS)
        stopping = threading.Thread(target=server.stop, args=(0.05,))
        stopping.start()
        stopping.join(TIMEOUT_SECONDS / 2)
        assert not stopping.is_alive()
        gate.opened.set()
        assert isinstance(call.exception(TIMEOUT_SECONDS), grpc.RpcError)


def test_stopping_twice_is_no_fault(agent: ScriptedAgent) -> None:
    server = start(agent)
    server.stop(0)
    server.stop(0)


def test_large_messages_pass_both_ways_up_to_the_limit(agent: ScriptedAgent, stub: GridAgentStub) -> None:
    agent.answer = lambda request, _context: NodeReport(message=request.node_id)
    large = "x" * (MAX_MESSAGE_BYTES - 100)
    assert stub.Apply(Assignment(node_id=large), timeout=TIMEOUT_SECONDS).message == large
    with pytest.raises(grpc.RpcError) as raised:
        stub.Apply(Assignment(node_id=large + "x" * 200), timeout=TIMEOUT_SECONDS)
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_clients_may_ping_as_often_as_those_of_etcd_with_and_without_calls() -> None:
    options = dict(OPTIONS)
    assert options["grpc.http2.min_ping_interval_without_data_ms"] == 4000, "5 s, and 1 s for a ping that comes early"
    assert options["grpc.keepalive_permit_without_calls"] == 1
    assert DENSE_KEEPALIVE.time_seconds >= PING_FLOOR_SECONDS
