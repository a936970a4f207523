"""Members of real launches: shells, sessions of their own, orphans; and how they are signalled."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.waiting import eventually

from sutra_grid.agent.processes import member_signals
from sutra_grid.agent.processes.launch_members import OsLaunchMembers
from sutra_grid.agent.processes.launch_plan import LaunchPlan
from sutra_grid.agent.processes.launch_tag import TAG_LAUNCH, LaunchMark, LaunchTag
from sutra_grid.agent.processes.launcher import OsProcessLauncher
from sutra_grid.agent.processes.member_search import LaunchClues, MemberSearch
from sutra_grid.agent.processes.member_signals import Delivery, signal_members, signal_process
from sutra_grid.agent.processes.process import ProcessHandle
from sutra_grid.agent.processes.process_table import ProcessEntry, ProcessTable

HOST = "b" * 32
SLEEP = "sleep 300"


class Launched:
    """One launch of a shell command, with the search that looks for its members."""

    def __init__(self, directory: Path, command: str) -> None:
        tag = LaunchTag(HOST, "node-1", 1)
        self.log = directory / "node-1.log"
        self.data = directory / "data"
        self.data.mkdir()
        variables = {TAG_LAUNCH: str(tag), "PATH": os.environ["PATH"]}
        plan = LaunchPlan(LaunchMark(tag, self.log), ("/bin/sh", "-c", command), variables, self.data)
        self.process: ProcessHandle = OsProcessLauncher().launch(plan)
        self.search = MemberSearch(HOST)

    def clues(self, *, watched: bool = True, known: tuple[tuple[int, int], ...] = ()) -> LaunchClues:
        return LaunchClues("node-1", 1, self.process.identity, self.log, self.data, watched, known)

    def members(self, *, watched: bool = True, search: MemberSearch | None = None) -> list[ProcessEntry]:
        return list((search or self.search).look().members(self.clues(watched=watched)))

    def names(self) -> list[str]:
        return [entry.name for entry in self.members()]

    def end_leader(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        eventually(self.process.poll)


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[[str], Launched]]:
    started: list[Launched] = []

    def start(command: str) -> Launched:
        started.append(Launched(tmp_path, command))
        return started[-1]

    yield start
    for one in started:
        signal_members(one.members, signal.SIGKILL, already=set())
        eventually(one.process.poll)
        eventually(lambda one=one: not one.members())  # type: ignore[misc]
        one.process.close()


def test_a_shell_and_its_program_are_members(launch: Callable[[str], Launched]) -> None:
    one = launch(f"{SLEEP}; true")
    eventually(lambda: one.names() == ["sh", "sleep"])


def test_what_a_dead_leader_left_is_found_by_its_session(launch: Callable[[str], Launched]) -> None:
    one = launch(f"env -i {SLEEP}; true")
    eventually(lambda: one.names() == ["sh", "sleep"])
    one.end_leader()
    assert one.names() == ["sleep"]


def test_a_session_of_its_own_is_found_by_its_tag_when_the_leader_ended_unseen(
    launch: Callable[[str], Launched],
) -> None:
    one = launch(f"setsid {SLEEP} & sleep 300")
    eventually(lambda: one.names() == ["sh", "sleep", "sleep"])
    one.end_leader()
    after_a_restart = MemberSearch(HOST)
    assert [entry.name for entry in one.members(watched=False, search=after_a_restart)] == ["sleep", "sleep"]
    assert one.members(watched=False, search=MemberSearch("c" * 32)) == []


def test_a_member_without_environment_and_session_is_remembered(launch: Callable[[str], Launched]) -> None:
    one = launch(f"cd /; setsid env -i {SLEEP} >/dev/null 2>&1 & wait")
    eventually(lambda: sorted(one.names()) == ["sh", "sleep"])
    remembered = {(entry.pid, entry.start_ticks) for entry in one.members() if entry.name == "sleep"}
    one.end_leader()
    assert [(entry.pid, entry.start_ticks) for entry in one.members()] == list(remembered)
    assert MemberSearch(HOST).look().members(one.clues(watched=False)) == ()
    by_the_journal = MemberSearch(HOST).look().members(one.clues(watched=False, known=tuple(remembered)))
    assert [entry.name for entry in by_the_journal] == ["sleep"]


def test_orphans_are_found_by_the_log_or_the_directory_and_are_reaped(tmp_path: Path) -> None:
    """In a process of its own, because a test's process must not become a subreaper."""
    done = subprocess.run(
        [sys.executable, "-c", _ORPHANS, str(tmp_path)],
        check=False,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "found", "found", "0", "reaped"]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


