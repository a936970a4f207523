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
