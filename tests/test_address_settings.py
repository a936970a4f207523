"""Every setting of every daemon and of the command line that is an address: what is refused, and that all are here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sutra_grid.admin.config import SCHEMA as ADMIN
from sutra_grid.agent.config import SCHEMA as AGENT
from sutra_grid.cli.exit_codes import ExitCode
from sutra_grid.cli.main import run
from sutra_grid.master.config import SCHEMA as MASTER
from sutra_grid.runtime.config import ConfigError, Schema, load
from sutra_grid.storage.config import SCHEMA as STORAGE

REQUIRED = {
    "agent": {"agent.agent_id": "a", "agent.master_host": "m", "storage.data_path": "/tmp/data"},
    "storage": {"storage_node.storage_path": "/tmp/store"},
}
SCHEMAS = {"master": MASTER, "agent": AGENT, "admin": ADMIN, "storage": STORAGE}
HOST_AND_PORT = [
    ("master", "master.listen"),
    ("master", "metrics.listen"),
    ("agent", "agent.master_host"),
    ("agent", "agent.listen"),
    ("agent", "metrics.listen"),
    ("admin", "admin.listen"),
    ("admin", "admin.master"),
]
HOST_ALONE = [("agent", "agent.advertise"), ("agent", "storage.bind"), ("storage", "storage_node.listen")]

NEVER = [
    "http://10.0.0.1",
    "10.0.0.1,10.0.0.2",
    " ",
    "10.0.0.1 10.0.0.2",
    "10.0.0.1:7000:7001",
    "[10.0.0.1]",
    "1.2.3.456",
]
NO_ADDRESS = [*NEVER, "[10.0.0.1]", "a:7000,b:7000", "::1:7000", "[::1", "[::1]7000", "10.0.0.1:70000", "10.0.0.1:x"]
NO_HOST = [*NEVER, "1.2.3.456", "10.0.0.1:7000", "[::1]", "[::1]:7000", " 10.0.0.1", "10.0.0.1 "]


def fault(role: str, key: str, value: str) -> str:
    """What ``--check-config`` says of the value; empty when it is accepted."""
    try:
        load(SCHEMAS[role], None, environ={}, overrides={**REQUIRED.get(role, {}), key: value})
    except ConfigError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("value", NO_ADDRESS)
@pytest.mark.parametrize(("role", "key"), HOST_AND_PORT)
def test_what_is_no_address_is_refused_with_what_is_allowed(role: str, key: str, value: str) -> None:
    said = fault(role, key, value)
    assert f'found "{value}", allowed: ' in said
    assert "[" in said.partition("allowed: ")[2], "an IPv6 address is among what is allowed"


@pytest.mark.parametrize("value", NO_HOST)
@pytest.mark.parametrize(("role", "key"), HOST_ALONE)
def test_what_is_no_host_is_refused_with_what_is_allowed(role: str, key: str, value: str) -> None:
    assert f'found "{value}", allowed: one host name or IP address, without a port' in fault(role, key, value)


@pytest.mark.parametrize("value", ["host", "host:7000", "10.0.0.1:7000", "[::1]:7000", "[fd00::1]", "fd00::1"])
@pytest.mark.parametrize(("role", "key"), HOST_AND_PORT)
def test_an_address_is_accepted(role: str, key: str, value: str) -> None:
    assert fault(role, key, value) == ""


@pytest.mark.parametrize("value", ["host", "host.example.org", "10.0.0.1", "::1", "fd00::1"])
@pytest.mark.parametrize(("role", "key"), HOST_ALONE)
def test_a_host_is_accepted(role: str, key: str, value: str) -> None:
    assert fault(role, key, value) == ""


@pytest.mark.parametrize(("role", "key"), [("agent", "agent.master_host"), ("admin", "admin.master")])
def test_a_peer_has_a_port_above_0(role: str, key: str) -> None:
    assert 'found "host:0"' in fault(role, key, "host:0")


@pytest.mark.parametrize("value", ["0.0.0.0", "::"])
def test_nobody_can_reach_the_address_of_all_addresses(value: str) -> None:
    assert "an address that other hosts can reach" in fault("agent", "agent.advertise", value)


@pytest.mark.parametrize("role", SCHEMAS)
def test_every_address_of_a_schema_is_in_these_tables(role: str) -> None:
    known = {key for one, key in [*HOST_AND_PORT, *HOST_ALONE] if one == role}
    assert _addresses(SCHEMAS[role]) == known


def _addresses(schema: Schema) -> set[str]:
    """The keys whose name says that they are an address."""
    names = ("listen", "advertise", "bind", "master")
    keys = [(section, key) for section in schema.sections for key in section.keys if key.kind == "str"]
    return {f"{section.name}.{key.name}" for section, key in keys if key.name in names or key.name.endswith("host")}


def test_a_daemon_refuses_a_list_of_masters_and_says_what_is_allowed(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text(
        '[agent]\nagent_id = "a"\nmaster_host = "a:7000,b:7000"\nadvertise = "10.0.0.5:7001"\n'
        f'[storage]\ndata_path = "{tmp_path}"\n'
    )
    command = [sys.executable, "-m", "sutra_grid.agent.daemon", "--check-config", "--config", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert 'agent.toml:3: agent.master_host: found "a:7000,b:7000", allowed: one host or host:port' in done.stderr
    assert 'agent.toml:4: agent.advertise: found "10.0.0.5:7001", allowed: one host name or IP address' in done.stderr


@pytest.mark.parametrize("value", [*NO_ADDRESS, "host:0"])
def test_the_command_line_refuses_an_address_that_is_none(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--master", value, "status"]) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert f"invalid address {value!r}" in said
    assert "Write " in said
