"""Finds the members of launches on this host: reads what ``members`` decides by.

One look reads ``/proc`` once and serves all nodes. What a process showed in an earlier look is kept by pid and start
time, because a program may overwrite its environment later.
"""

from __future__ import annotations

import functools
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from sutra_grid.agent.processes.identity import environment, file_of_descriptor, working_directory
from sutra_grid.agent.processes.launch_tag import TAG_LAUNCH, LaunchTag
from sutra_grid.agent.processes.members import Evidence, launch_members
from sutra_grid.agent.processes.process_table import ProcessEntry, ProcessTable
from sutra_grid.agent.processes.sightings import file_key
from sutra_grid.core.node.record import ProcessIdentity

ProcessKey = tuple[int, int]  # pid and start ticks: no other process of this boot has both
_Tag = tuple[str, int]  # node id, and number of the launch

_KERNEL_THREADS: Final = 2  # the pid of their parent


@dataclass(frozen=True, slots=True)
class LaunchClues:
    """What identifies the processes of a node's launch beside their descent.

    ``leader``: None when the agent never learned which process it was. ``is_watched``: the agent has watched the leader
    since it was proved. ``launch``: its number. ``log_path``, ``directory``: where the node writes. ``members``:
    processes that the journal has as members.
    """

    node_id: str
    launch: int
    leader: ProcessIdentity | None
    log_path: Path
    directory: Path
    is_watched: bool = True
    members: Collection[ProcessKey] = ()


class ProcessLook(Protocol):
    """The processes of this host at one moment."""

    def members(self, clues: LaunchClues) -> tuple[ProcessEntry, ...]:
        """The living members of a node's launch, the leader first."""
        ...


class MemberFinder(Protocol):
    """Where looks come from: this host, or a fake of the tests. Thread-safe."""

    def look(self) -> ProcessLook:
        """Look at all processes of the host. Raises ``OSError`` when descriptors or memory ran out."""
        ...


class MemberSearch:
    """The look at this host's processes, and what earlier looks found. Thread-safe.

    ``grouped`` returns the pids in the control group of a launch. ``host_id`` is that of the tags.
    """

    def __init__(
        self, host_id: str, grouped: Callable[[str, int], Collection[int]] = lambda node_id, launch: ()
    ) -> None:
        self._host_id = host_id
        self._grouped = grouped
        self._lock = threading.Lock()  # guards _tags and _known
        self._tags: dict[ProcessKey, _Tag | None] = {}  # the tag of each living process; None without one
        self._known: dict[str, set[ProcessKey]] = {}  # members of earlier looks, by node id

    def look(self) -> Look:
        """Look at all processes. Blocks and raises as ``ProcessTable.read``."""
        table = ProcessTable.read()
        with self._lock:
            tags = {
                entry.pid: self._tags.get(key) or self._read_tag(entry, key in self._tags)
                for entry in table.alive()
                if (key := (entry.pid, entry.start_ticks))
            }
            self._tags = {(entry.pid, entry.start_ticks): tags[entry.pid] for entry in table.alive()}
        return Look(self, table, tags)

    def forget(self, node_id: str) -> None:
        """Drop what was kept of a node that is removed."""
        with self._lock:
            self._known.pop(node_id, None)

    def members(self, look: Look, clues: LaunchClues) -> tuple[ProcessEntry, ...]:
        """The members of a launch at a look; they are kept for later looks. For ``Look``."""
        grouped = self._grouped(clues.node_id, clues.launch)
        with self._lock:
            known = self._known.get(clues.node_id, set())
            evidence = Evidence(
                grouped=grouped,
                tagged=look.tagged(clues.node_id, clues.launch),
                orphaned=look.orphans_of(clues),
                known={*known, *clues.members},
                session_is_proved=clues.is_watched,
            )
            found = launch_members(look.table, clues.leader, evidence, never=look.ancestors)
            self._known[clues.node_id] = {(entry.pid, entry.start_ticks) for entry in found}
        return found

    def _read_tag(self, entry: ProcessEntry, was_read: bool) -> _Tag | None:
        """Node and launch in the tag of a process of this state directory; None when it has none."""
        if was_read or _KERNEL_THREADS in (entry.pid, entry.parent):
            return None
        tag = LaunchTag.parse((environment(entry.pid) or {}).get(TAG_LAUNCH, ""))
        return (tag.node_id, tag.launch) if tag is not None and tag.host_id == self._host_id else None


class Look:
    """The processes of this host at one moment. Use it soon: processes end and start meanwhile. Not thread-safe."""

    def __init__(self, search: MemberSearch, table: ProcessTable, tags: dict[int, _Tag | None]) -> None:
        self._search = search
        self.table = table
        self.ancestors = table.ancestors(os.getpid())
        self._tagged: defaultdict[_Tag | None, list[int]] = defaultdict(list)
        for pid, tag in tags.items():
            self._tagged[tag].append(pid)

    def members(self, clues: LaunchClues) -> tuple[ProcessEntry, ...]:
        """The living members of a node's launch, the leader first."""
        return self._search.members(self, clues)

    def tagged(self, node_id: str, launch: int) -> Collection[int]:
        """The processes that have the tag of a launch. That of an earlier launch proves nothing about this one."""
        return self._tagged.get((node_id, launch), ())

    def orphans_of(self, clues: LaunchClues) -> list[int]:
        """Orphans that use the node's log as output, or its directory as working directory.

        An orphan descends from a launch, because it became a child of the agent. Its files tell from which.
        """
        log, directory = file_key(clues.log_path), str(clues.directory)
        return [pid for pid, files in self._orphans.items() if files.uses(log, directory)]

    @functools.cached_property
    def _orphans(self) -> Mapping[int, _FilesInUse]:
        """What each orphan uses: read once, for all nodes."""
        return {entry.pid: _files_in_use(entry.pid) for entry in orphans(self.table) if entry.is_alive}


@dataclass(frozen=True, slots=True)
class _FilesInUse:
    """Where a process writes its output, and its working directory."""

    outputs: Collection[tuple[int, int] | None]
    directory: str

    def uses(self, log: tuple[int, int] | None, directory: str) -> bool:
        """Whether it writes to the log, or works in the directory or below it."""
        return (log is not None and log in self.outputs) or f"{self.directory}/".startswith(f"{directory}/")


def _files_in_use(pid: int) -> _FilesInUse:
    directory = working_directory(pid)
    return _FilesInUse(
        (file_of_descriptor(pid, 1), file_of_descriptor(pid, 2)), str(directory) if directory is not None else ""
    )


def orphans(table: ProcessTable) -> Iterable[ProcessEntry]:
    """The children of this process that are in another session: what it launched, and what launches left to it."""
    own = table.find(os.getpid())
    return () if own is None else (entry for entry in table.children(own.pid) if entry.session != own.session)
