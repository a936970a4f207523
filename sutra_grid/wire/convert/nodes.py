"""Storage nodes on the wire: specifications, assignments, reports, and the status that is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sutra_grid.core import types
from sutra_grid.core.samples import NodeSample
from sutra_grid.core.types import (
    Assignment,
    Desired,
    Health,
    LogProblem,
    Node,
    NodeExit,
    NodeReport,
    NodeSpec,
    NodeState,
)
from sutra_grid.wire import grid_pb2
from sutra_grid.wire.enums import member, reason_or_none
from sutra_grid.wire.text import utf8

if TYPE_CHECKING:
    from sutra_grid.core.status import ShownStatus


def node_spec_to_message(spec: NodeSpec) -> grid_pb2.NodeSpec:
    """The specification as a message."""
    return grid_pb2.NodeSpec(
        engine=spec.engine,
        port=spec.port,
        storage_path=utf8(spec.storage_path),
        memory_limit_mb=spec.memory_limit_mb,
    )


def spec_from_spawn_request(request: grid_pb2.SpawnRequest) -> NodeSpec:
    """What a new node is asked to be."""
    return NodeSpec(
        engine=request.engine,
        port=request.port,
        storage_path=request.storage_path,
        memory_limit_mb=request.memory_limit_mb,
    )


def node_spec_from_message(message: grid_pb2.NodeSpec) -> NodeSpec:
    """The specification of a message."""
    return NodeSpec(
        engine=message.engine,
        port=message.port,
        storage_path=message.storage_path,
        memory_limit_mb=message.memory_limit_mb,
    )


def assignment_to_message(assignment: Assignment) -> grid_pb2.Assignment:
    """The assignment as a message."""
    return grid_pb2.Assignment(
        node_id=assignment.node_id,
        generation=assignment.generation,
        desired=assignment.desired,
        spec=node_spec_to_message(assignment.spec),
        restart_generation=assignment.restart_generation,
        agent_id=assignment.agent_id,
    )


def assignment_from_message(message: grid_pb2.Assignment) -> Assignment:
    """The assignment of a message. Raises ``InvalidArgument`` for an unknown desired state."""
    return Assignment(
        node_id=message.node_id,
        generation=message.generation,
        desired=member(Desired, message.desired, "Assignment.desired"),
        spec=node_spec_from_message(message.spec),
        restart_generation=message.restart_generation,
        agent_id=message.agent_id,
    )


def node_exit_to_message(exit: NodeExit) -> grid_pb2.NodeExit:
    """The exit as a message."""
    return grid_pb2.NodeExit(
        code=exit.code,
        signal=exit.signal,
        at_ms=exit.at_ms,
        uptime_ms=exit.uptime_ms,
        reason=exit.reason,
        killed=exit.killed,
    )


def node_exit_from_message(message: grid_pb2.NodeExit) -> NodeExit:
    """The exit of a message."""
    return NodeExit(
        code=message.code if message.HasField("code") else None,
        signal=message.signal,
        at_ms=message.at_ms,
        uptime_ms=message.uptime_ms,
        reason=reason_or_none(message.reason),
        killed=message.killed,
    )


def node_sample_to_message(sample: NodeSample) -> grid_pb2.NodeSample:
    """The sample as a message."""
    return grid_pb2.NodeSample(
        at_ms=sample.at_ms,
        cpu_percent=sample.cpu_percent,
        rss_bytes=sample.rss_bytes,
        uptime_ms=sample.uptime_ms,
        threads=sample.threads,
        open_files=sample.open_files,
        processes=sample.processes,
    )


def node_sample_from_message(message: grid_pb2.NodeSample) -> NodeSample:
    """The sample of a message."""
    return NodeSample(
        at_ms=message.at_ms,
        cpu_percent=message.cpu_percent,
        rss_bytes=message.rss_bytes,
        uptime_ms=message.uptime_ms,
        threads=message.threads,
        open_files=message.open_files,
        processes=message.processes,
    )


def node_report_to_message(report: NodeReport) -> grid_pb2.NodeReport:
    """The report as a message."""
    return grid_pb2.NodeReport(
        node_id=report.node_id,
        generation=report.generation,
        desired=report.desired,
        state=report.state,
        pid=report.pid,
        endpoint=report.endpoint,
        spec=node_spec_to_message(report.spec),
        restart_generation=report.restart_generation,
        reason=report.reason,
        message=utf8(report.message),
        health=report.health,
        restarts=report.restarts,
        started_at_ms=report.started_at_ms,
        exits=[node_exit_to_message(exit) for exit in report.exits],
        sample=node_sample_to_message(report.sample) if report.sample else None,
        backoff_ms=report.backoff_ms,
        log_tail=[utf8(line) for line in report.log_tail],
        sequence=report.sequence,
        end_cause=utf8(report.end_cause),
        log_problem=_log_problem_to_message(report.log_problem) if report.log_problem else None,
        oom_kills=report.oom_kills,
        endpoint_problem=utf8(report.endpoint_problem),
        unstable=report.unstable,
        stable_in_ms=report.stable_in_ms,
        state_since_ms=report.state_since_ms,
        health_since_ms=report.health_since_ms,
    )


def node_report_from_message(message: grid_pb2.NodeReport) -> NodeReport:
    """The report of a message. Raises ``InvalidArgument`` for an unknown value, with the name of its field."""
    return NodeReport(
        node_id=message.node_id,
        generation=message.generation,
        desired=member(Desired, message.desired, "NodeReport.desired"),
        state=member(NodeState, message.state, "NodeReport.state"),
        pid=message.pid,
        endpoint=message.endpoint,
        spec=node_spec_from_message(message.spec),
        restart_generation=message.restart_generation,
        reason=reason_or_none(message.reason),
        message=message.message,
        health=member(Health, message.health or Health.UNKNOWN, "NodeReport.health"),
        restarts=message.restarts,
        started_at_ms=message.started_at_ms,
        exits=tuple(node_exit_from_message(exit) for exit in message.exits),
        sample=node_sample_from_message(message.sample) if message.HasField("sample") else None,
        backoff_ms=message.backoff_ms,
        log_tail=tuple(message.log_tail),
        sequence=message.sequence,
        end_cause=message.end_cause,
        log_problem=_log_problem_from_message(message.log_problem) if message.HasField("log_problem") else None,
        oom_kills=message.oom_kills,
        endpoint_problem=message.endpoint_problem,
        unstable=message.unstable,
        stable_in_ms=message.stable_in_ms,
        state_since_ms=message.state_since_ms,
        health_since_ms=message.health_since_ms,
    )


def node_status(node: Node, shown: ShownStatus) -> grid_pb2.NodeStatus:
    """A node as clients see it: desired state, last report, and the status of both together.

    Status, reason, message and time are those of ``shown``. A node without a report has no process, and its
    specification is the desired one, without the values that the agent still has to choose.
    """
    report = node.report
    message = grid_pb2.NodeStatus(
        node_id=node.node_id,
        status=shown.status,
        agent_id=node.agent_id,
        desired=node.desired,
        generation=node.generation,
        spec=node_spec_to_message(report.spec if report and report.spec != types.NodeSpec() else node.spec),
        reason=shown.reason,
        message=utf8(shown.message),
        health=Health.UNKNOWN,
        created_at_ms=node.created_at_ms,
        restart_generation=node.restart_generation,
        stopped_by_drain=node.stopped_by_drain and node.desired is Desired.STOPPED,
        status_since_ms=shown.since_ms,
    )
    if report is not None:
        _add_observed(message, report)
    return message


def _add_observed(message: grid_pb2.NodeStatus, report: NodeReport) -> None:
    message.pid = report.pid
    message.endpoint = report.endpoint
    message.endpoint_problem = utf8(report.endpoint_problem)
    message.observed_generation = report.generation
    message.health = report.health
    message.restarts = report.restarts
    message.started_at_ms = report.started_at_ms
    message.exits.extend(node_exit_to_message(exit) for exit in report.exits)
    if report.sample is not None:
        message.sample.CopyFrom(node_sample_to_message(report.sample))
    message.backoff_ms = report.backoff_ms
    message.unstable = report.unstable
    message.stable_in_ms = report.stable_in_ms
    message.oom_kills = report.oom_kills
    message.log_tail.extend(utf8(line) for line in report.log_tail)
    if report.log_problem is not None:
        message.log_problem.CopyFrom(_log_problem_to_message(report.log_problem))


def _log_problem_to_message(problem: LogProblem) -> grid_pb2.LogProblem:
    return grid_pb2.LogProblem(reason=problem.reason, message=utf8(problem.message))


def _log_problem_from_message(message: grid_pb2.LogProblem) -> LogProblem:
    return LogProblem(reason_or_none(message.reason), message.message)
