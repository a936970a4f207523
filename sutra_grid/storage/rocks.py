"""The engine on RocksDB, through rocksdict.

rocksdict raises a plain ``Exception`` with RocksDB's message for every failure; ``rocks_errors`` reads it.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import time
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path

import rocksdict

from sutra_grid.core.errors import GridError
from sutra_grid.core.types import Reason
from sutra_grid.runtime.descriptors import descriptors_free
from sutra_grid.storage.descriptors import MOST_TABLES
from sutra_grid.storage.engine import EngineStatistics, Shortage, View
from sutra_grid.storage.memory import MemoryBudget
from sutra_grid.storage.rocks_errors import grid_error, sync_error, write_error

FIRST_CHUNK = 32
MAX_CHUNK = 1024
"""Keys read in one turn of a scan, about half a millisecond."""
NOT_FOUND = ("key not found",)
"""rocksdict's message for a key that a snapshot does not have; there is no other sign."""
SPARE_FILES = 32
"""Descriptors beside those of sorted files that the engine needs to open and to begin to write."""
SPARE_BYTES = 1 << 20
"""Room beside a copy of the write-ahead log, which becomes a sorted file when the engine opens."""
VIEW_SECONDS = 5.0
"""How long readers may keep a view while the engine waits to open again."""


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
            raise grid_error(error, self._path) from error
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
            raise grid_error(error, self._path) from error
        return chunk


class RocksEngine:
    """One RocksDB in a directory of its own.

    Its write-ahead log is synced once for each batch. At the start, an incomplete record at the end of
    the log is dropped (it was never acknowledged); any other damage is refused.
    """

    def __init__(self, path: Path, budget: MemoryBudget, open_files: int = MOST_TABLES) -> None:
        """Open or create the store, with at most ``open_files`` sorted files open.

        Raises a ``GridError`` that says what is wrong with ``path``.
        """
        self._path = path
        self._cache = rocksdict.Cache(budget.block_cache_bytes)
        self._open_files = open_files
        self._options = _options(budget, self._cache, open_files)
        self._views: weakref.WeakSet[RocksView] = weakref.WeakSet()  # those that somebody still uses
        try:
            self._db = self._open()
        except Exception as error:
            raise grid_error(error, path) from error

    def _open(self) -> rocksdict.Rdict:
        return rocksdict.Rdict(str(self._path), self._options)

    @property
    def name(self) -> str:
        """See ``Engine``."""
        from importlib.metadata import version  # slow to import, and only statistics need it

        return f"RocksDB (rocksdict {version('rocksdict')})"

    def view(self) -> View:
        """See ``Engine``."""
        view = RocksView(self._db, self._path)
        self._views.add(view)
        return view

    def write(self, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
        """See ``Engine``."""
        batch = rocksdict.WriteBatch(raw_mode=True)
        for key, value in changes:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        # In two steps, which release the interpreter lock; a write with the sync option holds it.
        try:
            self._db.write(batch)
        except Exception as error:
            raise write_error(error, self._path) from error
        try:
            self._db.flush_wal(sync=True)
        except Exception as error:
            raise sync_error(error, self._path) from error

    def shortage_over(self) -> bool:
        """See ``Engine``."""
        try:
            sizes = dict(_file_sizes(self._path))
            tables = sum(name.endswith(".sst") for name in sizes)
            if not descriptors_free(SPARE_FILES + min(tables, self._open_files)):
                return False
            log_bytes = sum(size for name, size in sizes.items() if name.endswith(".log"))
            with tempfile.TemporaryFile(dir=self._path) as file:
                os.posix_fallocate(file.fileno(), 0, log_bytes + SPARE_BYTES)
        except OSError:
            return False
        return True

    def reopen(self) -> None:
        """See ``Engine``."""
        self._wait_for_readers()
        with contextlib.suppress(GridError):  # its flush fails as the write did; the log has everything
            self.close()
        try:
            self._db = self._open()
        except Exception as error:
            raise write_error(error, self._path) from error

    def _wait_for_readers(self) -> None:
        """A view keeps the files open, and RocksDB opens them once in a process."""
        deadline = time.monotonic() + VIEW_SECONDS
        never = threading.Event()
        while len(self._views):
            if time.monotonic() > deadline:
                raise Shortage(
                    f"storage engine at {self._path}: a reader still uses the files",
                    reason=Reason.OVERLOADED,
                    hint="The node tries again",
                )
            never.wait(0.01)

    def flush(self) -> None:
        """See ``Engine``."""
        try:
            self._db.flush(wait=True)
        except Exception as error:
            raise grid_error(error, self._path) from error

    def compact(self) -> None:
        """See ``Engine``."""
        try:
            self._db.compact_range(None, None)
        except Exception as error:
            raise grid_error(error, self._path) from error

    def checkpoint(self, directory: Path) -> None:
        """See ``Engine``."""
        try:
            rocksdict.Checkpoint(self._db).create_checkpoint(str(directory))
        except Exception as error:
            raise grid_error(error, directory) from error

    def statistics(self) -> EngineStatistics:
        """See ``Engine``."""
        sizes = dict(_file_sizes(self._path))
        return EngineStatistics(
            live_bytes=self._property("rocksdb.estimate-live-data-size"),
            disk_bytes=sum(sizes.values()),
            wal_bytes=sum(size for name, size in sizes.items() if name.endswith(".log")),
            memory_bytes=self._cache.get_usage() + self._property("rocksdb.cur-size-all-mem-tables"),
        )

    def _property(self, name: str) -> int:
        try:
            return self._db.property_int_value(name) or 0
        except Exception as error:
            raise grid_error(error, self._path) from error

    def close(self) -> None:
        """See ``Engine``."""
        try:
            self._db.close()
        except rocksdict.DbClosedError:
            return
        except Exception as error:
            raise grid_error(error, self._path) from error


def _options(budget: MemoryBudget, cache: rocksdict.Cache, open_files: int) -> rocksdict.Options:
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
    options.set_max_open_files(open_files)
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
