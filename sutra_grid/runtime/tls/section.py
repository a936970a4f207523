"""The section ``[tls]`` of a daemon's configuration. It imports little, because every ``--help`` imports it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sutra_grid.runtime.config import Config, ConfigError, Fault, Key, Section

SECTION_NAME: Final = "tls"

CERT_FILE: Final = "cert_file"
KEY_FILE: Final = "key_file"
CA_FILE: Final = "ca_file"
INSECURE: Final = "insecure"
SHARED_KEYS: Final = (CERT_FILE, KEY_FILE, CA_FILE, INSECURE)

_KEYS: Final = {
    CERT_FILE: Key(CERT_FILE, "path", None, help="Certificate of this daemon (PEM), then those between it and its CA"),
    KEY_FILE: Key(KEY_FILE, "path", None, help="Private key of cert_file (PEM), which nobody else may read"),
    CA_FILE: Key(CA_FILE, "path", None, help="Certificates of the CAs that this daemon trusts (PEM)"),
    INSECURE: Key(INSECURE, "bool", False, help="Listen on addresses that others reach without TLS"),
}


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """A certificate and its key, and the CAs to trust, if any are named."""

    cert_file: Path
    key_file: Path
    ca_file: Path | None = None


def tls_section(
    *names: str, more: Sequence[Key] = (), section: str = SECTION_NAME, help: str = "Encrypted connections"
) -> Section:
    """The section for the schema of a daemon: the shared keys ``names``, or all of them, then ``more`` of its own."""
    return Section(section, [*(_KEYS[name] for name in names or SHARED_KEYS), *more], help=help)


def tls_files(config: Config, section: str = SECTION_NAME) -> TlsFiles | None:
    """The files of the section, not read yet; None without TLS. Raises ``ConfigError`` for one of a pair."""
    values = config.section(section)
    cert_file, key_file, ca_file = values[CERT_FILE], values[KEY_FILE], values.get(CA_FILE)
    if cert_file is not None and key_file is not None:
        return TlsFiles(cert_file, key_file, ca_file)
    given = [name for name in (CERT_FILE, KEY_FILE, CA_FILE) if values.get(name) is not None]
    if not given:
        return None
    missing = [name for name in (CERT_FILE, KEY_FILE) if values[name] is None]
    source = config.source(f"{section}.{given[0]}")
    problem = f"is missing: {' and '.join(given)} {'is' if len(given) == 1 else 'are'} set, and TLS needs it too"
    raise ConfigError([Fault(source, f"{section}.{name}", problem) for name in missing])
