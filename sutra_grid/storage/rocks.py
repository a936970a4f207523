"""The engine on RocksDB, through rocksdict.

rocksdict raises a plain ``Exception`` with RocksDB's message for every failure, so
``_grid_error`` distinguishes errors by this message.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import rocksdict

from sutra_grid.core.errors import (
    AlreadyExists,
    FailedPrecondition,
    GridError,
    PermissionDenied,
    ResourceExhausted,
    Unavailable,
)
from sutra_grid.core.types import Reason
from sutra_grid.storage.engine import EngineStatistics, View
from sutra_grid.storage.memory import MemoryBudget

FIRST_CHUNK = 32
MAX_CHUNK = 1024
"""Keys read in one turn of a scan, about half a millisecond."""
NOT_FOUND = ("key not found",)
"""rocksdict's message for a key that a snapshot does not have; there is no other sign."""


class RocksView:
    """A moment of the store: a RocksDB snapshot for single keys and an iterator for ranges.

    An iterator of rocksdict (0.3.29) ignores its snapshot and shows the moment of its creation. So
    one iterator is created together with the snapshot, and the scans of all threads take turns on it,
    a chunk at a time.
    """

    def __init__(self, db: rocksdict.Rdict, path: Path) -> None:
        self._snapshot = db.snapshot()
        self._cursor = db.iter()
        self._cursor_lock = threading.Lock()  # guards the position of _cursor
        self._path = path

    def get(self, key: bytes) -> bytes | None:
        """See ``View``."""
        try:
            value: bytes = self._snapshot[key]
        except Exception as error:
            if error.args == NOT_FOUND:
                return None
            raise _grid_error(error, self._path) from error
        return value

    def scan(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """See ``View``."""
        for chunk in self._chunks(start, end, with_values=True):
            yield from chunk

    def count(self, start: bytes, end: bytes) -> int:
        """See ``View``."""
        return sum(len(chunk) for chunk in self._chunks(start, end, with_values=False))

    def _chunks(self, start: bytes, end: bytes, *, with_values: bool) -> Iterator[list[tuple[bytes, bytes]]]:
        size = FIRST_CHUNK  # small at first: most ranges are short or have a limit
        while True:
            with self._cursor_lock:
                chunk = self._read(start, end, size, with_values)
            yield chunk
            if len(chunk) < size:
                return
            start = chunk[-1][0] + b"\0"
            size = min(2 * size, MAX_CHUNK)

    def _read(self, start: bytes, end: bytes, size: int, with_values: bool) -> list[tuple[bytes, bytes]]:
        cursor = self._cursor
        cursor.seek(start)
        chunk: list[tuple[bytes, bytes]] = []
        while len(chunk) < size and cursor.valid() and (key := cursor.key()) < end:
            chunk.append((key, cursor.value() if with_values else b""))
            cursor.next()
        try:
            # The cursor also ends at an unreadable block; only its status tells the difference.
            cursor.status()
        except Exception as error:
            raise _grid_error(error, self._path) from error
        return chunk


class RocksEngine:
    """One RocksDB in a directory of its own.

    Its write-ahead log is synced once for each batch. At the start, an incomplete record at the end of
    the log is dropped (it was never acknowledged); any other damage is refused.
    """

    def __init__(self, path: Path, budget: MemoryBudget) -> None:
        """Open or create the store. Raises a ``GridError`` that says what is wrong with ``path``."""
        self._path = path
        self._cache = rocksdict.Cache(budget.block_cache_bytes)
        try:
            self._db = rocksdict.Rdict(str(path), _options(budget, self._cache))
        except Exception as error:
            raise _grid_error(error, path) from error

    @property
    def name(self) -> str:
        """See ``Engine``."""
        from importlib.metadata import version  # slow to import, and only statistics need it

        return f"RocksDB (rocksdict {version('rocksdict')})"

    def view(self) -> View:
        """See ``Engine``."""
        return RocksView(self._db, self._path)

    def write(self, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
        """See ``Engine``."""
        batch = rocksdict.WriteBatch(raw_mode=True)
        for key, value in changes:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        try:
            # In two steps, which release the interpreter lock; a write with the sync option holds it.
            self._db.write(batch)
            self._db.flush_wal(sync=True)
        except Exception as error:
            raise _grid_error(error, self._path) from error

    def flush(self) -> None:
        """See ``Engine``."""
        try:
            self._db.flush(wait=True)
        except Exception as error:
            raise _grid_error(error, self._path) from error

    def compact(self) -> None:
        """See ``Engine``."""
        try:
            self._db.compact_range(None, None)
        except Exception as error:
            raise _grid_error(error, self._path) from error

    def checkpoint(self, directory: Path) -> None:
        """See ``Engine``."""
        try:
            rocksdict.Checkpoint(self._db).create_checkpoint(str(directory))
        except Exception as error:
            raise _grid_error(error, directory) from error

    def statistics(self) -> EngineStatistics:
        """See ``Engine``."""
        sizes = dict(_file_sizes(self._path))
        memtables = self._db.property_int_value("rocksdb.cur-size-all-mem-tables") or 0
        return EngineStatistics(
            live_bytes=self._db.property_int_value("rocksdb.estimate-live-data-size") or 0,
            disk_bytes=sum(sizes.values()),
            wal_bytes=sum(size for name, size in sizes.items() if name.endswith(".log")),
            memory_bytes=self._cache.get_usage() + memtables,
        )

    def close(self) -> None:
        """See ``Engine``."""
        try:
            self._db.close()
        except rocksdict.DbClosedError:
            return
        except Exception as error:
            raise _grid_error(error, self._path) from error


def _options(budget: MemoryBudget, cache: rocksdict.Cache) -> rocksdict.Options:
    blocks = rocksdict.BlockBasedOptions()
    blocks.set_block_cache(cache)
    blocks.set_cache_index_and_filter_blocks(True)
    blocks.set_bloom_filter(10, False)
    options = rocksdict.Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(blocks)
    options.set_compression_type(rocksdict.DBCompressionType.lz4())
    options.set_write_buffer_size(budget.write_buffer_bytes)
    options.set_db_write_buffer_size(budget.write_buffers_bytes)
    options.set_max_total_wal_size(2 * budget.write_buffers_bytes)
    options.set_max_open_files(512)
    options.set_max_background_jobs(2)
    # A damaged record before others may be an acknowledged write: refuse to open, do not skip it.
    options.set_wal_recovery_mode(rocksdict.DBRecoveryMode.tolerate_corrupted_tail_records())
    options.set_keep_log_file_num(2)
    options.set_max_log_file_size(1 << 20)
    options.set_stats_dump_period_sec(0)
    options.set_stats_persist_period_sec(0)
    return options


def _file_sizes(directory: Path) -> Iterator[tuple[str, int]]:
    for entry in directory.iterdir():
        try:
            yield entry.name, entry.stat().st_size
        except FileNotFoundError:  # a compaction removed it meanwhile
            continue


def _grid_error(error: Exception, path: Path) -> GridError:
    """The error for RocksDB's message, with a hint for the operator."""
    text = str(error)
    message = f"storage engine at {path}: {text}"
    if any(sign in text for sign in ("No space left", "File too large", "Disk quota exceeded")):
        return ResourceExhausted(message, reason=Reason.DISK_FULL, hint="Free disk space, then restart the node")
    if "Corruption" in text or "Compression type" in text:
        return FailedPrecondition(
            message, hint="The files are damaged: restore a snapshot or a checkpoint into an empty directory"
        )
    if any(sign in text for sign in ("Permission denied", "Read-only file system", "Operation not permitted")):
        return PermissionDenied(
            message, reason=Reason.PATH_NOT_WRITABLE, hint="The node's user must own the directory and be able to write"
        )
    if "lock" in text.lower():
        return AlreadyExists(
            message,
            reason=Reason.PATH_TAKEN,
            hint="Stop the other process that uses this store, or use another directory",
        )
    return Unavailable(message, hint="Remove the cause that the engine's message names, then restart the node")
