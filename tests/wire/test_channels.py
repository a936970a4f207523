import grpc
import pytest
from support.fakes.scripted_agent import ScriptedAgent, start
from support.harness.ports import free_port

from sutra_grid.wire.channels import open_channel
from sutra_grid.wire.grid_pb2 import Assignment, NodeReport
from sutra_grid.wire.grid_pb2_grpc import GridAgentStub


def test_opening_a_channel_connects_to_nobody() -> None:
    with open_channel("no.such.host.invalid:1"):
        pass


def test_a_server_that_came_up_later_is_reached(agent: ScriptedAgent) -> None:
    port = free_port()
    with open_channel(f"127.0.0.1:{port}") as channel:
        stub = GridAgentStub(channel)
        with pytest.raises(grpc.RpcError):
            stub.Apply(Assignment(), timeout=5)
        with start(agent, port=port):
            assert stub.Apply(Assignment(), timeout=20, wait_for_ready=True) == NodeReport()


def test_a_server_that_was_restarted_is_reached_again(agent: ScriptedAgent) -> None:
    with start(agent) as first, open_channel(first.address) as channel:
        stub = GridAgentStub(channel)
        stub.Apply(Assignment(), timeout=5)
        first.stop(0)
        with start(agent, port=first.port):
            assert stub.Apply(Assignment(), timeout=20, wait_for_ready=True) == NodeReport()


def test_a_proxy_of_the_environment_is_not_used(agent: ScriptedAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    with start(agent) as server, open_channel(server.address) as channel:
        assert GridAgentStub(channel).Apply(Assignment(), timeout=5) == NodeReport()
