"""Decides which processes look like a node without being proved to be one. Pure, over ``Sighting``s.

A program may clean its environment, show other arguments, or be unreadable to the agent's user, and its identity may be
missing from the journal. Nothing must be started beside such a process. A wrong suspicion keeps a node from running, so
each sign has something that only this node has: its log file, its arguments, its directory or its port.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from sutra_grid.agent.processes.launch_tag import LOG_SUFFIX
from sutra_grid.agent.processes.sightings import FileKey, OpenFile, Sighting, file_key, tag_of
from sutra_grid.core.node.record import ProcessIdentity, Suspect
from sutra_grid.core.types import NodeSpec

_NAME_CHARACTERS = 15  # the kernel cuts a process's name here
_INIT: Final = frozenset({0, 1})

#: Programs that run other programs or scripts. People use them too, so their names tell nothing about a node.
_RUNNER: Final = re.compile(
    r"sh|bash|dash|ash|zsh|ksh|fish|busybox|env|nohup|setsid|nice|ionice|chrt|taskset|timeout|flock|stdbuf|su|sudo|"
    r"runuser|setpriv|unshare|nsenter|chroot|numactl|script|time|strace|tini|dumb-init|gosu|java|"
    r"(python|pypy|perl|ruby|php|lua|node)[0-9.]*"
)


@dataclass(frozen=True)
class NodeTraits:
    """What a process of one node would show. ``command`` is empty when its engine is not known."""

    node_id: str
    spec: NodeSpec
    command: tuple[str, ...]
    log_path: Path
    host_id: str  # of the agent's state directory
    port_holders: Collection[int] = field(default=())  # pids that listen on the node's port, where that was read

    @cached_property
    def directory(self) -> FileKey | None:
        """The node's directory."""
        return file_key(Path(self.spec.storage_path)) if self.spec.storage_path else None

    @cached_property
    def logs(self) -> frozenset[FileKey]:
        """The node's log and its rotated files."""
        folder = self.log_path.parent
        files = (path for path in folder.glob(f"{self.log_path.name}*") if is_log_of(self.node_id, path.name))
        return frozenset(key for path in files if (key := file_key(path)) is not None)

    @cached_property
    def log_device(self) -> int | None:
        """The file system of the logs."""
        key = file_key(self.log_path.parent)
        return key[0] if key else None

    @cached_property
    def programs(self) -> frozenset[str]:
        """The names of all programs that the command may run: it may be a wrapper, or a line for a shell."""
        words = (word for argument in self.command for word in _words(argument))
        return frozenset(os.path.basename(word)[:_NAME_CHARACTERS] for word in words if word)

    @cached_property
    def scripts(self) -> frozenset[str]:
        """What tells its command from others of the same interpreter or wrapper: a script, a module, a shell line."""
        found = {word for argument in self.command[1:] for word in (argument, *_words(argument))}
        return frozenset(
            word
            for word in found
            if re.match(r"[^-]*[A-Za-z]", word)
            and not is_runner(os.path.basename(word))
            and not any(word == own or word.startswith(f"{own}/") for own in self.own_words)
        )

    @cached_property
    def own_words(self) -> tuple[str, ...]:
        """Texts that only this node's command has."""
        port = str(self.spec.port) if self.spec.port else ""
        return tuple(word for word in (self.node_id, self.spec.storage_path, port) if word)


def find_suspect(
    traits: NodeTraits,
    sightings: Iterable[Sighting],
    journaled: ProcessIdentity | None,
    boot_id: str,
    *,
    never: Collection[int] = (),
    adopters: Collection[int] = _INIT,
) -> Suspect | None:
    """The oldest process that looks like the node and is not proved to be anything else.

    ``never``: pids of sessions that are proved to be of other launches. ``adopters``: see ``sightings.adopters``.
    """
    for sighting in sightings:
        if sighting.session in never or sighting.pid in never:
            continue
        signs = list(_signs(traits, sighting, adopters))
        if signs and (why := _why_unproved(sighting, journaled, traits.host_id)) and sighting.still_lives:
            identity = ProcessIdentity(boot_id, sighting.pid, sighting.start_ticks, 0)
            return Suspect(identity, describe(sighting.pid, sighting.name, signs, why))
    return None


def describe(pid: int, name: str, signs: Sequence[str], why: str) -> str:
    """The message about a process that looks like a node."""
    program = f" ({name})" if name else ""
    return (
        f"pid {pid}{program} looks like its process: {' and '.join(signs)}. It is not proved, because {why}. "
        f"Nothing is started beside it, and it is not signalled. If it should end, run on the agent's host: kill {pid}"
    )


