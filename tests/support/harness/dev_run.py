"""``sutra-grid-cli dev`` as a process of a test."""

import json
import signal
import subprocess
import sys
from pathlib import Path

from support.harness import processes
from support.harness.ports import PortBlock
from support.waiting import eventually
from sutra_grid.cli.dev.layout import AgentPlan, GridPlan, Layout

UP_SECONDS = 90.0
STOP_SECONDS = 30.0
FIRST_PORTS = 3  # of master, admin and tokens
PORTS_PER_AGENT = 12


class DevRun:
    """``sutra-grid-cli dev`` in a directory of its own, on ports that no other test uses."""

    def __init__(self, directory: Path, agents: int = 1, nodes: int = 2, name: str = "grid") -> None:
        self.directory = directory / name
        self.output = directory / "output"
        self.ports = PortBlock(FIRST_PORTS + agents * PORTS_PER_AGENT)
        self.process: subprocess.Popen[bytes] | None = None
        self._remember_ports(agents, nodes)

    def _remember_ports(self, agents: int, nodes: int) -> None:
        layout = Layout(self.directory)
        layout.make()
        first = [FIRST_PORTS + number * PORTS_PER_AGENT for number in range(agents)]
        plans = (
            AgentPlan(f"agent-{number + 1}", self.ports[at], self.ports[at + 1], self.ports[at + PORTS_PER_AGENT - 1])
            for number, at in enumerate(first)
        )
        layout.save_plan(GridPlan(self.ports[0], self.ports[1], nodes, tuple(plans), token_port=self.ports[2]))

    @property
    def master(self) -> str:
        return f"127.0.0.1:{self.ports[0]}"

    def start(self, *more: str) -> None:
        """Start it in the directory above its own."""
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                self.command(*more),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.directory.parent,
            )

    def command(self, *more: str) -> list[str]:
        return [sys.executable, "-m", "sutra_grid.cli.main", "dev", "--data-dir", str(self.directory), *more]

    def await_up(self) -> str:
        def up() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.text()
            return "The grid runs." in self.text()

        eventually(up, UP_SECONDS, "the grid runs")
        return self.text()

    def text(self) -> str:
        return self.output.read_text()

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)

    def nodes(self) -> dict[str, int]:
        """Pids by node as the command line shows them."""
        command = [sys.executable, "-m", "sutra_grid.cli.main", "--master", self.master, "nodes", "list", "-o", "json"]
        answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
        return {
            node["node_id"]: node["pid"] for node in json.loads(answer.stdout)["nodes"] if node["status"] == "running"
        }

    def left(self) -> list[int]:
        return [pid for pid in processes.processes_below(self.directory) if processes.is_alive(pid)]

    def daemons(self) -> dict[str, int]:
        """Pids of the daemons that run, by name."""
        return {name: pid for pid in self.left() if (name := daemon_name(pid))}

    def clean(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        processes.kill_and_wait(self.left())
        self.ports.close()


def daemon_name(pid: int) -> str:
    """The name that dev gave to a daemon; empty for nodes."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    names = [v.partition(b"=")[2].decode() for v in variables if v.startswith(b"SUTRA_GRID_DEV_NAME=")]
    return names[0] if names else ""
