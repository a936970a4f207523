"""What is different on a terminal: colours, the spinner, and the question before a removal."""

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator

import pytest
from support.fakes.fake_master import FakeMaster
from support.texts import has_line
from support.values.cli_records import MASTER_IS_AWAY, agent, cluster, node
from support.waiting import eventually

from sutra_grid.wire import grid_pb2 as pb

CTRL_C = "\x03"
GREEN_RUNNING = "\x1b[32mrunning"


class OnTerminal:
    """A command line whose three streams are one pseudo-terminal of 80 columns and 24 rows."""

    def __init__(self, arguments: tuple[str, ...], environ: dict[str, str]) -> None:
        self._leader, follower = pty.openpty()
        termios.tcsetwinsize(follower, (24, 80))
        command = [sys.executable, "-m", "sutra_grid.cli.main", *arguments]
        self.process = subprocess.Popen(
            command, stdin=follower, stdout=follower, stderr=follower, env=environ, start_new_session=True
        )
        os.close(follower)
        self._text = ""

    def text(self) -> str:
        """Everything that was written so far."""
        while select.select([self._leader], [], [], 0)[0]:
            try:
                self._text += os.read(self._leader, 65536).decode()
            except OSError:  # the other side is closed
                break
        return self._text

    def plain_text(self) -> str:
        """The same without the codes that move the cursor and colour the text."""
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.text())

    def type(self, text: str) -> None:
        """Type at the keyboard; it is no controlling terminal, so Ctrl-C goes as the signal that it makes."""
        if text != CTRL_C:
            os.write(self._leader, text.encode())
            return
        # As a person does, again when nothing happens: a signal in the instant before the terminal is read
        # is seen by Python only with the next one.
        for _ in range(5):
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(3)
                return

    def end(self) -> int:
        eventually(lambda: self.text() is not None and self.process.poll() is not None, 20, "it ends")
        self.text()
        return int(self.process.returncode)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._leader)


Start = Callable[..., OnTerminal]


@pytest.fixture
def on_terminal(master: FakeMaster) -> Iterator[Start]:
    started: list[OnTerminal] = []

    def start(*arguments: str, **variables: str) -> OnTerminal:
        dropped = ("NO_COLOR", "COLUMNS", "LINES")
        inherited = {name: value for name, value in os.environ.items() if name not in dropped}
        environ = {**inherited, "TERM": "xterm-256color", "SUTRA_GRID_MASTER": master.address, **variables}
        started.append(OnTerminal(arguments, environ))
        return started[-1]

    yield start
    for terminal in started:
        terminal.close()


def test_statuses_are_coloured(master: FakeMaster, on_terminal: Start) -> None:
    master.answers["ListStorageNodes"] = pb.NodeList(nodes=[node()])
    terminal = on_terminal("nodes", "list")
    assert terminal.end() == 0
    assert GREEN_RUNNING in terminal.text()


@pytest.mark.parametrize(
    ("arguments", "variables"), [(("--no-color",), {}), ((), {"NO_COLOR": "1"}), ((), {"TERM": "dumb"})]
)
def test_colours_can_be_refused(
    master: FakeMaster, on_terminal: Start, arguments: tuple[str, ...], variables: dict[str, str]
) -> None:
    master.answers["ListStorageNodes"] = pb.NodeList(nodes=[node()])
    terminal = on_terminal("nodes", "list", *arguments, **variables)
    assert terminal.end() == 0
    assert "running" in terminal.text()
    assert "\x1b[3" not in terminal.text()


