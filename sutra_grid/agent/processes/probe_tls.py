"""How the agent asks a node that serves with a certificate of the grid: with its own, and for the node's name."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field

import grpc

from sutra_grid.core.access.identity import Role, make_identity
from sutra_grid.runtime.tls.credentials import CredentialFiles
from sutra_grid.runtime.tls.section import TlsFiles
from sutra_grid.wire.tls import TlsOpener


@dataclass(frozen=True, slots=True)
class ProbeTls:
    """Opens connections to one node. Its certificate must have its identity's name, whatever host is asked.

    ``member``: the agent's own credentials, which are read from ``files``.
    """

    node_id: str
    member: CredentialFiles = field(repr=False)
    files: TlsFiles = field(repr=False)

    def channel(self, address: str) -> grpc.Channel:
        """A gRPC channel to ``host:port``; nothing is connected before the first call."""
        return TlsOpener(self.member, lambda credentials: self._server_name(credentials.grid))(address)

    def connect(self, host: str, port: int, timeout_seconds: float) -> ssl.SSLSocket:
        """A connection. Raises ``OSError``, of which ``ssl.SSLError`` is one."""
        current = self.member.current()
        context = ssl.create_default_context(cadata=current.ca_pem.decode())
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.files.cert_file, self.files.key_file)
        plain = socket.create_connection((host, port), timeout=timeout_seconds)
        try:
            return context.wrap_socket(plain, server_hostname=self._server_name(current.grid))
        except BaseException:
            plain.close()
            raise

    def _server_name(self, grid: str) -> str:
        return make_identity(grid, Role.NODE, self.node_id).server_name
