"""A pid namespace of a test's own, in which it can have a pid used again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.needs import skip_for

LAST_PID = Path("/proc/sys/kernel/ns_last_pid")
"""The pid that was given last in the reader's namespace; the next process gets the one after it (proc(5))."""

_UNSHARE = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
_TESTS = Path(__file__).parents[2]
SCENE_SECONDS = 60.0


def run_scenario_or_skip(module: str, *arguments: str) -> None:
    """Run a module of the tests as process 1 of a new namespace; whatever it starts ends with it.

    Raises ``AssertionError`` with all that it said when it fails. Where such namespaces are not permitted the test
    is skipped and says so; CI fails.
    """
    _check()
    command = (*_UNSHARE, sys.executable, "-m", module, *arguments)
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=SCENE_SECONDS,
        check=False,
        cwd=_TESTS,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{module} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"


def _check() -> None:
    set_itself = f"echo $(cat {LAST_PID}) > {LAST_PID}"
    try:
        tried = subprocess.run(
            [*_UNSHARE, "sh", "-c", set_itself], capture_output=True, text=True, timeout=20, check=False
        )
    except OSError as error:
        skip_for(f"pid namespaces: {error}")
    if tried.returncode != 0:
        skip_for(f"pid namespaces (CAP_SYS_ADMIN): {tried.stderr.strip()}")


def give_next(pid: int) -> None:
    """The next process of this namespace gets ``pid``, if it is free and nobody else starts one before."""
    LAST_PID.write_text(str(pid - 1))


def reap(pid: int) -> None:
    """Reap an orphan, as process 1 does; until then its pid is taken."""
    os.waitpid(pid, 0)
