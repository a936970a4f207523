"""The store's directory: opened, locked, copied, restored, refused."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sutra_grid.core.errors import (
    AlreadyExists,
    FailedPrecondition,
    GridError,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)
from sutra_grid.storage.archive import FORMAT, Manifest, archive, archive_bytes, restore
from sutra_grid.storage.keyspace import Draft
from sutra_grid.storage.memory import MemoryBudget
from sutra_grid.storage.records import KeyRange
from sutra_grid.storage.store import Store

BUDGET = MemoryBudget.of(96)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """a=1, b=2; revision 3."""
    with Store.open(tmp_path / "store", BUDGET) as store:
        put(store, b"a", b"1")
        put(store, b"b", b"2")
        yield store


def put(store: Store, key: bytes, value: bytes) -> None:
    store.write(lambda draft: draft.put(key, value))


def content(path: Path) -> dict[bytes, bytes]:
    with Store.open(path, BUDGET) as store:
        return {key: record.value for key, record in store.state.scan(KeyRange(b"", None))}


def snapshot(store: Store, path: Path) -> Path:
    """What ``etcdctl snapshot save`` would have written."""
    with store.temporary_copy() as copy:
        manifest = Manifest(FORMAT, "node-1", copy.revision, copy.keys, "0.1.0")
        path.write_bytes(b"".join(archive(copy, manifest)))
        assert path.stat().st_size == archive_bytes(copy, manifest)
    return path


class TestOpening:
    def test_again_finds_everything(self, store: Store) -> None:
        store.close()
        with Store.open(store.path, BUDGET) as again:
            assert (again.state.revision, again.state.keys) == (3, 2)
            assert again.state.get(b"a") == (2, 2, 1, b"1")
            put(again, b"a", b"3")
            assert again.state.get(b"a") == (2, 4, 2, b"3")

    def test_what_another_process_has_open_is_refused_naming_it(self, store: Store) -> None:
        with pytest.raises(AlreadyExists, match=rf"\b{os.getpid()}\b"):
            Store.open(store.path, BUDGET)

    def test_makes_missing_directories(self, tmp_path: Path) -> None:
        Store.open(tmp_path / "a" / "b" / "c", BUDGET).close()
        assert (tmp_path / "a" / "b" / "c" / "db" / "CURRENT").exists()

    def test_removes_unfinished_copies(self, tmp_path: Path) -> None:
        (tmp_path / "tmp" / "left").mkdir(parents=True)
        Store.open(tmp_path, BUDGET).close()
        assert not (tmp_path / "tmp").exists()

    @pytest.mark.parametrize("below", ["", "deeper"])
    def test_a_file_in_its_place_is_refused(self, tmp_path: Path, below: str) -> None:
        (tmp_path / "file").write_text("data")
        with pytest.raises(FailedPrecondition, match=str(tmp_path / "file")):
            Store.open(tmp_path / "file" / below, BUDGET)

    def test_a_path_that_cannot_be_written_is_refused(self) -> None:
        with pytest.raises((PermissionDenied, FailedPrecondition), match="/proc"):
            Store.open(Path("/proc/sutra-grid"), BUDGET)

    def test_a_store_without_its_manifest_is_refused(self, store: Store) -> None:
        store.close()
        for file in (store.path / "db").glob("MANIFEST-*"):
            file.unlink()
        with pytest.raises(GridError, match=str(store.path / "db")):
            Store.open(store.path, BUDGET)


class TestCopies:
    def test_a_checkpoint_is_what_was_there(self, store: Store, tmp_path: Path) -> None:
        copy = store.checkpoint("before")
        assert (copy.path, copy.revision, copy.keys) == (store.path / "checkpoints" / "before", 3, 2)
        assert copy.size_bytes > 0
        put(store, b"a", b"9")
        restore(copy.path, tmp_path / "restored")
        assert content(tmp_path / "restored") == {b"a": b"1", b"b": b"2"}

    def test_without_a_name_it_has_the_revisions(self, store: Store) -> None:
        assert store.checkpoint("").path.name == "3"

    def test_a_name_is_taken_once(self, store: Store) -> None:
        store.checkpoint("x")
        with pytest.raises(AlreadyExists, match="checkpoints/x"):
            store.checkpoint("x")

    @pytest.mark.parametrize("name", ["../x", "a/b", ".", "..", ".hidden", "a b", "x" * 129, "x\n"])
    def test_a_name_stays_in_its_directory(self, store: Store, name: str) -> None:
        with pytest.raises(InvalidArgument) as refused:
            store.checkpoint(name)
        assert repr(name) in refused.value.message
        assert not (store.path / "checkpoints").exists()

    def test_a_temporary_copy_goes_away(self, store: Store) -> None:
        with store.temporary_copy() as copy:
            assert copy.path.exists()
        assert list((store.path / "tmp").iterdir()) == []


class TestSnapshots:
    def test_are_restored_as_they_were(self, store: Store, tmp_path: Path) -> None:
        file = snapshot(store, tmp_path / "snapshot")
        put(store, b"c", b"3")
        manifest = restore(file, tmp_path / "restored")
        assert manifest == Manifest(FORMAT, "node-1", 3, 2, "0.1.0")
        assert content(tmp_path / "restored") == {b"a": b"1", b"b": b"2"}

    def test_are_tar_archives_with_a_checksum_as_etcdctl_expects(self, store: Store, tmp_path: Path) -> None:
        file = snapshot(store, tmp_path / "snapshot")
        data = file.read_bytes()
        assert len(data) % 512 == 32
        assert hashlib.sha256(data[:-32]).digest() == data[-32:]
        with tarfile.open(file, "r:") as tar:
            assert {"snapshot.json", "db/CURRENT"} <= set(tar.getnames())

    def test_never_overwrite_a_store(self, store: Store, tmp_path: Path) -> None:
        file = snapshot(store, tmp_path / "snapshot")
        store.close()
        with pytest.raises(AlreadyExists, match=str(store.path)):
            restore(file, store.path)
        assert content(store.path) == {b"a": b"1", b"b": b"2"}

    @pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "text"])
    def test_that_are_damaged_are_refused_and_leave_nothing(self, store: Store, tmp_path: Path, damage: str) -> None:
        file = snapshot(store, tmp_path / "snapshot")
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 0xFF
        file.write_bytes({"cut": data[:-1000], "flipped": data, "empty": b"", "text": b"x" * 2592}[damage])
        with pytest.raises(FailedPrecondition, match=str(file)):
            restore(file, tmp_path / "restored")
        assert not (tmp_path / "restored" / "db").exists()

    def test_that_are_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(NotFound, match="nothing-here"):
            restore(tmp_path / "nothing-here", tmp_path / "restored")

    def test_a_directory_that_is_no_checkpoint(self, tmp_path: Path) -> None:
        (tmp_path / "other").mkdir()
        with pytest.raises(FailedPrecondition, match=str(tmp_path / "other")):
            restore(tmp_path / "other", tmp_path / "restored")


def test_a_draft_never_reaches_the_disk_by_itself(store: Store) -> None:
    Draft(store.state).put(b"c", b"3")
    store.close()
    assert content(store.path) == {b"a": b"1", b"b": b"2"}
