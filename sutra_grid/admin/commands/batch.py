"""Runs the commands of one request, a few at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Final, TypeVar

from sutra_grid.core.errors import GridError

T = TypeVar("T")
R = TypeVar("R")

MAX_CONCURRENT_COMMANDS: Final = 8


def run_batch(command: Callable[[T], R], items: Iterable[T]) -> list[R | GridError]:
    """Run ``command`` for each item. Returns results or errors in order; log lines keep the correlation id."""

    def result(one: T) -> R | GridError:
        try:
            return command(one)
        except GridError as error:
            return error

    with ThreadPoolExecutor(MAX_CONCURRENT_COMMANDS, thread_name_prefix="command") as pool:
        running = [pool.submit(copy_context().run, result, one) for one in items]
        return [future.result() for future in running]
