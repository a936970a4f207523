"""A master's users, over its real port."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.harness.master_harness import MasterHarness

from sutra_grid.client import users as user_calls
from sutra_grid.client.hints import Hints
from sutra_grid.client.master_client import ClientConfig, MasterClient
from sutra_grid.core.errors import AlreadyExists, InvalidArgument, NotFound
from sutra_grid.runtime.passwords import is_password

PASSWORD = "correct horse battery"


@pytest.fixture
def client(harness: MasterHarness) -> Iterator[MasterClient]:
    with MasterClient(ClientConfig(harness.master.address, Hints("", "", "", "", ""), 10)) as made:
        yield made


def test_a_user_is_added_with_an_event_and_a_hash_alone_is_kept(harness: MasterHarness, client: MasterClient) -> None:
    added = user_calls.add_user(client, "alice", "operator", PASSWORD)
    assert (added.name, added.role) == ("alice", "operator")
    assert [user.name for user in user_calls.list_users(client)] == ["alice"]
    user = harness.registry.user("alice")
    assert user is not None
    assert PASSWORD not in user.password_hash
    assert is_password(user.password_hash, PASSWORD)
    assert not is_password(user.password_hash, PASSWORD + " ")
    [event] = [event for event in harness.registry.events() if event.kind == "user.added"]
    assert "alice" in event.message
    assert PASSWORD not in event.message


def test_passwords_change_and_users_go(harness: MasterHarness, client: MasterClient) -> None:
    user_calls.add_user(client, "alice", "admin", PASSWORD)
    user_calls.set_password(client, "alice", "another good one")
    user = harness.registry.user("alice")
    assert user is not None
    assert is_password(user.password_hash, "another good one")
    user_calls.remove_user(client, "alice")
    assert user_calls.list_users(client) == []
    kinds = [event.kind for event in harness.registry.events() if event.kind.startswith("user.")]
    assert kinds == ["user.added", "user.password_changed", "user.removed"]


def test_what_can_not_be_done_is_told(client: MasterClient) -> None:
    with pytest.raises(InvalidArgument):
        user_calls.add_user(client, "alice", "operator", "short")
    with pytest.raises(InvalidArgument):
        user_calls.add_user(client, "alice", "agent", PASSWORD)
    user_calls.add_user(client, "alice", "viewer", PASSWORD)
    with pytest.raises(AlreadyExists):
        user_calls.add_user(client, "alice", "admin", PASSWORD)
    with pytest.raises(NotFound):
        user_calls.remove_user(client, "bob")
    with pytest.raises(NotFound):
        user_calls.set_password(client, "bob", PASSWORD)
