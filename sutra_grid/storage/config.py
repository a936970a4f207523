"""The configuration of a storage node: schema, flags, and checked values.

The agent passes everything as flags. The file and the environment are for a node that runs alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sutra_grid.runtime.config import REQUIRED, Config, Fault, Key, Schema, Section, at_least, between, host, not_empty
from sutra_grid.runtime.daemon import LOGGING_SECTION, Flag
from sutra_grid.runtime.net import MAX_PORT
from sutra_grid.runtime.tls.credentials import CredentialFiles
from sutra_grid.runtime.tls.exposure import Listening, cert_command, check_exposure, insecure_warning
from sutra_grid.runtime.tls.member import configured_member, time_faults
from sutra_grid.runtime.tls.section import CA_FILE, CERT_FILE, INSECURE, KEY_FILE, tls_section
from sutra_grid.runtime.tls.section import SECTION_NAME as TLS
from sutra_grid.storage.memory import DEFAULT_LIMIT_MB, MIN_LIMIT_MB

SECTION = "storage_node"
STANDALONE = "standalone"
"""The id of a node that nobody gave one."""

SCHEMA = Schema(
    [
        Section(
            SECTION,
            [
                Key("node_id", "str", STANDALONE, help="Id of the node; the agent sets it", check=not_empty),
                Key("listen", "str", "127.0.0.1", help="Address to listen on, without a port", check=host),
                Key("port", "int", 50051, help="Port to listen on; 0 chooses a free port", check=between(0, MAX_PORT)),
                Key(
                    "storage_path", "path", REQUIRED, help="Directory of log, data and checkpoints; created if missing"
                ),
                Key(
                    "memory_limit_mb",
                    "int",
                    DEFAULT_LIMIT_MB,
                    unit="MiB",
                    help="Memory that the process should stay below; determines block cache and write buffers",
                    check=at_least(MIN_LIMIT_MB),
                ),
                Key(
                    "workers",
                    "int",
                    64,
                    help="Threads for calls; a write holds its thread until it is on disk",
                    check=between(4, 1024),
                ),
                Key(
                    "max_concurrent_calls",
                    "int",
                    1024,
                    help="Most concurrent calls; more are refused",
                    check=at_least(4),
                ),
                Key(
                    "pin_cpu",
                    "bool",
                    False,
                    help="Keep the process on one CPU: more calls a second, less CPU time each",
                ),
                Key(
                    "stop_grace_secs",
                    "float",
                    10.0,
                    unit="seconds",
                    help="How long calls in flight may continue at a stop",
                    check=between(0, 3600),
                ),
                Key(
                    "restore",
                    "path",
                    None,
                    help="Snapshot file or checkpoint directory to create the store from; then exit",
                ),
            ],
            help="One storage node",
        ),
        tls_section(CERT_FILE, KEY_FILE, CA_FILE, INSECURE),
        LOGGING_SECTION,
    ]
)


def _flag(key: str, *environ: str) -> Flag:
    help_text = SCHEMA.sections[0].by_name[key].help
    return Flag(f"--{key.replace('_', '-')}", f"{SECTION}.{key}", help_text, environ)


FLAGS = [
    _flag("port", "SUTRA_STORAGE_PORT"),
    _flag("storage_path", "SUTRA_STORAGE_PATH"),
    _flag("node_id", "SUTRA_STORAGE_NODE_ID", "SUTRA_GRID_NODE_ID"),
    _flag("memory_limit_mb", "SUTRA_STORAGE_MEMORY_LIMIT_MB"),
    _flag("listen", "SUTRA_STORAGE_LISTEN"),
    _flag("workers", "SUTRA_STORAGE_WORKERS"),
    _flag("pin_cpu", "SUTRA_STORAGE_PIN_CPU"),
    Flag("--tls-cert", f"{TLS}.{CERT_FILE}", "Certificate of this server (PEM)", ("SUTRA_STORAGE_TLS_CERT",)),
    Flag("--tls-key", f"{TLS}.{KEY_FILE}", "Private key of that certificate (PEM)", ("SUTRA_STORAGE_TLS_KEY",)),
    Flag(
        "--tls-client-ca",
        f"{TLS}.{CA_FILE}",
        "CA of the grid: clients need a certificate of it, of role client or above",
        ("SUTRA_STORAGE_TLS_CLIENT_CA",),
    ),
    Flag(
        "--insecure",
        f"{TLS}.{INSECURE}",
        "Listen without TLS on an address that other hosts reach",
        ("SUTRA_STORAGE_INSECURE",),
    ),
    _flag("restore"),
    Flag("--log-level", "logging.level", "Lowest level of records to write", ("SUTRA_STORAGE_LOG_LEVEL",)),
]


@dataclass(frozen=True, slots=True)
class StorageConfig:
    """The checked settings of one process; see ``SCHEMA`` for each."""

    node_id: str
    listen: str
    port: int
    storage_path: Path
    memory_limit_mb: int
    workers: int
    max_concurrent_calls: int
    pin_cpu: bool
    stop_grace_secs: float
    restore: Path | None
    tls: CredentialFiles | None = None

    @classmethod
    def of(cls, config: Config) -> StorageConfig:
        """The settings of a loaded configuration. Raises ``ConfigError`` for certificates that can't be used."""
        values = config.section(SECTION)
        if values["restore"] is None:
            check_exposure(config, _listening(config))
        return cls(**values, tls=configured_member(config))


def config_warnings(config: Config) -> list[Fault]:
    """What is valid in the configuration and likely to be a mistake."""
    return [*time_faults(config), *insecure_warning(config, _listening(config))]


def _listening(config: Config) -> Listening:
    host = config.section(SECTION)["listen"]
    danger = "whoever reaches it can read, change and delete all data of the node"
    by_agent = "If an agent of a grid with TLS has started it, set [storage] tls = true in the agent's configuration"
    return Listening(f"{SECTION}.listen", host, danger, cert_command("agent", host), by_agent)
