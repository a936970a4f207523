"""Core values as JSON documents of the registry, and back.

Written field by field: lists of 30,000 nodes pass through here, and ``dataclasses.asdict`` takes ten
times as long. A reason that a newer program wrote is read as ``Reason.NONE``; its message stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sutra_grid.core.samples import DiskSample, HostSample, NodeSample
from sutra_grid.core.types import Desired, Health, LogProblem, NodeExit, NodeReport, NodeSpec, NodeState, Reason
from sutra_grid.registry.database.faults import UnreadableRow

Document = dict[str, Any]

MAX_NUMBER = 2**63 - 1

_REASONS = {reason.value: reason for reason in Reason}


@contextmanager
def decoding(table: str) -> Iterator[None]:
    """Within this block rows become values: an invalid row means a damaged registry, not a bug."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UnreadableRow(f"a row of {table} can't be read ({error})") from error


def reason_of(text: str) -> Reason:
    """The reason by its value."""
    return _REASONS.get(text, Reason.NONE)


def clean(text: str) -> str:
    """``text`` without NUL characters, which PostgreSQL can't store."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}") if "\x00" in text else text


def storable(number: int) -> int:
    """``number``, or the largest that a column holds: an agent's report must not make a whole batch fail."""
    return min(number, MAX_NUMBER)


def report_to_document(report: NodeReport) -> Document:
    """The document of a report."""
    return {
        "node_id": report.node_id,
        "generation": report.generation,
        "desired": report.desired.value,
        "state": report.state.value,
        "pid": report.pid,
        "endpoint": clean(report.endpoint),
        "spec": spec_to_document(report.spec),
        "restart_generation": report.restart_generation,
        "reason": report.reason.value,
        "message": clean(report.message),
        "health": report.health.value,
        "restarts": report.restarts,
        "started_at_ms": report.started_at_ms,
        "exits": [_exit_to_document(exit_) for exit_ in report.exits],
        "sample": None if report.sample is None else _sample_to_document(report.sample),
        "backoff_ms": report.backoff_ms,
        "log_tail": [clean(line) for line in report.log_tail],
        "log_problem": _log_problem_to_document(report.log_problem),
        "oom_kills": report.oom_kills,
        "endpoint_problem": clean(report.endpoint_problem),
        "unstable": report.unstable,
        "stable_in_ms": report.stable_in_ms,
        "reported_at_ms": report.reported_at_ms,
        "state_since_ms": report.state_since_ms,
        "health_since_ms": report.health_since_ms,
    }


def report_from_document(document: Document) -> NodeReport:
    """The report of a document."""
    sample = document["sample"]
    return NodeReport(
        node_id=document["node_id"],
        generation=document["generation"],
        desired=Desired(document["desired"]),
        state=NodeState(document["state"]),
        pid=document["pid"],
        endpoint=document["endpoint"],
        spec=NodeSpec(**document["spec"]),
        restart_generation=document["restart_generation"],
        reason=reason_of(document["reason"]),
        message=document["message"],
        health=Health(document["health"]),
        restarts=document["restarts"],
        started_at_ms=document["started_at_ms"],
        exits=tuple(_exit_from_document(exit_) for exit_ in document["exits"]),
        sample=None if sample is None else NodeSample(**sample),
        backoff_ms=document["backoff_ms"],
        log_tail=tuple(document["log_tail"]),
        log_problem=_log_problem_from_document(document.get("log_problem")),
        oom_kills=document.get("oom_kills", 0),  # since 0.2
        endpoint_problem=document.get("endpoint_problem", ""),  # registries of 0.1.0 have none, nor the following
        unstable=document.get("unstable", False),
        stable_in_ms=document.get("stable_in_ms", 0),
        reported_at_ms=document.get("reported_at_ms", 0),
        state_since_ms=document.get("state_since_ms", 0),
        health_since_ms=document.get("health_since_ms", 0),
    )


def spec_to_document(spec: NodeSpec) -> Document:
    """The columns of a spec; a report's document holds them too."""
    return {
        "engine": clean(spec.engine),
        "port": spec.port,
        "storage_path": clean(spec.storage_path),
        "memory_limit_mb": spec.memory_limit_mb,
    }


def host_to_document(host: HostSample) -> Document:
    """The document of a host's sample."""
    return {
        "at_ms": host.at_ms,
        "cpu_percent": host.cpu_percent,
        "cpu_count": host.cpu_count,
        "memory_total_bytes": host.memory_total_bytes,
        "memory_available_bytes": host.memory_available_bytes,
        "disk_total_bytes": host.disk_total_bytes,
        "disk_free_bytes": host.disk_free_bytes,
        "load_average_1m": host.load_average_1m,
        "disk_reserve_bytes": host.disk_reserve_bytes,
        "disks": [
            {"uses": list(disk.uses), "path": clean(disk.path), "total": disk.total_bytes, "free": disk.free_bytes}
            for disk in host.disks
        ],
    }


def host_from_document(document: Document) -> HostSample:
    """The host's sample of a document."""
    measured = {key: value for key, value in document.items() if key != "disks"}
    disks = (
        DiskSample(tuple(disk["uses"]), disk["path"], disk["total"], disk["free"]) for disk in document.get("disks", ())
    )
    return HostSample(**measured, disks=tuple(disks))


def _log_problem_to_document(problem: LogProblem | None) -> Document | None:
    return None if problem is None else {"reason": problem.reason.value, "message": clean(problem.message)}


def _log_problem_from_document(document: Document | None) -> LogProblem | None:
    """None too in a row of a version that knew no such problems."""
    return None if document is None else LogProblem(reason_of(document["reason"]), document["message"])


def _sample_to_document(sample: NodeSample) -> Document:
    return {
        "at_ms": sample.at_ms,
        "cpu_percent": sample.cpu_percent,
        "rss_bytes": sample.rss_bytes,
        "uptime_ms": sample.uptime_ms,
        "threads": sample.threads,
        "open_files": sample.open_files,
        "processes": sample.processes,
    }


def _exit_to_document(exit_: NodeExit) -> Document:
    return {
        "code": exit_.code,
        "signal": exit_.signal,
        "at_ms": exit_.at_ms,
        "uptime_ms": exit_.uptime_ms,
        "reason": exit_.reason.value,
        "killed": exit_.killed,
    }


def _exit_from_document(document: Document) -> NodeExit:
    return NodeExit(
        code=document["code"],
        signal=document["signal"],
        at_ms=document["at_ms"],
        uptime_ms=document["uptime_ms"],
        reason=reason_of(document["reason"]),
        killed=document.get("killed", ""),
    )
