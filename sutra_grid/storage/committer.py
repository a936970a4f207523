"""The only thread that writes.

It collects the writes of all calls, evaluates them in order, writes one batch, syncs the log once and
answers all of them. The state for readers (``state``) changes only after the sync, so nobody reads what
a crash could still take back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any, TypeVar

from sutra_grid.core.errors import GridError, Unavailable
from sutra_grid.runtime.logging import get_logger
from sutra_grid.storage.engine import Engine, Shortage
from sutra_grid.storage.faults import Fault, KvError
from sutra_grid.storage.keyspace import Committed, Draft, load

T = TypeVar("T")

log = get_logger(__name__)

WINDOW_SECONDS = 0.0015
"""How long a group waits to reach the size of the last one; a single writer never waits."""
ANSWER_SECONDS = 60.0
"""After this time the caller gets a timeout; the write may still be done."""
IDLE_SECONDS = 60.0
MAX_WAITING = 4096
RETRY_SECONDS = 1.0
"""How soon, and how often, the engine is opened again after a shortage."""


@dataclass(frozen=True, slots=True)
class _Write:
    """The change of one call; ``evaluate`` raises ``KvError`` or ``GridError`` to refuse it."""

    evaluate: Callable[[Draft], Any]
    answer: Future[Any]


@dataclass(frozen=True, slots=True)
class _Pause:
    """An action that must run while nothing is written."""

    action: Callable[[Committed], Any]
    answer: Future[Any]


class Committer:
    """Owns the writing side of ``engine`` from ``start`` to ``close``.

    After a failed write it refuses all others with that error (``failure``). Reads continue from the last certain
    state. After a ``Shortage`` it opens the engine again as soon as there is room, and continues; after any other
    failure the content of the disk is unknown, and only a restart helps.
    """

    def __init__(self, engine: Engine, state: Committed) -> None:
        self._engine = engine
        self._state = state
        self._failure: GridError | None = None
        self._retry_at = float("inf")  # on the monotonic clock; only the thread uses it
        self._changed = threading.Condition()
        self._waiting: list[_Write | _Pause] = []  # guarded by _changed
        self._wanted = 1  # guarded by _changed: how many tasks the thread waits for
        self._closing = False  # guarded by _changed
        self._commits = 0
        self._writes = 0
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)

    def start(self) -> None:
        """Start the thread. Once."""
        self._thread.start()

    @property
    def state(self) -> Committed:
        """The newest state that is certain to survive a crash."""
        return self._state

    @property
    def failure(self) -> GridError | None:
        """Why writes are refused; None while they are not. A ``Shortage`` may pass without a restart."""
        return self._failure

    @property
    def commits(self) -> int:
        """Groups synced since the start."""
        return self._commits

    @property
    def writes(self) -> int:
        """Write calls committed since the start."""
        return self._writes

    def write(self, evaluate: Callable[[Draft], T]) -> T:
        """Let ``evaluate`` change a draft, and return its result when the change is on disk.

        ``evaluate`` runs on the committer's thread and must not block. Blocks the caller
        up to ``ANSWER_SECONDS``. Raises what ``evaluate`` raised (nothing was changed
        then), ``failure``, or ``KvError`` when the store is closed or overloaded.
        """
        answer: Future[T] = Future()
        self._submit(_Write(evaluate, answer))
        return _result(answer)

    def pause(self, action: Callable[[Committed], T]) -> T:
        """Run ``action`` between two groups, when the engine has exactly the given state. Works after a failure."""
        answer: Future[T] = Future()
        self._submit(_Pause(action, answer))
        return _result(answer)

    def renew_view(self) -> None:
        """Replace the view of the state: an old view keeps files that compaction has replaced."""
        self.pause(self._renew)

    def close(self, timeout_seconds: float = 30.0) -> None:
        """Commit waiting writes, refuse later ones, end the thread. Idempotent."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout_seconds)
        # Releases the engine's view: while one exists, the engine's files stay open.
        self._state = Committed(_NoView(_stopped), self._state.revision, self._state.keys)

    def _submit(self, task: _Write | _Pause) -> None:
        with self._changed:
            if self._closing:
                raise KvError(Fault.STOPPED)
            if len(self._waiting) >= MAX_WAITING:
                raise KvError(Fault.TOO_MANY_REQUESTS)
            self._waiting.append(task)
            if len(self._waiting) >= self._wanted:
                self._changed.notify()

    def _run(self) -> None:
        group_size = 0
        while (tasks := self._collect(group_size)) is not None:
            if time.monotonic() >= self._retry_at:
                self._recover()
            writes = [task for task in tasks if isinstance(task, _Write)]
            if writes:
                self._commit(writes)
            for task in tasks:
                if isinstance(task, _Pause):
                    _settle(task, self._state)
            group_size = len(writes)

    def _collect(self, previous_size: int) -> list[_Write | _Pause] | None:
        """Wait for tasks or for the next retry, and take all tasks; None means that the committer is closed."""
        with self._changed:
            while not self._waiting and not self._closing and time.monotonic() < self._retry_at:
                self._changed.wait(min(IDLE_SECONDS, self._retry_at - time.monotonic()))
            if len(self._waiting) < previous_size and not self._closing:
                self._wanted = previous_size
                self._changed.wait(WINDOW_SECONDS)
                self._wanted = 1
            tasks, self._waiting = self._waiting, []
            return None if self._closing and not tasks else tasks

    def _renew(self, state: Committed) -> None:
        if self._failure is None:  # else the engine may have changes that are not certain
            self._state = Committed(self._engine.view(), state.revision, state.keys)

    def _commit(self, writes: Sequence[_Write]) -> None:
        if self._failure is not None:
            for write in writes:
                write.answer.set_exception(_fresh(self._failure))
            return
        group = Draft(self._state)
        outcomes = [_evaluate(group, write) for write in writes]
        if group.changed:
            try:
                self._engine.write(group.engine_changes())
                self._state = Committed(self._engine.view(), group.revision, group.keys)
            except GridError as error:
                self._fail(error)
                outcomes = [_fresh(error) for _ in writes]
        self._commits += 1
        self._writes += len(writes)
        for write, outcome in zip(writes, outcomes, strict=True):
            if isinstance(outcome, Exception):
                write.answer.set_exception(outcome)
            else:
                write.answer.set_result(outcome)

    def _fail(self, error: GridError) -> None:
        can_pass = isinstance(error, Shortage)
        self._retry_at = time.monotonic() + RETRY_SECONDS if can_pass else float("inf")
        if self._failure is None or type(self._failure) is not type(error):
            log.error(
                "write failed; the node is read-only" + (" until it has room" if can_pass else ""),
                reason=str(error.reason),
                message=str(error),
            )
        self._failure = _fresh(error)  # without its traceback, which refers to the view

    def _recover(self) -> None:
        """Open the engine again if the shortage is over. Readers have to wait while its files are closed."""
        if not self._engine.shortage_over():
            self._retry_at = time.monotonic() + RETRY_SECONDS
            return
        self._state = Committed(_NoView(_reopening), self._state.revision, self._state.keys)
        try:
            self._engine.reopen()
            self._state = load(self._engine.view())
        except GridError as error:
            self._fail(error)
            return
        log.info("the shortage is over; the node writes again", revision=self._state.revision, keys=self._state.keys)
        self._failure = None
        self._retry_at = float("inf")


