"""No secret leaves a grid: a marker is planted in every place that holds one, and every output is searched.

A new kind of secret gets a row in ``PLACES`` and is planted in ``planted``.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

import pytest
from support.harness.daemons import Outcome, run_program, write_config
from support.harness.grid import Grid, GridSpec
from support.harness.outputs import Outputs, make_bundle, readable_files, told_by_processes
from support.harness.postgres import OwnServer, own_server
from support.waiting import eventually

PLACES: Final = (
    "password in the admin's URL",
    "password in the master's file",
    "wrong password in a URL",
    "environment of the master",
    "environment of the admin",
    "environment of the agent",
    "environment of the command line",
    "PGPASSWORD of the admin",
    "secret_key_file of the admin",
    "comment in a configuration",
    "environment of an engine",
    "argument of an engine",
    "Authorization header",
    "Cookie header",
    "token in a query",
    "password in a request",
)
#: Where a secret has to be: what an operator gives to a program is in its arguments, and those of a node in /proc.
ALLOWED: Final = {("argument of an engine", "arguments of processes")}

MARKERS: Final = {place: f"planted-{uuid.uuid4().hex}" for place in PLACES}

pytestmark = [pytest.mark.soak, pytest.mark.postgres]


def planted(root: Path, server: OwnServer) -> Grid:
    """A grid that is not started yet, with every secret in its place."""
    admin_url = server.add_user("grid_admin", MARKERS["password in the admin's URL"])
    master_url = server.add_user("grid_master", MARKERS["password in the master's file"])
    root.mkdir()
    password_file, key_file = root / "registry-password", root / "secret-key"
    for file, place in ((password_file, "password in the master's file"), (key_file, "secret_key_file of the admin")):
        file.touch(0o600)
        file.write_text(MARKERS[place] + "\n")
    shell: dict[str, Any] = {
        "binary_path": "/bin/sh",
        "health_probe": "none",
        "environment": {"ANYTHING": MARKERS["environment of an engine"]},
    }
    secret_arguments = ["--requirepass", MARKERS["argument of an engine"]]
    engines = {
        "idle": {**shell, "args": ["-c", "while :; do sleep 60; done", *secret_arguments]},
        "broken": {**shell, "args": ["-c", "exit 3", *secret_arguments]},
    }
    run_in = {
        "master": ["env", f"SUTRA_GRID_MASTER__REGISTRY_PASSWORD_FILE={password_file}", _variable("the master")],
        "admin": ["env", f"PGPASSWORD={MARKERS['PGPASSWORD of the admin']}", _variable("the admin")],
        "agent-1": ["env", _variable("the agent"), f"SUTRA_GRID_TOKEN={MARKERS['environment of the agent']}"],
    }
    grid = Grid(root / "grid", GridSpec(registry_url=master_url, extra={"engines": engines}, run_in=run_in))
    admin = {
        "listen": grid.admin_address,
        "master": grid.master_address,
        "registry_url": admin_url.replace("grid_admin@", f"grid_admin:{MARKERS[PLACES[0]]}@"),
        "secret_key_file": str(key_file),
    }
    write_config(grid.admin.config, {"admin": admin})
    for daemon in grid.daemons:
        daemon.config.chmod(0o600)
        text = daemon.config.read_text()
        daemon.config.write_text(f"# {MARKERS['comment in a configuration']}\n{text}")
    return grid


def _variable(whose: str) -> str:
    return f"VAULT_TOKEN={MARKERS[f'environment of {whose}']}"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    """Everything that a grid tells anybody, also about what goes wrong in it."""
    told: Outputs = {}
    root = tmp_path_factory.mktemp("secrets") / "planted"
    with ExitStack() as stack:
        server = stack.enter_context(own_server())
        grid = stack.enter_context(planted(root, server))
        idle = grid.grpc.spawn("agent-1", engine="idle").node_id
        with suppress(Exception):  # this one ends at once, as often as it is started
            grid.grpc.spawn("agent-1", engine="broken")
        of_engine = f"ANYTHING={MARKERS['environment of an engine']}"
        told |= told_by_processes(grid.root, except_variables=[of_engine])
        told |= _answers(grid, idle, "")
        told |= _commands(grid, idle, "")
        told |= _refused_starts(grid)
        told |= _bundle(grid, root)
        server.stop()
        eventually(lambda: grid.http.get("/readyz").status == 503, 20, "the admin misses the registry")
        told |= _answers(grid, idle, " without a registry")
        told |= _commands(grid, idle, " without a registry")
        server.start()
        grid.master.kill()
        told |= _answers(grid, idle, " without a master")
        told |= _commands(grid, idle, " without a master")
        grid.master.start()
        grid.master.wait_ready()
        grid.wait_agents("healthy")
        told |= {f"log of {daemon.name}": daemon.log_text() for daemon in grid.daemons}
        told |= readable_files(root)
    told["logs at the end"] = "".join(path.read_text(errors="replace") for path in grid.root.rglob("*.log"))
    return told


def _answers(grid: Grid, node_id: str, when: str) -> Outputs:
    headers = {
        "Authorization": f"Bearer {MARKERS['Authorization header']}",
        "Cookie": f"theme=dark; session={MARKERS['Cookie header']}; other={MARKERS['Cookie header']}",
    }
    query = f"token={MARKERS['token in a query']}"
    paths = ["status", "agents", "nodes", "events", "metrics", "readyz", "livez", "openapi.json", "nowhere", "ui/"]
    paths += ["ui/agents", "ui/nodes", f"ui/nodes/{node_id}", "ui/events", f"nodes/{node_id}", "agents/agent-1"]
    paths += ["nodes?limit=x", "events?wait=x", f"ui/search?q=x&{query}"]
    told = {}
    for path in paths:
        mark = "&" if "?" in path else "?"
        answer = grid.http.get(f"/{path}{mark}{query}", **headers)
        told[f"GET /{path}{when}"] = answer.body.decode(errors="replace")
    body = {"agent_id": "agent-1", "password": MARKERS["password in a request"]}
    told[f"POST /nodes{when}"] = grid.http.post("/nodes", body, **headers).body.decode()
    told[f"POST of a page{when}"] = grid.http.post(f"/ui/nodes/{node_id}/stop", {}, **headers).body.decode()
    return told


def _commands(grid: Grid, node_id: str, when: str) -> Outputs:
    environ = {"SUTRA_GRID_TOKEN": MARKERS["environment of the command line"]}
    commands = [["status"], ["agents", "show", "agent-1", "-o", "json"], ["nodes", "list", "-o", "yaml"]]
    commands += [["nodes", "explain", node_id], ["events", "-o", "json"], ["nodes", "restart", node_id]]
    commands += [["nodes", "spawn", "--agent", "agent-1", "--engine", "broken"]]
    if when:
        commands = commands[:2]
    told = {}
    for command in commands:
        done = run_program(
            "sutra-grid-cli", "--master", grid.master_address, "--timeout", "5", *command, environ=environ
        )
        told[f"{' '.join(command)}{when}"] = done.stdout + done.stderr
    return told


def _refused_starts(grid: Grid) -> Outputs:
    """What daemons print that are started with a wrong password, and with settings that are refused."""
    wrong = MARKERS["wrong password in a URL"]
    url = grid.registry_url.replace("grid_master@", f"grid_master:{wrong}@")
    loose = grid.root.parent / "loose-password"
    loose.write_text(MARKERS["password in the master's file"])
    loose.chmod(0o644)
    tries: dict[str, tuple[str, dict[str, str]]] = {
        "wrong password": (url, {}),
        "two passwords": (url, {"SUTRA_GRID_MASTER__REGISTRY_PASSWORD_FILE": str(loose)}),
        "loose file": (grid.registry_url, {"SUTRA_GRID_MASTER__REGISTRY_PASSWORD_FILE": str(loose)}),
        "bare at sign": (url.replace(f"{wrong}@", f"x@{wrong}@"), {}),
        "other scheme": (url.replace("postgresql+psycopg", "mysql"), {}),
        "no database": (f"{url}_of_nobody?sslpassword={wrong}&port={wrong}", {}),
    }
    told, where = {}, ["--listen", "127.0.0.1:1"]
    for name, (tried, environ) in tries.items():
        outcomes: list[Outcome] = [
            run_program(f"sutra-grid-{role}", *checked, *where, "--registry-url", tried, environ=environ)
            for role in ("master", "admin")
            for checked in ([], ["--check-config"])
            if role == "master" or checked  # the admin starts without its registry
        ]
        assert any(outcome.exit_code for outcome in outcomes), f"{name} was not refused"
        told[f"start with {name}"] = "".join(outcome.stdout + outcome.stderr for outcome in outcomes)
    loose.unlink()
    return told


def _bundle(grid: Grid, root: Path) -> Outputs:
    parts = ["--state-path", str(grid.state_path("agent-1"))]
    for daemon in grid.daemons:
        parts += ["--config", str(daemon.config), "--log", str(daemon.log)]
    environ = {"SUTRA_GRID_TOKEN": MARKERS["environment of the command line"]}
    told = make_bundle(root / "bundle.tar.gz", ("--master", grid.master_address), parts, environ)
    assert len(told) > 10
    return told


@pytest.mark.parametrize("place", PLACES)
def test_a_secret_is_in_no_output(outputs: Mapping[str, str], place: str) -> None:
    found = {name for name, text in outputs.items() if MARKERS[place] in text}
    assert found <= {output for of, output in ALLOWED if of == place}


def test_what_is_searched_is_not_empty(outputs: Mapping[str, str]) -> None:
    assert len(outputs) > 80
    assert any("password authentication failed" in text for text in outputs.values()), "an error about a password"
    assert "VAULT_TOKEN" in outputs["log of agent-1"], "the agent names what nodes do not get"
    assert MARKERS["argument of an engine"] in outputs["arguments of processes"], "a marker that is there is found"
