"""``user``, against a real master."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.harness.master_harness import MasterHarness
from support.texts import mentions
from support.values.cli_records import Ran

PASSWORD = "correct horse battery"

Cli = Callable[..., Ran]


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[MasterHarness]:
    made = MasterHarness(tmp_path, None)
    yield made
    made.stop()


@pytest.fixture
def user(cli: Cli, harness: MasterHarness, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """``user`` with what stands on its standard input."""
    monkeypatch.setenv("SUTRA_GRID_MASTER", harness.master.address)

    def run(*arguments: str, stdin: str = "") -> Ran:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        return cli("user", *arguments)

    return run


def test_users_are_added_listed_and_removed(user: Cli) -> None:
    assert mentions(user("list").out, "No users", "user add NAME")
    added = user("add", "alice", "--role", "operator", "--password-stdin", stdin=f"{PASSWORD}\n")
    assert (added.code, added.err) == (0, "")
    assert mentions(added.out, "alice", "operator")
    assert mentions(user("list").out, "USER", "ROLE", "alice", "operator")
    [listed] = json.loads(user("list", "-o", "json").out)["users"]
    assert (listed["name"], listed["role"]) == ("alice", "operator")
    assert not [key for key in listed if "hash" in key]
    assert user("password", "alice", "--password-stdin", stdin="another good one").code == 0
    assert user("remove", "alice").code == 2  # nobody confirms it
    assert user("remove", "alice", "--yes").code == 0
    assert user("remove", "alice", "--yes").code == 3


def test_a_password_is_never_an_argument_and_needs_a_terminal_or_standard_input(user: Cli) -> None:
    ran = user("add", "alice", "--role", "admin")
    assert ran.code == 2
    assert "--password-stdin" in ran.err
    assert user("add", "alice", PASSWORD, "--role", "admin").code == 2


@pytest.mark.parametrize("given", ["short", "", "alice-alice-alice\n"])
def test_a_bad_password_is_refused_before_the_master_is_asked(user: Cli, given: str) -> None:
    ran = user("add", "alice-alice-alice", "--role", "admin", "--password-stdin", stdin=given)
    assert ran.code == 2
    assert "password" in ran.err
    assert not given.strip() or given.strip() == "alice-alice-alice" or given not in ran.err
