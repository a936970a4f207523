"""Fixtures of the limits: a host with either version of control groups."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.fakes.cgroup_host import Host, v1_host, v2_host


@pytest.fixture(params=[v1_host, v2_host])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Host:
    make: Callable[[Path], Host] = request.param
    return make(tmp_path)
