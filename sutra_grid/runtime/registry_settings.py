"""The settings of the registry that master and admin share. It imports little, because every ``--help`` imports it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from sutra_grid.core.errors import InvalidArgument
from sutra_grid.runtime.config import Config, ConfigError, Fault, Key
from sutra_grid.runtime.known_secrets import remember_secret
from sutra_grid.runtime.secret_file import read_secret_file

URL: Final = "registry_url"
PASSWORD_FILE: Final = "registry_password_file"

# A password ends at the first @ (as SQLAlchemy reads it), and the host at the next slash, colon or question mark.
_HOST: Final = re.compile(r"[a-z0-9+.-]+://(?:[^@/:]*|[^@/]*:[^@]*)@([^/?:]*)", re.IGNORECASE)
_PASSWORD: Final = re.compile(r"://[^/:@]*:([^@]+)@|[?&]password=([^&]+)", re.IGNORECASE)


def password_file_key() -> Key:
    """The key of the file with the password of ``registry_url``."""
    return Key(PASSWORD_FILE, "path", None, help="File with the password of registry_url, which nobody else may read")


def url_problem(url: str) -> str | None:
    """What is allowed, if a password has an unescaped ``@``: what follows it would be taken for the host, and told."""
    found = _HOST.match(url)
    if found is None or "@" not in found[1]:
        return None
    return f"a URL whose user and password are percent-encoded: write @ as %40, or use {PASSWORD_FILE}"


def password_of(url: str) -> str:
    """The password in a URL as it is written there; empty if there is none."""
    found = _PASSWORD.search(url)
    return (found[1] or found[2]) if found else ""


def registry_password_file(config: Config, section: str) -> Path | None:
    """The checked file, None if none is set. Raises ``ConfigError`` for one that can't be used with the URL."""
    values, key = config.section(section), f"{section}.{PASSWORD_FILE}"
    url: str = values[URL]
    file: Path | None = values[PASSWORD_FILE]
    if password := password_of(url):
        remember_secret(password)
    if file is None:
        return None
    if url.startswith("sqlite"):
        raise _fault(config, key, f"is only for a database server, and {URL} names an SQLite file; remove it")
    if password:
        raise _fault(config, key, f"is set, and {URL} has a password too; remove one of them")
    try:
        remember_secret(read_secret_file(file))
    except InvalidArgument as error:
        raise _fault(config, key, f"{error.message}. {error.hint}") from error
    return file


def _fault(config: Config, key: str, problem: str) -> ConfigError:
    return ConfigError([Fault(config.source(key), key, problem)])