def node_of_log(name: str) -> str:
    """The node whose log or rotated log has that name; empty when it is no log."""
    node_id, found, _ = name.removesuffix(" (deleted)").rpartition(LOG_SUFFIX)
    return node_id if found else ""


def is_log_of(node_id: str, name: str) -> bool:
    """Whether a file name is that of the node's log, as it is or as a rotation renames it."""
    rest = name.removesuffix(" (deleted)").removeprefix(f"{node_id}{LOG_SUFFIX}")
    return rest != name and re.fullmatch(r"|[.-].*", rest) is not None


def is_runner(name: str) -> bool:
    """Whether a program's name is that of a shell, an interpreter or a wrapper."""
    return _RUNNER.fullmatch(name) is not None


def _signs(traits: NodeTraits, sighting: Sighting, adopters: Collection[int]) -> Iterator[str]:
    """What of the node a process shows."""
    if any(_is_log(traits, output) for output in sighting.outputs or ()):
        yield "its output goes to the node's log"
    is_program = _runs_program(traits, sighting)
    if _has_arguments(traits, sighting, is_program):
        yield "its arguments are those of the node"
    if traits.directory is not None and sighting.directory == traits.directory:
        if is_program or _may_be_launched(sighting, adopters):
            yield "it runs in the node's directory"
    elif is_program and sighting.shares_files and _mentions(sighting, traits.spec.storage_path):
        yield "its arguments name the node's directory"
    if is_program and sighting.pid in traits.port_holders:
        yield "it listens on the node's port"


def _is_log(traits: NodeTraits, output: OpenFile) -> bool:
    """Whether an open file is the node's log, also after it was renamed in its directory, or deleted."""
    if output.key in traits.logs:
        return True
    folder, _, name = output.path.rpartition("/")
    return (
        folder == str(traits.log_path.parent) and output.key[0] == traits.log_device and is_log_of(traits.node_id, name)
    )


def _may_be_launched(sighting: Sighting, adopters: Collection[int]) -> bool:
    """Whether a process of any name may be the leader of a launch: a person's or cron's has another parent."""
    return sighting.session == sighting.pid and not sighting.has_terminal and sighting.parent in adopters


def _has_arguments(traits: NodeTraits, sighting: Sighting, is_program: bool) -> bool:
    """Whether a process has the planned arguments, perhaps without a wrapper or with an interpreter before them.

    Of another program only all of them count, and more than one: a client or an editor takes a port or a path too.
    """
    if not sighting.argv or not traits.command or not sighting.shares_files:
        return False
    shown, planned = sighting.argv[1:], traits.command[1:]
    if is_program:
        is_same = _ends_with(planned, shown) or _ends_with(sighting.argv, planned)
    else:
        is_same = len(planned) > 1 and _ends_with(sighting.argv, planned)
    return is_same and any(own in argument for argument in shown for own in traits.own_words)


def _ends_with(words: tuple[str, ...], ending: tuple[str, ...]) -> bool:
    return bool(ending) and words[-len(ending) :] == ending


def _runs_program(traits: NodeTraits, sighting: Sighting) -> bool:
    """Whether a process runs a program of the command; an interpreter or a wrapper counts with the same script."""
    argv = sighting.argv or ("",)
    shown = os.path.basename(argv[0])[:_NAME_CHARACTERS]
    names = {name for name in (sighting.name, shown) if name and name in traits.programs}
    if all(is_runner(name) for name in names):
        return bool(names) and not traits.scripts.isdisjoint(argv[1:])
    return True


def _mentions(sighting: Sighting, path: str) -> bool:
    found = re.compile(rf"(^|[=:\s]){re.escape(path)}/?($|[\s:])") if path else None
    return found is not None and any(found.search(argument) for argument in sighting.argv or ())


def _why_unproved(sighting: Sighting, journaled: ProcessIdentity | None, host_id: str) -> str:
    """Why a process is not proved to be the node's; empty when it is proved to be something else."""
    tag = tag_of(sighting) or sighting.group
    if tag is not None and tag.host_id == host_id:
        return ""  # of a known launch: another node's, or a leftover of an ended one
    not_journaled = f"the journal has pid {journaled.pid}" if journaled else "the journal has no process of the node"
    if tag is not None:
        return f"{not_journaled}, and its tag is of another state directory"
    if sighting.variables is None:
        return f"{not_journaled}, and its environment can't be read by the agent's user"
    return f"{not_journaled}, and its environment has no tag of a launch"


def _words(argument: str) -> Sequence[str]:
    try:
        return shlex.split(argument)
    except ValueError:
        return argument.split()
