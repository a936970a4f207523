"""The admin's configuration: schema, command line flags, and the checked values."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sutra_grid.runtime.config import Config, Key, Schema, Section, at_least, between, host_port, load
from sutra_grid.runtime.daemon import LOGGING_SECTION, Flag

SECTION: Final = "admin"
FILE_VARIABLE: Final = "SUTRA_GRID_ADMIN_CONFIG"

DEFAULT_PORT: Final = 7080
DEFAULT_MASTER_PORT: Final = 7000
REGISTRY_SCHEMES: Final = ("sqlite:///", "postgresql://", "postgresql+psycopg://")


def _registry_url(value: str) -> str | None:
    if value.startswith(REGISTRY_SCHEMES):
        return None
    return "sqlite:////PATH or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"


SCHEMA: Final = Schema(
    [
        Section(
            SECTION,
            [
                Key(
                    "listen",
                    "str",
                    f"127.0.0.1:{DEFAULT_PORT}",
                    help="Address of the HTTP server",
                    check=host_port(DEFAULT_PORT),
                ),
                Key(
                    "registry_url",
                    "str",
                    "sqlite:///sutra-grid.db",
                    help="URL of the registry that the master uses; the admin only reads it",
                    check=_registry_url,
                ),
                Key(
                    "master",
                    "str",
                    f"127.0.0.1:{DEFAULT_MASTER_PORT}",
                    help="Address of the master, which executes commands",
                    check=host_port(DEFAULT_MASTER_PORT, free_port=False),
                ),
                Key("workers", "int", 2, help="Number of worker processes", check=between(1, 64)),
                Key(
                    "threads",
                    "int",
                    16,
                    help="Threads of each worker; a command occupies one until its outcome is known",
                    check=between(2, 256),
                ),
                Key(
                    "command_timeout_secs",
                    "float",
                    60.0,
                    unit="seconds",
                    help="How long a command may take before it is answered with 504",
                    check=between(1, 600),
                ),
                Key(
                    "stop_grace_secs",
                    "int",
                    20,
                    unit="seconds",
                    help="How long requests in progress may continue at a stop or reload",
                    check=at_least(1),
                ),
                Key(
                    "secret_key_file",
                    "str",
                    "",
                    help="File with at least 32 random characters that sign forms; empty: generated at each start",
                ),
            ],
            help="The HTTP API and the web pages",
        ),
        LOGGING_SECTION,
    ]
)

FLAGS: Final = [
    Flag("--listen", f"{SECTION}.listen", "Address of the HTTP server (HOST:PORT)."),
    Flag("--registry-url", f"{SECTION}.registry_url", "URL of the registry that the master uses."),
    Flag("--master", f"{SECTION}.master", "Address of the master (HOST:PORT)."),
    Flag("--log-level", "logging.level", "Lowest level of records to write."),
]


@dataclass(frozen=True, slots=True)
class AdminConfig:
    """The checked settings. ``SCHEMA`` describes each."""

    listen: str
    registry_url: str
    master: str
    workers: int
    threads: int
    command_timeout_secs: float
    stop_grace_secs: int
    secret_key_file: str = ""

    @classmethod
    def of(cls, config: Config) -> AdminConfig:
        """The settings of a loaded configuration."""
        return cls(**config.section(SECTION))


def load_from_environment(environ: Mapping[str, str] = os.environ) -> Config:
    """Load the configuration for another WSGI server: from ``SUTRA_GRID_ADMIN_CONFIG``, if set, and the environment.

    Raises ``ConfigError``.
    """
    file = environ.get(FILE_VARIABLE)
    return load(SCHEMA, Path(file) if file else None, environ=environ, overrides={})
