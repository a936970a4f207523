"""A connection over real TCP that is cut, forgotten, redirected and closed."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import psutil
import pytest
from support.fakes.scripted_agent import ScriptedAgent, start
from support.faults.fault_proxy import RESET, Fault, FaultProxy
from support.harness.ports import free_port
from support.waiting import eventually

from sutra_grid.core.errors import DeadlineExceeded, GridError, NotFound, Unavailable
from sutra_grid.core.types import Reason
from sutra_grid.wire.channels import open_channel
from sutra_grid.wire.connection import Connection, ConnectionClosed, NoAnswer, Peer, PeerUnreachable
from sutra_grid.wire.grid_pb2 import Assignment, NodeReport
from sutra_grid.wire.grid_pb2_grpc import GridAgentStub
from sutra_grid.wire.keepalive import DENSE_KEEPALIVE

PEER = Peer("agent a", unreachable_reason=Reason.AGENT_UNREACHABLE)


@pytest.fixture
def proxy(agent: ScriptedAgent) -> Iterator[FaultProxy]:
    with start(agent) as server, FaultProxy((server.host, server.port)) as proxy:
        yield proxy


@pytest.fixture
def connection(proxy: FaultProxy) -> Iterator[Connection[GridAgentStub]]:
    with Connection(proxy.address, PEER, GridAgentStub) as made:
        yield made


def apply(
    connection: Connection[GridAgentStub], timeout_seconds: float = 10.0, *, repeatable: bool = False
) -> NodeReport:
    return connection.call(lambda stub: stub.Apply, Assignment(), NodeReport, timeout_seconds, repeatable=repeatable)


def open_connections(proxy: FaultProxy) -> int:
    """How many this process has to the proxy."""
    found = psutil.Process().net_connections("tcp")
    return sum(bool(one.raddr) and one.raddr.port == proxy.port and one.status == "ESTABLISHED" for one in found)


def holding(agent: ScriptedAgent) -> tuple[threading.Event, threading.Event]:
    """The agent answers no call before the second event; the first one says that a call has arrived."""
    arrived, release = threading.Event(), threading.Event()

    def hold(_request: object, _context: object) -> NodeReport:
        arrived.set()
        release.wait(20)
        return NodeReport()

    agent.answer = hold
    return arrived, release


def test_nothing_is_opened_before_the_first_call() -> None:
    opened: list[str] = []

    def open_(target: str) -> grpc.Channel:
        opened.append(target)
        return open_channel(target)

    with Connection("no.such.host.invalid:1", PEER, GridAgentStub, open_) as connection:
        assert not connection.has_answered
    assert opened == []


def test_calls_share_one_channel(connection: Connection[GridAgentStub], proxy: FaultProxy) -> None:
    for _ in range(3):
        apply(connection)
    assert proxy.accepted == 1


def test_an_address_where_nobody_listens_is_a_call_that_did_not_arrive() -> None:
    target = f"127.0.0.1:{free_port()}"
    with Connection(target, PEER, GridAgentStub) as connection, pytest.raises(PeerUnreachable) as away:
        apply(connection, repeatable=True)
    assert away.value.reason is Reason.AGENT_UNREACHABLE
    assert not away.value.may_have_arrived
    assert away.value.message.startswith(f"agent a at {target} can't be reached: ")


def test_a_connection_that_is_lost_during_a_call_is_a_call_that_may_have_arrived(
    connection: Connection[GridAgentStub], proxy: FaultProxy, agent: ScriptedAgent
) -> None:
    arrived, release = holding(agent)
    with ThreadPoolExecutor() as pool:
        call = pool.submit(apply, connection)
        arrived.wait(10)
        proxy.set(RESET)
        with pytest.raises(PeerUnreachable) as lost:
            call.result()
        release.set()
    assert lost.value.may_have_arrived


def test_the_peers_own_error_comes_as_it_is_and_keeps_the_channel(
    connection: Connection[GridAgentStub], proxy: FaultProxy, agent: ScriptedAgent
) -> None:
    for error in (NotFound("no node"), DeadlineExceeded("the node is not up"), Unavailable("the disk is gone")):

        def refuse(_request: object, _context: object, error: GridError = error) -> NodeReport:
            raise error

        agent.answer = refuse
        with pytest.raises(GridError) as refused:
            apply(connection, repeatable=True)
        assert (type(refused.value), refused.value.message) == (type(error), error.message)
    assert connection.has_answered
    assert proxy.accepted == 1


def test_after_a_call_without_an_answer_the_next_one_goes_over_a_new_channel(
    connection: Connection[GridAgentStub], proxy: FaultProxy
) -> None:
    apply(connection)
    proxy.freeze_open_connections()
    with pytest.raises(NoAnswer):
        apply(connection, 0.5)
    apply(connection)
    eventually(lambda: open_connections(proxy) == 1, message="the old channel is closed")


def test_a_half_open_connection_fails_a_long_call_within_seconds(proxy: FaultProxy) -> None:
    def open_(target: str) -> grpc.Channel:
        return open_channel(target, keepalive=DENSE_KEEPALIVE)

    with Connection(proxy.address, PEER, GridAgentStub, open_) as connection:
        apply(connection)
        proxy.freeze_open_connections()
        since = time.monotonic()
        apply(connection, 60, repeatable=True)
        assert time.monotonic() - since <= DENSE_KEEPALIVE.time_seconds + DENSE_KEEPALIVE.timeout_seconds + 2


def test_a_call_in_flight_outlives_the_change_to_a_new_channel(
    connection: Connection[GridAgentStub], proxy: FaultProxy
) -> None:
    proxy.set(Fault(delay_seconds=0.5))
    with ThreadPoolExecutor() as pool:
        patient = pool.submit(apply, connection)
        with pytest.raises(NoAnswer):
            apply(connection, 0.3)
        proxy.heal()
        apply(connection)
        patient.result()
    eventually(lambda: open_connections(proxy) == 1, message="the old channel is closed after its last call")


def test_a_repeatable_call_reaches_a_peer_that_was_restarted_at_once(agent: ScriptedAgent) -> None:
    with start(agent) as first, Connection(first.address, PEER, GridAgentStub) as connection:
        apply(connection)
        first.stop(0)
        with pytest.raises(PeerUnreachable):
            apply(connection, repeatable=True)
        with start(agent, port=first.port):
            apply(connection, repeatable=True)


def test_a_redirected_connection_leaves_the_old_address(agent: ScriptedAgent) -> None:
    arrived, release = holding(agent)
    with start(agent) as first, start(ScriptedAgent()) as second, ThreadPoolExecutor() as pool:
        with Connection(first.address, PEER, GridAgentStub) as connection:
            call = pool.submit(apply, connection, repeatable=True)
            arrived.wait(10)
            connection.redirect(second.address)
            assert call.result() == NodeReport()
            assert connection.target == second.address
        release.set()


def test_a_connection_that_is_redirected_again_and_again_keeps_one_channel(agent: ScriptedAgent) -> None:
    with start(agent) as first, start(agent) as second, Connection(first.address, PEER, GridAgentStub) as connection:
        for server in (second, first, second, first):
            apply(connection)
            connection.redirect(server.address)
        apply(connection)
        assert len(connection._open_channels) == 1


@pytest.mark.parametrize("in_flight", [True, False])
def test_a_closed_connection_ends_its_calls_and_opens_nothing(
    connection: Connection[GridAgentStub], proxy: FaultProxy, agent: ScriptedAgent, in_flight: bool
) -> None:
    arrived, release = holding(agent)
    with ThreadPoolExecutor() as pool:
        if in_flight:
            call = pool.submit(apply, connection, repeatable=True)
            arrived.wait(10)
        connection.close()
        if not in_flight:
            call = pool.submit(apply, connection, repeatable=True)
        with pytest.raises(ConnectionClosed):
            call.result()
        release.set()
    assert proxy.accepted == int(in_flight)
    eventually(lambda: open_connections(proxy) == 0, message="its channel is closed")


def test_no_channel_is_leaked_by_many_threads_whose_calls_fail(proxy: FaultProxy) -> None:
    opened, closed = [], []

    class Counted:
        def __init__(self, target: str) -> None:
            self._channel = open_channel(target)
            opened.append(self)

        def unary_unary(self, *arguments: object, **options: object) -> Callable[..., object]:
            return self._channel.unary_unary(*arguments, **options)  # type: ignore[arg-type]

        def close(self) -> None:
            closed.append(self)
            self._channel.close()

    def call(number: int) -> None:
        with contextlib.suppress(NoAnswer, PeerUnreachable):
            apply(connection, 0.05 if number % 3 else 5.0, repeatable=True)

    with Connection(proxy.address, PEER, GridAgentStub, Counted) as connection:  # type: ignore[arg-type]
        with ThreadPoolExecutor(8) as pool:
            calls = pool.map(call, range(60))
            for fault in (Fault(delay_seconds=0.1), RESET, Fault(delay_seconds=0.02)):
                proxy.set(fault)
            list(calls)
        assert len(set(opened)) - len(set(closed)) <= 1
    assert set(opened) == set(closed)
