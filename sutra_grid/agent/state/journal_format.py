"""Converts a node's record to the bytes of its journal file, and back.

    {"format": 1, "checksum": "sha256:…", "boot_id": "…", "record": {…}}

The checksum covers the canonical JSON of boot id and record. The monotonic times of the record
are valid only in the boot that ``boot_id`` names.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

from sutra_grid.core.node.record import Ending, Follows, Member, NodeRecord, ProcessIdentity
from sutra_grid.core.states import Phase
from sutra_grid.core.types import Assignment, Desired, NodeExit, NodeSpec, Reason

FORMAT = 2
"""The newest format. Format 1 has no phases ``clearing`` and ``blocked``, no killed processes of an exit, and no reason
``oom_killed``."""


class JournalDamaged(Exception):
    """The bytes are not a valid journal file; the text says what is wrong."""


class JournalNewer(Exception):
    """A newer version wrote the file: its ``format`` is higher than the one of this version."""

    def __init__(self, number: int) -> None:
        super().__init__(f"journal format {number} is newer than format {FORMAT} of this agent")
        self.format = number


def encode(record: NodeRecord, boot_id: str) -> bytes:
    """The content of the file."""
    fields = dataclasses.asdict(record)
    for ended in fields["exits"]:
        if not ended["killed"]:
            del ended["killed"]  # format 1 does not know it
    body = {"boot_id": boot_id, "record": fields}
    return json.dumps({"format": _format_of(record), "checksum": _checksum(body), **body}, indent=1).encode() + b"\n"


def decode(data: bytes, boot_id: str) -> tuple[NodeRecord, bool]:
    """The record, and whether the host has rebooted since it was written.

    After a reboot the monotonic times are dropped, because the clock began again. Raises
    ``JournalDamaged`` or ``JournalNewer``.
    """
    try:
        document = json.loads(data)
        number = int(document["format"])
        if number > FORMAT:
            raise JournalNewer(number)
        body = {"boot_id": document["boot_id"], "record": document["record"]}
        if document["checksum"] != _checksum(body):
            raise JournalDamaged("the checksum does not match the content")
        record = _record(document["record"])
    except (ValueError, KeyError, TypeError) as error:
        raise JournalDamaged(f"invalid content: {type(error).__name__}: {error}") from error
    if document["boot_id"] == boot_id:
        return record, False
    return _without_times(record), True


def _format_of(record: NodeRecord) -> int:
    """The oldest format that can hold the record, so that an older agent reads as much as it can."""
    is_new = record.phase in (Phase.CLEARING, Phase.BLOCKED) or any(ended.killed for ended in record.exits)
    # Other new reasons are of nodes without a process. With this one, an agent that reads the journal as damaged
    # could start the node beside its process.
    return FORMAT if is_new or record.reason is Reason.OOM_KILLED else 1


def _checksum(body: dict[str, Any]) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def _without_times(record: NodeRecord) -> NodeRecord:
    return dataclasses.replace(
        record,
        launched_at=0.0,
        ready_at=None,
        resume_at=0.0,
        crashes=(),
        grace_ends_at=0.0,
        leftovers=(),
        killed=(),
        stable_at=0.0,
    )


def _record(fields: dict[str, Any]) -> NodeRecord:
    """Build the record from its fields. Unknown fields of a later minor version are ignored."""
    known = {field.name for field in dataclasses.fields(NodeRecord)}
    values = {name: value for name, value in fields.items() if name in known}
    values["assignment"] = _assignment(fields["assignment"])
    values["phase"] = Phase(fields["phase"])
    values["reason"] = Reason(fields["reason"])
    values["stop_cause"] = Reason(fields.get("stop_cause", ""))
    values["process"] = ProcessIdentity(**fields["process"]) if fields["process"] else None
    values["suspect"] = ProcessIdentity(**fields["suspect"]) if fields.get("suspect") else None
    values["ending"] = _ending(fields.get("ending"))
    values["leftovers"] = tuple(Member(**one) for one in fields.get("leftovers", ()))
    values["killed"] = tuple(Member(**one) for one in fields.get("killed", ()))
    values["crashes"] = tuple(float(at) for at in fields["crashes"])
    values["exits"] = tuple(NodeExit(**{**one, "reason": Reason(one["reason"])}) for one in fields["exits"])
    return NodeRecord(**values)


def _ending(fields: dict[str, Any] | None) -> Ending | None:
    if fields is None:
        return None
    reasons = {name: Reason(fields[name]) for name in ("reason", "gives_up_for")}
    return Ending(**{**fields, **reasons, "follows": Follows(fields["follows"])})


def _assignment(fields: dict[str, Any]) -> Assignment:
    return Assignment(**{**fields, "desired": Desired(fields["desired"]), "spec": NodeSpec(**fields["spec"])})
