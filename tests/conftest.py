"""Puts the shared helpers of ``tests/support`` on the path of every test, and Ctrl-C into its usual state.

A failed test shows the ends of the logs of every grid that runs.
"""

import signal
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

# A shell starts background jobs with SIGINT ignored, and programs inherit that: a test that interrupts one would wait.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    grids = sys.modules.get("support.grid")  # no test that uses none should pay for it
    if report.failed and grids is not None:
        report.sections += [(f"log of {name}", text) for grid in grids.LIVE for name, text in grid.logs().items()]
    return report
