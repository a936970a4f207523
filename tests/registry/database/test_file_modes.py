"""The registry in a file, which holds hashes of passwords, is closed to other users of the host."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.values.grid_values import an_agent

from sutra_grid.core.errors import GridError
from sutra_grid.registry import Registry, set_damaged_aside
from sutra_grid.registry.values import Contents

SUFFIXES = ("", "-wal", "-shm")


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def modes(file: Path) -> dict[str, int]:
    return {suffix: mode(path) for suffix in SUFFIXES if (path := file.with_name(file.name + suffix)).exists()}


def opened(file: Path) -> Registry:
    registry = Registry.open(f"sqlite:///{file}", migrate=True, hold=True)
    registry.save_agent(an_agent("agent-1"))
    return registry


def test_a_new_registry_is_its_owner_s_alone(tmp_path: Path) -> None:
    registry = opened(tmp_path / "registry.db")
    assert modes(tmp_path / "registry.db") == dict.fromkeys(SUFFIXES, 0o600)
    registry.close()


@pytest.mark.parametrize(("before", "after"), [(0o644, 0o640), (0o666, 0o660), (0o660, 0o660), (0o600, 0o600)])
def test_a_registry_that_others_may_open_is_closed_to_them(tmp_path: Path, before: int, after: int) -> None:
    """The group keeps what it has: a master and an admin of two users may share the file by it."""
    file = tmp_path / "registry.db"
    running = opened(file)
    for suffix in SUFFIXES:
        file.with_name(file.name + suffix).chmod(before)
    again = opened(file)
    assert modes(file) == dict.fromkeys(SUFFIXES, after)
    again.close()
    running.close()


def test_reading_a_registry_changes_no_mode(tmp_path: Path) -> None:
    file = tmp_path / "registry.db"
    opened(file).close()
    file.chmod(0o644)
    Registry.open(f"sqlite:///{file}", migrate=False).close()
    assert mode(file) == 0o644


@pytest.mark.parametrize("content", [b"[master]\n" * 100, None])
def test_what_is_no_registry_keeps_its_mode(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "registry.db"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    before = mode(file)
    with pytest.raises(GridError):
        Registry.open(f"sqlite:///{file}", migrate=True)
    assert mode(file) == before


@pytest.mark.parametrize("restored", [False, True])
def test_a_registry_that_is_filled_again_is_its_owner_s_alone(tmp_path: Path, restored: bool) -> None:
    file, copy = tmp_path / "registry.db", tmp_path / "copy.db"
    opened(copy).close()
    copy.chmod(0o644)
    registry = opened(file)
    for path in tmp_path.glob("registry.db*"):
        path.unlink()
    if restored:
        copy.rename(file)
    registry.refill(Contents([an_agent("agent-1")], [], {}), [], 0)
    assert not mode(file) & stat.S_IRWXO
    registry.close()


def test_a_damaged_registry_is_set_aside_without_access_for_others(tmp_path: Path) -> None:
    file = tmp_path / "registry.db"
    file.write_bytes(b"no database" * 1000)
    file.chmod(0o644)
    kept = set_damaged_aside(f"sqlite:///{file}", 1).kept
    assert mode(kept) == 0o640
