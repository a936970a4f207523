"""Carries out a rolling restart on a thread of this worker, and records each step."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import Any, Final

from sutra_grid.admin.commands.rolling_restart import RollingRestartRequest
from sutra_grid.admin.http.long_requests import LongRequests
from sutra_grid.admin.rolling.record import RollRecord, RollState
from sutra_grid.admin.rolling.store import RollStore
from sutra_grid.admin.upstream.master import keys_of
from sutra_grid.client.master_client import MasterClient
from sutra_grid.client.rolling_plan import newest_start_ms
from sutra_grid.client.rolling_restart import Roll
from sutra_grid.client.selection import choose_from, due, scope_of
from sutra_grid.core.errors import FailedPrecondition
from sutra_grid.core.types import Reason
from sutra_grid.runtime.clock import Clock, wall_ms
from sutra_grid.runtime.logging import get_logger
from sutra_grid.wire import grid_pb2 as pb

log = get_logger(__name__)

#: How long an admin that stops waits for the thread to write its last record.
JOIN_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class RollServices:
    """What the runner needs of its worker."""

    store: RollStore
    master: MasterClient
    long_requests: LongRequests
    clock: Clock


class RollRunner:
    """Starts rolling restarts of this worker, one at a time. ``close`` ends and joins its thread."""

    def __init__(self, services: RollServices) -> None:
        self._services = services
        self._is_closing = threading.Event()
        self._thread: threading.Thread | None = None  # written by the request that holds the slot

    def start(self, roll_id: str, body: Mapping[str, Any]) -> RollRecord:
        """Begin a rolling restart and return its record. The same id again returns the one that there is.

        Raises ``GridError`` before anything is restarted.
        """
        services = self._services
        known = services.store.find(roll_id)
        if known is not None:
            return known
        slot = services.long_requests.acquire_rolling_restart()
        try:
            client = services.master.scoped(key_of=keys_of(roll_id))
            asked = RollingRestartRequest.of(body)
            chosen = choose_from(client, asked.selection)
            names = due(chosen, asked.selection, asked.started_before_ms)
            if not names:
                raise FailedPrecondition(
                    "no node is selected: none of them should run, or all are restarted already",
                    reason=Reason.INVALID_ARGUMENT,
                    hint="Choose other nodes",
                )
            resume_ms = asked.started_before_ms or newest_start_ms(chosen.values())
            now = wall_ms(services.clock)
            record = RollRecord(roll_id, now, dict(body), len(names), updated_ms=now, left=tuple(names))
            lock = services.store.begin(record)
            work = _Work(services, record, asked, resume_ms, self._is_closing.is_set)
            roll = Roll(
                client, asked.spec, names, scope_of(client, asked.selection, chosen), work.on_restarted, work.on_waiting
            )

            def run() -> None:
                with slot:
                    try:
                        work.run(roll)
                    finally:
                        os.close(lock)

            self._thread = threading.Thread(
                target=copy_context().run, args=(run,), name=f"rolling restart {roll_id}", daemon=True
            )
            self._thread.start()
        except BaseException:
            slot.release()
            raise
        return record

    def close(self) -> None:
        """End the thread, which finishes no restart but records where it is."""
        self._is_closing.set()
        if self._thread is not None:
            self._thread.join(JOIN_SECONDS)


class _Work:
    """The thread of one rolling restart."""

    def __init__(
        self,
        services: RollServices,
        record: RollRecord,
        asked: RollingRestartRequest,
        resume_ms: int,
        is_closing: Callable[[], bool],
    ) -> None:
        self._services = services
        self._record = record
        self._asked = asked
        self._resume_ms = resume_ms
        self._is_closing = is_closing
        self._waiting = ""

    def on_restarted(self, _node: pb.NodeStatus) -> None:
        """It does not wait any more."""
        self._waiting = ""

    def on_waiting(self, message: str) -> None:
        """What it waits for."""
        self._waiting = message

    def run(self, roll: Roll) -> None:
        """Restart the nodes until all are done, one failed, somebody stopped it, or the worker ends."""
        state = RollState.DONE
        try:
            for _ in roll.turns():
                self._write(self._at(roll))
                if self._is_closing() or self._services.long_requests.is_worker_ending():
                    state = RollState.INTERRUPTED
                    break
                if self._services.store.is_asked_to_stop(self._record.roll_id):
                    state = RollState.STOPPED
                    roll.stop_taking()
        except Exception as error:
            log.exception("rolling restart ended by an unexpected error", roll=self._record.roll_id)
            state = RollState.FAILED
            self._record = replace(self._record, failure=f"unexpected error: {type(error).__name__}: {error}")
        finally:
            record = self._at(roll)
            if roll.progress.failure is not None:
                record = record.with_failure(roll.progress.failure)
            elif record.left or state in (RollState.INTERRUPTED, RollState.FAILED):
                record = replace(record, state=state)
            else:
                record = replace(record, state=RollState.DONE)
            roll.give_up()
            self._write(replace(record, waiting=""))

    def _at(self, roll: Roll) -> RollRecord:
        """The record as it is now."""
        left = roll.progress.unfinished()
        return replace(
            self._record,
            in_flight=tuple(sorted(roll.progress.in_flight)),
            restarted=tuple(roll.progress.restarted),
            left=tuple(left),
            waiting=self._waiting,
            resume=self._asked.resumed(left, self._resume_ms) if left else {},
        )

    def _write(self, record: RollRecord) -> None:
        """Keep it. A full disk does not end the rolling restart; the page then shows an older time."""
        record = replace(record, updated_ms=wall_ms(self._services.clock))
        try:
            self._services.store.write(record)
        except OSError as error:
            log.warning("progress of a rolling restart not recorded", roll=record.roll_id, error=error)
