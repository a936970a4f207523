"""TLS of an HTTP server for browsers and programs: its certificate comes from files that may be replaced.

The certificate need not be one of the grid: any that the clients trust will do.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.types import Reason
from sutra_grid.runtime.config import Config, ConfigError, Fault
from sutra_grid.runtime.tls.section import CERT_FILE, KEY_FILE, SECTION_NAME, TlsFiles, tls_files

if TYPE_CHECKING:
    from sutra_grid.runtime.tls.credentials import Credentials

_FIT_HINT: Final = "Name the two files that were written together"


class ServedCertificate:
    """The TLS context for new connections, with the certificate that is in the files now. Thread-safe.

    Connections in use keep the one that they began with. Files that can't be used leave the ones before in use.
    """

    def __init__(self, files: TlsFiles) -> None:
        """Read the files. Raises ``InvalidArgument``, which names the file and the remedy."""
        from sutra_grid.runtime.tls.credentials import CredentialFiles

        self._files = files
        self._context: ssl.SSLContext | None = None
        self._watched = CredentialFiles((files.cert_file, files.key_file), self._read)

    def context(self) -> ssl.SSLContext:
        """The context for a connection that begins now."""
        self._watched.current()
        assert self._context is not None, "the constructor reads the files"
        return self._context

    def _read(self) -> Credentials:
        from sutra_grid.runtime.tls.credentials import Credentials

        check_server_files(self._files)
        context = server_context()
        try:
            context.load_cert_chain(self._files.cert_file, self._files.key_file)
        except (OSError, ssl.SSLError) as error:  # replaced in between, or a form that OpenSSL does not take
            raise _fault(f"{self._files.cert_file} can't be used with {self._files.key_file}: {error}") from error
        self._context = context
        return Credentials(b"")


def server_context() -> ssl.SSLContext:
    """A context without a certificate: TLS 1.3 where both have it, never below 1.2; asks clients for no certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # of TLS 1.2: costs the server more than the client
    context.set_alpn_protocols(["http/1.1"])
    return context


def check_server_files(files: TlsFiles) -> None:
    """Raise ``InvalidArgument``, which names the file and the remedy, unless a server can use the pair."""
    from sutra_grid.runtime.certificates.describe import fits
    from sutra_grid.runtime.certificates.files import read_certificate, read_key

    leaf, key = read_certificate(files.cert_file)[0], read_key(files.key_file)
    if not fits(leaf, key):
        raise _fault(f"the key in {files.key_file} does not fit the certificate in {files.cert_file}")


def checked_tls_files(config: Config) -> TlsFiles | None:
    """The files of ``[tls]``, read and found to fit; None without. Raises ``ConfigError``."""
    files = tls_files(config)
    if files is None:
        return None
    try:
        check_server_files(files)
    except InvalidArgument as error:
        name = KEY_FILE if str(files.key_file) in error.message else CERT_FILE
        dotted = f"{SECTION_NAME}.{name}"
        raise ConfigError([Fault(config.source(dotted), dotted, f"{error.message}. {error.hint}")]) from error
    return files


def certificate_warnings(config: Config) -> list[Fault]:
    """That the certificate is not valid now. A server may start with one that is replaced later."""
    files = tls_files(config)
    if files is None:
        return []
    from sutra_grid.runtime.certificates.files import read_certificate, time_warning

    dotted = f"{SECTION_NAME}.{CERT_FILE}"
    problem = time_warning(files.cert_file, read_certificate(files.cert_file)[0], datetime.now(UTC))
    return [Fault(config.source(dotted), dotted, problem)] if problem else []


def _fault(message: str) -> InvalidArgument:
    return InvalidArgument(message, reason=Reason.INVALID_ARGUMENT, hint=_FIT_HINT)
