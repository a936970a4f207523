"""In processes of their own: what is pinned must not be the test run."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the platform has no CPU affinity")

PINNED = """
import os, subprocess, sys, threading
from sutra_grid.runtime.affinity import pin_to_one_cpu, reset_affinity
"""


def output_of(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PINNED + program], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()


def test_all_threads_of_the_process_are_pinned_to_one_allowed_cpu() -> None:
    program = """
ready, end = threading.Event(), threading.Event()
masks = []
def early():
    ready.set(); end.wait(10); masks.append(os.sched_getaffinity(0))
thread = threading.Thread(target=early); thread.start(); ready.wait(10)
before = os.sched_getaffinity(0)
cpu = pin_to_one_cpu()
end.set(); thread.join(10)
print(cpu in before and masks == [{cpu}] and os.sched_getaffinity(0) == {cpu})
"""
    assert output_of(program) == "True"


def test_a_child_gets_back_what_its_pinned_parent_had() -> None:
    program = """
before = os.sched_getaffinity(0)
pin_to_one_cpu()
child = "import os; from sutra_grid.runtime.affinity import reset_affinity as reset; reset(); "
child += "print(os.sched_getaffinity(0))"
print(subprocess.check_output([sys.executable, "-c", child], text=True).strip() == str(before))
"""
    assert output_of(program) == "True"


def test_an_affinity_that_an_operator_set_is_left_alone() -> None:
    program = """
cpu = min(os.sched_getaffinity(0))
os.sched_setaffinity(0, {cpu})
reset_affinity()
print(os.sched_getaffinity(0) == {cpu})
"""
    assert output_of(program) == "True"
