"""The admin's configuration: schema, command line flags, and the checked values."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sutra_grid.admin.access.login_keys import LOGIN_IDLE_SECS, LOGIN_KEYS, LOGIN_MAX_SECS
from sutra_grid.admin.access.settings import AccessSettings
from sutra_grid.core.access.forwarding import PREFIX_ALLOWED, Network, is_prefix, network_of
from sutra_grid.core.access.hosts import ANY, HostRule, host_rule
from sutra_grid.core.access.identity import Role
from sutra_grid.core.access.login import LoginMode
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
    load,
)
from sutra_grid.runtime.daemon import LOGGING_SECTION, Flag
from sutra_grid.runtime.net import is_host, is_loopback, parse_host_port
from sutra_grid.runtime.registry_settings import PASSWORD_FILE, password_file_key, registry_password_file, url_problem
from sutra_grid.runtime.secret_file import others_read
from sutra_grid.runtime.tls.credentials import CredentialFiles
from sutra_grid.runtime.tls.exposure import Listening, cert_command, check_exposure, insecure_warning
from sutra_grid.runtime.tls.member import configured_member
from sutra_grid.runtime.tls.section import CA_FILE, CERT_FILE, INSECURE, KEY_FILE, TlsFiles, tls_files, tls_section

SECTION: Final = "admin"
MASTER_TLS: Final = "master_tls"
FILE_VARIABLE: Final = "SUTRA_GRID_ADMIN_CONFIG"

DEFAULT_PORT: Final = 7080
DEFAULT_MASTER_PORT: Final = 7000
HSTS_SECS: Final = 31_536_000  # a year
REGISTRY_SCHEMES: Final = ("sqlite:///", "postgresql://", "postgresql+psycopg://")


#: First parts of the admin's own paths: below such a prefix nobody could tell which one is meant.
OWN_PATHS: Final = frozenset(
    {
        "agents",
        "docs",
        "events",
        "livez",
        "metrics",
        "nodes",
        "openapi.json",
        "readyz",
        "rolling-restarts",
        "static",
        "status",
        "ui",
    }
)


def _allowed_hosts(values: Sequence[str]) -> str | None:
    if all(each == ANY or is_host(each.removeprefix(".").removeprefix("[").removesuffix("]")) for each in values):
        return None
    return 'host names without scheme, port and path, ".example.com" for all names below it, or "*" for any'


def _networks(values: Sequence[str]) -> str | None:
    try:
        for each in values:
            network_of(each)
    except ValueError:
        return 'addresses and networks, such as "127.0.0.1", "10.0.0.0/8" or "fd00::/8"'
    return None


def _url_prefix(value: str) -> str | None:
    if value and not is_prefix(value):
        return f"{PREFIX_ALLOWED}; or empty"
    if value.split("/")[1:2] and value.split("/")[1] in OWN_PATHS:
        return f"a path that does not begin as one of the admin's own: {', '.join(sorted(OWN_PATHS))}"
    return None


def _registry_url(value: str) -> str | None:
    if value.startswith(REGISTRY_SCHEMES):
        return url_problem(value)
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
                password_file_key(),
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
                Key(
                    "allowed_hosts",
                    "list[str]",
                    [],
                    help="Names by which people reach the admin; empty: on loopback only localhost, else any",
                    check=_allowed_hosts,
                ),
                Key(
                    "trusted_proxies",
                    "list[str]",
                    [],
                    help="Addresses and networks of reverse proxies whose X-Forwarded headers are used",
                    check=_networks,
                ),
                Key(
                    "url_prefix",
                    "str",
                    "",
                    help="Path below which a reverse proxy shows the admin, such as /grid",
                    check=_url_prefix,
                ),
                Key(
                    "hsts_secs",
                    "int",
                    HSTS_SECS,
                    unit="seconds",
                    help="How long browsers that came over HTTPS use nothing else for this host; 0: not told",
                    check=between(0, 63_072_000),
                ),
                *LOGIN_KEYS,
            ],
            help="The HTTP API and the web pages",
        ),
        tls_section(CERT_FILE, KEY_FILE, INSECURE),
        tls_section(
            CERT_FILE,
            KEY_FILE,
            CA_FILE,
            section=MASTER_TLS,
            help="The connection to a master with TLS: a certificate of role admin, its key, and the grid's CA",
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
    allowed_hosts: Sequence[str] = ()
    trusted_proxies: Sequence[str] = ()
    url_prefix: str = ""
    hsts_secs: int = HSTS_SECS
    login: str = LoginMode.AUTO
    login_idle_secs: int = LOGIN_IDLE_SECS
    login_max_secs: int = LOGIN_MAX_SECS
    sso_header: str = ""
    sso_role_header: str = ""
    sso_default_role: str = Role.VIEWER
    tls: TlsFiles | None = None
    master_tls: CredentialFiles | None = None
    insecure: bool = False
    registry_password_file: Path | None = None

    @classmethod
    def of(cls, config: Config) -> AdminConfig:
        """The settings of a loaded configuration. Raises ``ConfigError`` for files that can't be used."""
        member = configured_member(config, Role.ADMIN, section=MASTER_TLS)
        values = {**config.section(SECTION), PASSWORD_FILE: registry_password_file(config, SECTION)}
        if values["sso_header"] and not values["trusted_proxies"]:
            problem = "is set, but trusted_proxies names no proxy whose header could be believed"
            raise ConfigError([Fault(config.source(f"{SECTION}.sso_header"), f"{SECTION}.sso_header", problem)])
        insecure = check_exposure(config, _listening(config))
        return cls(**values, tls=tls_files(config), master_tls=member, insecure=insecure)

    def host_rule(self) -> HostRule | None:
        """The hosts that the admin answers for; None for all."""
        host, _ = parse_host_port(self.listen, DEFAULT_PORT)
        return host_rule(host, is_loopback(host), self.allowed_hosts)

    def access_settings(self) -> AccessSettings:
        """What the settings say about logins."""
        host, _ = parse_host_port(self.listen, DEFAULT_PORT)
        return AccessSettings(
            mode=LoginMode(self.login),
            has_tls=self.tls is not None,
            is_exposed=not is_loopback(host),
            is_insecure=self.insecure,
            idle_ms=self.login_idle_secs * 1000,
            absolute_ms=self.login_max_secs * 1000,
            sso_header=self.sso_header,
            sso_role_header=self.sso_role_header,
            sso_default_role=Role(self.sso_default_role) if self.sso_default_role else None,
        )

    def proxy_networks(self) -> list[Network]:
        """The proxies whose headers are used."""
        return [network_of(each) for each in self.trusted_proxies]


