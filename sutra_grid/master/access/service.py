"""The GridAccess service: converts wire messages and delegates. It decides nothing itself."""
# ruff: noqa: N802 - methods have the names of the wire

from __future__ import annotations

from dataclasses import dataclass

import grpc

from sutra_grid.core.access.users import User
from sutra_grid.core.errors import Unimplemented
from sutra_grid.core.types import Reason
from sutra_grid.master.access.credential_calls import CredentialCalls
from sutra_grid.master.access.master_access import MasterAccess
from sutra_grid.master.access.users import Users
from sutra_grid.wire import access_pb2 as pb
from sutra_grid.wire import caller
from sutra_grid.wire.errors import handle_errors

SERVICE_NAME = "grid.GridAccess"


@dataclass(frozen=True, slots=True)
class AccessParts:
    """The parts that answer the calls. ``grid`` is empty without TLS. ``users`` is None in a master without people."""

    access: MasterAccess
    grid: str = ""
    insecure: bool = False
    users: Users | None = None


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

    # -- users of the pages --

    @handle_errors
    def AddUser(self, request: pb.AddUserRequest, context: grpc.ServicerContext) -> pb.User:
        """Add a user."""
        return _user(self._users().add(request.name, request.role, request.password))

    @handle_errors
    def SetPassword(self, request: pb.SetPasswordRequest, context: grpc.ServicerContext) -> pb.User:
        """Replace a user's password."""
        return _user(self._users().set_password(request.name, request.password))

    @handle_errors
    def RemoveUser(self, request: pb.RemoveUserRequest, context: grpc.ServicerContext) -> pb.RemoveUserResponse:
        """Remove a user."""
        self._users().remove(request.name)
        return pb.RemoveUserResponse()

    @handle_errors
    def ListUsers(self, request: pb.ListUsersRequest, context: grpc.ServicerContext) -> pb.UserList:
        """List the users, without anything of their passwords."""
        return pb.UserList(users=[_user(user) for user in self._users().list()])

    def _users(self) -> Users:
        if self._parts.users is None:
            raise Unimplemented(
                "this master keeps no users", reason=Reason.UNSUPPORTED, hint="Ask a master that runs as a daemon"
            )
        return self._parts.users


def _user(user: User) -> pb.User:
    return pb.User(
        name=user.name,
        role=user.role,
        created_at_ms=user.created_at_ms,
        created_by=user.created_by,
        password_changed_at_ms=user.password_changed_at_ms,
    )
