"""What the grid does next, and what a person should do."""

import pytest
from support.texts import mentions
from support.values.cli_records import agent, node

from sutra_grid.client.next_steps import NEXT_STEPS, grid_does_next, next_step
from sutra_grid.core.types import RESTART_TO_LISTEN, Reason
from sutra_grid.wire import grid_pb2 as pb


def test_a_node_that_is_as_desired_needs_nothing() -> None:
    assert next_step(node(), agent()).command == ""
    assert grid_does_next(node(), agent())


def test_a_node_whose_agent_is_revoked_is_not_told_to_start_it() -> None:
    away = pb.AgentRecord(agent_id="agent-1", status="offline", reason="missed_heartbeats")
    node = pb.NodeStatus(node_id="node-1", agent_id="agent-1", status="unknown")
    assert next_step(node, away).text.startswith("Start agent-1 again")
    away.refused = "certificate_revoked"
    step = next_step(node, away)
    assert "revoked" in step.text
    assert step.command == "sutra-grid-cli tls restore agent/agent-1"


def test_a_crash_loop_needs_its_cause_fixed_and_a_start() -> None:
    failed = node(status="failed", pid=0, reason="crash_loop")
    assert next_step(failed, agent()).command == "sutra-grid-cli nodes start node-00000001"
    assert mentions(grid_does_next(failed, agent()), "failed")


def test_a_node_that_runs_again_after_it_exceeded_its_limit_is_told_the_way_out() -> None:
    exceeded = pb.NodeExit(code=0, reason="memory_limit")
    again = node(reason="adopted", unstable=True, exits=[exceeded], spec=pb.NodeSpec(engine="redis"))
    assert mentions(
        next_step(again, agent(engines=["redis"])).text, "[engines.redis]", "{memory_limit_mb*0.75}", "*0.45"
    )
    again.exits[0].reason = "crashed"
    assert next_step(again, agent(engines=["redis"])).text == "Find the cause in its log."


def test_a_node_whose_engine_is_not_configured_any_more_is_told_before_its_process_ends() -> None:
    spec = pb.NodeSpec(engine="redis")
    step = next_step(node(spec=spec, reason="adopted"), agent())
    assert mentions(step.text, "[engines.redis]", "agent-1", "can't be started again")
    assert mentions(grid_does_next(node(spec=spec), agent()), "every start fails")
    for other in (agent(engines=["redis", "storage"]), agent(engines=[]), None):
        assert next_step(node(spec=spec), other).text == "Nothing.", "nothing is claimed of engines that are not known"
    stopped = node(spec=spec, status="stopped", desired="stopped", pid=0)
    assert next_step(stopped, agent()).text == "Nothing."


def test_a_back_off_says_when_it_ends() -> None:
    waiting = node(status="starting", pid=0, reason="back_off", backoff_ms=8_000)
    assert mentions(grid_does_next(waiting, agent()), "8s")


def test_a_node_beside_an_unproved_process_goes_on_when_that_has_ended() -> None:
    blocked = node(status="failed", pid=7, reason="unproved_process")
    assert mentions(grid_does_next(blocked, agent()), "has ended", "starts the node")
    stopping = node(status="failed", pid=7, reason="unproved_process", desired="stopped")
    assert mentions(grid_does_next(stopping, agent()), "has ended", "stopped")


def test_an_offline_agent_goes_before_everything_else() -> None:
    unknown = node(status="unknown", reason="crash_loop")
    assert mentions(next_step(unknown, agent(status="offline")).text, "agent-1")
    assert next_step(unknown, agent(status="offline")) != next_step(unknown, agent())
    assert mentions(grid_does_next(unknown, agent(status="offline")), "elsewhere"), "it does not move the node"


def test_a_command_that_the_agent_has_not_yet_is_told_it() -> None:
    behind = node(status="stopping", desired="stopped", generation=3, observed_generation=2)
    assert mentions(grid_does_next(behind, agent()), "heartbeat")


def test_a_running_node_whose_probe_fails_is_not_as_desired() -> None:
    sick = node(health="unhealthy", reason="probe_failed")
    assert next_step(sick, agent()).command == "sutra-grid-cli nodes restart node-00000001"


@pytest.mark.parametrize("reason", ["probe_failed", "start_timeout"])
def test_a_process_without_descriptors_needs_a_higher_limit(reason: str) -> None:
    short = node(health="unhealthy", reason=reason, message="timed out; its process has 62 of 64 file descriptors open")
    step = next_step(short, agent())
    assert mentions(step.text, "LimitNOFILE", "agent-1")
    assert step.command == "sutra-grid-cli nodes restart node-00000001"


@pytest.mark.parametrize("reason", list(NEXT_STEPS))
def test_every_step_can_be_filled_with_a_nodes_names(reason: str) -> None:
    assert Reason(reason)
    step = next_step(node(status="failed", reason=reason), None)
    assert step.text
    assert "{" not in step.text + step.command


@pytest.mark.parametrize("reason", ["memory_limit", "oom_killed"])
def test_a_node_over_its_limit_is_told_every_way_out(reason: str) -> None:
    redis = pb.NodeSpec(engine="redis", storage_path="/data/cache", memory_limit_mb=256)
    text = next_step(node(status="failed", reason=reason, spec=redis), agent()).text
    assert mentions(text, 256, "[engines.redis]", "{memory_limit_mb*0.75}", "agent-1")
    again = "nodes spawn --agent agent-1 --engine redis --storage-path /data/cache --memory-limit-mb"
    assert mentions(text, "nodes remove node-00000001", again, "data stays")
    storage = pb.NodeSpec(engine="storage", storage_path="/data/cache", memory_limit_mb=256)
    assert "[engines" not in next_step(node(status="failed", reason=reason, spec=storage), agent()).text


def test_a_status_of_a_newer_version_is_no_error() -> None:
    assert grid_does_next(node(status="hibernating"), None)
    assert next_step(node(status="hibernating", reason="cold"), None).text


def test_a_healthy_node_that_is_not_reachable_needs_its_addresses_corrected() -> None:
    lost = node(health="healthy", endpoint="", endpoint_problem="not reachable at 10.0.0.5:50051: Connection refused")
    assert mentions(next_step(lost, agent()).text, "endpoint says what to change", "agent-1")
    lost.endpoint_problem += (
        f". It answers at 127.0.0.1:50051. {RESTART_TO_LISTEN}: it listens there from its next start"
    )
    assert next_step(lost, agent()).command == "sutra-grid-cli nodes restart node-00000001"
    assert next_step(node(health="unknown", endpoint_problem=lost.endpoint_problem), agent()) == next_step(
        node(), agent()
    ), "without a probe nobody knows whether it is meant to listen"


def test_a_node_that_runs_again_after_a_crash_is_worth_a_look_and_has_a_time_to_be_stable() -> None:
    again = node(status="running", reason="crashed", unstable=True, stable_in_ms=25_000)
    assert next_step(again, None).text == NEXT_STEPS[Reason.CRASHED].text
    assert "stable in 25s" in grid_does_next(again, None)
