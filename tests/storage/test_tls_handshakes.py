"""A storage node with TLS, and strangers who begin hundreds of handshakes and end none."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest
from support.harness.kv import KvClient
from support.values.certificates import TestAuthority, write_files
from support.waiting import eventually

from storage.server import StorageServer
from sutra_grid.core.access.identity import Role
from sutra_grid.wire.channels import open_channel

HALF_OPEN = 200
CLIENT_HELLO_BEGINS = b"\x16\x03\x01\x02\x00\x01"


@pytest.mark.soak
def test_half_open_handshakes_keep_no_client_out_of_a_node(tmp_path: Path) -> None:
    authority = TestAuthority()
    ca, cert, key = write_files(tmp_path / "tls", authority.credentials(Role.NODE, "node-1"))
    flags = ("--tls-cert", str(cert), "--tls-key", str(key), "--tls-client-ca", str(ca))
    shown = authority.credentials(Role.CLIENT, "app")
    credentials = grpc.ssl_channel_credentials(shown.ca_pem, shown.key_pem, shown.certificate_pem)
    with StorageServer(tmp_path / "store", *flags) as server, ExitStack() as stack:
        host, _, port = server.address.rpartition(":")
        strangers = [
            stack.enter_context(socket.create_connection((host, int(port)), timeout=10)) for _ in range(HALF_OPEN)
        ]
        for stranger in strangers[::2]:
            stranger.send(CLIENT_HELLO_BEGINS)
        for number in range(5):
            with KvClient(server.address, channel=open_channel(server.address, credentials=credentials)) as client:
                client.put("key", str(number))
                assert client.get("key") == str(number)
        assert sum(is_open(stranger) for stranger in strangers) > HALF_OPEN / 2  # they were there all the time
        eventually(lambda: not any(is_open(stranger) for stranger in strangers), 60, "the half-open ones cut off")


def is_open(stream: socket.socket) -> bool:
    stream.settimeout(0)
    try:
        return stream.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
