"""The operations that the handlers of a node's state machine (``core.node.machine``) combine.

The handlers decide; a ``NodeStep`` collects the result: the node so far and the instructions so far.
"""

from __future__ import annotations

from dataclasses import replace

from sutra_grid.core.node import transitions
from sutra_grid.core.node.events import Now
from sutra_grid.core.node.instructions import ArmTimer, CancelTimers, Instruction, Launch, TimerName
from sutra_grid.core.node.record import MAX_EXITS, MAX_HISTORY, ExitStatus, NodeRecord, NodeRuntime
from sutra_grid.core.node.rules import NodeRules
from sutra_grid.core.outcome import CRASHES, WHY_STOPPED, without_process
from sutra_grid.core.restart import decide_restart, delay_seconds
from sutra_grid.core.states import NODE_TRANSITIONS, IllegalTransition, Phase, looks_alike
from sutra_grid.core.types import Desired, Health, NodeExit, Reason

#: Why the agent stopped a process by itself, or the kernel killed it at its limit, to start it again.
STOP_CAUSES = {reason: f"it {why} and was stopped" for reason, why in WHY_STOPPED.items()}

#: Between a failed look and the next one, which may confirm it.
CONFIRM_PROBE_SECONDS = 1.0

#: Phases in which a process is probed.
ANSWERS_PROBES = frozenset({Phase.STARTING, Phase.RUNNING})


#: Causes of a failed start that pass without a change of the node: it is never given up for them.
CAUSED_BY_THE_HOST = frozenset(
    {
        Reason.DISK_FULL,
        Reason.DISK_NOT_MOUNTED,
        Reason.ADDRESS_MISSING,
        Reason.LIMIT_REACHED,
        Reason.CERTIFICATE_MISSING,
    }
)


#: Reasons of an exit after which a node has to run for a while before it counts as stable. A reboot is not its fault.
MAKES_UNSTABLE = CRASHES - {Reason.REBOOTED}


