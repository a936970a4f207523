"""Runs one call for many things, some at a time, and collects results and errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextvars import copy_context
from typing import TypeVar

from sutra_grid.core.errors import GridError
from sutra_grid.wire.connection import PeerUnreachable

T = TypeVar("T")
R = TypeVar("R")


def in_parallel(
    act: Callable[[T], R], items: Sequence[T], at_once: int, give_up: Callable[[], None]
) -> Iterator[tuple[T, R | GridError]]:
    """Call ``act`` with each item, at most ``at_once`` at a time, and yield each item with its result as it ends.

    One at a time they go in order, in this thread. A peer that can't be reached ends it early with its error, because
    each item would wait for the same one. ``give_up`` ends the calls in flight at Ctrl-C. Log lines keep the
    correlation id.
    """
    if at_once == 1 or len(items) == 1:
        for item in items:
            yield item, _result(act, item)
        return
    with ThreadPoolExecutor(at_once, thread_name_prefix="parallel") as pool:
        running: dict[Future[R | GridError], T] = {
            pool.submit(copy_context().run, _result, act, item): item for item in items
        }
        try:
            for future in as_completed(running):
                yield running[future], future.result()
        except KeyboardInterrupt:
            give_up()
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _result(act: Callable[[T], R], item: T) -> R | GridError:
    """The result or the error of one call. Raises ``PeerUnreachable``."""
    try:
        return act(item)
    except PeerUnreachable:
        raise
    except GridError as error:
        return error
