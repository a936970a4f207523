"""The calls to an agent over real connections that fail in every way."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from support.fakes.fake_agent import FakeAgent
from support.faults.fault_proxy import RESET, Fault, FaultProxy
from support.waiting import eventually

from sutra_grid.core.errors import DeadlineExceeded, Unavailable
from sutra_grid.core.types import Agent, Reason
from sutra_grid.master.agent_calls import AgentCalls


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    with FakeAgent() as agent:
        host, _, port = agent.endpoint.rpartition(":")
        with FaultProxy((host, int(port))) as proxy:
            yield proxy


@pytest.fixture
def calls() -> Iterator[AgentCalls]:
    calls = AgentCalls()
    yield calls
    calls.close()


def samples(calls: AgentCalls, proxy: FaultProxy, timeout_seconds: float = 10.0) -> int:
    agent = Agent("agent-1", "host", "desktop", 3, endpoint=proxy.address)
    return len(calls.samples(agent, "node-1", timeout_seconds).samples)


def open_connections(proxy: FaultProxy) -> int:
    """How many this process has to the proxy."""
    found = psutil.Process().net_connections("tcp")
    return sum(bool(one.raddr) and one.raddr.port == proxy.port and one.status == "ESTABLISHED" for one in found)


def test_calls_share_one_connection(calls: AgentCalls, proxy: FaultProxy) -> None:
    assert [samples(calls, proxy) for _ in range(3)] == [1, 1, 1]
    assert proxy.accepted == 1


def test_after_a_call_without_an_answer_the_next_one_goes_over_a_new_connection(
    calls: AgentCalls, proxy: FaultProxy
) -> None:
    samples(calls, proxy)
    proxy.freeze_open_connections()
    with pytest.raises(DeadlineExceeded) as silent:
        samples(calls, proxy, 0.5)

    assert silent.value.reason is Reason.AGENT_UNREACHABLE
    assert samples(calls, proxy) == 1
    eventually(lambda: open_connections(proxy) == 1, message="the old connection closed")


def test_a_call_under_way_is_not_cut_off_because_another_one_got_no_answer(
    calls: AgentCalls, proxy: FaultProxy
) -> None:
    proxy.set(Fault(delay_seconds=0.5))
    with ThreadPoolExecutor() as pool:
        patient = pool.submit(samples, calls, proxy)
        with pytest.raises(DeadlineExceeded):
            samples(calls, proxy, 0.3)

        assert patient.result() == 1


def test_a_connection_that_is_always_reset_is_an_agent_that_cannot_be_reached(
    calls: AgentCalls, proxy: FaultProxy
) -> None:
    proxy.set(RESET)
    with pytest.raises(Unavailable) as away:
        samples(calls, proxy)
    proxy.heal()

    assert away.value.reason is Reason.AGENT_UNREACHABLE
    assert samples(calls, proxy) == 1


def test_an_agent_that_is_revoked_is_not_called_whoever_answers_there(proxy: FaultProxy) -> None:
    revoked = {"agent-1"}
    calls = AgentCalls(is_revoked=revoked.__contains__)
    agent = Agent("agent-1", "host", "desktop", 3, endpoint=proxy.address)
    with pytest.raises(Unavailable, match="is revoked") as caught:
        samples(calls, proxy)
    assert caught.value.reason is Reason.AGENT_UNREACHABLE
    with pytest.raises(Unavailable) as looked:
        calls.identify(agent, 5.0)
    assert looked.value.reason is Reason.CERTIFICATE_REVOKED
    assert proxy.accepted == 0
    revoked.clear()
    assert samples(calls, proxy) == 1
    calls.close()
