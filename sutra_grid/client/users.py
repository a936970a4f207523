"""The calls of GridAccess about users of the pages."""

from __future__ import annotations

from sutra_grid.client.master_client import MasterClient
from sutra_grid.wire import access_pb2 as pb


def add_user(client: MasterClient, name: str, role: str, password: str) -> pb.User:
    """Add a user. Raises ``AlreadyExists``, also when a call whose answer was lost is made again."""
    request = pb.AddUserRequest(name=name, role=role, password=password)
    return client.call_access(lambda stub: stub.AddUser, request, pb.User)


def set_password(client: MasterClient, name: str, password: str) -> pb.User:
    """Replace a user's password. Raises ``NotFound``."""
    request = pb.SetPasswordRequest(name=name, password=password)
    return client.call_access(lambda stub: stub.SetPassword, request, pb.User)


def remove_user(client: MasterClient, name: str) -> None:
    """Remove a user. Raises ``NotFound``."""
    client.call_access(lambda stub: stub.RemoveUser, pb.RemoveUserRequest(name=name), pb.RemoveUserResponse)


def list_users(client: MasterClient) -> list[pb.User]:
    """All users by name."""
    request = pb.ListUsersRequest()
    return list(client.call_access(lambda stub: stub.ListUsers, request, pb.UserList, repeatable=True).users)
