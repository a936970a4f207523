"""Which address a node tells its clients."""

from __future__ import annotations

import pytest

from sutra_grid.storage.etcd.client_address import ClientAddress


@pytest.mark.parametrize(
    ("host", "peer", "url"),
    [
        ("127.0.0.1", "ipv4:127.0.0.1:40000", "http://127.0.0.1:50051"),
        ("10.77.0.1", "ipv4:127.0.0.1:40000", "http://10.77.0.1:50051"),
        ("db-1.internal", "ipv4:127.0.0.1:40000", "http://db-1.internal:50051"),
        ("::1", "ipv6:%5B::1%5D:40000", "http://[::1]:50051"),
        ("0.0.0.0", "ipv4:127.0.0.1:40000", "http://127.0.0.1:50051"),
        ("::", "ipv6:%5B::ffff:127.0.0.1%5D:40000", "http://127.0.0.1:50051"),
        ("::", "ipv6:[::1]:40000", "http://[::1]:50051"),
    ],
)
def test_clients_are_told_where_they_reach_the_node(host: str, peer: str, url: str) -> None:
    address = ClientAddress()
    address.bound(host, 50051)
    assert address.url(peer) == url


@pytest.mark.parametrize("peer", ["", "unix:/tmp/socket", "ipv4:what"])
def test_a_client_without_an_address_is_told_the_host(peer: str) -> None:
    address = ClientAddress()
    address.bound("0.0.0.0", 50051)
    assert "0.0.0.0" not in address.url(peer)
