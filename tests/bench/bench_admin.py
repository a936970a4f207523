"""What reads of a large grid cost: ``tox -e bench -- admin [--agents 10000 --nodes 30000 --rounds 15]``.

Fills a registry, starts the real admin on it, and measures over HTTP the first page of each list and
``/status``: the median and slowest time, and the median of the CPU time that the admin took for it, which others on
the machine change little; beside it, because a machine's speed says nothing and ratios do, as a multiple of that
of ``GET /livez``, which looks at nothing. With ``--registry-url`` on another, empty registry, such
as one on PostgreSQL. Then what a master of that size does: its start's load, and its write-behind. Asserts nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
from support.harness.ports import free_port
from support.values.grid_values import a_node, a_report, an_agent, an_event

from sutra_grid.core.types import Agent, AgentStatus, Health, Node, NodeState
from sutra_grid.master.state.cluster_state import ClusterState
from sutra_grid.registry import Observations, Registry
from sutra_grid.registry.rows.agents import columns as agent_columns
from sutra_grid.registry.rows.nodes import columns as node_columns
from sutra_grid.registry.rows.statements import AGENTS, NODES, chunks
from sutra_grid.runtime.clock import SystemClock

EVENTS = 50_000
WRITTEN_REPORTS = 3_000
READY_SECONDS = 30.0

PATHS = [
    "/status",
    *(
        f"/nodes?sort={sort}"
        for sort in ("id", "agent", "status", "-restarts", "started", "-memory", "-cpu", "created")
    ),
    *(f"/nodes?status={status}" for status in ("running", "failed", "unknown", "stopping")),
    "/nodes?status=running&sort=-memory",
    "/nodes?attention=true&sort=status",
    "/nodes?health=unhealthy",
    "/nodes?engine=none",
    "/nodes?q=abc",
    "/nodes?agent_id=agent-00007",
    *(f"/agents?sort={sort}" for sort in ("id", "status", "-used", "heartbeat")),
    *(f"/agents?{chosen}" for chosen in ("status=offline", "drained=true", "label=zone%3Deu-1", "q=0099")),
    *(f"/events?{chosen}" for chosen in ("limit=100", "kind=node", "reason=lost", "agent_id=agent-1")),
    "/agents/agent-00007",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=10_000)
    parser.add_argument("--nodes", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=15, help="requests of each path")
    parser.add_argument(
        "--registry-url", default="", help="of an empty registry; without it SQLite in a temporary directory"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        url = options.registry_url or f"sqlite:///{directory}/registry.db"
        fill(url, list(agents(options.agents)), list(nodes(options.nodes, options.agents)))
        with admin(url, Path(directory)) as (port, worker):
            measure_reads(port, worker, options.rounds)
        measure_master(url)


def agents(count: int) -> Iterator[Agent]:
    """Nearly all healthy, a few degraded, offline or drained."""
    for number in range(count):
        status = (
            AgentStatus.OFFLINE
            if number % 200 == 0
            else AgentStatus.DEGRADED
            if number % 133 == 0
            else AgentStatus.HEALTHY
        )
        yield an_agent(
            f"agent-{number:05}", status=status, drained=number % 50 == 0, last_heartbeat_ms=number * 7 % 5_000
        )


def nodes(count: int, agents: int) -> Iterator[Node]:
    """Nearly all running, with a spread of values to sort by."""
    choice = random.Random(1)
    for number in range(count):
        node = a_node(
            f"node-{choice.getrandbits(32):08x}{number:x}", f"agent-{number % agents:05}", created_at_ms=number
        )
        sample = replace(a_report(node).sample, rss_bytes=choice.getrandbits(32))  # type: ignore[type-var]
        state = NodeState.FAILED if number % 500 == 3 else NodeState.RUNNING
        health = Health.UNHEALTHY if number % 777 == 0 else Health.HEALTHY
        yield replace(node, report=a_report(node, state=state, health=health, restarts=number % 100, sample=sample))


def fill(url: str, agents: list[Agent], nodes: list[Node]) -> None:
    """Write all rows in one transaction."""
    begin = time.perf_counter()
    registry = Registry.open(url, migrate=True)
    with registry._database.writing() as connection:
        for some_agents in chunks(agents):
            connection.execute(AGENTS.insert(), [agent_columns(agent) for agent in some_agents])
        for some_nodes in chunks(nodes):
            connection.execute(NODES.insert(), [node_columns(node) for node in some_nodes])
    registry.write_observations(Observations(events=[an_event(at_ms=number) for number in range(EVENTS)]))
    registry.close()
    seconds = time.perf_counter() - begin
    print(f"{len(agents):,} agents, {len(nodes):,} nodes, {EVENTS:,} events written in {seconds:.1f} s\n")


@contextlib.contextmanager
def admin(url: str, directory: Path) -> Iterator[tuple[int, int]]:
    """The real admin, with one worker, so that every request meets the same caches; its port, and the worker's pid."""
    port = free_port()
    config = directory / "admin.toml"
    config.write_text(f'[admin]\nlisten = "127.0.0.1:{port}"\nregistry_url = "{url}"\nworkers = 1\nthreads = 4\n')
    command = [sys.executable, "-m", "sutra_grid.admin.daemon", "--config", str(config), "--log-level", "error"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        await_ready(port)
        [worker] = psutil.Process(process.pid).children()
        yield port, worker.pid
    finally:
        process.terminate()
        process.wait(timeout=30)


def await_ready(port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
                connection.request("GET", "/status")
                if connection.getresponse().status == 200:
                    return
        except OSError:
            if time.monotonic() >= deadline:
                raise


def measure_reads(port: int, worker: int, rounds: int) -> None:
    """Paths in turn, so that a slow moment of the machine meets all of them."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    times: dict[str, list[float]] = {path: [] for path in ("/livez", *PATHS)}
    cpu_times: dict[str, list[float]] = {path: [] for path in times}
    sizes: dict[str, int] = {}
    for _ in range(rounds):
        for path, found in times.items():
            begin, cpu_begin = time.perf_counter(), cpu_ms(worker)
            connection.request("GET", path)
            answer = connection.getresponse()
            sizes[path] = len(answer.read())
            found.append((time.perf_counter() - begin) * 1000)
            cpu_times[path].append(cpu_ms(worker) - cpu_begin)
            assert answer.status == 200, (path, answer.status)
    connection.close()
    base = statistics.median(cpu_times["/livez"])
    print(f"{'path':<40} {'median':>9} {'slowest':>9} {'CPU':>9} {'x /livez':>9} {'kB':>7}")
    for path, found in times.items():
        median, cpu = statistics.median(found), statistics.median(cpu_times[path])
        print(
            f"{path:<40} {median:>6.1f} ms {max(found):>6.1f} ms {cpu:>6.1f} ms {cpu / base:>9.1f}"
            f" {sizes[path] / 1000:>7.1f}"
        )


def cpu_ms(pid: int) -> float:
    """Milliseconds that the threads of a process have been on a CPU (proc(5), schedstat)."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e6


def measure_master(url: str) -> None:
    """What a master does with it: load it all at its start, and write reports behind."""
    registry = Registry.open(url, migrate=False)
    load = timed(lambda: ClusterState(SystemClock()).load(registry.contents()))
    print(f"\nmaster: agents and nodes loaded at the start in {load:.1f} s of CPU")
    reports = [node.report for node in registry.nodes()[:WRITTEN_REPORTS] if node.report is not None]
    batch = Observations(reports=reports)
    seconds = min(timed(lambda: registry.write_observations(batch)) for _ in range(3))
    each_us = seconds / len(reports) * 1e6
    print(f"master: {len(reports):,} reports written behind in {seconds * 1000:.0f} ms of CPU, {each_us:.0f} us each")
    registry.close()


def timed(call: Callable[[], object]) -> float:
    """Seconds of CPU, which others on the machine change little."""
    begin = time.process_time()
    call()
    return time.process_time() - begin


if __name__ == "__main__":
    main()
