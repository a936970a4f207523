"""Probes of a node that serves with a certificate: with the agent's own, and for the name of that node alone."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from support.values.certificates import TestAuthority, files_of, write_files

from sutra_grid.agent.engines import ProbeSpec
from sutra_grid.agent.processes.probe_tls import ProbeTls
from sutra_grid.agent.processes.probes import ProbeTarget, run_probe
from sutra_grid.core.access.identity import Role
from sutra_grid.runtime.tls.section import TlsFiles
from sutra_grid.wire.server import Access, Security, ServerLimits, serve
from sutra_grid.wire.tls import ServerTls

CA = TestAuthority()


class Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def grpc_node(directory: Path) -> Iterator[int]:
    tls = ServerTls(files_of(CA.credentials(Role.NODE, "node-1", hosts=())), mutual=True)
    limits = ServerLimits(workers=2, calls=4)
    with serve({}, host="127.0.0.1", port=0, limits=limits, name="x", security=Security(Access(), tls)) as server:
        yield server.port


@contextmanager
def web_node(directory: Path) -> Iterator[int]:
    ca, cert, key = write_files(directory / "node", CA.credentials(Role.NODE, "node-1", hosts=()))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=ca)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(cert, key)
    server = HTTPServer(("127.0.0.1", 0), Pages)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(("kind", "node"), [("grpc", grpc_node), ("http", web_node)])
def test_a_node_is_asked_with_the_agents_certificate_and_by_its_own_name(tmp_path: Path, kind: str, node) -> None:  # type: ignore[no-untyped-def]
    credentials = CA.credentials(Role.AGENT, "agent-1")
    ca, cert, key = write_files(tmp_path / "agent", credentials)

    def problem(port: int, node_id: str | None) -> str:
        tls = ProbeTls(node_id, files_of(credentials), TlsFiles(cert, key, ca)) if node_id else None
        target = ProbeTarget(port, ("127.0.0.1",), "127.0.0.1", tls=tls)
        return run_probe(ProbeSpec(kind, timeout_seconds=2.0), target).problem

    with node(tmp_path) as port:
        assert problem(port, "node-1") == ""
        assert problem(port, "node-2") != ""  # another node has the port
        assert problem(port, None) != ""
