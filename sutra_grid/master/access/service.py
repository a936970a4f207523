"""The GridAccess service: converts wire messages and delegates. It decides nothing itself."""
# ruff: noqa: N802 - methods have the names of the wire

from __future__ import annotations

from dataclasses import dataclass

import grpc

from sutra_grid.master.access.credential_calls import CredentialCalls
from sutra_grid.master.access.master_access import MasterAccess
from sutra_grid.wire import access_pb2 as pb
from sutra_grid.wire import caller
from sutra_grid.wire.errors import handle_errors

SERVICE_NAME = "grid.GridAccess"


@dataclass(frozen=True, slots=True)
class AccessParts:
    """The parts that answer the calls. ``grid`` is empty without TLS."""

    access: MasterAccess
    grid: str = ""
    insecure: bool = False


class AccessService(CredentialCalls):
    """Converts each request, delegates it, and converts the result."""

    def __init__(self, parts: AccessParts) -> None:
        super().__init__(parts.access)
        self._parts = parts

    @handle_errors
    def WhoAmI(self, request: pb.WhoAmIRequest, context: grpc.ServicerContext) -> pb.Caller:
        """Who the caller is to this master."""
        principal = caller.current()
        return pb.Caller(
            kind=principal.kind,
            role=principal.role or "",
            name=principal.name,
            address=principal.address,
            grid=self._parts.grid,
            insecure=self._parts.insecure,
        )
