"""A session of the published client ``etcd3`` with a node; its own process, run by test_python_client.

The client brings its own generated code for the same messages, older than the protobuf runtime
accepts except in its pure Python implementation, so it cannot live in the tests' process.
"""

from __future__ import annotations

import sys

import etcd3
import grpc
import pytest


def main(port: int, snapshot: str) -> None:
    client = etcd3.client(host="127.0.0.1", port=port, timeout=10)
    client.put("fruit/1", "apple")
    client.put("fruit/2", "pear")
    value, metadata = client.get("fruit/1")
    assert (value, metadata.version, metadata.create_revision) == (b"apple", 1, 2)
    assert client.get("missing") == (None, None)
    assert [value for value, _ in client.get_prefix("fruit/", sort_order="descend")] == [b"pear", b"apple"]
    assert [value for value, _ in client.get_range("fruit/1", "fruit/2")] == [b"apple"]
    assert not client.put_if_not_exists("fruit/1", "fig")
    assert client.put_if_not_exists("fruit/3", "plum")
    assert client.replace("fruit/1", "apple", "fig")
    succeeded, answers = client.transaction(
        compare=[client.transactions.value("fruit/1") == "fig", client.transactions.version("fruit/1") > 1],
        success=[client.transactions.put("nut/1", "hazel"), client.transactions.get("fruit/1")],
        failure=[client.transactions.put("never", "1")],
    )
    assert succeeded
    assert answers[1][0][0] == b"fig"
    assert client.delete("fruit/1")
    assert not client.delete("fruit/1")
    assert client.delete_prefix("fruit/").deleted == 2
    assert [metadata.key for _, metadata in client.get_all()] == [b"nut/1"]
    client.compact(client.get_response("nut/1").header.revision)
    client.defragment()
    assert list(client.list_alarms()) == []
    assert list(client.disarm_alarm()) == []
    status = client.status()
    assert status.leader.name == "node-1"
    assert [member.client_urls[0] for member in client.members] == [f"http://127.0.0.1:{port}"]
    assert client.hash() > 0
    with open(snapshot, "wb") as file:
        client.snapshot(file)
    with pytest.raises(grpc.RpcError) as refused:
        client.lease(10)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
