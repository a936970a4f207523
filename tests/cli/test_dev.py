"""``sutra-grid-cli dev`` with real processes: up, down, again, and after every kind of end."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.harness import processes
from support.harness.dev_run import UP_SECONDS, DevRun
from support.texts import has_line, mentions
from support.waiting import eventually

pytestmark = pytest.mark.e2e


@pytest.fixture
def run(tmp_path: Path) -> Iterator[DevRun]:
    dev = DevRun(tmp_path)
    yield dev
    dev.clean()


def test_it_comes_up_with_addresses_to_try_and_ctrl_c_leaves_nothing(run: DevRun) -> None:
    bystander = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"],
        env={**os.environ, "SUTRA_GRID_NODE_ID": "node-00000000", "SUTRA_GRID_STORAGE_PATH": f"{run.directory}-2/x"},
    )
    try:
        run.start()
        text = run.await_up()
        assert has_line(text, run.master)
        assert text.count("curl ") == 3
        assert len(run.nodes()) == 2
        assert (run.directory / "master.address").read_text().strip() == run.master
        assert run.end() == 0
        assert mentions(run.text().splitlines()[-1], "stopped")
        assert "Traceback" not in run.text()
        assert not run.left()
        assert not (run.directory / "master.address").exists()
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_port_that_was_asked_for_and_is_held_ends_the_command_with_its_holder(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        command = [sys.executable, "-m", "sutra_grid.cli.main", "dev", "--data-dir", str(tmp_path / "grid")]
        command += ["--master-port", str(port)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert mentions(done.stderr, "--master-port", port, f"pid {os.getpid()}")
    assert "Traceback" not in done.stderr


@pytest.mark.soak
def test_a_second_start_continues_with_the_same_nodes(run: DevRun) -> None:
    run.start()
    run.await_up()
    before = run.nodes()
    assert run.end(signal.SIGTERM) == 0
    run.start()
    text = run.await_up()
    after = run.nodes()
    assert sorted(after) == sorted(before)
    assert all(has_line(text, node_id, "agent-1") for node_id in before)
    assert not set(after.values()) & set(before.values())
    assert run.end() == 0
    assert not run.left()


@pytest.mark.soak
def test_a_second_dev_on_the_directory_is_refused_by_pid(run: DevRun) -> None:
    run.start()
    run.await_up()
    assert run.process is not None
    second = subprocess.run(run.command(), capture_output=True, text=True, check=False, timeout=30)
    assert second.returncode == 1
    assert mentions(second.stderr, run.process.pid)
    assert len(run.nodes()) == 2
    assert run.end() == 0


@pytest.mark.soak
def test_after_a_kill_of_dev_itself_its_daemons_are_ended_and_its_nodes_adopted(run: DevRun) -> None:
    run.start()
    run.await_up()
    before = run.nodes()
    assert run.end(signal.SIGKILL) == -signal.SIGKILL
    assert run.left()
    run.start()
    text = run.await_up()
    assert has_line(text, "admin", "agent-1", "master"), "it names the leftover daemons that it ends"
    assert run.nodes() == before
    assert run.end() == 0
    assert not run.left()


def test_a_daemon_that_ends_at_its_start_is_told_with_its_log_and_everything_stops(run: DevRun) -> None:
    # A registry that is not a database.
    (run.directory / "registry.db").write_text("no database " * 1000)
    run.start()
    assert run.process is not None
    assert run.process.wait(UP_SECONDS) == 1
    assert has_line(run.text(), "error", "master", 1), "the daemon and its exit code"
    assert "\n  | " in run.text()
    assert not run.left()


def test_a_daemon_that_is_killed_is_started_again(run: DevRun) -> None:
    run.start()
    run.await_up()
    before = run.nodes()
    pids = run.daemons()
    text_before = run.text()
    processes.kill([pids["agent-1"]])
    eventually(lambda: run.daemons().get("agent-1") not in {None, pids["agent-1"]}, 20, "agent-1 is started again")
    eventually(lambda: run.nodes() == before, 20, "its nodes are adopted")
    assert has_line(run.text().removeprefix(text_before), "agent-1")
    assert run.end() == 0
    assert not run.left()
