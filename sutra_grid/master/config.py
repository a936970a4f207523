"""The master's configuration: its keys and the values that the daemon uses."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sutra_grid.core.access.identity import Role
from sutra_grid.core.agent.liveness import LivenessPolicy
from sutra_grid.core.errors import GridError
from sutra_grid.runtime.config import (
    Config,
    ConfigError,
    Fault,
    Key,
    Schema,
    Section,
    at_least,
    between,
    host_port,
    not_empty,
)
from sutra_grid.runtime.daemon import LOGGING_SECTION
from sutra_grid.runtime.metrics.section import Listen, metrics_listen, metrics_section
from sutra_grid.runtime.net import parse_host_port
from sutra_grid.runtime.registry_settings import password_file_key, registry_password_file, url_problem
from sutra_grid.runtime.tls.credentials import CredentialFiles
from sutra_grid.runtime.tls.exposure import Listening, cert_command, check_exposure, insecure_warning
from sutra_grid.runtime.tls.member import configured_member, time_faults
from sutra_grid.runtime.tls.section import CA_FILE, CERT_FILE, INSECURE, KEY_FILE, SECTION_NAME, tls_section

DEFAULT_PORT = 7000
DEFAULT_TOKEN_PORT = 7002
DEFAULT_METRICS_PORT = 7070


def _token_listen(value: str) -> str | None:
    return host_port(DEFAULT_TOKEN_PORT)(value) if value else None


SCHEMA = Schema(
    [
        Section(
            "master",
            [
                Key(
                    "listen",
                    "str",
                    "127.0.0.1:7000",
                    help="Address for agents and clients",
                    check=host_port(DEFAULT_PORT),
                ),
                Key(
                    "token_listen",
                    "str",
                    "",
                    help="With TLS: address for callers without a certificate, who show a token, and for agents that "
                    f"join; empty: port {DEFAULT_TOKEN_PORT} of the host of listen",
                    check=_token_listen,
                ),
                Key(
                    "registry_url",
                    "str",
                    "sqlite:///sutra-grid.db",
                    help="sqlite:////PATH or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE",
                    check=lambda value: not_empty(value) or url_problem(value),
                ),
                password_file_key(),
                Key("workers", "int", 16, help="Threads for short calls", check=between(1, 256)),
                Key(
                    "max_concurrent_commands",
                    "int",
                    24,
                    help="Commands that may wait for agents at the same time; more are refused",
                    check=between(1, 256),
                ),
                Key(
                    "max_concurrent_calls",
                    "int",
                    20_000,
                    help="Calls that may run or wait for a thread; more are refused",
                    check=at_least(1),
                ),
                Key(
                    "command_timeout_secs",
                    "float",
                    30.0,
                    unit="seconds",
                    help="Time limit of a command",
                    check=between(1, 600),
                ),
                Key("pin_cpu", "bool", True, help="Pin the process to one CPU, where its threads are fastest"),
            ],
            help="The service",
        ),
        Section(
            "liveness",
            [
                Key(
                    "heartbeat_interval_secs",
                    "float",
                    5.0,
                    unit="seconds",
                    help="Heartbeat interval of agents that do not send their own",
                    check=between(0.05, 3600),
                ),
                Key(
                    "degraded_after_missed",
                    "int",
                    3,
                    help="Missed heartbeats until an agent is degraded",
                    check=at_least(1),
                ),
                Key(
                    "offline_after_missed",
                    "int",
                    6,
                    help="Missed heartbeats until an agent is offline; more than degraded_after_missed",
                    check=at_least(2),
                ),
            ],
            help="When an agent is degraded or offline",
        ),
        Section(
            "events",
            [
                Key(
                    "max_age_days",
                    "float",
                    30.0,
                    unit="days",
                    help="Age at which events are deleted",
                    check=at_least(0.01),
                ),
                Key(
                    "max_events",
                    "int",
                    100_000,
                    help="Number of events above which the oldest are deleted",
                    check=at_least(100),
                ),
            ],
            help="Retention of events",
        ),
        tls_section(
            CERT_FILE,
            KEY_FILE,
            CA_FILE,
            INSECURE,
            more=[
                Key(
                    "ca_key_file",
                    "path",
                    None,
                    help="Private key of the CA in ca_file, by which the master signs certificates of agents that join",
                ),
                Key(
                    "agent_certificate_days",
                    "float",
                    30.0,
                    unit="days",
                    help="Lifetime of the certificates that the master signs; agents renew them after two thirds",
                    check=between(0.0001, 3650),
                ),
            ],
        ),
        metrics_section(DEFAULT_METRICS_PORT),
        LOGGING_SECTION,
    ]
)


@dataclass(frozen=True, slots=True)
class MasterConfig:
    """The values of a master's configuration. Units are in the names."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    registry_url: str = "sqlite:///sutra-grid.db"
    registry_password_file: Path | None = None
    workers: int = 16
    max_concurrent_commands: int = 24
    max_concurrent_calls: int = 20_000
    command_timeout_seconds: float = 30.0
    pin_cpu: bool = False
    default_interval_seconds: float = 5.0
    liveness: LivenessPolicy = field(default_factory=LivenessPolicy)
    events_max_age_ms: int = 30 * 86_400_000
    max_events: int = 100_000
    metrics: Listen = None
    tls: CredentialFiles | None = None
    token_listen: tuple[str, int] = ("127.0.0.1", DEFAULT_TOKEN_PORT)
    ca_file: Path | None = None
    ca_key_file: Path | None = None
    agent_certificate_days: float = 30.0
    insecure: bool = False


