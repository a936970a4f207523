"""An engine in a dictionary: proof that the contract suite asks for nothing that only RocksDB has."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path

from sutra_grid.core.errors import GridError
from sutra_grid.storage.engine import EngineStatistics, View


class MemoryView:
    def __init__(self, content: dict[bytes, bytes]) -> None:
        self._content = content
        self._keys = sorted(content)

    def get(self, key: bytes) -> bytes | None:
        return self._content.get(key)

    def scan(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        for key in self._keys[bisect_left(self._keys, start) : bisect_left(self._keys, end)]:
            yield key, self._content[key]

    def count(self, start: bytes, end: bytes) -> int:
        return max(0, bisect_left(self._keys, end) - bisect_left(self._keys, start))


class MemoryEngine:
    """``fail_with`` makes the next write fail; ``writes`` remembers the batches, ``reopened`` counts."""

    name = "memory"

    def __init__(self) -> None:
        self._content: dict[bytes, bytes] = {}
        self.fail_with: GridError | None = None
        self.reopened = 0
        self.writes: list[list[tuple[bytes, bytes | None]]] = []

    def view(self) -> View:
        return MemoryView(dict(self._content))

    def write(self, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
        if self.fail_with is not None:
            raise self.fail_with
        batch = list(changes)
        self.writes.append(batch)
        for key, value in batch:
            if value is None:
                self._content.pop(key, None)
            else:
                self._content[key] = value

    def shortage_over(self) -> bool:
        return self.fail_with is None

    def reopen(self) -> None:
        if self.fail_with is not None:
            raise self.fail_with
        self.reopened += 1

    def flush(self) -> None:
        pass

    def compact(self) -> None:
        pass

    def checkpoint(self, directory: Path) -> None:
        directory.mkdir()
        for index, (key, value) in enumerate(self._content.items()):
            (directory / str(index)).write_bytes(len(key).to_bytes(4, "big") + key + value)

    def statistics(self) -> EngineStatistics:
        size = sum(len(key) + len(value) for key, value in self._content.items())
        return EngineStatistics(size, size, 0, size)

    def close(self) -> None:
        pass
