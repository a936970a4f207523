"""A daemon listens without TLS on this machine alone, unless its configuration insists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from support.texts import mentions
from support.values.certificates import TestAuthority, write_files

from sutra_grid.admin import config as admin
from sutra_grid.agent import config as agent
from sutra_grid.core.access.identity import Role
from sutra_grid.master import config as master
from sutra_grid.runtime.config import Config, ConfigError, Schema, load
from sutra_grid.storage import config as storage

OTHERS = ["10.0.0.5", "0.0.0.0", "::", "fd00::5", "grid.example.org"]
OWN = ["127.0.0.1", "127.3.2.1", "::1", "localhost"]

Make = Callable[[Config], Any]
DAEMONS: Mapping[str, tuple[Schema, Make, str, Mapping[str, str]]] = {
    "master": (master.SCHEMA, master.master_config, "master.listen", {}),
    "admin": (admin.SCHEMA, admin.AdminConfig.of, "admin.listen", {}),
    "agent": (
        agent.SCHEMA,
        agent.agent_config,
        "agent.listen",
        {"agent.agent_id": "agent-1", "agent.master_host": "10.0.0.1", "storage.data_path": "/data"},
    ),
    "storage": (
        storage.SCHEMA,
        storage.StorageConfig.of,
        "storage_node.listen",
        {"storage_node.storage_path": "/data"},
    ),
}


def read(daemon: str, host: str, **more: str) -> Any:
    schema, make, key, base = DAEMONS[daemon]
    text = host if daemon == "storage" else f"[{host}]" if ":" in host else host
    given = {**base, key: text, **{name.replace("__", "."): value for name, value in more.items()}}
    return make(load(schema, None, environ={}, overrides=given))


each_daemon = pytest.mark.parametrize("daemon", DAEMONS)


@each_daemon
@pytest.mark.parametrize("host", OTHERS)
def test_an_address_that_others_reach_is_refused_with_the_commands_that_close_it(daemon: str, host: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(daemon, host)
    [fault] = refused.value.faults
    assert fault.key == DAEMONS[daemon][2]
    assert mentions(fault.problem, host, "tls ca create", "tls cert create", "insecure = true")
    assert ("[storage] tls = true" in fault.problem) == (daemon == "storage")
    # The key of a master would be worth more than the node: it gives orders to every agent.
    assert f"--role {'agent' if daemon == 'storage' else daemon} " in fault.problem
    assert ("--host HOST" in fault.problem) == (host in ("0.0.0.0", "::"))


@each_daemon
@pytest.mark.parametrize("host", OWN)
def test_this_machine_needs_no_tls(daemon: str, host: str) -> None:
    read(daemon, host)


@each_daemon
@pytest.mark.parametrize("host", OTHERS)
def test_insecure_opens_it(daemon: str, host: str) -> None:
    read(daemon, host, tls__insecure="true")


@pytest.mark.parametrize(("daemon", "role"), [("master", Role.MASTER), ("agent", Role.AGENT), ("storage", Role.NODE)])
def test_with_tls_every_address_is_allowed(daemon: str, role: Role, tmp_path: Any) -> None:
    ca, cert, key = write_files(tmp_path, TestAuthority().credentials(role, "agent-1"))
    read(daemon, "0.0.0.0", tls__ca_file=str(ca), tls__cert_file=str(cert), tls__key_file=str(key))


def test_only_an_open_daemon_says_that_it_is_insecure() -> None:
    assert read("master", "10.0.0.5", tls__insecure="true").insecure
    assert not read("master", "127.0.0.1", tls__insecure="true").insecure
    assert read("admin", "10.0.0.5", tls__insecure="true").insecure
    assert not read("admin", "127.0.0.1").insecure


def test_an_insecure_agent_lets_nodes_of_the_default_engine_listen_too() -> None:
    opened = read("agent", "10.0.0.5", tls__insecure="true").engines["storage"]
    assert opened.environment["SUTRA_STORAGE_INSECURE"] == "true"
    assert "SUTRA_STORAGE_INSECURE" not in read("agent", "127.0.0.1").engines["storage"].environment
