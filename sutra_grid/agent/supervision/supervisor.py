"""The one thread that decides and acts for all nodes, and how others call it.

Everything reaches this thread through one queue: assignments, exits of processes, results of
probes. Timers run in it too. A call waits for its outcome in its own thread, on the inventory,
and holds no lock that the supervisor's thread needs.
"""

from __future__ import annotations

import contextvars
import functools
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Self

from sutra_grid.agent.addresses import NodeAddresses
from sutra_grid.agent.config import AgentConfig
from sutra_grid.agent.engines import ProbeSpec
from sutra_grid.agent.processes.probes import Prober, ProbeResult, ProbeTarget
from sutra_grid.agent.processes.process import ProcessHandle
from sutra_grid.agent.processes.sightings import Sighting
from sutra_grid.agent.processes.watchdog import Watchdog
from sutra_grid.agent.report import removed_report
from sutra_grid.agent.state.journal import JournalEntry
from sutra_grid.agent.supervision.collaborators import Collaborators
from sutra_grid.agent.supervision.node_manager import NodeManager
from sutra_grid.core.errors import GridError, Internal, Unavailable
from sutra_grid.core.node.events import MembersOomKilled
from sutra_grid.core.node.record import ExitStatus
from sutra_grid.core.types import Assignment, NodeReport, Reason
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.steps import Step, reached

log = get_logger(__name__)

_IDLE_SECONDS = 30.0  # between two wake-ups without any event; a call in the queue wakes the thread earlier
_JOIN_SECONDS = 10.0  # a disk that hangs can hold the thread longer; then it ends with the process


class Supervisor:
    """Owns the supervisor's thread, the watchdog and the prober. A context manager; its end touches no node."""

    def __init__(self, config: AgentConfig, collaborators: Collaborators, addresses: NodeAddresses) -> None:
        self._parts = collaborators
        self._inventory = collaborators.inventory
        self._nodes = NodeManager(config, collaborators, self, addresses)
        self._calls: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._watchdog = Watchdog(self._on_exit)
        self._prober = Prober()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._stopped = threading.Event()

    def recover(self, entries: Sequence[JournalEntry], sightings: Sequence[Sighting]) -> None:
        """Take over what an earlier agent left. Once, before the context is entered."""
        self._nodes.recover(entries, sightings)

    def apply(self, assignment: Assignment, deadline: float, give_up: Callable[[], bool] = lambda: False) -> NodeReport:
        """Take an assignment and return the node's report when the node has settled, or at ``deadline``.

        Blocks until ``deadline`` at most (monotonic seconds). Idempotent by generation. Raises
        ``GridError`` when the assignment is refused, and ``Unavailable`` when the agent is stopping
        or has not taken the assignment in time.
        """
        reached(Step.ASSIGNMENT_RECEIVED)
        taken: Future[None] = Future()
        caller = contextvars.copy_context()  # so that the supervisor's log lines have the correlation id
        self._calls.put(lambda: caller.run(_fulfil, taken, lambda: self._nodes.assign(assignment)))
        if self._stopped.is_set():
            raise _stopping()
        try:
            taken.result(max(0.0, deadline - self._parts.clock.monotonic()))
        except TimeoutError:
            raise Unavailable(
                f"the agent did not take the assignment of node {assignment.node_id} in time",
                reason=Reason.TIMED_OUT,
                hint="Its disk may be slow or hang. The agent may still take the assignment later",
            ) from None
        self._inventory.wait_settled(assignment.node_id, deadline, lambda: self._stopped.is_set() or give_up())
        return self._inventory.find(assignment.node_id) or removed_report(assignment, self._inventory.sequence())

    def assign_all(self, assignments: Iterable[Assignment]) -> None:
        """Take the assignments of a heartbeat's response. Never blocks; a refusal appears in the node's report."""
        for assignment in assignments:
            reached(Step.ASSIGNMENT_FETCHED)
            self._calls.put(functools.partial(self._nodes.assign_or_report, assignment))

    def watch(self, node_id: str, process: ProcessHandle) -> None:
        """Implement ``NodeMonitor``: wait for the end of a process."""
        self._watchdog.watch(node_id, process)

    def probe(self, node_id: str, launch: int, probe: ProbeSpec, target: ProbeTarget) -> None:
        """Implement ``NodeMonitor``: probe a node once."""

        def on_result(result: ProbeResult | None) -> None:
            self._calls.put(lambda: self._nodes.probe_finished(node_id, launch, result))

        self._prober.submit(probe, target, on_result)

    def get_certificate(self, node_id: str, launch: int) -> None:
        """Implement ``NodeMonitor``: get a certificate for the launch of a node."""

        def on_done(error: GridError | None) -> None:
            self._calls.put(lambda: self._nodes.certificate_obtained(node_id, launch, error))

        assert self._parts.certificates is not None, "only a launch with a certificate asks for one"
        self._parts.certificates.obtain(node_id, on_done)

    def memory_exceeded(self, node_id: str, launch: int, message: str) -> None:
        """Report that a node uses more memory than its limit. Any thread; never blocks."""
        self._calls.put(lambda: self._nodes.memory_exceeded(node_id, launch, message))

    def members_oom_killed(self, node_id: str, event: MembersOomKilled) -> None:
        """Report that the kernel killed processes of a node for lack of memory. Any thread; never blocks."""
        self._calls.put(lambda: self._nodes.members_oom_killed(node_id, event))

    def check_orphans(self) -> None:
        """Reap the processes that launches left to the agent. Any thread; never blocks."""
        self._calls.put(self._nodes.check_orphans)

    def stop(self) -> None:
        """End the threads. The nodes keep running."""
        self._stopped.set()
        self._calls.put(None)
        self._thread.join(_JOIN_SECONDS)
        self._watchdog.stop()
        self._prober.stop()

    def __enter__(self) -> Self:
        self._watchdog.__enter__()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._run_once()
            except Exception:  # top of the thread: a bug that one node meets must not end the supervision of the others
                log.exception("an event could not be handled")

    def _run_once(self) -> None:
        remaining = self._nodes.seconds_until_due()
        try:
            call = self._calls.get(timeout=_IDLE_SECONDS if remaining is None else min(remaining, _IDLE_SECONDS))
        except queue.Empty:
            call = None
        try:
            if call is not None:
                call()
        finally:
            self._nodes.run_due_timers()

    def _on_exit(self, node_id: str, process: ProcessHandle, status: ExitStatus) -> None:
        reached(Step.PROCESS_REAPED)
        self._calls.put(lambda: self._nodes.process_exited(node_id, process, status))


def _fulfil(future: Future[None], work: Callable[[], None]) -> None:
    """Do the work and set the outcome for the thread that waits. A bug is also raised here, so that it is logged."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        work()
    except Exception as error:
        future.set_exception(error)
        if not isinstance(error, GridError) or isinstance(error, Internal):
            raise
    else:
        future.set_result(None)


def _stopping() -> Unavailable:
    return Unavailable(
        "the agent is stopping", reason=Reason.ENDING, hint="Its nodes keep running. Try again after it has started"
    )
