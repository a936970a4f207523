"""What people and tools do to the logs of running nodes, and what a full disk does: told, bounded, nothing doubled."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from support.faults.tmpfs import fill, small_disk
from support.harness.agent_harness import AgentHarness, is_alive, refusal_of
from support.harness.grid import Grid, GridSpec
from support.harness.processes import kill_and_wait, processes_below
from support.needs import skip_for
from support.programs.scribe import scribe_engine, wait_pipe, write_lines
from support.texts import mentions
from support.waiting import eventually

from sutra_grid.core.types import Desired, LogProblem, Reason
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.errors import from_rpc_error

pytestmark = pytest.mark.e2e

MIB = 1 << 20
NODE = "node-1"


@pytest.fixture
def scribe(tmp_path: Path) -> Iterator[AgentHarness]:
    """An agent whose node writes what a test tells it to. Its log is rotated at a MiB, and three parts are kept."""
    home = tmp_path / "home"
    home.mkdir()
    agent = AgentHarness(home, node_logs={"max_size_mb": 1}, engines={"scribe": scribe_engine(home)}).start()
    try:
        agent.run(NODE, engine="scribe")
        eventually(lambda: wait_pipe(agent.data / NODE), message="the node reads")
        yield agent
    finally:
        agent.kill()
        kill_and_wait(processes_below(home))


def live(agent: AgentHarness) -> Path:
    return agent.state / "logs" / f"{NODE}.log"


def say(agent: AgentHarness, *lines: str) -> None:
    write_lines(agent.data / NODE, lines)


def read(agent: AgentHarness, **request: object) -> pb.LogChunk:
    try:
        chunk: pb.LogChunk = agent.stub.ReadNodeLog(pb.LogRequest(node_id=NODE, **request), timeout=10)  # type: ignore[arg-type]
    except grpc.RpcError as error:
        raise from_rpc_error(error, agent.address) from error
    return chunk


def read_all(agent: AgentHarness, cursor: str = "0") -> tuple[list[str], str]:
    """All lines from the cursor on, and the cursor after them."""
    data, more = b"", True
    while more:
        chunk = read(agent, cursor=cursor, max_bytes=MIB)
        data, cursor, more = data + chunk.data, chunk.cursor, chunk.more
    return data.decode().splitlines(), cursor


def wait_line(agent: AgentHarness, line: str) -> None:
    eventually(lambda: read(agent, tail_lines=1).data.decode().splitlines() == [line], message=f"the line {line!r}")


def problem(agent: AgentHarness) -> LogProblem | None:
    return agent.reports()[NODE].log_problem


def wait_problem(agent: AgentHarness, reason: Reason) -> LogProblem:
    found = agent.wait_for(NODE, lambda one: one.log_problem is not None and one.log_problem.reason is reason, 5.0)
    assert found.log_problem is not None
    return found.log_problem


Move = Callable[[Path, Path], None]


def rename(log: Path, elsewhere: Path) -> None:
    log.rename(log.with_name(f"{log.name}.1"))


def rename_and_create(log: Path, elsewhere: Path) -> None:
    rename(log, elsewhere)
    log.touch()


def move_away(log: Path, elsewhere: Path) -> None:
    log.rename(elsewhere / "old-log")


def delete(log: Path, elsewhere: Path) -> None:
    log.unlink()


@pytest.mark.parametrize("move", [rename, rename_and_create, move_away, delete])
@pytest.mark.parametrize("restarted", [False, pytest.param(True, marks=pytest.mark.soak)], ids=["", "agent-restarted"])
def test_a_log_that_was_moved_is_told_read_and_bounded_until_a_restart_opens_it_again(
    scribe: AgentHarness, move: Move, restarted: bool, tmp_path: Path
) -> None:
    pid = scribe.reports()[NODE].pid
    say(scribe, "before")
    wait_line(scribe, "before")
    cursor = read(scribe, tail_lines=1).cursor
    move(live(scribe), tmp_path)
    if restarted:
        scribe.kill()
        scribe.start()
    say(scribe, "after")

    told = wait_problem(scribe, Reason.LOG_MOVED)
    assert mentions(told.message, str(live(scribe)))
    eventually(lambda: read_all(scribe, cursor)[0] == ["after"], message="the lines at the new place")
    assert mentions(read(scribe, tail_lines=1).note, "no longer"), "a reader is told too"

    block = "x" * 999
    for number in range(6):
        say(scribe, *(f"{number}-{line} {block}" for line in range(1000)))
        wait_line(scribe, f"{number}-999 {block}")
    written = Path(f"/proc/{pid}/fd/1")
    eventually(lambda: written.stat().st_size < MIB, message="the file kept small where it is")

    cursor = read(scribe, tail_lines=1).cursor
    say(scribe, "the last of this process")
    again = scribe.want(NODE, Desired.RUNNING, restart=True)
    eventually(lambda: problem(scribe) is None, message="the log at its path again")
    eventually(lambda: wait_pipe(scribe.data / NODE), message="the node reads")
    assert again.pid != pid
    say(scribe, "anew")
    wait_line(scribe, "anew")
    assert mentions(live(scribe).read_text(), "anew")
    lines, _ = read_all(scribe, cursor)
    assert lines[-1] == "anew"
    assert lines in (["anew"], ["the last of this process", "anew"]), "and none twice"


def test_a_log_that_was_moved_while_the_node_was_stopped_is_not_an_empty_one(scribe: AgentHarness) -> None:
    say(scribe, "before")
    wait_line(scribe, "before")
    scribe.want(NODE, Desired.STOPPED)
    scribe.kill()
    live(scribe).unlink()
    scribe.start()
    refused = refusal_of(lambda: read(scribe))  # type: ignore[arg-type,return-value]
    assert refused.reason is Reason.LOG_MOVED


def test_output_that_goes_elsewhere_is_not_an_empty_log(tmp_path: Path) -> None:
    home, output = tmp_path / "home", tmp_path / "output"
    home.mkdir()
    wrapper = home / "wrapper"
    wrapper.write_text(f"#!/bin/sh\nexec >{output} 2>&1\necho hello\nexec sleep 1000\n")
    wrapper.chmod(0o755)
    engine = {"binary_path": str(wrapper), "args": [], "health_probe": "none"}
    agent = AgentHarness(home, engines={"wrapper": engine}).start()
    try:
        agent.run(NODE, engine="wrapper")
        eventually(lambda: output.exists() and output.read_text() == "hello\n", message="its output")
        refused = refusal_of(lambda: read(agent))  # type: ignore[arg-type,return-value]
        assert (refused.reason, str(output) in refused.message) == (Reason.LOG_MOVED, True), refused
        assert problem(agent) is None, "the program decides that by itself"
        assert output.read_text() == "hello\n", "a file that is not the node's log is never touched"
    finally:
        agent.kill()
        kill_and_wait(processes_below(home))


@pytest.mark.parametrize("mode", ["copytruncate", "create", "nocreate compress"])
def test_a_real_logrotate_loses_nothing_of_what_its_reader_is_not_told(
    scribe: AgentHarness, mode: str, tmp_path: Path
) -> None:
    if shutil.which("logrotate") is None:
        skip_for("the Debian package logrotate")
    config, state = tmp_path / "rotate.conf", tmp_path / "rotate.state"
    words = ["rotate 3", "size 1", "missingok", *mode.split()]
    config.write_text(f"{live(scribe)} {{\n" + "\n".join(words) + "\n}\n")
    config.chmod(0o644)
    got: list[str] = []
    cursor, said = "0", []
    for round_ in range(3):
        lines = [f"line {round_}-{number}" for number in range(50)]
        say(scribe, *lines)
        said += lines
        wait_line(scribe, lines[-1])
        new, cursor = read_all(scribe, cursor)
        got += new
        command = ["logrotate", "--force", "--state", str(state), str(config)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        if mode != "copytruncate":
            wait_problem(scribe, Reason.LOG_MOVED)
    say(scribe, "end")
    eventually(lambda: read(scribe, cursor=cursor).data == b"end\n", message="the last line")
    assert got == said, "each line once, also those that logrotate has a copy of"
    assert is_alive(scribe.reports()[NODE].pid)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[AgentHarness]:
    """As ``scribe``, with a state directory of 5 MiB."""
    home, state = tmp_path / "home", tmp_path / "home" / "state"
    home.mkdir()
    with small_disk(state, size_mb=5):
        agent = AgentHarness(
            home,
            agent={"state_path": str(state)},
            node_logs={"max_size_mb": 1},
            engines={"scribe": scribe_engine(home)},
        )
        agent.state = state
        agent.start()
        try:
            agent.run(NODE, engine="scribe")
            eventually(lambda: wait_pipe(agent.data / NODE), message="the node reads")
            yield agent
        finally:
            agent.kill()
            kill_and_wait(processes_below(home))


@pytest.mark.soak
def test_logs_rotate_on_a_disk_that_has_no_place_for_one_part_more(small: AgentHarness) -> None:
    for number in range(8):
        say(small, *(f"{number}-{line:04d} {'x' * 991}" for line in range(1060)))
        wait_line(small, f"{number}-1059 {'x' * 991}")
        eventually(lambda: live(small).stat().st_size < MIB, message=f"rotation {number}")
        assert problem(small) is None
    lines, _ = read_all(small)
    assert len(lines) == len(set(lines)) >= 3 * 1060
    assert lines == sorted(lines)


def test_a_log_on_a_full_disk_is_told_leaves_no_half_part_and_rotates_when_there_is_room(small: AgentHarness) -> None:
    say(small, *(f"0-{line:04d} {'x' * 991}" for line in range(900)))
    wait_line(small, f"0-0899 {'x' * 991}")
    filler = small.state / "most"
    filler.write_bytes(bytes(os.statvfs(small.state).f_bavail * os.statvfs(small.state).f_frsize - 300 * 1024))
    say(small, *(f"1-{line:04d} {'x' * 991}" for line in range(200)))

    told = wait_problem(small, Reason.LOG_NOT_ROTATED)
    assert mentions(told.message, "No space left on device")
    fill(small.state).rename(small.state / "rest")
    names = sorted(path.name for path in live(small).parent.iterdir() if "origin" not in path.name)
    assert names == [live(small).name], "no half part"

    filler.unlink()
    (small.state / "rest").unlink()
    eventually(lambda: problem(small) is None, message="rotated")
    say(small, "2 end")
    wait_line(small, "2 end")
    lines, _ = read_all(small)
    assert lines == sorted(set(lines))
    assert len(lines) == 1101


@pytest.mark.soak
def test_operators_see_a_log_that_was_moved_in_every_interface(tmp_path: Path) -> None:
    with Grid(tmp_path, GridSpec(extra={"engines": {"scribe": scribe_engine(tmp_path)}})) as grid:
        node = grid.grpc.spawn("agent-1", engine="scribe")
        storage = grid.data_path("agent-1") / node.node_id
        eventually(lambda: wait_pipe(storage), message="the node reads")
        log = grid.state_path("agent-1") / "logs" / f"{node.node_id}.log"
        log.unlink()
        write_lines(storage, ["after"])

        eventually(lambda: grid.events(kind="node.log_problem"), message="the event")
        shown = grid.cli.run("nodes", "logs", node.node_id)
        assert (shown.stdout, mentions(shown.stderr, "deleted")) == ("after\n", True), shown
        for words in ("nodes explain NODE", "nodes show NODE", "agents show agent-1"):
            command = words.replace("NODE", node.node_id).split()
            assert mentions(grid.cli.run("-o", "table", *command).stdout, "log_moved"), words
        chunk = grid.http.get(f"/nodes/{node.node_id}/logs").json
        assert (chunk["data"], mentions(chunk["note"], "deleted")) == ("after\n", True)
        assert mentions(grid.http.get(f"/ui/nodes/{node.node_id}").body.decode(), "Log problem")

        grid.cli.run("nodes", "restart", node.node_id)
        eventually(lambda: grid.events(kind="node.log_recovered"), message="the event that it is well again")
        grid.grpc.remove(node.node_id)


def test_long_lines_of_long_characters_are_whole_and_complete_in_every_interface(tmp_path: Path) -> None:
    with Grid(tmp_path, GridSpec(extra={"engines": {"scribe": scribe_engine(tmp_path)}})) as grid:
        node = grid.grpc.spawn("agent-1", engine="scribe")
        storage = grid.data_path("agent-1") / node.node_id
        eventually(lambda: wait_pipe(storage), message="the node reads")
        lines = [f"{number} " + "語" * 5000 for number in range(100)]
        write_lines(storage, ["older", *lines])
        url = f"/nodes/{node.node_id}/logs"
        eventually(lambda: grid.http.get(f"{url}?tail=1").json["data"].startswith("99 "), message="all lines")

        assert grid.cli.run("nodes", "logs", node.node_id, "--tail", "100").stdout.splitlines() == lines
        tail = grid.http.get(f"{url}?tail=100").json
        shown = tail["data"].splitlines()
        assert shown == lines[-len(shown) :]
        assert tail["omitted_lines"] == 100 - len(shown) > 0
        read, cursor, more = "", tail["omitted_cursor"], True
        while more:
            page = grid.http.get(f"{url}?cursor={cursor}").json
            read, cursor, more = read + page["data"], page["cursor"], page["more"]
        assert read.splitlines() == lines, "pages put together, without a replacement character"
        text = grid.http.call("GET", f"{url}?tail=100", Accept="text/plain")
        assert text.body.decode().splitlines() == shown
        page_text = grid.http.get(f"/ui/nodes/{node.node_id}").body.decode()
        assert mentions(page_text, "lines do not fit on this page")
        grid.grpc.remove(node.node_id)