_ORPHANS = """
import os, signal, subprocess, sys
from pathlib import Path
from support.waiting import eventually
from sutra_grid.agent.processes.member_search import LaunchClues, MemberSearch
from sutra_grid.agent.processes.member_signals import signal_members
from sutra_grid.agent.processes.orphans import become_subreaper, reap_orphans
from sutra_grid.agent.processes.process_table import ProcessTable

directory = Path(sys.argv[1])
data = directory / "data"
data.mkdir()
print(become_subreaper())

def start(node_id, redirect, cwd):
    command = f"setsid env -i sleep 300 {redirect} & exit 0"
    leader = subprocess.Popen(["/bin/sh", "-c", command], stdout=open(directory / f"{node_id}.log", "a"),
                              stderr=subprocess.DEVNULL, cwd=cwd, start_new_session=True)
    leader.wait()
    clues = LaunchClues(node_id, 1, None, directory / f"{node_id}.log", data if cwd == data else directory / "none")
    return lambda: MemberSearch("b" * 32).look().members(clues)

for members in (start("by-log", "", "/"), start("by-directory", ">/dev/null", data)):
    eventually(lambda: [entry.name for entry in members()] == ["sleep"])
    print("found")
    signal_members(members, signal.SIGKILL, already=set())
child = subprocess.Popen(["/bin/true"], start_new_session=True)
dead = lambda: len([one for one in ProcessTable.read().children(os.getpid()) if not one.is_alive]) == 3
eventually(dead)
assert child.pid not in reap_orphans(ProcessTable.read(), {child.pid})
print(child.wait())
assert not list(ProcessTable.read().children(os.getpid()))
print("reaped")
"""


def test_members_that_fork_while_they_are_signalled_are_all_killed(launch: Callable[[str], Launched]) -> None:
    one = launch("fork() { (sleep 300; fork) & (sleep 300; fork) & }; fork; fork; fork; wait")
    eventually(lambda: len(one.members()) > 6)
    killed = signal_members(one.members, signal.SIGKILL, already=set())
    assert len(killed) > 6
    assert {member.delivery for member in killed} <= {Delivery.SENT, Delivery.GONE}
    eventually(one.process.poll)
    eventually(lambda: not one.members())


@pytest.mark.parametrize("descriptors", ["pidfds", "no pidfds"])
def test_a_signal_reaches_only_the_process_with_that_start_time(
    launch: Callable[[str], Launched], monkeypatch: pytest.MonkeyPatch, descriptors: str
) -> None:
    if descriptors == "no pidfds":
        monkeypatch.delattr(member_signals.os, "pidfd_open")
    one = launch(SLEEP)
    identity = one.process.identity
    assert signal_process(identity.pid, identity.start_ticks + 1, signal.SIGKILL) is Delivery.GONE
    assert one.process.poll() is None
    assert signal_process(identity.pid, identity.start_ticks, signal.SIGKILL) is Delivery.SENT
    status = eventually(one.process.poll)
    assert status is not None
    assert status.signal == signal.SIGKILL


def test_a_member_that_can_not_be_looked_at_is_not_called_gone_and_gets_the_signal_later(
    launch: Callable[[str], Launched],
) -> None:
    one = launch(SLEEP)
    members, already = one.members(), set[tuple[int, int]]()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        unsent = signal_members(lambda: members, signal.SIGKILL, already=already)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert {member.delivery for member in unsent} == {Delivery.UNKNOWN}
    assert already == set()
    assert one.process.poll() is None
    sent = signal_members(lambda: members, signal.SIGKILL, already=already)
    assert {member.delivery for member in sent} == {Delivery.SENT}
    eventually(one.process.poll)


def test_the_process_that_looks_and_its_ancestors_are_never_members(launch: Callable[[str], Launched]) -> None:
    one = launch(SLEEP)
    table = ProcessTable.read()
    own = table.find(os.getpid())
    assert own is not None
    found = one.search.look().members(one.clues(known=((own.pid, own.start_ticks),)))
    assert found[0].pid == one.process.identity.pid
    assert own.pid not in [entry.pid for entry in found]


def test_a_process_that_was_forked_while_the_processes_were_read_is_found(
    launch: Callable[[str], Launched], monkeypatch: pytest.MonkeyPatch
) -> None:
    launched = launch(f"setsid {SLEEP} & wait")
    eventually(lambda: launched.names() == ["sh", "sleep"])
    launched.end_leader()
    real = ProcessTable.read
    missed = [ProcessTable(())]  # its parent has ended, and it was not there yet when the pids were listed
    monkeypatch.setattr(ProcessTable, "read", lambda *_: missed.pop() if missed else real())
    found = OsLaunchMembers(MemberSearch(HOST)).find(launched.clues())
    assert [member.name for member in found] == ["sleep"]