def master_config(config: Config) -> MasterConfig:
    """The values of a checked configuration. Raises ``ConfigError`` for keys that contradict each other."""
    master, liveness, events = (config.section(name) for name in ("master", "liveness", "events"))
    host, port = parse_host_port(master["listen"], DEFAULT_PORT)
    tls = config.section(SECTION_NAME)
    policy = LivenessPolicy(liveness["degraded_after_missed"], liveness["offline_after_missed"])
    if policy.offline_after_missed <= policy.degraded_after_missed:
        raise _fault(
            config,
            "liveness.offline_after_missed",
            f"found {policy.offline_after_missed}, allowed: more than degraded_after_missed "
            f"({policy.degraded_after_missed})",
        )
    token_listen = master["token_listen"]
    return MasterConfig(
        host=host,
        port=port,
        registry_url=master["registry_url"],
        registry_password_file=registry_password_file(config, "master"),
        workers=master["workers"],
        max_concurrent_commands=master["max_concurrent_commands"],
        max_concurrent_calls=master["max_concurrent_calls"],
        command_timeout_seconds=master["command_timeout_secs"],
        pin_cpu=master["pin_cpu"],
        default_interval_seconds=liveness["heartbeat_interval_secs"],
        liveness=policy,
        events_max_age_ms=int(events["max_age_days"] * 86_400_000),
        max_events=events["max_events"],
        metrics=metrics_listen(config, DEFAULT_METRICS_PORT),
        tls=configured_member(config, Role.MASTER),
        token_listen=parse_host_port(token_listen, DEFAULT_TOKEN_PORT) if token_listen else (host, DEFAULT_TOKEN_PORT),
        ca_file=tls["ca_file"],
        ca_key_file=_ca_key_file(config),
        agent_certificate_days=tls["agent_certificate_days"],
        insecure=check_exposure(config, _listening(host)),
    )


def _ca_key_file(config: Config) -> Path | None:
    """The key of the authority, checked with its certificate. Raises ``ConfigError``."""
    values = config.section(SECTION_NAME)
    ca_file, ca_key_file = values["ca_file"], values["ca_key_file"]
    if ca_key_file is None:
        return None
    if ca_file is None:
        raise _fault(config, f"{SECTION_NAME}.ca_key_file", "is set without ca_file, cert_file and key_file")
    from sutra_grid.runtime.certificates.files import read_authority

    try:
        read_authority(ca_file, ca_key_file)
    except GridError as error:
        raise _fault(config, f"{SECTION_NAME}.ca_key_file", str(error)) from error
    return Path(ca_key_file)


def config_warnings(config: Config) -> list[Fault]:
    """What is valid in the configuration and likely to be a mistake."""
    host, _ = parse_host_port(config.section("master")["listen"], DEFAULT_PORT)
    return [*time_faults(config), *insecure_warning(config, _listening(host))]


def _listening(host: str) -> Listening:
    danger = "whoever reaches it can stop, remove and spawn nodes on every host of the grid"
    return Listening("master.listen", host, danger, cert_command("master", host))


def _fault(config: Config, key: str, problem: str) -> ConfigError:
    return ConfigError([Fault(config.source(key), key, problem)])
