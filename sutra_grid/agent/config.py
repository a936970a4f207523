"""The keys of the agent's configuration file, and the checked values of a loaded one."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from sutra_grid.agent.engines import (
    DEFAULT_ENGINE,
    PROBE_KINDS,
    STOP_LEADER,
    STOP_SCOPES,
    Engine,
    ProbeSpec,
)
from sutra_grid.agent.inherited_environment import is_of_the_agent
from sutra_grid.agent.names import NAME_ALLOWED, is_name
from sutra_grid.agent.placeholders import PLACEHOLDERS, SHARE_ALLOWED, invalid_shares, unknown_placeholders, uses_tls
from sutra_grid.core.access.identity import Role
from sutra_grid.core.platforms import PLATFORM_ALLOWED, is_platform
from sutra_grid.core.restart import RestartPolicy
from sutra_grid.runtime.config import (
    REQUIRED,
    Config,
    ConfigError,
    Fault,
    Key,
    Schema,
    Section,
    at_least,
    between,
    host,
    host_port,
    not_empty,
)
from sutra_grid.runtime.daemon import LOGGING_SECTION
from sutra_grid.runtime.metrics.section import Listen, metrics_listen, metrics_section
from sutra_grid.runtime.net import MAX_PORT, is_wildcard, parse_host_port
from sutra_grid.runtime.tls.credentials import CredentialFiles
from sutra_grid.runtime.tls.exposure import Listening, cert_command, check_exposure
from sutra_grid.runtime.tls.member import configured_member
from sutra_grid.runtime.tls.section import (
    CA_FILE,
    CERT_FILE,
    INSECURE,
    KEY_FILE,
    SECTION_NAME,
    TlsFiles,
    tls_files,
    tls_section,
)

DEFAULT_PORT: Final = 7001
DEFAULT_MASTER_PORT: Final = 7000
DEFAULT_METRICS_PORT: Final = 7071
STATE_DIRECTORY: Final = ".agent"
TLS: Final = "tls"  # the key of an engine

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RANGE = re.compile(r"^\s*(\d{1,5})\s*-\s*(\d{1,5})\s*$")
# Signals that ask a program to end. SIGKILL is not one: it follows after the grace period.
_SIGNALS = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2")


class MemoryLimits(StrEnum):
    """How memory limits are enforced."""

    AUTO = "auto"
    CGROUP = "cgroup"
    SAMPLED = "sampled"
    OFF = "off"


def _check_name(value: str) -> str | None:
    return None if is_name(value) else NAME_ALLOWED


def _check_platform(value: str) -> str | None:
    return None if is_platform(value) else PLATFORM_ALLOWED


def _check_advertised(value: str) -> str | None:
    if is_wildcard(value):
        return f"an address that other hosts can reach, or nothing; {value} stands for all addresses of a host"
    return host(value) if value else None


def _check_range(value: str) -> str | None:
    return None if _parse_range(value) else 'two ports from 1 to 65535, the lower first, with "-" between them'


def _check_args(value: list[str]) -> str | None:
    unknown = unknown_placeholders(value)
    if not unknown:
        return _check_shares(value)
    known = " ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    return f"the placeholders {known}, and not {{{unknown[0]}}}"


def _check_environment(value: dict[str, str]) -> str | None:
    return _check_shares(value.values())


def _check_pass_secrets(value: list[str]) -> str | None:
    own = [name for name in value if is_of_the_agent(name) or not _VARIABLE.fullmatch(name)]
    return f"names of variables that are not the agent's own, and not {own[0]}" if own else None


def _check_shares(texts: Iterable[str]) -> str | None:
    invalid = invalid_shares(texts)
    return f"{SHARE_ALLOWED}, and not {invalid[0]}" if invalid else None


def _parse_range(value: str) -> range | None:
    found = _RANGE.match(value)
    if not found:
        return None
    first, last = int(found[1]), int(found[2])
    return range(first, last + 1) if 1 <= first <= last <= MAX_PORT else None


def _health_probe(default: str) -> Key:
    return Key("health_probe", "str", default, help="Health probe of a node", choices=PROBE_KINDS)


_PROCESS_KEYS = [
    Key("health_path", "str", "/", help="Path of the http probe"),
    Key("health_timeout_secs", "float", 2.0, "seconds", "Time limit of a health probe", check=at_least(0.1)),
    Key("start_timeout_secs", "float", 60.0, "seconds", "After this time a node that is not ready is reported; "
        "it keeps running", check=at_least(0.1)),
    Key("stop_signal", "str", "SIGTERM", help="Signal that starts a stop", choices=_SIGNALS),
    Key("stop_grace_secs", "float", 10.0, "seconds", "Time from the stop signal to SIGKILL", check=at_least(0)),
    Key("stop_scope", "str", STOP_LEADER, help="Who gets the stop signal first: the program, or all its processes too",
        choices=STOP_SCOPES),
    Key(TLS, "bool", False, help="Give each node a certificate and probe it over TLS; needs [tls]"),
    Key("pass_secrets", "list[str]", [], help="Variables of the agent's environment that nodes get although they look "
        "like secrets", check=_check_pass_secrets),
]  # fmt: skip

SCHEMA: Final = Schema(
    sections=[
        Section("agent", [
            Key("agent_id", "str", REQUIRED, help="Name of the agent in the grid", check=_check_name),
            Key("master_host", "str", REQUIRED, help="Address of the master (host:port)",
                check=host_port(DEFAULT_MASTER_PORT, free_port=False)),
            Key("platform", "str", "desktop", help="Kind of host: docker, k8s, aws, desktop or another lower-case name",
                check=_check_platform),
            Key("max_storage_nodes", "int", 10, help="Number of nodes that this host can have", check=at_least(0)),
            Key("listen", "str", f"127.0.0.1:{DEFAULT_PORT}", help="Address of the agent's gRPC service",
                check=host_port(DEFAULT_PORT)),
            Key("advertise", "str", "", help="Host at which others reach agent and nodes; empty: that of listen",
                check=_check_advertised),
            Key("state_path", "path", None, help="Journal, lock, host id and node logs; unset: data_path/.agent"),
            Key("labels", "dict[str,str]", {}, help="Labels that are shown with the agent"),
            Key("workers", "int", 16, help="Threads for calls of the master", check=between(2, 256)),
            Key("max_concurrent_calls", "int", 64, help="Calls that run or wait for a thread; more are refused",
                check=at_least(2)),
        ], help="The agent and its master"),
        Section("storage", [
            Key("binary_path", "str", "sutra-storage-server", help="Program of the default engine", check=not_empty),
            Key("data_path", "path", REQUIRED, help="Directory of the data of all nodes"),
            Key("require_mount", "path", None, help="Mount point of the data disk: while nothing is mounted there, the "
                "agent does not start, and starts no node"),
            Key("default_memory_mb", "int", 2048, "MiB", "Memory limit of a node that is spawned without one",
                check=at_least(1)),
            Key("bind", "str", "", help="Address that all nodes listen on; empty: the host of listen",
                check=lambda value: host(value) if value else None),
            Key("default_port_range", "str", "50051-50060", help="Ports of the nodes", check=_check_range),
            Key("disk_reserve_mb", "int", 100, "MiB", "No new node is created while data_path has less free space",
                check=at_least(0)),
            _health_probe("grpc"),  # tcp does not detect a hung node: the kernel still accepts connections
            *_PROCESS_KEYS,
        ], help="The default engine, and the bounds of all nodes"),
        Section("monitoring", [
            Key("heartbeat_interval_secs", "float", 5.0, "seconds", "Time between two heartbeats",
                check=between(0.1, 3600)),
            Key("health_check_interval_secs", "float", 10.0, "seconds", "Time between two health probes of a node",
                check=between(0.1, 3600)),
            Key("restart_unhealthy_after_secs", "float", 0.0, "seconds",
                "A running node that fails its probe for this long is restarted; 0: it is only reported",
                    check=at_least(0)),
            Key("restart_failed_nodes", "bool", True, help="Whether a node that exits by itself is restarted"),
        ], help="Heartbeats, health probes, restarts"),
        Section("limits", [
            Key("memory", "str", "auto", help="How memory limits are enforced",
                choices=tuple(MemoryLimits)),
        ], help="Resource limits of nodes"),
        Section("restart", [
            Key("stable_secs", "float", 30.0, "seconds",
                "A node that was ready for this long is stable, and restarts at once",
                check=at_least(0)),
            Key("first_delay_secs", "float", 1.0, "seconds", "First back-off; each further one is twice as long",
                check=at_least(0.001)),
            Key("max_delay_secs", "float", 60.0, "seconds", "Longest back-off", check=at_least(0.001)),
            Key("max_crashes", "int", 8, help="Crashes in a row within window_secs after which a node is failed",
                check=at_least(1)),
            Key("window_secs", "float", 600.0, "seconds", "Time in which max_crashes are counted", check=at_least(1)),
        ], help="How a node that exits by itself is restarted"),
        Section("node_logs", [
            Key("max_size_mb", "int", 16, "MiB", "Size at which the log of a node is rotated", check=at_least(1)),
            Key("keep_files", "int", 3, help="Rotated log files that are kept for each node", check=at_least(1)),
        ], help="The logs of the nodes"),
        tls_section(CERT_FILE, KEY_FILE, CA_FILE, INSECURE),
        metrics_section(DEFAULT_METRICS_PORT),
        LOGGING_SECTION,
    ],
    tables=[
        Section("engines", [
            Key("binary_path", "str", REQUIRED, help="Path or name of the program", check=not_empty),
            Key("args", "list[str]", [], help="Arguments, with {host} {port} {address} {storage_path} {node_id} "
                "{memory_limit_mb} {memory_limit_mb*0.75}, and with tls {tls_cert} {tls_key} {tls_ca}",
                check=_check_args),
            Key("environment", "dict[str,str]", {}, help="Environment variables to add, with the same placeholders",
                check=_check_environment),
            _health_probe("tcp"),
            *_PROCESS_KEYS,
        ], help="Another program that runs as a storage node"),
    ],
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """The checked configuration. Intervals are in seconds."""

    agent_id: str
    master: tuple[str, int]
    platform: str
    max_storage_nodes: int
    listen: tuple[str, int]
    advertise: str
    state_path: Path
    data_path: Path
    default_memory_mb: int
    ports: range
    disk_reserve_bytes: int
    heartbeat_interval_seconds: float
    probe_interval_seconds: float
    restart: RestartPolicy
    engines: Mapping[str, Engine]
    log_max_bytes: int
    log_keep_files: int
    workers: int = 16
    max_concurrent_calls: int = 64
    labels: Mapping[str, str] = field(default_factory=dict)
    restart_unhealthy_after_seconds: float = 0.0
    memory_limits: MemoryLimits = MemoryLimits.AUTO
    require_mount: Path | None = None
    metrics: Listen = None
    bind: str = ""
    tls: CredentialFiles | None = None
    tls_files: TlsFiles | None = None
    insecure: bool = False


def agent_config(config: Config) -> AgentConfig:
    """Convert a loaded configuration. Raises ``ConfigError`` for keys that contradict each other."""
    agent, storage, monitoring = config.section("agent"), config.section("storage"), config.section("monitoring")
    logs = config.section("node_logs")
    ports = _parse_range(storage["default_port_range"])
    assert ports is not None  # the check of the key has parsed it
    point, data_path = storage["require_mount"], storage["data_path"]
    if point is not None and point != data_path and point not in data_path.parents:
        problem = f"found {point}, allowed: data_path ({data_path}) or a directory above it"
        raise ConfigError([Fault(config.source("storage.require_mount"), "storage.require_mount", problem)])
    if faults := _tls_faults(config):
        raise ConfigError(faults)
    return AgentConfig(
        agent_id=agent["agent_id"],
        master=parse_host_port(agent["master_host"], DEFAULT_MASTER_PORT),
        platform=agent["platform"],
        max_storage_nodes=agent["max_storage_nodes"],
        listen=parse_host_port(agent["listen"], DEFAULT_PORT),
        advertise=agent["advertise"],
        state_path=agent["state_path"] or storage["data_path"] / STATE_DIRECTORY,
        data_path=storage["data_path"],
        default_memory_mb=storage["default_memory_mb"],
        ports=ports,
        disk_reserve_bytes=storage["disk_reserve_mb"] * 1024 * 1024,
        heartbeat_interval_seconds=monitoring["heartbeat_interval_secs"],
        probe_interval_seconds=monitoring["health_check_interval_secs"],
        restart=_restart_policy(config.section("restart"), enabled=monitoring["restart_failed_nodes"]),
        engines={
            DEFAULT_ENGINE: Engine.storage(
                storage["binary_path"],
                insecure=config.section(SECTION_NAME)[INSECURE],
                **_process_values(storage),
            )
        }
        | {name: _engine(name, values) for name, values in config.table("engines").items()},
        log_max_bytes=logs["max_size_mb"] * 1024 * 1024,
        log_keep_files=logs["keep_files"],
        workers=agent["workers"],
        max_concurrent_calls=agent["max_concurrent_calls"],
        labels=dict(agent["labels"]),
        restart_unhealthy_after_seconds=monitoring["restart_unhealthy_after_secs"],
        memory_limits=MemoryLimits(config.section("limits")["memory"]),
        require_mount=point,
        metrics=metrics_listen(config, DEFAULT_METRICS_PORT),
        bind=storage["bind"],
        tls=configured_member(config, Role.AGENT, agent["agent_id"]),
        tls_files=tls_files(config),
        insecure=check_exposure(config, agent_listening(config)),
    )


def _tls_faults(config: Config) -> list[Fault]:
    """Engines that need what is not there: a certificate authority, or certificates that nodes do not get."""
    faults = []
    engines = {f"engines.{name}": values for name, values in config.table("engines").items()}
    for section, values in {"storage": config.section("storage"), **engines}.items():
        key = f"{section}.{TLS}"
        if values[TLS] and tls_files(config) is None:
            faults.append(Fault(config.source(key), key, "needs cert_file, key_file and ca_file in [tls]"))
        texts = [*values.get("args", []), *values.get("environment", {}).values()]
        if uses_tls(texts) and not values[TLS]:
            problem = "must be true, because args or environment has {tls_cert}, {tls_key} or {tls_ca}"
            faults.append(Fault(config.source(key), key, problem))
    return faults


def agent_listening(config: Config) -> Listening:
    """Where the agent's own service listens."""
    host, _ = parse_host_port(config.section("agent")["listen"], DEFAULT_PORT)
    danger = "whoever reaches it can stop and remove every node of this host"
    agent_id = config.section("agent")["agent_id"]
    return Listening("agent.listen", host, danger, cert_command("agent", host).replace("NAME", agent_id))


def _restart_policy(values: Mapping[str, Any], *, enabled: bool) -> RestartPolicy:
    return RestartPolicy(
        enabled=enabled,
        stable_seconds=values["stable_secs"],
        first_delay_seconds=values["first_delay_secs"],
        max_delay_seconds=values["max_delay_secs"],
        max_crashes=values["max_crashes"],
        window_seconds=values["window_secs"],
    )


def _engine(name: str, values: Mapping[str, Any]) -> Engine:
    return Engine(
        name=name,
        binary_path=values["binary_path"],
        args=tuple(values["args"]),
        environment=dict(values["environment"]),
        **_process_values(values),
    )


def _process_values(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "probe": ProbeSpec(values["health_probe"], values["health_path"], values["health_timeout_secs"]),
        "stop_signal": int(signal.Signals[values["stop_signal"]]),
        "stop_grace_seconds": values["stop_grace_secs"],
        "stop_scope": values["stop_scope"],
        "start_timeout_seconds": values["start_timeout_secs"],
        "pass_secrets": tuple(values["pass_secrets"]),
        "tls": values[TLS],
    }
