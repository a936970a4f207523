"""The master keeps and tells which agents are open."""

from collections.abc import Callable

from support.fakes.fake_agent import FakeAgent
from support.harness.master_harness import MasterHarness

from sutra_grid.registry import Registry
from sutra_grid.wire import grid_pb2 as pb


def test_agents_that_say_they_are_open_are_counted_until_they_say_otherwise(
    harness: MasterHarness, make_agent: Callable[..., FakeAgent]
) -> None:
    agents = [make_agent(name) for name in ("agent-1", "agent-2", "agent-3")]
    for agent, opened in zip(agents, (["agent", "nodes"], ["nodes"], []), strict=True):
        register(harness, agent, opened)
    assert harness.stub.GetClusterStatus(pb.Empty()).insecure_agents == 2
    assert list(harness.stub.GetAgent(pb.AgentId(agent_id="agent-1")).insecure) == ["agent", "nodes"]
    assert kept(harness) == 2
    register(harness, agents[1], [])
    assert harness.stub.GetClusterStatus(pb.Empty()).insecure_agents == 1
    assert kept(harness) == 1


def register(harness: MasterHarness, agent: FakeAgent, opened: list[str]) -> None:
    info = agent.info()
    info.insecure.extend(opened)
    assert harness.stub.RegisterAgent(info, timeout=10).success


def kept(harness: MasterHarness) -> int:
    registry = Registry.open(f"sqlite:///{harness.registry_file}", migrate=False)
    try:
        return registry.insecure_agents()
    finally:
        registry.close()
