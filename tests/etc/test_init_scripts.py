"""The init scripts start, find and stop a daemon, and never touch a process that is not theirs."""

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from support.harness.ports import free_port
from support.needs import skip_for
from support.texts import mentions
from support.waiting import eventually

from sutra_grid.wire.grid_pb2 import Assignment, Empty, NodeSpec
from sutra_grid.wire.grid_pb2_grpc import GridAgentStub

SCRIPTS = Path(__file__).parents[2] / "etc" / "init.d"

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        shutil.which("start-stop-daemon") is None, reason="needs start-stop-daemon (Debian package dpkg)"
    ),
]


class Service:
    """One script with settings that keep it inside a directory of its own."""

    def __init__(self, name: str, directory: Path, config: str) -> None:
        self.name = name
        self.pid_file = directory / "daemon.pid"
        self.log_file = directory / "daemon.log"
        self.config_file = directory / "config.toml"
        self.config_file.write_text(config)
        self._defaults = directory / "defaults"
        self._defaults.write_text(
            f"DAEMON={Path(sys.executable).parent / name}\nCONFIG={self.config_file}\nPIDFILE={self.pid_file}\n"
            f"LOGFILE={self.log_file}\n"
        )

    def __call__(self, action: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "SUTRA_GRID_DEFAULTS": str(self._defaults)}
        return subprocess.run(
            [SCRIPTS / self.name, action], env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    @property
    def pid(self) -> int:
        return int(self.pid_file.read_text())


@pytest.fixture
def master(tmp_path: Path) -> Iterator[Service]:
    config = f'[master]\nlisten = "127.0.0.1:{free_port()}"\nregistry_url = "sqlite:///{tmp_path}/registry.db"\n'
    service = Service("sutra-grid-master", tmp_path, config)
    yield service
    service("stop")


def test_a_daemon_is_started_found_restarted_and_stopped(master: Service) -> None:
    assert master("status").returncode == 3
    started = master("start")
    assert started.returncode == 0, started.stderr
    first = master.pid
    assert mentions(master("status").stdout, first)
    assert master("start").returncode == 0
    assert master.pid == first
    assert master("restart").returncode == 0
    assert master.pid != first
    assert master("stop").returncode == 0
    assert master("status").returncode == 3
    assert master("stop").returncode == 0


def test_a_daemon_gets_as_many_open_files_as_the_host_allows(master: Service) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        assert master("start").returncode == 0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    allowed, _ = resource.prlimit(master.pid, resource.RLIMIT_NOFILE)
    assert allowed == 65536 or allowed == hard < 65536


def test_logrotate_and_reload_open_the_log_of_a_daemon_again(master: Service, tmp_path: Path) -> None:
    if shutil.which("logrotate") is None:
        skip_for("the Debian package logrotate")
    assert master("reload").returncode == 7
    assert master("start").returncode == 0
    pid = master.pid
    eventually(lambda: "ready" in master.log_file.read_text(), 30.0, "ready")
    shipped = (SCRIPTS.parent / "logrotate.d" / "sutra-grid").read_text()
    rules = tmp_path / "rules"
    rules.write_text(
        shipped.replace("/var/log/sutra-grid-master.log", str(master.log_file))
        .replace("/var/log/sutra-grid-agent.log /var/log/sutra-grid-admin.log ", "")
        .replace("/run/sutra-grid-$name.pid", str(tmp_path / "$name.pid"))
    )
    rules.chmod(0o644)
    (tmp_path / "master.pid").write_text(f"{pid}\n")
    command = ["logrotate", "--force", "--state", str(tmp_path / "rotate.state"), str(rules)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    eventually(lambda: "log opened again" in master.log_file.read_text(), message="the new log")
    assert mentions((tmp_path / "daemon.log.1").read_text(), "ready")
    assert master("reload").returncode == 0
    eventually(lambda: "configuration read again" in master.log_file.read_text(), message="the reload")
    master.config_file.write_text("[master\n")
    assert master("reload").returncode == 6
    assert master.pid == pid
    os.kill(pid, 0)


def test_a_pid_that_was_given_to_a_foreign_process_is_not_signalled(master: Service) -> None:
    foreign = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    try:
        master.pid_file.write_text(f"{foreign.pid}\n")
        assert master("status").returncode == 3
        assert master("stop").returncode == 0
        assert foreign.poll() is None
    finally:
        foreign.kill()
        foreign.wait()


@pytest.mark.parametrize("name", ["master", "agent", "admin"])
@pytest.mark.parametrize("left", ["{ended}\n", "", "no pid\n"])
def test_a_pid_file_that_a_killed_daemon_left_is_no_error(name: str, left: str, tmp_path: Path) -> None:
    service = Service(f"sutra-grid-{name}", tmp_path, "")
    ended = subprocess.Popen(["true"])
    ended.wait()
    service.pid_file.write_text(left.format(ended=ended.pid))
    for action, code in (("status", 3), ("stop", 0)):
        done = service(action)
        assert (done.returncode, done.stdout, done.stderr) == (code, f"sutra-grid-{name} is not running\n", "")
    assert not service.pid_file.exists()


@pytest.mark.soak
def test_a_killed_daemon_is_found_dead_and_started_again_without_a_shells_error(master: Service) -> None:
    assert master("start").returncode == 0
    for action, code in (("reload", 7), ("start", 0), ("restart", 0)):
        killed = master.pid
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: not _is_alive(killed), message="the end of the killed daemon")  # noqa: B023
        done = master("status")
        assert (done.returncode, done.stdout, done.stderr) == (3, "sutra-grid-master is not running\n", "")
        done = master(action)
        assert (done.returncode, done.stderr) == (code, "" if code == 0 else "sutra-grid-master is not running\n")
        if action == "reload":
            assert master("start").returncode == 0
        assert master("status").stdout == f"sutra-grid-master is running (pid {master.pid})\n"


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_wrong_configuration_is_told_on_the_terminal_and_nothing_is_started(master: Service) -> None:
    master.config_file.write_text('[master]\nlisen = "127.0.0.1:7000"\n')
    refused = master("start")
    assert refused.returncode == 6
    assert "lisen" in refused.stderr
    assert not master.pid_file.exists()


def test_a_restart_with_a_wrong_configuration_leaves_the_daemon_running(master: Service) -> None:
    assert master("start").returncode == 0
    pid = master.pid
    master.config_file.write_text("[master\n")
    assert master("restart").returncode == 6
    os.kill(pid, 0)
    assert mentions(master("status").stdout, pid)


def test_stopping_the_agent_leaves_its_storage_nodes_alone(tmp_path: Path) -> None:
    node_port, agent_port = free_port(), free_port()
    config = (
        f'[agent]\nagent_id = "agent-1"\nmaster_host = "127.0.0.1:{free_port()}"\nlisten = "127.0.0.1:{agent_port}"\n'
        f'[storage]\ndata_path = "{tmp_path}/data"\ndefault_port_range = "{node_port}-{node_port}"\n'
        f'[engines.sleeper]\nbinary_path = "{shutil.which("sleep")}"\nargs = ["300"]\nhealth_probe = "none"\n'
    )
    agent = Service("sutra-grid-agent", tmp_path, config)
    started = agent("start")
    assert started.returncode == 0, started.stderr
    assignment = Assignment(node_id="node-1", generation=1, desired="running", spec=NodeSpec(engine="sleeper"))
    with grpc.insecure_channel(f"127.0.0.1:{agent_port}") as channel:
        report = GridAgentStub(channel).Apply(assignment, timeout=20, wait_for_ready=True)
    assert report.state == "running"
    try:
        assert agent("stop").returncode == 0
        assert agent("status").returncode == 3
        os.kill(report.pid, 0)
        assert agent("start").returncode == 0
        with grpc.insecure_channel(f"127.0.0.1:{agent_port}") as channel:
            nodes = GridAgentStub(channel).ListNodes(Empty(), timeout=20, wait_for_ready=True).nodes
        assert [node.pid for node in nodes] == [report.pid]
    finally:
        agent("stop")
        os.kill(report.pid, signal.SIGKILL)
