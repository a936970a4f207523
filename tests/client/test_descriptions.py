"""What all interfaces say of nodes and agents in the same words."""

import pytest
from support.texts import mentions
from support.values.cli_records import agent, node

from sutra_grid.client.descriptions import own_host_only


@pytest.mark.parametrize("endpoint", ["127.0.0.1:50051", "[::1]:50051"])
def test_an_endpoint_on_loopback_is_told_where_the_master_is_on_another_host(endpoint: str) -> None:
    unreachable = agent(reachability="unreachable")
    assert mentions(own_host_only(node(endpoint=endpoint), unreachable), endpoint, "agent-1")
    assert own_host_only(node(endpoint=endpoint), agent(reachability="reachable")) == "", "a grid on one machine"
    assert own_host_only(node(endpoint="10.0.0.5:50051"), unreachable) == ""
    assert own_host_only(node(endpoint=""), unreachable) == ""
    assert own_host_only(node(endpoint=endpoint), None) == ""
