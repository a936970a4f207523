"""What all interfaces say of nodes and agents in the same words."""

import pytest
from support.texts import mentions
from support.values.cli_records import agent, node

from sutra_grid.client.descriptions import exit_text, own_host_only
from sutra_grid.wire import grid_pb2 as pb


@pytest.mark.parametrize("endpoint", ["127.0.0.1:50051", "[::1]:50051"])
def test_an_endpoint_on_loopback_is_told_where_the_master_is_on_another_host(endpoint: str) -> None:
    unreachable = agent(reachability="unreachable")
    assert mentions(own_host_only(node(endpoint=endpoint), unreachable), endpoint, "agent-1")
    assert own_host_only(node(endpoint=endpoint), agent(reachability="reachable")) == "", "a grid on one machine"
    assert own_host_only(node(endpoint="10.0.0.5:50051"), unreachable) == ""
    assert own_host_only(node(endpoint=""), unreachable) == ""
    assert own_host_only(node(endpoint=endpoint), None) == ""


def test_a_start_without_a_process_is_no_exit_with_an_unknown_status() -> None:
    failed = pb.NodeExit(at_ms=1_000, reason="start_failed")
    assert exit_text(failed, 5_000) == "4s ago: no process was started, start_failed"
    failed.uptime_ms = 200
    assert exit_text(failed, 5_000) == "4s ago: exit status unknown after 200ms, start_failed"
