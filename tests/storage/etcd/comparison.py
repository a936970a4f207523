"""Two servers of the protocol that get the same requests, and what differs in their answers."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf.message import Message

from storage.etcd.random_requests import RandomRequests, names_a_revision
from sutra_grid.wire import storage_pb2 as pb

CALL_SECONDS = 20.0
LARGEST_BYTES = 64 << 20
METHODS = {
    pb.RangeRequest: ("KV/Range", pb.RangeResponse),
    pb.PutRequest: ("KV/Put", pb.PutResponse),
    pb.DeleteRangeRequest: ("KV/DeleteRange", pb.DeleteRangeResponse),
    pb.TxnRequest: ("KV/Txn", pb.TxnResponse),
    pb.CompactionRequest: ("KV/Compact", pb.CompactionResponse),
    pb.MemberListRequest: ("Cluster/MemberList", pb.MemberListResponse),
    pb.AlarmRequest: ("Maintenance/Alarm", pb.AlarmResponse),
    pb.StatusRequest: ("Maintenance/Status", pb.StatusResponse),
    pb.HashRequest: ("Maintenance/Hash", pb.HashResponse),
    pb.HashKVRequest: ("Maintenance/HashKV", pb.HashKVResponse),
}


class Peer:
    """One server. Its answers come without what no two members share."""

    def __init__(self, address: str) -> None:
        options = [("grpc.max_receive_message_length", LARGEST_BYTES), ("grpc.max_send_message_length", LARGEST_BYTES)]
        self.channel = grpc.insecure_channel(address, options=options)

    def ask(self, request: Any) -> Any:
        """The answer, or the code and the message of the error."""
        method, response = METHODS[type(request)]
        return self.ask_raw(method, request.SerializeToString(), response)

    def ask_raw(self, method: str, request: bytes, response: type[Message]) -> Any:
        """The same for bytes, which may be what no library writes."""
        call = self.channel.unary_unary(f"/etcdserverpb.{method}", response_deserializer=response.FromString)
        try:
            answer: Any = call(request, timeout=CALL_SECONDS)
        except grpc.RpcError as error:
            return error.code().name, error.details()
        for name in ("cluster_id", "member_id", "raft_term"):
            answer.header.ClearField(name)
        return answer

    def close(self) -> None:
        self.channel.close()


class Pair:
    """A node and an etcd at the same revision."""

    def __init__(self, node: str, etcd: str) -> None:
        self.node = Peer(node)
        self.etcd = Peer(etcd)
        self._revision = 1
        self._compacted = -1

    def same(self, request: Any, note: str = "") -> Any:
        """Ask both, and return the answer that they share."""
        ours, theirs = self.node.ask(request), self.etcd.ask(request)
        assert ours == theirs, f"{note}\n{type(request).__name__} {request}\nnode: {ours}\netcd: {theirs}"
        if isinstance(ours, Message):
            self._revision = ours.header.revision
        return ours

    def run(self, seed: int, requests: int, *, wide: bool = False) -> None:
        """Random requests; etcd keeps no older revision than a node does whenever that matters."""
        source = RandomRequests(seed, wide=wide)
        for number, request in zip(range(requests), source, strict=False):
            if names_a_revision(request):
                self.compact()
            self.same(request, f"seed {seed}, request {number}, revision {self._revision}")
            source.revision = self._revision

    def align(self) -> None:
        """Empty both, and bring them to the same revision, also after a difference was found."""
        revisions = [peer.ask(pb.PutRequest(key=b"a")).header.revision for peer in (self.node, self.etcd)]
        behind = self.node if revisions[0] < revisions[1] else self.etcd
        for _ in range(abs(revisions[0] - revisions[1])):
            behind.ask(pb.PutRequest(key=b"a"))
        for peer in (self.node, self.etcd):
            self._revision = peer.ask(pb.DeleteRangeRequest(key=b"\0", range_end=b"\0")).header.revision

    def compact(self) -> None:
        """Let etcd forget what is older than the newest revision."""
        if self._compacted < self._revision:
            self._compacted = self._revision
            answer = self.etcd.ask(pb.CompactionRequest(revision=self._revision))
            assert isinstance(answer, Message), answer

    def close(self) -> None:
        self.node.close()
        self.etcd.close()
