"""What may pass and what needs a restart, by RocksDB's own messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from sutra_grid.core.types import Reason
from sutra_grid.storage.engine import Shortage
from sutra_grid.storage.rocks_errors import sync_error, write_error

PATH = Path("/data/synchronous/db")


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("IO error: While open a file for appending: {}/8.log: Too many open files", Reason.LIMIT_REACHED),
        ("IO error: While open a file for random read: {}/8.sst: Too many open files in system", Reason.LIMIT_REACHED),
        ("IO error: No space left on device: While appending to file: {}/8.log: No space left", Reason.DISK_FULL),
        ("IO error: While appending to file: {}/8.log: Disk quota exceeded", Reason.DISK_FULL),
    ],
)
def test_a_shortage_before_the_sync_may_pass(message: str, reason: Reason) -> None:
    error = write_error(Exception(message.format(PATH)), PATH)
    assert isinstance(error, Shortage)
    assert error.reason is reason
    assert "restart" not in error.hint


@pytest.mark.parametrize(
    "message",
    [
        "IO error: No space left on device: While fsync: {}/8.sst: No space left on device",
        "IO error: While fdatasync: {}/8.log: Input/output error",
        "IO error: While fsync a directory: {}: Input/output error",
        "IO error: No space left on device: While closing file after writing: {}/8.sst: No space left on device",
        "IO error: While appending to file: {}/8.log: Input/output error",
        "Corruption: bad block",
    ],
)
def test_what_is_unknown_does_not_pass(message: str) -> None:
    assert not isinstance(write_error(Exception(message.format(PATH)), PATH), Shortage)


@pytest.mark.parametrize("cause", ["Input/output error", "No space left on device", "Too many open files"])
def test_nothing_passes_after_the_write_was_made_and_its_sync_failed(cause: str) -> None:
    error = sync_error(Exception(f"IO error: {cause}"), PATH)
    assert not isinstance(error, Shortage)
    assert "restart the node" in error.hint