class NodeStep:
    """One step while it is being decided: the node so far and the instructions so far."""

    def __init__(self, node: NodeRuntime, now: Now, rules: NodeRules) -> None:
        self.node = node
        self.now = now
        self.rules = rules
        self.instructions: list[Instruction] = []
        self.phase_before_start: Phase | None = None  # of the agent, for a node that it recovers

    def do(self, instruction: Instruction) -> None:
        """Add an instruction after those so far."""
        self.instructions.append(instruction)

    @property
    def record(self) -> NodeRecord:
        """The durable record so far. It may be replaced by one in the same phase; ``move`` changes the phase."""
        return self.node.record

    @record.setter
    def record(self, record: NodeRecord) -> None:
        if record.phase is not self.node.record.phase:
            raise self.illegal(f"a change to {record.phase} past the transitions table")
        self.node = replace(self.node, record=record)

    def explain(self, reason: Reason, message: str) -> None:
        """Say why the node is as it is, without leaving the phase."""
        self.record = replace(self.record, reason=reason, message=message)

    def move(self, record: NodeRecord) -> None:
        """Continue with ``record`` if the table allows its phase now; the timers of the phase before end."""
        before = self.record.phase
        NODE_TRANSITIONS.check(before, record.phase, self.node.history)
        if not looks_alike(self.phase_before_start or before, record.phase):
            record = replace(record, state_since_ms=self.now.wall_ms)
        self.phase_before_start = None
        trace = f"{self.now.monotonic:.3f} {before} -> {record.phase} ({record.reason or 'no reason'})"
        self.node = replace(self.node, record=record, history=(*self.node.history, trace)[-MAX_HISTORY:])
        self.do(CancelTimers())

    def illegal(self, what: str) -> IllegalTransition:
        """The error for an event that can't happen in this phase, for the caller to raise."""
        return IllegalTransition(
            f"node {self.node.node_id}: {what} can't happen while {self.record.phase}; "
            f"recent history: {'; '.join(self.node.history) or 'none'}"
        )

    @property
    def must_restart(self) -> bool:
        """Whether the process was started for an older generation than the assignment allows."""
        record = self.record
        return record.assignment.restart_generation > record.launch_generation

    @property
    def should_run(self) -> bool:
        """Whether the node should run."""
        return self.record.assignment.desired is Desired.RUNNING

    def launch(self, reason: Reason, message: str) -> None:
        """Ask for a process under a new launch number."""
        self.move(transitions.launching(self.record, reason, message, self.rules.listen_host, self.rules.tls))
        self.forget_health()
        self.do(Launch())

    def conclude(self, reason: Reason, message: str) -> None:
        """No process, as assigned: the node is stopped or removed."""
        self.move(transitions.ended(self.record, reason, message))
        self.forget_health()

    def wait_until(self, resume_at: float, reason: Reason, message: str) -> None:
        """Wait for the next launch, which is due at the monotonic second ``resume_at``."""
        self.move(transitions.waiting(self.record, reason, message, resume_at))
        self.do(ArmTimer(TimerName.BACK_OFF, max(0.0, resume_at - self.now.monotonic)))

    def watch_start(self) -> None:
        """Arm the timers that lead a started process from starting to running."""
        if self.rules.probed:
            self.do(ArmTimer(TimerName.PROBE, self.rules.start_probe_seconds))
            self.do(ArmTimer(TimerName.START_TIMEOUT, self.rules.start_timeout_seconds))
        else:
            self.do(ArmTimer(TimerName.PROBE, self.rules.start_probe_seconds))
            self.do(ArmTimer(TimerName.SETTLE, self.rules.settle_seconds))

    def ready(self, health: Health) -> None:
        """The process is ready."""
        self.move(transitions.running(self.record, self.now))
        self.set_health(health, self.now.wall_ms)
        self.node = replace(self.node, waits=0)
        self.probe_later()
        self.watch_stability()

    def watch_stability(self) -> None:
        """Arm the timer at which a running process that was started after a crash is stable."""
        record = self.record
        if record.unstable and record.ready_at is not None:
            self.record = replace(record, stable_at=record.ready_at + self.rules.restart.stable_seconds)
            self.do(ArmTimer(TimerName.STABLE, max(0.0, self.record.stable_at - self.now.monotonic)))

    def probe_later(self) -> None:
        """Ask for the next probe of a running process; soon, while it is unsure whether its endpoint answers."""
        unsure = self.record.endpoint != self.rules.endpoint or self.node.endpoint_failures > 0
        soon = unsure and self.node.endpoint_failures < self.rules.unhealthy_after_failures
        interval = self.rules.probe_interval_seconds
        self.do(ArmTimer(TimerName.PROBE, min(CONFIRM_PROBE_SECONDS, interval) if soon else interval))

    def note_endpoint(self, problem: str) -> None:
        """Tell the endpoint if the process answers there, else why not. One that is told may fail to answer twice."""
        if not problem:
            self.node = replace(self.node, endpoint_failures=0)
            self.record = replace(self.record, endpoint=self.rules.endpoint, endpoint_problem="")
            return
        failures = self.node.endpoint_failures + 1
        self.node = replace(self.node, endpoint_failures=failures)
        if not self.record.endpoint or failures >= self.rules.unhealthy_after_failures:
            self.record = replace(self.record, endpoint="", endpoint_problem=problem)

    def record_exit(self, status: ExitStatus, reason: Reason, lived_seconds: float | None = None) -> None:
        """Add an exit to the record. ``lived_seconds``: its uptime, if the process did not live until now."""
        record = self.record
        if lived_seconds is None:
            lived_seconds = self.now.monotonic - record.launched_at if record.process else 0.0
        ended = NodeExit(
            code=status.code,
            signal=status.signal,
            at_ms=self.now.wall_ms,
            uptime_ms=max(0, int(lived_seconds * 1000)),
            reason=reason,
        )
        earlier = record.exits
        if earlier and without_process(ended) and without_process(earlier[0]):
            earlier = earlier[1:]  # tries in a row are kept as one: they must not push out how a process ended
        self.record = replace(
            record,
            process=None,
            stop_cause=Reason.NONE,
            exits=(ended, *earlier)[:MAX_EXITS],
            unstable=record.unstable or reason in MAKES_UNSTABLE,
        )

    def after_end(
        self, *, ready_seconds: float, cause: str, waits_for: Reason, gives_up_for: Reason, passes: bool = False
    ) -> None:
        """A node that should run no longer has a process: start it, wait, or give up.

        ``passes``: the cause passes by itself.
        """
        policy = self.rules.restart
        if passes or waits_for in CAUSED_BY_THE_HOST:  # no restart, so also where restarts are off
            self._wait_out(cause, waits_for)
            return
        decision = decide_restart(
            policy,
            self.record.crashes,
            ready_seconds=ready_seconds,
            now=self.now.monotonic,
            chance=self.now.chance,
        )
        self.record = replace(self.record, crashes=decision.crashes, ready_at=None, end_cause=cause)
        self.forget_health()
        if decision.delay_seconds is None:
            disabled = decision.reason is Reason.RESTARTS_DISABLED
            ends = f"{len(decision.crashes)} failures in a row within {policy.window_seconds:g} s"
            why = "restart_failed_nodes is off" if disabled else ends
            reason = decision.reason if disabled else gives_up_for
            self.move(transitions.failed(self.record, reason, f"{cause}; not started again: {why}"))
        elif decision.delay_seconds == 0.0:
            self.launch(restart_reason(self.record), f"restarted: {cause}")
        else:
            message = (
                f"{cause}; starts again {decision.delay_seconds:.1f} s later "
                f"(failure {len(decision.crashes)} of at most {policy.max_crashes} in a row)"
            )
            self.wait_until(self.now.monotonic + decision.delay_seconds, waits_for, message)

    def _wait_out(self, cause: str, reason: Reason) -> None:
        """Try again with the back-off, as often as it takes. This is no crash, and leaves their number as it is."""
        self.node = replace(self.node, waits=self.node.waits + 1)
        self.record = replace(self.record, ready_at=None, end_cause=cause)
        self.forget_health()
        delay = delay_seconds(self.rules.restart, self.node.waits, self.now.chance)
        message = f"{cause}; tries again {delay:.1f} s later, until it starts (this was try {self.node.waits})"
        self.wait_until(self.now.monotonic + delay, reason, message)

    def forget_health(self) -> None:
        """No process: nothing is known of its health."""
        self.node = replace(
            self.node,
            health=Health.UNKNOWN,
            health_since_ms=0,
            first_failure_ms=0,
            probe_failures=0,
            probe_problem="",
            endpoint_failures=0,
        )

    def set_health(self, health: Health, since_ms: int) -> None:
        """Note what probes have found. The time counts if that is new. Unless it is unhealthy, the failures end."""
        if health is not self.node.health:
            self.node = replace(self.node, health=health, health_since_ms=since_ms)
        if health is not Health.UNHEALTHY:
            self.node = replace(self.node, first_failure_ms=0, probe_failures=0, probe_problem="")
            self.record = replace(self.record, failing_since_ms=0)

    @property
    def failing_since_ms(self) -> int:
        """The first failure of the probes that failed in a row, also before the agent's start; 0: none failed."""
        return self.record.failing_since_ms or self.node.first_failure_ms


def restart_reason(record: NodeRecord) -> Reason:
    """The reason of a restart: why the agent stopped the process by itself, else that it crashed."""
    last = record.exits[0].reason if record.exits else Reason.CRASHED
    return last if last in STOP_CAUSES else Reason.CRASHED


def describe_last_end(record: NodeRecord) -> str:
    """How the node's last process ended."""
    if not record.exits or record.exits[0].reason is Reason.START_FAILED:
        return "the previous start failed"
    last = record.exits[0]
    if last.reason in STOP_CAUSES:
        return STOP_CAUSES[last.reason]
    return f"the previous process {ExitStatus(last.code, last.signal).description()}"
