import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sutra_grid.agent.processes.identity import Presence, boot_id, environment, identify, look_at, start_ticks


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def test_a_zombie_has_ended(sleeper: subprocess.Popen[bytes]) -> None:
    assert start_ticks(sleeper.pid) is not None
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert start_ticks(sleeper.pid) is None
    assert start_ticks(sleeper.pid, zombies=True) is not None


def test_a_command_name_with_brackets_and_spaces_is_read_right(tmp_path: Path) -> None:
    program = tmp_path / "a) R (b c"
    program.symlink_to("/bin/sleep")
    process = subprocess.Popen([program, "60"])
    try:
        own = subprocess.Popen(["/bin/sleep", "60"])
        try:
            ticks, later = start_ticks(process.pid), start_ticks(own.pid)
            assert ticks is not None
            assert later is not None
            assert 0 <= later - ticks < 1000
        finally:
            own.kill()
            own.wait()
    finally:
        process.kill()
        process.wait()


def test_a_pid_that_nobody_has_is_nobody() -> None:
    assert start_ticks(2**22 + 5) is None
    assert environment(2**22 + 5) is None
    assert look_at(2**22 + 5).presence is Presence.ENDED
    assert identify(2**22 + 5, 1) is None
    assert boot_id()
