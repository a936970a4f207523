"""What an agent's nodes can have: the host's memory, or a lower limit of a group above them."""

from pathlib import Path

import pytest
from support.fakes.cgroup_host import Host, v2_host
from support.texts import mentions

from sutra_grid.agent.limits.cgroup_discovery import own_place
from sutra_grid.agent.limits.host_memory import HostMemory, check_memory_limit, host_memory, node_memory
from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.types import Reason

MIB = 1 << 20
TOTAL = 1000 * MIB


def limit(host: Host, directory: Path, text: str) -> None:
    name = "memory.limit_in_bytes" if host.version == 1 else "memory.max"
    (directory / name).write_text(f"{text}\n")


def test_without_a_lower_limit_it_is_the_memory_of_the_host(host: Host) -> None:
    assert node_memory(host.place().place, TOTAL) == HostMemory(1000)
    limit(host, host.home, str(2 * TOTAL))
    assert node_memory(host.place().place, TOTAL) == HostMemory(1000)
    assert node_memory(None, TOTAL) == HostMemory(1000)
    assert host_memory().limit_mb > 0


def test_the_lowest_limit_from_the_nodes_upwards_counts(host: Host) -> None:
    limit(host, host.mount, str(300 * MIB))
    limit(host, host.home, str(500 * MIB))
    assert node_memory(host.place().place, TOTAL) == HostMemory(300, str(host.mount))


def test_the_agents_own_limit_does_not_hold_for_groups_beside_it(tmp_path: Path) -> None:
    host = v2_host(tmp_path)
    own = own_place(host.proc)
    assert own is not None
    assert own.directory != host.home
    limit(host, own.directory, str(100 * MIB))
    assert node_memory(host.place().place, TOTAL) == HostMemory(1000), "groups of nodes are beside the agent's"
    assert node_memory(own, TOTAL).limit_mb == 100, "sampled nodes are in the agent's own group"


def test_a_host_without_groups_has_no_place(tmp_path: Path) -> None:
    assert own_place(tmp_path) is None


def test_a_limit_above_it_is_refused_with_what_there_is() -> None:
    for fits in (0, 1000):
        check_memory_limit(fits, HostMemory(1000))
    with pytest.raises(InvalidArgument) as refused:
        check_memory_limit(100_000, HostMemory(24_000, "/sys/fs/cgroup/x"))
    assert refused.value.reason is Reason.INVALID_ARGUMENT
    assert mentions(refused.value.message, 100_000, 24_000, "/sys/fs/cgroup/x")