def test_a_spinner_turns_while_a_change_is_under_way(master: FakeMaster, on_terminal: Start) -> None:
    master.answers["ListStorageNodes"] = pb.NodeList(nodes=[node()])
    master.answers["RestartStorageNode"] = pb.NodeResult(success=True, node=node(status="starting"))
    master.answers["GetStorageNodeStatus"] = [node(status="starting"), node(status="starting"), node()]
    terminal = on_terminal("nodes", "restart", "node-00000001")
    assert terminal.end() == 0
    assert re.search("[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏][^\n]*node-00000001", terminal.text()), "it says for which node"
    assert has_line(terminal.plain_text(), "node-00000001", "running", "agent-1")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_the_characters_gets_others_and_no_traceback(
    master: FakeMaster, on_terminal: Start, encoding: str
) -> None:
    far = node(status="starting", log_tail=["\u65e5\u672c \u2026"])
    master.answers["StartStorageNode"] = pb.NodeResult(success=True, node=far)
    master.answers["GetStorageNodeStatus"] = [far, far, node(log_tail=["\u65e5\u672c \u2026"])]
    master.answers["GetAgent"] = agent(hostname="\u65e5")
    master.answers["ListEvents"] = pb.EventList(events=[pb.Event(kind="node.exited", at_ms=1, message="\u2026 " * 40)])
    for arguments in (("nodes", "start", "node-00000001"), ("nodes", "explain", "node-00000001"), ("events",)):
        terminal = on_terminal(*arguments, PYTHONIOENCODING=encoding)
        assert terminal.end() == 0, terminal.text()
        assert "Traceback" not in terminal.text()
        assert terminal.text().isascii()


def test_each_restarted_node_is_a_line_of_its_own_beside_the_spinner(master: FakeMaster, on_terminal: Start) -> None:
    nodes = [node("node-a"), node("node-b")]
    master.answers["ListStorageNodes"] = pb.NodeList(nodes=nodes)
    master.answers["RestartStorageNode"] = [pb.NodeResult(success=True, node=each) for each in nodes]
    terminal = on_terminal("nodes", "restart", "--all")
    assert terminal.end() == 0
    assert re.search(r"(?m)^\W*node-a running .*\(1 of 2\)\s*$", terminal.plain_text())
    assert re.search(r"(?m)^\W*node-b running .*\(2 of 2\)\s*$", terminal.plain_text())


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1), (CTRL_C, 130)])
def test_removing_asks_first(master: FakeMaster, on_terminal: Start, answer: str, code: int) -> None:
    master.answers["ListStorageNodes"] = pb.NodeList(nodes=[node()])
    master.answers["RemoveStorageNode"] = pb.NodeResult(success=True, node=node())
    terminal = on_terminal("nodes", "remove", "node-0000")
    eventually(lambda: "[y/N]" in terminal.text())
    assert "remove node-00000001?" in terminal.text(), "it names the whole id"
    terminal.type(answer)
    assert terminal.end() == code
    assert len(master.calls["RemoveStorageNode"]) == (1 if code == 0 else 0)


def test_a_watched_picture_is_redrawn_and_says_when_the_master_is_gone(master: FakeMaster, on_terminal: Start) -> None:
    master.answers["GetClusterStatus"] = [cluster(), cluster(status="degraded")]
    terminal = on_terminal("status", "--watch", "--interval", "0.1")
    eventually(lambda: "degraded" in terminal.text())
    master.stop()
    eventually(lambda: MASTER_IS_AWAY in terminal.text())
    terminal.type(CTRL_C)
    assert terminal.end() == 130
    assert "Traceback" not in terminal.text()


def test_explain_fits_the_screen_and_keeps_the_last_log_line_whole(master: FakeMaster, on_terminal: Start) -> None:
    lines = [f"{number} " + "at some long path " * 12 + "cause" for number in range(6)]
    exits = [pb.NodeExit(code=1, uptime_ms=213, at_ms=1, reason="crashed")] * 5
    master.answers["GetStorageNodeStatus"] = node(
        status="starting", pid=0, reason="back_off", backoff_ms=2000, exits=exits, log_tail=lines
    )
    master.answers["GetAgent"] = agent()
    master.answers["ListEvents"] = pb.EventList(events=[pb.Event(kind="node.exited", at_ms=1)] * 3)
    terminal = on_terminal("nodes", "explain", "node-00000001")
    assert terminal.end() == 0
    text = terminal.text()
    assert sum(1 + len(line) // 80 for line in text.splitlines()) <= 24
    assert lines[-1] in text
    assert "after 213ms" in text
