"""What a node inherits from the agent, and from whoever started the agent: real agents, started in odd ways."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.harness.agent_harness import AgentHarness, kill_now
from support.harness.processes import kill_and_wait, processes_below
from support.needs import skip_for
from support.waiting import eventually

from sutra_grid.agent.processes.launcher import reset_oom_score
from sutra_grid.core.types import Desired, NodeReport, NodeState, Reason

# Notes what it has inherited, and handles no signal.
PROGRAM = f"""#!{sys.executable} -SE
import json, os, sys, time
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
told = {{name: int(status[name], 16) for name in ("SigIgn", "SigBlk")}}
told["environment"] = dict(os.environ)
path = os.path.join(sys.argv[1], "inherited")
with open(path + ".new", "w") as stream:
    json.dump(told, stream)
os.replace(path + ".new", path)
time.sleep(600)
"""
# What the interpreter of the program ignores for itself.
OWN_IGNORED = {signal.SIGPIPE, signal.SIGXFSZ}

StartedIn = Callable[..., AgentHarness]


@pytest.fixture
def started_in(tmp_path: Path) -> Iterator[StartedIn]:
    """An agent that was started behind other words, with an engine for each stop signal: ``quit``, ``hup``."""
    program = tmp_path / "idle"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    agents = []

    def start(*words: str, engine: Mapping[str, Any] | None = None) -> AgentHarness:
        idle: dict[str, Any] = {"binary_path": str(program), "args": ["{storage_path}"], "health_probe": "none"}
        idle.update(engine or {})
        engines = {
            name: {**idle, "stop_signal": f"SIG{name.upper()}", "stop_grace_secs": 5.0}
            for name in ("quit", "hup", "term")
        }
        harness = AgentHarness(tmp_path / "home", engines=engines)
        harness.move_to(words)
        agents.append(harness)
        return harness.start()

    yield start
    for agent in agents:
        agent.kill()
    kill_and_wait(processes_below(tmp_path))


def in_env(*options: str) -> Sequence[str]:
    env = shutil.which("env")
    if env is None:
        skip_for("env of coreutils 9 or later")
    return (env, *options)


def signals(mask: int) -> set[int]:
    return {number for number in range(1, 65) if mask & 1 << (number - 1)}


def inherited(node: NodeReport) -> dict[str, Any]:
    path = Path(node.spec.storage_path) / "inherited"
    eventually(path.exists, message="the program has noted what it inherited")
    noted: dict[str, Any] = json.loads(path.read_text())
    return noted


@pytest.mark.soak
@pytest.mark.parametrize("engine", ["quit", "hup"])
def test_a_stop_signal_that_the_agent_inherited_as_ignored_ends_a_node(started_in: StartedIn, engine: str) -> None:
    agent = started_in(*in_env("--ignore-signal=HUP,INT,QUIT"))  # as nohup and a shell's background job do
    node = agent.run("node-1", engine)
    assert signals(inherited(node)["SigIgn"]) <= OWN_IGNORED
    stopped = agent.want("node-1", Desired.STOPPED)
    assert (stopped.state, stopped.reason) == (NodeState.STOPPED, Reason.COMMANDED), "without SIGKILL"
    assert stopped.exits[0].signal == signal.Signals[f"SIG{engine.upper()}"]


def test_the_agent_itself_stays_immune_to_what_it_inherited_as_ignored(started_in: StartedIn) -> None:
    agent = started_in(*in_env("--ignore-signal=HUP,QUIT,USR2"))
    for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR2):
        agent.daemon.signal(number)
    assert agent.run("node-1", "term").state is NodeState.RUNNING
    assert agent.daemon.is_running


def test_signals_that_were_blocked_for_the_agent_reach_it_and_its_nodes(started_in: StartedIn) -> None:
    agent = started_in(*in_env("--block-signal=TERM,QUIT,CHLD"))
    node = agent.run("node-1", "term")
    assert signals(inherited(node)["SigBlk"]) == set()
    assert agent.want("node-1", Desired.STOPPED).reason is Reason.COMMANDED
    assert agent.stop() == 0


def test_exit_statuses_are_known_although_sigchld_was_ignored_for_the_agent(started_in: StartedIn) -> None:
    agent = started_in(*in_env("--ignore-signal=CHLD"))
    node = agent.run("node-1", "term")
    kill_now(node.pid)
    ended = agent.wait_for("node-1", lambda one: bool(one.exits))
    assert (ended.exits[0].signal, ended.exits[0].code) == (signal.SIGKILL, None)


@pytest.mark.parametrize(("own", "expected"), [("-900", "0"), ("0", "inherited"), ("200", "inherited")])
def test_a_node_of_an_agent_that_is_protected_from_the_kernel_is_not_protected_itself(
    tmp_path: Path, own: str, expected: str
) -> None:
    for name, score in (("self", own), ("7", "inherited")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "oom_score_adj").write_text(score)
    reset_oom_score(7, tmp_path)
    assert (tmp_path / "7/oom_score_adj").read_text() == expected


def test_a_node_gets_the_agents_environment_without_what_is_the_agents_own(started_in: StartedIn) -> None:
    given = ("NOTIFY_SOCKET=/run/x", "LISTEN_FDS=1", "INVOCATION_ID=1", "CREDENTIALS_DIRECTORY=/run/c", "TZ=UTC")
    agent = started_in(*in_env("-u", "GRPC_ENABLE_FORK_SUPPORT", *given))
    environment = inherited(agent.run("node-1", "term"))["environment"]
    assert environment["TZ"] == "UTC"
    own = {"NOTIFY_SOCKET", "LISTEN_FDS", "INVOCATION_ID", "CREDENTIALS_DIRECTORY", "GRPC_ENABLE_FORK_SUPPORT"}
    assert own & environment.keys() == set()


def test_a_node_gets_no_secret_of_the_agent_and_no_variable_that_python_has_set(started_in: StartedIn) -> None:
    given = ("VAULT_TOKEN=s3cret-1", "DATABASE_URL=postgres://u:s3cret-2@h/d", "PGPASSWORD=s3cret-3", "TZ=UTC")
    shell = ("/bin/sh", "-c", 'exec 7</etc/passwd; exec "$@"', "sh")
    locale = ("-u", "LC_ALL", "-u", "LANG", "-u", "LC_CTYPE")
    agent = started_in(*shell, *in_env(*locale, *given), engine={"pass_secrets": ["PGPASSWORD"]})
    node = agent.run("node-1", "term")
    assert inherited(node)["environment"]["PGPASSWORD"] == "s3cret-3", "its engine names it"
    proc = Path(f"/proc/{node.pid}")
    names = {entry.partition("=")[0] for entry in (proc / "environ").read_text().split("\0")}
    assert {"VAULT_TOKEN", "DATABASE_URL", "LC_CTYPE"} & names == set()
    assert {"PATH", "TZ"} <= names
    opened = {os.readlink(each) for each in (proc / "fd").iterdir()}
    assert "/etc/passwd" in {os.readlink(each) for each in Path(f"/proc/{agent.daemon.pid}/fd").iterdir()}
    assert opened <= {"/dev/null", str(agent.state / "logs/node-1.log")}
    log = agent.daemon.log_text()
    assert "variables=DATABASE_URL,VAULT_TOKEN" in log
    assert "s3cret" not in log


def test_a_locale_that_an_operator_has_set_reaches_a_node(started_in: StartedIn) -> None:
    agent = started_in(*in_env("-u", "LC_ALL", "-u", "LANG", "LC_CTYPE=C.UTF-8"))
    assert inherited(agent.run("node-1", "term"))["environment"]["LC_CTYPE"] == "C.UTF-8"
