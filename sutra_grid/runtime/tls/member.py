"""The files by which a daemon or a person is a member of a grid, and the faults that they may have."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sutra_grid.core.access.identity import Role
from sutra_grid.core.errors import GridError, InvalidArgument
from sutra_grid.core.types import Reason
from sutra_grid.runtime.config import Config, ConfigError, Fault
from sutra_grid.runtime.tls.credentials import CredentialFiles, Credentials
from sutra_grid.runtime.tls.section import CA_FILE, CERT_FILE, KEY_FILE, SECTION_NAME, TlsFiles, tls_files


def member_files(files: TlsFiles, role: Role | None = None, name: str = "") -> CredentialFiles:
    """The credentials of a member: its certificate, its key, and the authorities that it trusts.

    With ``role`` and ``name`` the certificate must be theirs. Raises ``InvalidArgument``, which names the file.
    """
    ca_file = files.ca_file
    if ca_file is None:
        raise InvalidArgument(
            "no certificate authority is named",
            reason=Reason.INVALID_ARGUMENT,
            hint="Set ca_file to the ca.pem of the grid",
        )

    def read() -> Credentials:
        from sutra_grid.runtime.certificates.files import (
            check_grid_of,
            check_role,
            check_trusted,
            read_bundle,
            read_pair,
        )

        bundle, pair = read_bundle(ca_file), read_pair(files.cert_file, files.key_file)
        check_trusted(files.cert_file, pair, ca_file, bundle)
        check_grid_of(files.cert_file, pair, ca_file, bundle)
        if role is not None:
            check_role(files.cert_file, pair, role, name)
        return Credentials(
            bundle.pem,
            pair.certificate_pem,
            pair.key_pem,
            pair.identity,
            pair.identity.grid,
            pair.not_after.timestamp(),
        )

    return CredentialFiles((ca_file, files.cert_file, files.key_file), read)


def trusted_authority(ca_file: Path) -> CredentialFiles:
    """The credentials of a caller without a certificate, who knows the grid's authority. Raises ``InvalidArgument``."""

    def read() -> Credentials:
        from sutra_grid.runtime.certificates.files import read_bundle

        bundle = read_bundle(ca_file)
        if len(bundle.grids) != 1:
            found = ", ".join(bundle.grids) or "none"
            raise InvalidArgument(
                f"the certificate authorities in {ca_file} must be those of one grid; found: {found}",
                reason=Reason.INVALID_ARGUMENT,
                hint="Name the ca.pem of the grid",
            )
        return Credentials(bundle.pem, grid=bundle.grids[0])

    return CredentialFiles((ca_file,), read)


def configured_member(
    config: Config, role: Role | None = None, name: str = "", section: str = SECTION_NAME
) -> CredentialFiles | None:
    """The credentials of a daemon, of its ``[tls]`` section; None without TLS. Raises ``ConfigError`` with the key.

    With ``role`` and ``name`` the certificate must be theirs.
    """
    files = tls_files(config, section)
    if files is None:
        return None
    if files.ca_file is None:
        source = config.source(f"{section}.{CERT_FILE}")
        raise ConfigError([Fault(source, f"{section}.{CA_FILE}", "is missing: cert_file is set, and TLS needs it too")])
    try:
        return member_files(files, role, name)
    except GridError as error:
        key = f"{section}.{_named_in(error.message, files)}"
        raise ConfigError([Fault(config.source(key), key, str(error))]) from error


def _named_in(message: str, files: TlsFiles) -> str:
    """The key of the file that an error is about: the one that its message names first."""
    places = {CERT_FILE: files.cert_file, KEY_FILE: files.key_file, CA_FILE: files.ca_file}
    found = [
        (message.index(str(path)), -len(str(path)), name)  # a path may begin with another one
        for name, path in places.items()
        if path is not None and str(path) in message
    ]
    return min(found)[2] if found else CERT_FILE


def time_faults(config: Config, section: str = SECTION_NAME) -> list[Fault]:
    """A warning when the certificate of the section is not valid now; a daemon starts with it all the same.

    A clock may be wrong for a while after a start of the host, and nodes need their agent.
    """
    from sutra_grid.runtime.certificates.files import read_pair, time_warning

    files = tls_files(config, section)
    if files is None:
        return []
    pair = read_pair(files.cert_file, files.key_file)
    warning = time_warning(files.cert_file, pair, datetime.now(UTC))
    key = f"{section}.{CERT_FILE}"
    return [Fault(config.source(key), key, warning)] if warning else []
