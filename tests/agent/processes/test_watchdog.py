import os
import queue
import signal
import sys
import time
from pathlib import Path

import pytest
from support.waiting import eventually

from sutra_grid.agent.processes.launch_plan import LaunchPlan
from sutra_grid.agent.processes.launch_tag import LaunchMark, LaunchTag
from sutra_grid.agent.processes.launcher import NotAttached, OsProcessLauncher
from sutra_grid.agent.processes.process import ProcessHandle
from sutra_grid.agent.processes.watchdog import Watchdog
from sutra_grid.core.node.record import ExitStatus

Ends = "queue.SimpleQueue[tuple[str, ProcessHandle, ExitStatus]]"


def launch(directory: Path, source: str, node_id: str = "node-1") -> ProcessHandle:
    tag = LaunchTag("b" * 32, node_id, 1)
    argv = (sys.executable, "-SE", "-c", source)
    environment = {"SUTRA_GRID_LAUNCH": str(tag)}
    return OsProcessLauncher().launch(LaunchPlan(LaunchMark(tag, directory / "log"), argv, environment, directory))


def test_ends_of_many_processes_are_told_once_each_with_their_codes(tmp_path: Path) -> None:
    ends: Ends = queue.SimpleQueue()
    with Watchdog(lambda *end: ends.put(end)) as watchdog:
        for code in range(10):
            watchdog.watch(f"node-{code}", launch(tmp_path, f"raise SystemExit({code})", f"node-{code}"))
        told = {}
        for _ in range(10):
            node_id, process, status = ends.get(timeout=10)
            told[node_id] = status.code
            process.close()
    assert told == {f"node-{code}": code for code in range(10)}
    assert ends.empty()


def test_a_kill_is_seen_within_milliseconds(tmp_path: Path) -> None:
    ends: Ends = queue.SimpleQueue()
    with Watchdog(lambda *end: ends.put(end)) as watchdog:
        process = launch(tmp_path, "import time; time.sleep(60)")
        watchdog.watch("node-1", process)
        killed = time.monotonic()
        process.send_signal(signal.SIGKILL)
        assert ends.get(timeout=5)[2] == ExitStatus(signal=9)
        assert time.monotonic() - killed < 0.15  # faster than any polling
        process.close()


def test_an_adopted_process_is_watched_like_a_child(tmp_path: Path) -> None:
    ends: Ends = queue.SimpleQueue()
    with Watchdog(lambda *end: ends.put(end)) as watchdog:
        child = launch(tmp_path, "import time; time.sleep(60)")
        adopted = OsProcessLauncher().attach(child.identity)
        assert not isinstance(adopted, NotAttached)
        watchdog.watch("node-1", adopted)
        child.send_signal(signal.SIGKILL)
        assert ends.get(timeout=5)[1:] == (adopted, ExitStatus())
        adopted.close()
        eventually(child.poll)
        child.close()


def test_without_pidfds_ends_are_seen_by_looking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    ends: Ends = queue.SimpleQueue()
    with Watchdog(lambda *end: ends.put(end)) as watchdog:
        process = launch(tmp_path, "raise SystemExit(7)")
        watchdog.watch("node-1", process)
        assert ends.get(timeout=5)[2] == ExitStatus(code=7)


def test_its_end_leaves_the_processes_alone_and_its_descriptors_closed(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    process = launch(tmp_path, "import time; time.sleep(60)")
    with Watchdog(lambda *end: None) as watchdog:
        watchdog.watch("node-1", process)
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    eventually(process.poll)
    process.close()
    assert len(os.listdir("/proc/self/fd")) == before
