"""SIGHUP, SIGUSR1 and SIGUSR2 end no daemon: the log is opened again, ``[logging]`` is taken up, the rest is told."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from support.harness.daemons import Daemon, clean_environ, script
from support.harness.grid import Grid
from support.needs import skip_for
from support.waiting import eventually

pytestmark = pytest.mark.e2e

WORKERS = 2


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    with Grid(tmp_path_factory.mktemp("grid")) as grid:
        yield grid


def daemon_of(grid: Grid, name: str) -> Daemon:
    return {"master": grid.master, "admin": grid.admin, "agent": grid.agents["agent-1"]}[name]


def said(daemon: Daemon, words: str) -> None:
    # The admin waits for its old workers before it handles the next SIGHUP.
    eventually(lambda: words in daemon.log_text(), 40.0, f"{words!r} in the log of {daemon.name}")
    assert daemon.is_running, daemon.log_tail()


@pytest.mark.parametrize("name", ["master", "agent", "admin"])
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1], ids=["SIGHUP", "SIGUSR1"])
def test_a_daemon_opens_its_renamed_log_again(grid: Grid, name: str, number: signal.Signals) -> None:
    daemon = daemon_of(grid, name)
    daemon.log.rename(daemon.log.with_suffix(f".{number.name}"))
    daemon.signal(number)
    said(daemon, "log opened again")
    eventually(lambda: len(psutil.Process(daemon.pid).children()) <= WORKERS, 40.0, "the end of old workers")
    assert grid.agent_statuses(), "the master serves"
    eventually(lambda: grid.http.get("/livez").status == 200, message="the admin serves")


@pytest.mark.parametrize("name", ["master", "agent", "admin"])
def test_a_daemon_takes_up_the_level_of_its_log_and_tells_what_needs_a_restart(grid: Grid, name: str) -> None:
    daemon = daemon_of(grid, name)
    former = daemon.config.read_text()
    try:
        daemon.config.write_text("[logging]\nlevel = 5\n")
        daemon.signal(signal.SIGHUP)
        said(daemon, "configuration not read again")
        key = {"master": "workers", "agent": "workers", "admin": "threads"}[name]
        section = f"[{name}]\n"
        daemon.config.write_text(former.replace(section, f"{section}{key} = 9\n", 1) + '\n[logging]\nformat = "json"\n')
        daemon.signal(signal.SIGHUP)
        said(daemon, f'"keys": "{name}.{key}"')
    finally:
        daemon.config.write_text(former)
        daemon.signal(signal.SIGHUP)
    eventually(lambda: daemon.log_text().splitlines()[-1][:1] == "2", 40.0, "lines of text again")
    # gunicorn handles a SIGTERM, too, only after its old workers have ended.
    eventually(lambda: len(psutil.Process(daemon.pid).children()) <= WORKERS, 40.0, "the end of old workers")


@pytest.mark.parametrize("name", ["master", "agent"])
def test_a_signal_without_a_meaning_is_logged(grid: Grid, name: str) -> None:
    daemon_of(grid, name).signal(signal.SIGUSR2)
    said(daemon_of(grid, name), '"signal ignored" signal=SIGUSR2')


def test_a_storage_node_opens_its_log_again_and_its_agent_follows(grid: Grid) -> None:
    node = grid.grpc.spawn("agent-1")
    log = grid.state_path("agent-1") / "logs" / f"{node.node_id}.log"
    log.rename(log.with_name(f"{log.name}.1"))
    eventually(lambda: grid.events(kind="node.log_problem"), message="told")
    os.kill(node.pid, signal.SIGHUP)
    eventually(lambda: log.exists() and "log opened again" in log.read_text(), message="the log at its path")
    eventually(lambda: grid.events(kind="node.log_recovered"), message="told that it is well")
    lines = grid.cli.run("nodes", "logs", node.node_id).stdout
    assert lines.count('"ready"') == 1, "the lines before are still there, once"
    assert lines.count('"log opened again"') == 1
    assert grid.pids()[node.node_id] == node.pid
    grid.grpc.remove(node.node_id)


@pytest.mark.parametrize("is_protected", [False, True], ids=["", "nohup"])
def test_a_daemon_of_a_terminal_stops_in_order_when_the_terminal_is_closed(tmp_path: Path, is_protected: bool) -> None:
    master, slave = pty.openpty()
    log = tmp_path / "log"
    command = [str(script("sutra-storage-server")), "--port", "0", "--storage-path", str(tmp_path / "store")]
    if is_protected:
        if shutil.which("nohup") is None:
            skip_for("nohup")
        command = ["nohup", *command]
    else:  # whoever runs the tests may have been started with nohup
        command = ["env", "--default-signal=HUP", *command]
    with log.open("ab") as stream:
        process = subprocess.Popen(command, stdin=slave, stdout=stream, stderr=stream, env=clean_environ())
    try:
        eventually(lambda: '"ready"' in log.read_text(), message="ready")
        process.send_signal(signal.SIGHUP)
        if is_protected:
            eventually(lambda: "log opened again" in log.read_text(), message="the log opened again")
            assert process.poll() is None
        else:
            assert process.wait(15) == 0
            assert '"stopped"' in log.read_text()
    finally:
        process.kill()
        process.wait()
        os.close(master)
        os.close(slave)
