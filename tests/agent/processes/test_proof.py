"""The proof that a process is the agent's own, with real processes."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.waiting import eventually

from sutra_grid.agent.processes.identity import environment, identify
from sutra_grid.agent.processes.proof import LaunchMark, LaunchTag, find_own_processes, is_proved
from sutra_grid.core.node.record import ProcessIdentity

TAG = LaunchTag("f" * 32, "node-1", 3)

# Overwrites its environment, as programs do that show a title in ps.
ERASES = """
import ctypes, re, time
start, end = (int(field) for field in open("/proc/self/stat").read().rpartition(")")[2].split()[47:49])
ctypes.memset(start, 0, end - start)
print("erased", flush=True)
time.sleep(60)
"""
SLEEPS = "import time; time.sleep(60)"

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def launch(
        source: str = SLEEPS, *, tag: LaunchTag | None = TAG, session: bool = True, log: str = "node-1.log"
    ) -> subprocess.Popen[bytes]:
        variables = {"SUTRA_GRID_LAUNCH": str(tag), "SUTRA_GRID_PORT": "77"} if tag else {"A": "b"}
        with open(tmp_path / log, "ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-c", source], env=variables, start_new_session=session, stdout=output
            )
        started.append(process)
        eventually(lambda: environment(process.pid) or (tmp_path / log).stat().st_size)
        return process

    yield launch
    for process in started:
        process.kill()
        process.wait()


def identity_of(process: subprocess.Popen[bytes]) -> ProcessIdentity:
    identity = identify(process.pid, 3)
    assert identity is not None
    return identity


def test_a_process_is_proved_by_boot_pid_start_and_tag_together(tmp_path: Path, start: Start) -> None:
    process = start()
    mark = LaunchMark(TAG, tmp_path / "node-1.log")
    identity = identity_of(process)
    assert is_proved(identity, mark)
    assert not is_proved(replace(identity, boot_id="another boot"), mark)
    assert not is_proved(replace(identity, start_ticks=identity.start_ticks + 1), mark)
    assert not is_proved(identity, replace(mark, tag=replace(TAG, launch=4)))
    assert not is_proved(identity, replace(mark, tag=replace(TAG, host_id="0" * 32)))
    process.kill()
    process.wait()
    assert not is_proved(identity, mark)


def test_a_foreign_process_with_the_journaled_pid_and_start_is_not_proved_even_if_it_writes_to_the_log(
    tmp_path: Path, start: Start
) -> None:
    assert not is_proved(identity_of(start(tag=None)), LaunchMark(TAG, tmp_path / "node-1.log"))


def test_what_a_process_started_inherits_its_tag_and_is_not_taken_for_it(tmp_path: Path, start: Start) -> None:
    assert not is_proved(identity_of(start(session=False)), LaunchMark(TAG, tmp_path / "node-1.log"))


def test_a_program_that_erased_its_environment_is_proved_by_its_output(tmp_path: Path, start: Start) -> None:
    process = start(ERASES)
    eventually(lambda: not environment(process.pid))
    identity = identity_of(process)
    assert is_proved(identity, LaunchMark(TAG, tmp_path / "node-1.log"))
    (tmp_path / "node-2.log").touch()
    assert not is_proved(identity, LaunchMark(TAG, tmp_path / "node-2.log"))
    assert not is_proved(replace(identity, start_ticks=1), LaunchMark(TAG, tmp_path / "node-1.log"))
    (found,) = find_own_processes(TAG.host_id, tmp_path)
    assert (found.node_id, found.identity.pid, found.identity.launch) == ("node-1", process.pid, 0)


def test_own_processes_are_session_leaders_with_the_tag_of_the_state_directory(tmp_path: Path, start: Start) -> None:
    leader = start()
    start(session=False)
    start(tag=replace(TAG, host_id="e" * 32))
    start(tag=None)
    (found,) = find_own_processes(TAG.host_id, tmp_path)
    assert (found.node_id, found.identity.pid, found.identity.launch) == ("node-1", leader.pid, 3)
    assert found.spec.port == 77


def test_a_tag_reads_as_it_was_written_and_nothing_else_is_a_tag() -> None:
    assert LaunchTag.parse(str(TAG)) == TAG
    for text in ("", "a/b", "a/b/c", "a/b/1/2", "a/b/-1"):
        assert LaunchTag.parse(text) is None
