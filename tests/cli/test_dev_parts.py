"""The parts of a dev grid: ports, memory, configuration files, and processes proved by their environment."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.texts import mentions
from support.waiting import eventually

from sutra_grid.cli.dev import tagged
from sutra_grid.cli.dev.configs import admin_config, agent_config, master_config
from sutra_grid.cli.dev.daemon import Daemon
from sutra_grid.cli.dev.grid import end_leftovers
from sutra_grid.cli.dev.layout import AgentPlan, GridPlan, Layout
from sutra_grid.cli.dev.ports import PortWishes, plan_grid
from sutra_grid.cli.main import run
from sutra_grid.core.errors import FailedPrecondition, GridError, InvalidArgument, ResourceExhausted
from sutra_grid.core.types import Reason

IGNORES_SIGTERM = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
)
WAITS = "import time; print('up', flush=True); time.sleep(60)"

Spawn = Callable[..., subprocess.Popen[bytes]]


def everything_free(_port: int) -> bool:
    return True


def test_a_new_grid_takes_the_default_ports() -> None:
    plan = plan_grid(None, None, None, everything_free)
    assert (plan.master_port, plan.admin_port, plan.nodes_per_agent) == (7000, 7080, 3)
    assert [agent.agent_id for agent in plan.agents] == ["agent-1", "agent-2", "agent-3"]
    assert [agent.port for agent in plan.agents] == [7001, 7002, 7003]
    assert [agent.first_node_port for agent in plan.agents] == [50051, 50061, 50071]


def test_taken_ports_are_passed_over_and_no_two_parts_share_one() -> None:
    taken = {7000, 7001, 7080, 50055}
    plan = plan_grid(None, 3, 20, lambda port: port not in taken)
    ranges = [range(agent.first_node_port, agent.last_node_port + 1) for agent in plan.agents]
    ports = [plan.master_port, plan.admin_port, *(agent.port for agent in plan.agents), *(p for r in ranges for p in r)]
    assert len(ports) == len(set(ports))
    assert not taken & set(ports)
    assert all(len(r) == 40 for r in ranges)


def test_a_second_start_keeps_ports_and_agents_and_may_add_some() -> None:
    before = plan_grid(None, 2, 3, lambda port: port not in (7000, 50051))
    assert plan_grid(before, None, None, everything_free) == before
    after = plan_grid(before, 3, None, everything_free)
    assert after.agents[:2] == before.agents
    assert after.agents[2].agent_id == "agent-3"
    assert after.agents[2].first_node_port > before.agents[1].last_node_port


def test_a_port_that_was_taken_meanwhile_moves_alone() -> None:
    before = plan_grid(None, 2, 3, everything_free)
    after = plan_grid(before, None, None, lambda port: port != before.master_port)
    assert after.master_port not in (before.master_port, *(agent.port for agent in before.agents))
    assert after.agents == before.agents


def test_agents_with_data_are_not_left_out() -> None:
    with pytest.raises(InvalidArgument, match="3 agents"):
        plan_grid(plan_grid(None, 3, 3, everything_free), 2, None, everything_free)


def test_zero_nodes_an_agent_stay_zero() -> None:
    before = plan_grid(None, 1, 0, everything_free)
    assert plan_grid(before, None, None, everything_free).nodes_per_agent == 0


def test_no_free_port_is_said() -> None:
    with pytest.raises(ResourceExhausted):
        plan_grid(None, None, None, lambda port: port < 7000)


def test_ports_that_were_asked_for_are_taken_and_remembered() -> None:
    wishes = PortWishes(master=7100, admin=7180, agents=range(7200, 7210), nodes=range(51000, 51031))
    plan = plan_grid(None, 3, 3, lambda port: port != 7200, wishes)
    assert (plan.master_port, plan.admin_port) == (7100, 7180)
    assert [agent.port for agent in plan.agents] == [7201, 7202, 7203]
    ranges = [(agent.first_node_port, agent.last_node_port) for agent in plan.agents]
    assert ranges == [(51000, 51009), (51010, 51019), (51020, 51029)]
    assert plan_grid(plan, None, None, everything_free) == plan


def test_the_same_command_continues_a_grid_whose_nodes_hold_their_ports() -> None:
    wishes = PortWishes(nodes=range(51000, 51009))
    before = plan_grid(None, 3, 3, everything_free, wishes)
    spawned = before.with_spawned("agent-1", 3).with_spawned("agent-2", 3).with_spawned("agent-3", 3)
    assert plan_grid(spawned, None, None, lambda port: port not in range(51000, 51009), wishes) == spawned
    with pytest.raises(FailedPrecondition) as refused:
        plan_grid(spawned, None, None, everything_free, PortWishes(nodes=range(52000, 52030)))
    assert mentions(str(refused.value), "agent-1", "51000-51002", "--data-dir")


@pytest.mark.parametrize(
    ("wishes", "option", "port"),
    [
        (PortWishes(master=7100), "--master-port", 7100),
        (PortWishes(admin=7100), "--admin-port", 7100),
        (PortWishes(agents=range(7100, 7103)), "--agent-ports", 7100),
        (PortWishes(nodes=range(7100, 7109)), "--node-ports", 7100),
    ],
)
def test_a_port_that_was_asked_for_and_is_in_use_names_its_holder(wishes: PortWishes, option: str, port: int) -> None:
    with pytest.raises(GridError) as refused:
        plan_grid(None, 3, 3, lambda asked: asked != port, wishes, lambda _: "pid 4711 (nginx)")
    assert refused.value.reason in (Reason.PORT_TAKEN, Reason.NO_PORT_FREE)
    assert mentions(refused.value.message, option, port, "pid 4711 (nginx)")


def test_what_dev_chooses_avoids_what_was_asked_for() -> None:
    before = plan_grid(None, 1, 1, everything_free)
    plan = plan_grid(before, None, None, everything_free, PortWishes(admin=7000, agents=range(7001, 7010)))
    assert (plan.admin_port, plan.agents[0].port) == (7000, 7001)
    assert plan.master_port == 7010


@pytest.mark.parametrize(
    "wishes",
    [
        PortWishes(master=7100, admin=7100),
        PortWishes(master=7105, nodes=range(7100, 7200)),
        PortWishes(nodes=range(51000, 51008)),
        PortWishes(agents=range(7100, 7200), nodes=range(7150, 7300)),
    ],
)
def test_ports_that_contradict_each_other_or_are_too_few_are_refused(wishes: PortWishes) -> None:
    with pytest.raises(InvalidArgument):
        plan_grid(None, 3, 3, everything_free, wishes)


def test_a_start_without_options_asks_for_no_ports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[PortWishes] = []
    monkeypatch.setattr("sutra_grid.cli.dev.session.run", lambda *given, with_tls: asked.append(given[-1]))
    assert run(["dev", "--data-dir", str(tmp_path)]) == 0
    assert run(["dev", "--data-dir", str(tmp_path), "--admin-port", "7081", "--node-ports", "51000-51001"]) == 0
    assert asked == [PortWishes(), PortWishes(admin=7081, nodes=range(51000, 51002))]


@pytest.mark.parametrize("text", ["51000", "51030-51000", "0-5", "1-70000", "a-b", ""])
def test_a_range_that_is_none_is_a_usage_error(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dev", "--node-ports", text]) == 2
    assert mentions(capsys.readouterr().err, "51000-51030")


def test_the_plan_is_remembered(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "grid")
    layout.make()
    assert layout.load_plan() is None
    plan = plan_grid(None, 2, 3, everything_free).with_spawned("agent-2", 1)
    layout.save_plan(plan)
    assert Layout(tmp_path / "grid").load_plan() == plan
    layout.make()


@pytest.mark.parametrize("text", ["{", '{"format": 2}', "[]", '{"format": 1}'])
def test_a_memory_that_cannot_be_read_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "grid.json").write_text(text)
    with pytest.raises(FailedPrecondition, match=r"grid\.json"):
        Layout(tmp_path).load_plan()


def test_a_directory_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(FailedPrecondition, match=str(tmp_path)):
        Layout(tmp_path).make()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(FailedPrecondition, match=str(tmp_path / "file" / "grid")):
        Layout(tmp_path / "file" / "grid").make()


def test_the_configuration_files_are_toml_with_the_plans_addresses(tmp_path: Path) -> None:
    layout = Layout(tmp_path / 'odd "name"')
    plan = GridPlan(7100, 7180, 3, (AgentPlan("agent-1", 7101, 50100, 50109),))
    master = tomllib.loads(master_config(layout, plan))["master"]
    admin = tomllib.loads(admin_config(layout, plan))["admin"]
    agent = tomllib.loads(agent_config(layout, plan, plan.agents[0], Path("/bin/server")))
    assert master["listen"] == admin["master"] == agent["agent"]["master_host"] == "127.0.0.1:7100"
    assert master["registry_url"] == admin["registry_url"] == f"sqlite:///{layout.registry}"
    assert agent["storage"]["data_path"] == str(layout.agent_data("agent-1"))
    assert agent["storage"]["default_port_range"] == "50100-50109"


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Processes with a given environment, ended after the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(program: str, **variables: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", program], env={**os.environ, **variables}, stdout=subprocess.PIPE
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_only_processes_of_this_directory_are_found(spawn: Spawn, tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    daemon = spawn(WAITS, SUTRA_GRID_DEV_DIR=str(ours), SUTRA_GRID_DEV_NAME="master")
    node = spawn(WAITS, SUTRA_GRID_NODE_ID="node-1", SUTRA_GRID_STORAGE_PATH=str(ours / "agents/agent-1/data/node-1"))
    spawn(WAITS, SUTRA_GRID_DEV_DIR=str(theirs), SUTRA_GRID_DEV_NAME="master")
    spawn(WAITS, SUTRA_GRID_NODE_ID="node-1", SUTRA_GRID_STORAGE_PATH=str(theirs / "node-1"))
    spawn(WAITS, SUTRA_GRID_NODE_ID="node-1", SUTRA_GRID_STORAGE_PATH=f"{ours}-2/node-1")
    spawn(WAITS, SUTRA_GRID_NODE_ID="node-1")
    with tagged.find_daemons(ours) as found:
        assert [(process.pid, process.name) for process in found] == [(daemon.pid, "master")]
    with tagged.find_nodes(ours) as found:
        assert [(process.pid, process.name) for process in found] == [(node.pid, "node-1")]


@pytest.mark.parametrize("had_tls", [True, False])
def test_nodes_that_a_killed_dev_has_left_run_on_unless_the_new_one_could_not_reach_them(
    spawn: Spawn, tmp_path: Path, had_tls: bool
) -> None:
    layout = Layout(tmp_path)
    layout.address_file.write_text("127.0.0.1:7000\n")
    if had_tls:
        layout.tls_file.write_text("ca\ncert\nkey\n")
    node = spawn(
        WAITS, SUTRA_GRID_NODE_ID="node-1", SUTRA_GRID_STORAGE_PATH=str(tmp_path / "agents/agent-1/data/node-1")
    )
    end_leftovers(layout, lambda *_: None, with_tls=had_tls)
    assert node.poll() is None
    end_leftovers(layout, lambda *_: None, with_tls=not had_tls)
    assert node.wait(5) == -15


def test_ending_asks_first_and_kills_only_what_stays(spawn: Spawn, tmp_path: Path) -> None:
    tags = {"SUTRA_GRID_DEV_DIR": str(tmp_path)}
    willing = spawn(WAITS, **tags, SUTRA_GRID_DEV_NAME="willing")
    stubborn = spawn(IGNORES_SIGTERM, **tags, SUTRA_GRID_DEV_NAME="stubborn")
    with tagged.find_daemons(tmp_path) as found:
        killed = tagged.end_all(found, grace_seconds=0.5)
    assert [process.name for process in killed] == ["stubborn"]
    assert (willing.wait(5), stubborn.wait(5)) == (-15, -9)


def test_a_daemon_that_ends_at_its_start_says_how_and_leaves_its_log(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.make_subdirectories(GridPlan())
    layout.config("master").write_text("[mastre]\n")
    layout.log("master").write_text("of an earlier start\n")
    daemon = Daemon("master", "master", Layout(tmp_path))
    daemon.start()
    assert mentions(eventually(daemon.ended), 2), "the exit code of a wrong configuration"
    assert daemon.log_tail()
    assert "of an earlier start" not in daemon.log_tail()
    assert daemon.await_end(5)


def test_a_daemon_gets_no_setting_and_no_secret_of_the_person_who_runs_dev(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started_with = {"PATH": "/bin", "SUTRA_GRID_MASTER__LISTEN": "x", "SUTRA_GRID_TOKEN": "x", "SUTRA_GRID_UTC": "1"}
    monkeypatch.setattr("sutra_grid.cli.dev.daemon.start_environment", lambda: started_with)
    monkeypatch.setenv("GRPC_VERBOSITY", "ERROR")  # the command line sets this for itself
    daemon = Daemon("master", "master", Layout(tmp_path))
    assert daemon._environment().keys() == {"PATH", "SUTRA_GRID_UTC", tagged.DIRECTORY_TAG, tagged.NAME_TAG}