class _NoView:
    """Stands for the content while no file is open: each read raises what ``fault`` makes."""

    def __init__(self, fault: Callable[[], Exception]) -> None:
        self._fault = fault

    def get(self, key: bytes) -> bytes | None:
        raise self._fault()

    def scan(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        raise self._fault()

    def count(self, start: bytes, end: bytes) -> int:
        raise self._fault()


def _stopped() -> Exception:
    return KvError(Fault.STOPPED)


def _reopening() -> Exception:
    return Unavailable("the store is being opened again after a shortage of space or files", hint="Try again")


def _evaluate(group: Draft, write: _Write) -> Any:
    """The answer or the error of one write; its changes go into the group only with an answer."""
    draft = Draft(group)
    try:
        answer = write.evaluate(draft)
    except (KvError, GridError) as error:
        return error
    except Exception as error:  # a bug in one call must not end the thread
        log.exception("evaluating a write failed")
        return error
    group.absorb(draft)
    return answer


def _fresh(error: GridError) -> GridError:
    """A copy of the error: an instance that is raised repeatedly collects tracebacks."""
    return type(error)(error.message, reason=error.reason, hint=error.hint)


def _settle(pause: _Pause, state: Committed) -> None:
    try:
        pause.answer.set_result(pause.action(state))
    except Exception as error:  # noqa: BLE001 the caller gets it; the thread goes on
        pause.answer.set_exception(error)


def _result(answer: Future[T]) -> T:
    try:
        return answer.result(ANSWER_SECONDS)
    except FutureTimeout:
        raise KvError(Fault.TIMED_OUT) from None
