"""What can be seen of each process of this host. Reads ``/proc``, and decides nothing.

A fact that this user can't read is None. It is never taken for a fact that was read and is empty.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Protocol

from sutra_grid.agent.processes.identity import environment, start_ticks
from sutra_grid.agent.processes.launch_tag import GROUP_PREFIX, TAG_LAUNCH, LaunchTag
from sutra_grid.agent.processes.process_table import ProcessEntry, ProcessTable, parse_stat
from sutra_grid.runtime.shortage import shortage_of

_PROC: Final = Path("/proc")
_GROUP: Final = re.compile(rf"/{GROUP_PREFIX}(?P<host_id>[0-9a-f]+)/(?P<node_id>[^/\n]+)\.(?P<launch>\d+)(/|$)", re.M)

FileKey = tuple[int, int]


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that a process has open: device and inode, and the path under which it was opened or is now."""

    key: FileKey
    path: str


class Sighting(Protocol):
    """One living process. The facts are of one process: its start time was the same before and after."""

    @property
    def pid(self) -> int:
        """Its pid."""
        ...

    @property
    def start_ticks(self) -> int:
        """The kernel's start time."""
        ...

    @property
    def name(self) -> str:
        """The kernel's name of it, at most 15 characters."""
        ...

    @property
    def session(self) -> int:
        """The session that it is in: its own pid if it leads one."""
        ...

    @property
    def parent(self) -> int:
        """The pid of its parent."""
        ...

    @property
    def has_terminal(self) -> bool:
        """Whether it has a controlling terminal, as a shell of a person has."""
        ...

    @property
    def argv(self) -> tuple[str, ...] | None:
        """Its arguments, as the program shows them now."""
        ...

    @property
    def variables(self) -> Mapping[str, str] | None:
        """The environment that it was started with."""
        ...

    @property
    def directory(self) -> FileKey | None:
        """Its working directory."""
        ...

    @property
    def outputs(self) -> tuple[OpenFile, ...] | None:
        """The files that standard output and standard error go to."""
        ...

    @property
    def group(self) -> LaunchTag | None:
        """The launch whose control group it is in; None also when it is in no such group."""
        ...

    @property
    def shares_files(self) -> bool:
        """Whether paths mean the same files to it and to the agent. True when that can't be read."""
        ...

    @property
    def still_lives(self) -> bool:
        """Whether the pid still is of this process."""
        ...


class ProcSighting:
    """A process of ``/proc``. A fact is read when it is asked for, and then kept."""

    def __init__(self, entry: ProcessEntry, proc: Path = _PROC) -> None:
        self._entry = entry
        self._directory = proc / str(entry.pid)
        self._proc = proc

    @property
    def pid(self) -> int:
        """See ``Sighting``."""
        return self._entry.pid

    @property
    def start_ticks(self) -> int:
        """See ``Sighting``."""
        return self._entry.start_ticks

    @property
    def name(self) -> str:
        """See ``Sighting``."""
        return self._entry.name

    @property
    def session(self) -> int:
        """See ``Sighting``."""
        return self._entry.session

    @property
    def parent(self) -> int:
        """See ``Sighting``."""
        return self._entry.parent

    @property
    def has_terminal(self) -> bool:
        """See ``Sighting``."""
        return self._entry.terminal != 0

    @cached_property
    def argv(self) -> tuple[str, ...] | None:
        """See ``Sighting``."""
        try:
            text = os.fsdecode((self._directory / "cmdline").read_bytes())
        except OSError:
            return None
        return tuple(text.rstrip("\0").split("\0"))

    @cached_property
    def variables(self) -> Mapping[str, str] | None:
        """See ``Sighting``."""
        return environment(self.pid)

    @cached_property
    def directory(self) -> FileKey | None:
        """See ``Sighting``."""
        return file_key(self._directory / "cwd")

    @cached_property
    def outputs(self) -> tuple[OpenFile, ...] | None:
        """See ``Sighting``."""
        found = [_open_file(self._directory / "fd" / number) for number in ("1", "2")]
        readable = tuple(one for one in found if one is not None)
        return readable or (() if os.access(self._directory / "fd", os.R_OK | os.X_OK) else None)

    @cached_property
    def group(self) -> LaunchTag | None:
        """See ``Sighting``."""
        try:
            return group_launch((self._directory / "cgroup").read_text())
        except OSError:
            return None

    @cached_property
    def shares_files(self) -> bool:
        """See ``Sighting``."""
        try:
            return os.readlink(self._directory / "ns/mnt") == os.readlink(self._proc / "self/ns/mnt")
        except OSError:
            return True

    @property
    def still_lives(self) -> bool:
        """See ``Sighting``."""
        return start_ticks(self.pid) == self.start_ticks


def read_sightings() -> list[Sighting]:
    """All living processes of this host except this one, oldest first. Raises as ``ProcessTable.read``."""
    entries = (entry for entry in ProcessTable.read().alive() if entry.pid != os.getpid())
    return [ProcSighting(entry) for entry in sorted(entries, key=lambda entry: (entry.start_ticks, entry.pid))]


def adopters() -> frozenset[int]:
    """The pids that may be the parent of a process of an agent: this one, its ancestors, and the first process.

    The processes of an agent that was killed pass to the first process, or to a subreaper among its ancestors. A
    process of a person or of cron has the parent that started it. Raises ``OSError`` when descriptors ran out.
    """
    found, pid = {0, 1}, os.getpid()  # 0: the parent is outside this pid namespace
    while pid not in found:
        found.add(pid)
        pid = _parent(pid)
    return frozenset(found)


def group_launch(cgroup: str) -> LaunchTag | None:
    """The launch whose control group a process is in, from its ``/proc/PID/cgroup``.

    The agent makes one group for each launch (``agent.limits``), and only the agent's user or root can put a
    process into it.
    """
    found = _GROUP.search(cgroup)
    return LaunchTag(found["host_id"], found["node_id"], int(found["launch"])) if found else None


def tag_of(sighting: Sighting) -> LaunchTag | None:
    """The tag in the environment of a process; None when it has none, or when it can't be read."""
    return LaunchTag.parse((sighting.variables or {}).get(TAG_LAUNCH, ""))


def file_key(path: Path) -> FileKey | None:
    """Device and inode of a file; None when it can't be read."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _parent(pid: int, proc: Path = _PROC) -> int:
    try:
        return parse_stat((proc / str(pid) / "stat").read_bytes(), page_bytes=1).parent
    except OSError as error:
        if shortage_of(error):
            raise
        return 0


def _open_file(link: Path) -> OpenFile | None:
    key = file_key(link)
    try:
        return OpenFile(key, os.readlink(link)) if key is not None else None
    except OSError:
        return None
