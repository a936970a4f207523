"""``etcdserverpb.Cluster``: the list of members, which is this node alone."""

# ruff: noqa: N802  the methods have the names of the wire
from __future__ import annotations

import grpc

from sutra_grid.storage.etcd.client_address import ClientAddress
from sutra_grid.storage.etcd.kv_errors import handle_kv_errors
from sutra_grid.storage.identity import Identity
from sutra_grid.wire import storage_pb2 as pb
from sutra_grid.wire import storage_pb2_grpc as rpc


class ClusterService(rpc.ClusterServicer):
    """Clients ask it for the addresses of all members, and then call each."""

    def __init__(self, identity: Identity, address: ClientAddress) -> None:
        self._identity = identity
        self._address = address

    @handle_kv_errors
    def MemberList(self, request: pb.MemberListRequest, context: grpc.ServicerContext) -> pb.MemberListResponse:
        """One member: this node, without a peer address. As in etcd, the header has no revision."""
        response = pb.MemberListResponse()
        response.members.add(
            id=self._identity.member_id,
            name=self._identity.node_id,
            client_urls=[self._address.url(context.peer())],
        )
        self._identity.sign(response.header)
        return response
