"""The proof that a process is the agent's own, with real processes."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.fakes.sightings import FakeSighting
from support.waiting import eventually

from sutra_grid.agent.processes import identity as identity_module
from sutra_grid.agent.processes.identity import Presence, environment, identify
from sutra_grid.agent.processes.launch_tag import LaunchTag
from sutra_grid.agent.processes.proof import find_own_processes, look_for, own_processes
from sutra_grid.agent.processes.sightings import group_launch, read_sightings
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


def test_a_journaled_process_is_proved_by_boot_pid_and_start_together(start: Start) -> None:
    process = start()
    identity = identity_of(process)
    assert look_for(identity).presence is Presence.ALIVE
    assert look_for(replace(identity, boot_id="another boot")).presence is Presence.ENDED
    assert look_for(replace(identity, start_ticks=identity.start_ticks + 1)).presence is Presence.ENDED
    process.kill()
    eventually(lambda: look_for(identity).presence is Presence.ENDED, message="a zombie has ended")
    process.wait()
    assert look_for(identity).presence is Presence.ENDED


@pytest.mark.parametrize("how", [{"tag": None}, {"session": False}, {"source": ERASES}])
def test_neither_environment_nor_session_nor_output_of_a_journaled_process_matter(
    start: Start, how: dict[str, object]
) -> None:
    assert look_for(identity_of(start(**how, log="renamed"))).presence is Presence.ALIVE


def test_a_process_whose_proc_directory_is_hidden_is_neither_alive_nor_ended(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    identity = identity_of(start())
    hidden = tmp_path / "proc"
    (hidden / "self").mkdir(parents=True)
    (hidden / "self/stat").touch()
    monkeypatch.setattr(identity_module, "_PROC", hidden)
    look = look_for(identity)
    assert (look.presence, look.why) == (Presence.UNKNOWN, f"/proc/{identity.pid} can't be read by the agent's user")
    assert look_for(replace(identity, pid=2**22 + 5)).presence is Presence.ENDED


def test_a_start_that_was_never_read_proves_nothing(start: Start) -> None:
    assert look_for(replace(identity_of(start()), start_ticks=0)).presence is Presence.UNKNOWN


def test_own_processes_are_session_leaders_with_the_tag_of_the_state_directory(start: Start) -> None:
    leader = start()
    start(session=False)
    start(tag=replace(TAG, host_id="e" * 32))
    start(tag=None)
    erased = start(ERASES)
    eventually(lambda: not environment(erased.pid))
    (found,) = find_own_processes(TAG.host_id)
    assert (found.node_id, found.identity.pid, found.identity.launch) == ("node-1", leader.pid, 3)
    assert found.spec.port == 77


def test_a_process_in_the_control_group_of_a_launch_is_proved_without_its_environment() -> None:
    grouped = FakeSighting(variables=None, group=TAG)
    (found,) = own_processes([grouped, replace(grouped, session=1), replace(grouped, still_lives=False)], TAG.host_id)
    assert (found.node_id, found.identity.pid, found.identity.launch) == ("node-1", 77, 3)
    assert own_processes([grouped], "0" * 32) == []


@pytest.mark.parametrize("before", ["0::/", "0::/system.slice/", "4:memory:/a/b/", "0::/../"])
def test_the_group_of_a_launch_is_read_from_any_hierarchy(before: str) -> None:
    name = f"sutra-grid-{TAG.host_id}/node-1.3"
    assert group_launch(f"9:name=systemd:/x\n{before}{name}\n1:cpu:/y\n") == TAG
    assert group_launch(f"{before}{name}/below\n") == TAG
    assert group_launch(f"{before}{name}4x\n") is None
    assert group_launch(f"{before}{name.removesuffix('.3')}\n") is None


def test_a_sighting_says_what_a_process_shows_and_tells_unreadable_from_empty(start: Start, tmp_path: Path) -> None:
    process = start(tag=None)
    seen = next(one for one in read_sightings() if one.pid == process.pid)
    assert seen.argv == (sys.executable, "-c", SLEEPS)
    assert seen.variables is not None
    assert seen.outputs is not None
    assert seen.outputs[0].path == str(tmp_path / "node-1.log")
    assert seen.directory == (os.stat(".").st_dev, os.stat(".").st_ino)
    assert (seen.session, seen.has_terminal, seen.group, seen.shares_files) == (process.pid, False, None, True)
    process.kill()
    process.wait()
    assert not seen.still_lives


def test_a_tag_reads_as_it_was_written_and_nothing_else_is_a_tag() -> None:
    assert LaunchTag.parse(str(TAG)) == TAG
    for text in ("", "a/b", "a/b/c", "a/b/1/2", "a/b/-1"):
        assert LaunchTag.parse(text) is None
