"""An agent that the master can't call back is shown as such, and gets no node while another can be reached."""

from collections.abc import Callable

from support.fakes.fake_agent import FakeAgent
from support.harness.master_harness import MasterHarness
from support.texts import mentions
from support.waiting import eventually

from sutra_grid.wire import grid_pb2 as pb

MakeAgent = Callable[..., FakeAgent]


def shown(harness: MasterHarness, agent_id: str = "agent-1") -> tuple[str, str]:
    record = harness.agent(agent_id)
    return record.reachability, record.reachability_reason


def eventually_shown(harness: MasterHarness, agent: FakeAgent, state: str, reason: str = "") -> None:
    """Time passes for the master, so that it looks again; the agent sends heartbeats."""

    def is_shown() -> bool:
        harness.clock.advance(0.1)
        agent.heartbeat(harness.stub)
        return shown(harness, agent.agent_id) == (state, reason)

    eventually(is_shown, message=f"{agent.agent_id} {state} {reason}")


def test_an_agent_is_looked_at_after_its_registration(harness: MasterHarness, agent: FakeAgent) -> None:
    eventually(lambda: shown(harness) == ("reachable", ""), message="looked at")
    assert harness.kinds(kind="agent") == ["agent.registered"], "that it is as it should be is no event"
    eventually(lambda: (stored := harness.registry.agent("agent-1")) and stored.reachability.state == "reachable")


def test_an_agent_that_refuses_connections_is_unreachable_until_it_answers(
    harness: MasterHarness, agent: FakeAgent
) -> None:
    eventually(lambda: shown(harness) == ("reachable", ""), message="looked at")
    endpoint, agent.endpoint = agent.endpoint, "127.0.0.1:1"
    agent.register(harness.stub)
    eventually_shown(harness, agent, "unreachable", "connection_refused")
    assert mentions(harness.agent().reachability_message, "127.0.0.1:1")
    eventually(lambda: "agent.unreachable" in harness.kinds(kind="agent"), message="the event")
    agent.endpoint = endpoint
    agent.register(harness.stub)
    eventually_shown(harness, agent, "reachable")
    eventually(lambda: "agent.reachable" in harness.kinds(kind="agent"), message="the event")
    assert harness.kinds(kind="agent.unreachable") == ["agent.unreachable"], "once for all failed looks"


def test_another_agent_at_the_address_is_told(harness: MasterHarness, agent: FakeAgent, make_agent: MakeAgent) -> None:
    with make_agent("agent-2") as other:
        other.endpoint = agent.endpoint
        other.register(harness.stub)
        eventually_shown(harness, other, "unreachable", "wrong_agent")
        assert mentions(harness.agent("agent-2").reachability_message, "agent-1", agent.endpoint)


def test_an_agent_of_the_same_name_on_the_masters_host_is_not_the_one_with_the_default_listen(
    harness: MasterHarness, agent: FakeAgent, make_agent: MakeAgent
) -> None:
    """Both listen on 127.0.0.1: the master calls the one on its own host, and the other one gets no node."""
    with make_agent("agent-2") as here, make_agent("agent-2", host_id="other", slots=50) as elsewhere:
        elsewhere.endpoint = here.endpoint
        elsewhere.register(harness.stub)
        eventually_shown(harness, elsewhere, "unreachable", "wrong_agent")
        assert mentions(harness.agent("agent-2").reachability_message, here.endpoint, here.host_id, "other")
        agent.heartbeat(harness.stub)
        assert harness.spawn().node.agent_id == "agent-1", "though the other has more free slots"


def test_a_program_that_is_no_agent_is_told(harness: MasterHarness, agent: FakeAgent) -> None:
    agent.endpoint = harness.master.address
    agent.register(harness.stub)
    eventually_shown(harness, agent, "unreachable", "unsupported")


def test_a_spawn_takes_the_agent_that_can_be_reached_or_says_why_none(
    harness: MasterHarness, agent: FakeAgent, make_agent: MakeAgent
) -> None:
    roomy = make_agent("agent-0", slots=50)
    roomy.endpoint = "127.0.0.1:1"
    roomy.register(harness.stub)
    eventually_shown(harness, roomy, "unreachable", "connection_refused")
    agent.heartbeat(harness.stub)
    assert harness.spawn().node.agent_id == "agent-1", "though the other has more free slots"
    harness.stub.DrainAgent(pb.AgentCommand(agent_id="agent-1"))
    refused = harness.spawn()
    assert (refused.success, refused.error.reason) == (False, "no_agent_available")
    assert mentions(refused.error_message, "agent-0", "called back", "advertise")
