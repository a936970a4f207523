"""Real processes: started, attached to, signalled and reaped."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.waiting import eventually

from sutra_grid.agent.processes.identity import identify
from sutra_grid.agent.processes.launch_plan import LaunchPlan
from sutra_grid.agent.processes.launch_tag import LaunchMark, LaunchTag
from sutra_grid.agent.processes.launcher import NotAttached, OsProcessLauncher
from sutra_grid.agent.processes.process import ProcessHandle
from sutra_grid.core.node.record import ExitStatus, ProcessIdentity

Start = Callable[..., ProcessHandle]


def mark_for(directory: Path) -> LaunchMark:
    return LaunchMark(LaunchTag("a" * 32, "node-1", 1), directory / "node-1.log")


def plan_for(directory: Path, *argv: str) -> LaunchPlan:
    mark = mark_for(directory)
    variables = {"SUTRA_GRID_LAUNCH": str(mark.tag), "PATH": os.environ["PATH"], "HELLO": "world"}
    return LaunchPlan(mark, argv, variables, directory)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[ProcessHandle] = []

    def launch(source: str) -> ProcessHandle:
        process = OsProcessLauncher().launch(plan_for(tmp_path, sys.executable, "-SE", "-c", source))
        started.append(process)
        return process

    yield launch
    for process in started:
        process.send_signal(signal.SIGKILL)
        eventually(process.poll)
        process.close()


def test_a_process_gets_a_session_no_input_no_descriptors_its_log_and_only_the_planned_environment(
    tmp_path: Path, start: Start
) -> None:
    leaked = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(leaked, True)
    source = (
        "import os, sys\n"
        "print(os.getsid(0) == os.getpid(), sys.stdin.read() == '', sorted(os.listdir('/proc/self/fd')),"
        " os.environ.get('HELLO'), os.environ.get('HOME'), os.getcwd())"
    )
    process = start(source)
    assert eventually(process.poll) == ExitStatus(code=0)
    os.close(leaked)
    told = (tmp_path / "node-1.log").read_text()
    assert told == f"True True ['0', '1', '2', '3'] world None {tmp_path}\n"  # 3 is listdir's own


def test_output_is_appended_to_the_log(tmp_path: Path, start: Start) -> None:
    for word in ("one", "two"):
        eventually(start(f"import sys; print({word!r}); print('err', file=sys.stderr)").poll)
    assert (tmp_path / "node-1.log").read_text().split() == ["err", "one", "err", "two"]


def test_the_exact_code_and_signal_of_a_child_are_known(start: Start) -> None:
    assert eventually(start("raise SystemExit(42)").poll) == ExitStatus(code=42)
    process = start("import time; time.sleep(60)")
    process.send_signal(signal.SIGKILL)
    assert eventually(process.poll) == ExitStatus(signal=9)


def test_signals_to_a_process_that_is_gone_do_nothing(start: Start) -> None:
    process = start("pass")
    eventually(process.poll)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGKILL)


def test_a_process_of_an_earlier_agent_is_held_again_and_its_end_seen(start: Start) -> None:
    child = start("import time; time.sleep(60)")
    held = OsProcessLauncher().attach(child.identity)
    assert not isinstance(held, NotAttached)
    assert held.poll() is None
    held.send_signal(signal.SIGTERM)
    assert eventually(held.poll) == ExitStatus()
    held.close()


def test_a_foreign_process_on_a_journaled_pid_is_neither_held_nor_signalled(start: Start) -> None:
    foreign = start("import time; time.sleep(60)")
    table = OsProcessLauncher()
    for wrong in (
        replace(foreign.identity, start_ticks=foreign.identity.start_ticks - 1),
        replace(foreign.identity, boot_id="before the reboot"),
        ProcessIdentity(foreign.identity.boot_id, 2**22 + 5, 1, 1),
    ):
        answer = table.attach(wrong)
        assert isinstance(answer, NotAttached)
        assert answer.is_ended
    assert foreign.poll() is None


def test_a_program_that_can_not_be_executed_is_an_error_and_leaves_no_process(tmp_path: Path) -> None:
    not_a_program = tmp_path / "text"
    not_a_program.write_text("hello")
    not_a_program.chmod(0o755)
    with pytest.raises(OSError, match="Exec format error"):
        OsProcessLauncher().launch(plan_for(tmp_path, str(not_a_program)))


def test_without_pidfds_processes_are_still_held_signalled_and_reaped(
    monkeypatch: pytest.MonkeyPatch, start: Start
) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    child = start("import time; time.sleep(60)")
    assert child.pidfd is None
    adopted = OsProcessLauncher().attach(child.identity)
    assert not isinstance(adopted, NotAttached)
    assert adopted.poll() is None
    adopted.send_signal(signal.SIGTERM)
    assert eventually(child.poll) == ExitStatus(signal=15)
    assert adopted.poll() == ExitStatus()
    adopted.send_signal(signal.SIGTERM)


def test_an_identity_can_be_had_of_a_child_that_ended_at_once(start: Start) -> None:
    process = start("pass")
    assert process.identity.start_ticks > 0
    eventually(process.poll)
    assert identify(process.identity.pid, 1) is None
