"""Joining, renewing and revoking on a grid of real processes with mutual TLS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.harness.daemons import Outcome, run_program
from support.harness.grid import Grid, GridSpec
from support.waiting import eventually

from sutra_grid.runtime.certificates.files import read_pair

pytestmark = [pytest.mark.e2e, pytest.mark.soak, pytest.mark.timeout(300)]


@pytest.fixture
def grid(tmp_path: Path) -> Iterator[Grid]:
    """Certificates that the master signs live for 40 seconds."""
    lifetime = {"tls": {"agent_certificate_days": 40 / 86_400}}
    spec = GridSpec(agents=2, with_tls=True, heartbeat_seconds=0.3, master_extra=lifetime)
    with Grid(tmp_path / "grid", spec) as running:
        yield running


def join_token(grid: Grid, *options: str) -> str:
    outcome = grid.cli.run("token", "create", "--kind=join", *options, "-o", "name")
    assert outcome.exit_code == 0, outcome
    return outcome.stdout.strip()


def join(grid: Grid, directory: Path, token: str, agent_id: str) -> Outcome:
    return run_program(
        "sutra-grid-agent",
        "join",
        grid.token_address,
        token,
        f"--agent-id={agent_id}",
        f"--dir={directory}/tls",
        f"--config={directory}/agent.toml",
    )


def members_files(grid: Grid, agent_id: str) -> Path:
    assert grid.tls is not None
    return grid.tls.directory / f"agent-{agent_id}"


def serial(directory: Path) -> str:
    return read_pair(directory / "cert.pem", directory / "key.pem").serial


def status_of(grid: Grid, agent_id: str) -> str:
    agents = json.loads(grid.cli.run("agents", "list").stdout)["agents"]
    return next((str(agent["status"]) for agent in agents if agent["agent_id"] == agent_id), "")


def test_a_host_joins_renews_its_certificate_and_is_revoked_while_its_nodes_run_on(grid: Grid, tmp_path: Path) -> None:
    """The files of agent-2 are replaced by those that it gets when it joins."""
    agent, home, files = grid.agents["agent-2"], tmp_path / "agent-2", members_files(grid, "agent-2")
    token = join_token(grid, "--agent-id=agent-*")
    refused = join(grid, home, token, "other-1")
    assert refused.exit_code == 1
    assert "not for agent 'other-1'" in refused.stderr
    joined = join(grid, home, token, "agent-2")
    assert joined.exit_code == 0, joined
    assert "Joined grid 'grid' as agent agent-2" in joined.stdout
    assert "joined before" in join(grid, home, token, "agent-2").stderr

    agent.stop()
    for name, new in (("cert", "agent"), ("key", "agent-key"), ("ca", "ca")):
        (home / "tls" / f"{new}.pem").replace(files / f"{name}.pem")
    first = serial(files)
    agent.start()
    agent.wait_ready()
    eventually(lambda: status_of(grid, "agent-2") == "healthy", 20, "the agent that joined is healthy")
    node = grid.cli.spawn(agent_id="agent-2")
    grid.wait_node(node.node_id, "running")
    pid = grid.pids()[node.node_id]

    eventually(lambda: serial(files) != first, 60, "the certificate is renewed")
    eventually(lambda: "certificate files read again" in agent.log_text(), 10, "the new certificate is taken up")
    assert status_of(grid, "agent-2") == "healthy"
    impostor = join(grid, tmp_path / "impostor", join_token(grid), "agent-2")
    assert impostor.exit_code == 1
    assert "has a valid certificate" in impostor.stderr
    issued = json.loads(grid.cli.run("tls", "certs", "agent-2").stdout)["certificates"]
    assert issued[0]["issued_for"].startswith("renewal of ")
    assert issued[-1]["issued_for"] == f"join with token {token[4:12]}"

    assert grid.cli.run("tls", "revoke", "agent/agent-2", "--yes", "--reason=sold").exit_code == 0
    eventually(lambda: "is revoked" in agent.log_text(), 10, "the agent is refused")
    eventually(lambda: status_of(grid, "agent-2") == "offline", 30, "a revoked agent is offline")
    explained = grid.cli.run("nodes", "explain", node.node_id).stdout
    assert json.loads(explained)["next_step"]["command"] == "sutra-grid-cli tls restore agent/agent-2"
    eventually(lambda: "list of revoked certificates received" in grid.agents["agent-1"].log_text(), 10, "followed")
    assert grid.pids()[node.node_id] == pid  # its nodes run on
    own = "--agent-id=agent-2"
    again = join(grid, tmp_path / "again", join_token(grid, own), "agent-2")
    assert again.exit_code == 1
    assert "is revoked" in again.stderr

    grid.master.kill()
    grid.master.start()
    grid.master.wait_ready()
    assert "agent/agent-2" in grid.cli.run("tls", "revocations", "-o", "name").stdout
    assert join(grid, tmp_path / "again", join_token(grid, own), "agent-2").exit_code == 1

    assert grid.cli.run("tls", "restore", "agent/agent-2").exit_code == 0
    assert join(grid, tmp_path / "again", join_token(grid, own), "agent-2").exit_code == 0
    kinds = {event.kind for event in grid.events(agent_id="agent-2")}
    assert {"agent.joined", "certificate.revoked", "certificate.restored"} <= kinds


def test_two_hosts_that_use_a_token_s_last_use_at_once_give_one_agent(grid: Grid, tmp_path: Path) -> None:
    token = join_token(grid)
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(lambda name: join(grid, tmp_path / name, token, name), ["agent-8", "agent-9"]))
    assert sorted(outcome.exit_code for outcome in outcomes) == [0, 1]
    refused = next(outcome for outcome in outcomes if outcome.exit_code)
    assert "has no uses left" in refused.stderr
    assert not list((tmp_path / ("agent-8" if outcomes[0].exit_code else "agent-9")).rglob("*.pem"))


def test_a_token_opens_the_port_for_tokens_and_no_other(grid: Grid, tmp_path: Path) -> None:
    assert grid.tls is not None
    made = grid.cli.run("token", "create", "--kind=api", "--role=viewer", "--name=grafana", "--ttl=1h", "-o", "name")
    token = made.stdout.strip()
    ca = tmp_path / "ca.pem"
    ca.write_bytes(grid.tls.authority.pem)
    environ = {"SUTRA_GRID_TOKEN": token, "SUTRA_GRID_TLS_CA": str(ca), "XDG_CONFIG_HOME": str(tmp_path)}

    def run(*arguments: str, address: str = "") -> Outcome:
        return run_program("sutra-grid-cli", "--master", address or grid.token_address, *arguments, environ=environ)

    assert "token grafana with the role viewer" in run("whoami").stdout
    assert run("agents", "list").exit_code == 0
    assert run("agents", "drain", "agent-1").exit_code == 5
    assert run("status", "--timeout=3", address=grid.master_address).exit_code == 4
    assert run("login").exit_code == 0
    del environ["SUTRA_GRID_TOKEN"], environ["SUTRA_GRID_TLS_CA"]
    assert "token grafana" in run("whoami").stdout
    assert grid.cli.run("token", "revoke", token[4:12]).exit_code == 0
    refused = run("status")
    assert refused.exit_code == 5
    assert "the token was revoked" in refused.stderr
