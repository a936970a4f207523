"""The limits and the counters of a control group."""

from pathlib import Path

import pytest
from support.fakes.cgroup_host import MIB, V1_GROUP, fill

from sutra_grid.agent.limits import cgroups
from sutra_grid.agent.limits.cgroups import OomKills


@pytest.mark.parametrize(("limit_mb", "hard_limit_mb"), [(64, 96), (320, 352), (2048, 2252)])
def test_the_hard_limit_is_above_the_limit_of_the_node(limit_mb: int, hard_limit_mb: int) -> None:
    assert cgroups.hard_limit_bytes(limit_mb * MIB) // MIB == hard_limit_mb


def test_no_kill_counts_where_the_kernel_has_no_counter(tmp_path: Path) -> None:
    group = fill(tmp_path / "old", {**V1_GROUP, "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\n"})
    assert cgroups.CgroupV1().oom_kills(group) == OomKills(0, over_limit=False)
