"""An admin of its own, over HTTPS or HTTP, without a master and a registry, and raw connections to it."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.harness.daemons import Daemon, write_config
from support.harness.ports import free_port
from support.values.certificates import TestAuthority
from sutra_grid.core.access.identity import Role

HOST = "127.0.0.1"


class Site:
    """A certificate and a key in two files, which a test replaces, and clients that trust their authority."""

    def __init__(self, root: Path) -> None:
        self.cert_file, self.key_file, self.ca_file = root / "admin.pem", root / "admin-key.pem", root / "ca.pem"
        self.authority = TestAuthority()
        self.ca_file.write_bytes(self.authority.pem)
        self.replace("admin-1")

    def replace(self, name: str) -> None:
        """Write a new certificate and key, as another name of the same host."""
        certificate, key = self.authority.issue(Role.ADMIN, name, hosts=(HOST, "localhost", "grid.example"))
        for file, data in ((self.key_file, key), (self.cert_file, certificate)):
            fresh = file.with_suffix(".new")
            fresh.touch(mode=0o600)
            fresh.write_bytes(data)
            fresh.rename(file)

    def context(self) -> ssl.SSLContext:
        """What a client trusts."""
        return ssl.create_default_context(cafile=self.ca_file)


class HttpsAdmin:
    """A running admin with one worker of four threads."""

    def __init__(self, root: Path, site: Site | None, **settings: Any) -> None:
        self.port = free_port()
        self.site = site
        admin = {
            "listen": f"{HOST}:{self.port}",
            "registry_url": f"sqlite:///{root}/registry.db",
            "master": f"{HOST}:{free_port()}",
            "workers": 1,
            "threads": 4,
            "stop_grace_secs": 1,
            "login": "off",  # it has no registry, so nobody can log in
            **settings,
        }
        tls = {"tls": {"cert_file": str(site.cert_file), "key_file": str(site.key_file)}} if site else {}
        config = write_config(root / "admin.toml", {"admin": admin, **tls})
        self.daemon = Daemon("admin", "sutra-grid-admin", config, ready=lambda: self.get("/livez")[0] == 200)

    def get(self, path: str, context: ssl.SSLContext | None = None, **headers: str) -> tuple[int, Mapping[str, str]]:
        """Status and headers of an answer; 0 when there is none."""
        connection = self.connection(context)
        try:
            connection.request("GET", path, headers={name.replace("_", "-"): text for name, text in headers.items()})
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.headers
        except OSError:
            return 0, {}
        finally:
            connection.close()

    def connection(self, context: ssl.SSLContext | None = None) -> http.client.HTTPConnection:
        """A new connection."""
        if self.site is None:
            return http.client.HTTPConnection(HOST, self.port, timeout=20)
        return http.client.HTTPSConnection(HOST, self.port, timeout=20, context=context or self.site.context())

    def raw(self) -> socket.socket:
        """A connection without TLS."""
        return socket.create_connection((HOST, self.port), timeout=20)

    def served_certificate(self) -> bytes:
        """The certificate that a new connection is shown, as DER."""
        assert self.site is not None
        with self.raw() as plain, self.site.context().wrap_socket(plain, server_hostname=HOST) as secured:
            return secured.getpeercert(binary_form=True) or b""


@contextmanager
def running(admin: HttpsAdmin) -> Iterator[HttpsAdmin]:
    """The admin while it serves."""
    admin.daemon.start()
    try:
        admin.daemon.wait_ready()
        yield admin
    finally:
        assert admin.daemon.stop() == 0


def received(connection: socket.socket) -> bytes:
    """All that comes until the server closes the connection."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)
