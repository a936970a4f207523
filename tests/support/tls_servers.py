"""Small TLS servers in threads of the test, each with one fault or none."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

from sutra_grid.runtime.certificates.authority import IssuedCertificate
from sutra_grid.runtime.certificates.files import write_pair

DEADLINE_SECONDS = 10.0


@contextlib.contextmanager
def grpc_server(leaf: IssuedCertificate | None, client_ca: bytes = b"") -> Iterator[int]:
    """A gRPC server without services; plaintext without ``leaf``. With ``client_ca`` it requires certificates."""
    server = grpc.server(ThreadPoolExecutor(1))
    if leaf is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        pairs = [(leaf.key_pem, leaf.certificate_pem)]
        credentials = grpc.ssl_server_credentials(pairs, client_ca or None, require_client_auth=bool(client_ca))
        port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    try:
        yield port
    finally:
        server.stop(0).wait(DEADLINE_SECONDS)


@contextlib.contextmanager
def socket_server(serve: Callable[[socket.socket], None], host: str = "127.0.0.1") -> Iterator[int]:
    """A server that hands each connection to ``serve``, and closes it when the client has."""
    listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)

    def accept() -> None:
        while True:
            try:
                stream, _ = listener.accept()
            except OSError:
                return
            stream.settimeout(DEADLINE_SECONDS)
            with stream, contextlib.suppress(OSError):
                serve(stream)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)  # wakes the accept
        listener.close()
        thread.join(DEADLINE_SECONDS)


def tls_server(
    directory: Path,
    leaf: IssuedCertificate,
    *,
    client_ca: Path | None = None,
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    host: str = "127.0.0.1",
    chain: bytes = b"",
    quiet: bool = False,
    ciphers: str = "",
) -> contextlib.AbstractContextManager[int]:
    """A TLS server that says a word, unless it is ``quiet``, and waits; its files are written to ``directory``."""
    cert, key = directory / "served.pem", directory / "served-key.pem"
    write_pair(cert, key, leaf.certificate_pem + chain, leaf.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    if ciphers:
        context.set_ciphers(ciphers)
    context.minimum_version = min(version, ssl.TLSVersion.TLSv1_2)
    context.maximum_version = version
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED

    def serve(stream: socket.socket) -> None:
        with context.wrap_socket(stream, server_side=True) as tls:
            if not quiet:
                tls.sendall(b"hello")
            tls.recv(1)

    return socket_server(serve, host)
