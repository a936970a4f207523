"""The ids of this node in the protocol."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import sutra_grid
from sutra_grid.wire import storage_pb2 as pb

PROTOCOL_VERSION = "3.4.0"
"""The version of etcd whose key-value protocol this is; clients require at least 3.2."""
VERSION = f"{PROTOCOL_VERSION}+sutra-grid.{sutra_grid.__version__}"
TERM = 1
"""Constant: a node holds no elections."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A node's id, and the member of a cluster of one that etcd's clients see."""

    node_id: str
    member_id: int
    cluster_id: int

    @classmethod
    def of(cls, node_id: str) -> Identity:
        """The numbers derive from the id, so they are the same after every start."""
        return cls(node_id, _number(f"member {node_id}"), _number(f"cluster {node_id}"))

    def sign(self, header: pb.ResponseHeader, revision: int | None = None) -> None:
        """Fill in the header of a response. Pass the revision only if the response has none yet."""
        header.cluster_id = self.cluster_id
        header.member_id = self.member_id
        header.raft_term = TERM
        if revision is not None:
            header.revision = revision


def _number(name: str) -> int:
    """A stable 63-bit number that is not 0: some clients do not support the sign bit."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1 or 1
