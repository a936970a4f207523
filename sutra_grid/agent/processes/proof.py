"""Proves that a process is the agent's own: launched from this state directory, for this node.

A journaled identity is proof by itself: boot id, pid and kernel start time. The kernel gives no pid twice within one
clock tick of one boot, so no other process can have all three, whatever the program did to its environment, session
or output. The same holds for an agent whose container was started again: its boot id is the same, but whatever got the
pid in the new pid namespace started later than every process of the old one, and those ended with it.

A launch whose identity is not in the journal is proved by what the agent gave to it: the tag in its environment, or its
control group. The agent was killed between launch and journal then, or the journal is lost. Children inherit both, so
only a session leader counts.

A name, a port, a log file or a pid alone proves nothing. See ``lookalikes`` for what only looks like a node.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sutra_grid.agent.processes.identity import Look, Presence, boot_id, look_at
from sutra_grid.agent.processes.launch_tag import (
    TAG_ENGINE,
    TAG_GENERATION,
    TAG_MEMORY_LIMIT_MB,
    TAG_PORT,
    TAG_STORAGE_PATH,
)
from sutra_grid.agent.processes.sightings import Sighting, read_sightings, tag_of
from sutra_grid.core.node.record import ProcessIdentity
from sutra_grid.core.types import NodeSpec


@dataclass(frozen=True, slots=True)
class FoundProcess:
    """A live process of the agent, with what its environment says about its launch.

    ``spec`` is empty and ``generation`` 0 when only its control group identifies it.
    """

    node_id: str
    identity: ProcessIdentity
    spec: NodeSpec
    generation: int


def look_for(identity: ProcessIdentity) -> Look:
    """Look for the process of a journaled identity. ``ALIVE`` is proof that it is this process."""
    if identity.boot_id != boot_id():
        return Look(Presence.ENDED, why="it ended with the host's previous boot")
    look = look_at(identity.pid)
    if look.presence is not Presence.ALIVE:
        return look
    if not identity.start_ticks:
        return Look(Presence.UNKNOWN, look.start_ticks, "its start time could not be read when it was started")
    if look.start_ticks != identity.start_ticks:
        return Look(Presence.ENDED, look.start_ticks, "another process has its pid now")
    return look


def own_processes(sightings: Iterable[Sighting], host_id: str) -> list[FoundProcess]:
    """The processes that are proved to be launched from this state directory, in the order of the sightings."""
    leaders = (sighting for sighting in sightings if sighting.session == sighting.pid)
    return [found for sighting in leaders if (found := _own_process(sighting, host_id)) is not None]


def find_own_processes(host_id: str) -> list[FoundProcess]:
    """``own_processes`` of this host, oldest first."""
    return own_processes(read_sightings(), host_id)


def _own_process(sighting: Sighting, host_id: str) -> FoundProcess | None:
    tag = tag_of(sighting) or sighting.group
    if tag is None or tag.host_id != host_id or not sighting.still_lives:
        return None
    variables = sighting.variables or {}
    identity = ProcessIdentity(boot_id(), sighting.pid, sighting.start_ticks, tag.launch)
    return FoundProcess(tag.node_id, identity, _tagged_spec(variables), _number(variables, TAG_GENERATION))


def _tagged_spec(variables: Mapping[str, str]) -> NodeSpec:
    return NodeSpec(
        engine=variables.get(TAG_ENGINE, ""),
        port=_number(variables, TAG_PORT),
        storage_path=variables.get(TAG_STORAGE_PATH, ""),
        memory_limit_mb=_number(variables, TAG_MEMORY_LIMIT_MB),
    )


def _number(variables: Mapping[str, str], name: str) -> int:
    text = variables.get(name, "")
    return int(text) if text.isdecimal() else 0
