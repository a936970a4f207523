"""A failed probe looks whether the node's process has file descriptors left."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from support.harness.ports import free_port

from sutra_grid.agent.engines import ProbeSpec
from sutra_grid.agent.processes.descriptors import look_at_descriptors, parse_soft_limit
from sutra_grid.agent.processes.identity import identify
from sutra_grid.agent.processes.probes import ProbeTarget, run_probe
from sutra_grid.core.node.record import ProcessIdentity

LIMITS = """Limit                     Soft Limit           Hard Limit           Units
Max processes             95863                95863                processes
Max open files            {soft:<20} 1048576              files
"""


def test_the_soft_limit_is_read_as_the_kernel_writes_it() -> None:
    assert parse_soft_limit(LIMITS.format(soft=1024)) == 1024
    assert parse_soft_limit(LIMITS.format(soft="unlimited")) is None
    assert parse_soft_limit("") is None
    with open("/proc/self/limits", encoding="utf-8") as file:
        assert parse_soft_limit(file.read()) == resource.getrlimit(resource.RLIMIT_NOFILE)[0]


@contextmanager
def process() -> Iterator[ProcessIdentity]:
    """A process that waits."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        identity = identify(child.pid, launch=1)
        assert identity is not None
        yield identity
        child.communicate(b"\n")


def test_a_failed_probe_names_a_process_without_descriptors() -> None:
    probe, port = ProbeSpec("tcp"), free_port()
    with process() as leader:
        target = ProbeTarget(port, ("127.0.0.1",), "127.0.0.1", leader=leader)
        assert "descriptors" not in run_probe(probe, target).problem
        used = len(os.listdir(f"/proc/{leader.pid}/fd"))
        resource.prlimit(leader.pid, resource.RLIMIT_NOFILE, (used + 2, 4096))
        problem = run_probe(probe, target).problem
        assert problem.endswith(f"Connection refused; its process has {used} of {used + 2} file descriptors open")


def test_nothing_is_said_of_another_process_with_its_pid_or_of_one_that_has_ended() -> None:
    with process() as leader:
        resource.prlimit(leader.pid, resource.RLIMIT_NOFILE, (4, 4096))
        assert look_at_descriptors(leader)
        assert look_at_descriptors(replace(leader, start_ticks=leader.start_ticks - 1)) == ""
    assert look_at_descriptors(leader) == ""
