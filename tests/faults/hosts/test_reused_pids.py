"""The kernel gives a foreign process the pid that a node had. In a pid namespace a test can cause that."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.faults.pid_namespaces import run_scenario_or_skip

from faults.hosts import reused_pid_scenarios as scenarios

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("name", scenarios.SCENARIOS)
def test_a_foreign_process_with_the_nodes_pid_is_never_signalled(name: str, tmp_path: Path) -> None:
    run_scenario_or_skip(scenarios.__name__, name, str(tmp_path))


def test_the_pid_of_a_node_in_an_earlier_container_means_nothing_in_the_next_one(tmp_path: Path) -> None:
    """The boot id is the same, and so may be the pid; the start is not."""
    for name in scenarios.CONTAINERS:
        run_scenario_or_skip(scenarios.__name__, name, str(tmp_path))
