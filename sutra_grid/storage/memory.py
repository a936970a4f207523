"""How a node's memory limit is divided.

The interpreter, gRPC and requests in flight need a part that can't be configured. The engine gets the
rest: two thirds for the block cache (with index and filter blocks), one third for the write buffers.
"""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20
BASE_MB = 80
"""Resident size of a node under load, without its engine's pools (measured: 83 MB with bulk writes of 1 MB)."""
LEAST_ENGINE_MB = 12
MIN_LIMIT_MB = 64
"""An idle node uses 50. Below BASE_MB + LEAST_ENGINE_MB the pools have their minimum; load may exceed the limit."""
DEFAULT_LIMIT_MB = 512
MAX_WRITE_BUFFER_BYTES = 64 * MIB
"""A larger buffer only makes its flush longer."""


@dataclass(frozen=True, slots=True)
class MemoryBudget:
    """Bytes for each of the engine's pools. ``limit_bytes`` is what the whole process should stay below."""

    limit_bytes: int
    block_cache_bytes: int
    write_buffers_bytes: int
    write_buffer_bytes: int

    @classmethod
    def of(cls, limit_mb: int) -> MemoryBudget:
        """Divide ``limit_mb`` (MiB, at least ``MIN_LIMIT_MB``)."""
        if limit_mb < MIN_LIMIT_MB:
            raise ValueError(f"a memory limit of {limit_mb} MiB is below the minimum of {MIN_LIMIT_MB} MiB")
        engine_bytes = max(limit_mb - BASE_MB, LEAST_ENGINE_MB) * MIB
        write_buffers_bytes = engine_bytes // 3
        return cls(
            limit_bytes=limit_mb * MIB,
            block_cache_bytes=engine_bytes - write_buffers_bytes,
            write_buffers_bytes=write_buffers_bytes,
            write_buffer_bytes=min(write_buffers_bytes // 2, MAX_WRITE_BUFFER_BYTES),
        )
