"""TLS of gRPC servers and channels, with certificates that may change while both run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

import grpc

from sutra_grid.core.access.identity import master_server_name
from sutra_grid.runtime.tls.credentials import CredentialFiles, Credentials
from sutra_grid.wire.channels import open_channel
from sutra_grid.wire.keepalive import SPARSE_KEEPALIVE, Keepalive

ServerName = Callable[[Credentials], str]
"""The DNS name that the certificate of the server must carry; empty for the host of its address."""


def name_of_master(credentials: Credentials) -> str:
    """The name that every master of the grid has in its certificate."""
    return master_server_name(credentials.grid)


def name_of_host(_credentials: Credentials) -> str:
    """The host of the address itself."""
    return ""


class ServerTls:
    """The certificate of a server.

    ``mutual``: clients need a certificate of the grid, or no call begins. Without it, a client shows none, and is known
    by its token alone; and the server shows its authority too, because a host that joins knows only the digest of that.
    """

    def __init__(self, files: CredentialFiles, *, mutual: bool) -> None:
        self._files = files
        self._mutual = mutual
        self._lock = threading.Lock()
        self._served = 0  # version of the certificate that gRPC has; guarded by _lock

    def grid(self) -> str:
        """The grid of the certificate."""
        return self._files.current().grid

    def credentials(self) -> grpc.ServerCredentials:
        """For one port of one server."""
        current = self._files.current()
        self._served = current.version
        return grpc.dynamic_ssl_server_credentials(
            self._configuration(current), self._fetch, require_client_authentication=self._mutual
        )

    def _fetch(self) -> Any:
        """gRPC calls this before each handshake, on a thread of its own. None keeps the configuration."""
        current = self._files.current()
        with self._lock:
            if current.version == self._served:
                return None
            self._served = current.version
        return self._configuration(current)

    def _configuration(self, current: Credentials) -> Any:
        if self._mutual:
            return grpc.ssl_server_certificate_configuration(
                [(current.key_pem, current.certificate_pem)], root_certificates=current.ca_pem
            )
        from sutra_grid.runtime.certificates.describe import with_authority

        chain = with_authority(current.certificate_pem, current.ca_pem)
        return grpc.ssl_server_certificate_configuration([(current.key_pem, chain)])


class TlsOpener:
    """Opens TLS channels to the servers of a grid. Thread-safe.

    A channel uses the certificates that it was opened with for as long as it lasts. ``version`` changes with the files,
    and tells a connection that its next call needs a new channel.
    """

    def __init__(
        self,
        files: CredentialFiles,
        server_name: ServerName = name_of_master,
        keepalive: Keepalive = SPARSE_KEEPALIVE,
    ) -> None:
        self._files = files
        self._server_name = server_name
        self._keepalive = keepalive

    @property
    def version(self) -> int:
        """The version of the files' contents."""
        return self._files.current().version

    def __call__(self, target: str) -> grpc.Channel:
        """A channel to ``host:port``; nothing is connected before the first call."""
        current = self._files.current()
        credentials = grpc.ssl_channel_credentials(
            current.ca_pem, current.key_pem or None, current.certificate_pem or None
        )
        name = self._server_name(current)
        return open_channel(target, keepalive=self._keepalive, credentials=credentials, server_name=name)


TLS_SECURITY: Final = b"ssl"
"""``transport_security_type`` of a call over TLS, in gRPC's auth context."""