def config_warnings(config: Config) -> list[Fault]:
    """What is valid in the configuration and likely to be a mistake."""
    return [*insecure_warning(config, _listening(config)), *_open_secret_key(config)]


def _open_secret_key(config: Config) -> list[Fault]:
    """A key that others may read, with which they can forge forms."""
    key, file = f"{SECTION}.secret_key_file", config.section(SECTION)["secret_key_file"]
    try:
        is_open = bool(file) and others_read(os.stat(file))
    except OSError:
        return []  # the start says what is wrong with it
    problem = f"{file} can be read by others, who could forge forms of the pages. Run: chmod 600 {file}"
    return [Fault(config.source(key), key, problem)] if is_open else []


def _listening(config: Config) -> Listening:
    host, _ = parse_host_port(config.section(SECTION)["listen"], DEFAULT_PORT)
    danger = "whoever reaches it can stop, remove and spawn nodes on every host of the grid"
    return Listening(f"{SECTION}.listen", host, danger, cert_command("admin", host))


def load_from_environment(environ: Mapping[str, str] = os.environ) -> Config:
    """Load the configuration for another WSGI server: from ``SUTRA_GRID_ADMIN_CONFIG``, if set, and the environment.

    Raises ``ConfigError``.
    """
    file = environ.get(FILE_VARIABLE)
    return load(SCHEMA, Path(file) if file else None, environ=environ, overrides={})
