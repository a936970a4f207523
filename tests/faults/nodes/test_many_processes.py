"""Nodes of several processes: what they use together is shown, and limited. A real PostgreSQL, and odd programs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.harness.agent_harness import AgentHarness
from support.harness.memory_groups import remove_groups_below
from support.harness.postgres import INITDB, UNPRIVILEGED_USER, binaries
from support.harness.processes import kill_and_wait, processes_below
from support.needs import skip_for

from sutra_grid.core.types import Desired, NodeReport, NodeState, Reason

pytestmark = pytest.mark.e2e

MIB = 1 << 20
LIMIT_MB = 64
TABLE_MB = 60
READERS = 4
# Its child leaves the session and the group, and loses its parent. Told to, it holds more than the limit.
LEAVER = f"""#!{sys.executable} -SE
import os, sys, time
grow = os.path.join(sys.argv[1], "grow")
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    held = b""
    while True:
        if not held and os.path.exists(grow):
            held = b"x" * ({LIMIT_MB} * 1024 * 1024 * 13 // 10)
        time.sleep(0.03)
os.wait()
while True:
    time.sleep(60)
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory that another user may enter."""
    root = Path(tempfile.mkdtemp(prefix="sutra-grid-many-"))
    root.chmod(0o755)
    yield root
    kill_and_wait(processes_below(root))
    remove_groups_below(root)
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def postgres(home: Path) -> Iterator[AgentHarness]:
    folder = binaries()
    setpriv = shutil.which("setpriv")
    if folder is None or setpriv is None:
        skip_for("PostgreSQL and setpriv (Debian packages postgresql, util-linux)")
    unprivileged = [setpriv, f"--reuid={UNPRIVILEGED_USER}", "--regid=nogroup", "--clear-groups"]
    unprivileged = unprivileged if os.geteuid() == 0 else []
    data = home / "data" / "pg-1" / "cluster"
    data.mkdir(parents=True)
    if unprivileged:
        shutil.chown(data, UNPRIVILEGED_USER)
    subprocess.run(
        [*unprivileged, str(folder / "initdb"), "-D", str(data), *INITDB], check=True, stdout=subprocess.DEVNULL
    )
    settings = ("shared_buffers=256MB", "fsync=off", "autovacuum=off", "unix_socket_directories=", "jit=off")
    server = [str(folder / "postgres"), "-D", "{storage_path}/cluster", "-h", "127.0.0.1", "-p", "{port}"]
    command = [*unprivileged, *server, *(word for setting in settings for word in ("-c", setting))]
    engine: dict[str, Any] = {
        "binary_path": command[0],
        "args": command[1:],
        "health_probe": "tcp",
        "stop_signal": "SIGINT",  # its fast shutdown
    }
    agent = AgentHarness(home, engines={"postgres": engine}).start()
    try:
        yield agent
        agent.want("pg-1", Desired.ABSENT)
    finally:
        agent.kill()


def test_memory_of_a_postgresql_with_busy_backends_is_shown_as_it_is(postgres: AgentHarness) -> None:
    psycopg = pytest.importorskip("psycopg")
    node = postgres.run("pg-1", "postgres", memory_limit_mb=1024)
    assert node.state is NodeState.RUNNING, node.message
    url = f"host=127.0.0.1 port={node.spec.port} user=postgres dbname=postgres"
    with ExitStack() as stack:
        readers = [stack.enter_context(psycopg.connect(url, autocommit=True)) for _ in range(READERS)]
        readers[0].execute("create table t as select repeat(md5(i::text), 30) v from generate_series(1, 60000) i")
        for reader in readers:
            reader.execute("set max_parallel_workers_per_gather = 0")
            reader.execute("select count(*) from t")
            reader.execute("select sum(length(v)) from t")
        leader = psutil.Process(node.pid)
        family = [leader, *leader.children(recursive=True)]
        plain_sum = sum(process.memory_info().rss for process in family)
        assert leader.memory_info().rss < TABLE_MB * MIB < plain_sum / 3, "shared by all backends"

        def as_it_is(report: NodeReport) -> bool:
            sample = report.sample
            return sample is not None and sample.processes == len(family) and sample.rss_bytes > TABLE_MB * MIB

        sample = postgres.wait_for("pg-1", as_it_is).sample
        assert sample is not None
        assert sample.rss_bytes < plain_sum / 2, "what the backends share counts once"
        assert sample.open_files > leader.num_fds()
    stopped = postgres.want("pg-1", Desired.STOPPED)
    assert (stopped.state, stopped.reason) == (NodeState.STOPPED, Reason.COMMANDED)


@pytest.mark.parametrize("memory", ["sampled", "auto"])
def test_the_limit_counts_a_descendant_that_left_session_and_parent(home: Path, memory: str) -> None:
    program = home / "leaver"
    program.write_text(LEAVER)
    program.chmod(0o755)
    engine = {"binary_path": str(program), "args": ["{storage_path}"], "health_probe": "none"}
    agent = AgentHarness(home, engines={"leaver": engine}, limits={"memory": memory}).start()
    try:
        node = agent.run("node-1", "leaver", memory_limit_mb=LIMIT_MB)
        path = Path(node.spec.storage_path)
        agent.wait_for("node-1", lambda one: one.sample is not None and one.sample.processes == 2)
        (path / "grow").touch()
        ended = agent.wait_for("node-1", lambda one: bool(one.exits))
        (path / "grow").unlink()
        assert ended.exits[0].reason is Reason.MEMORY_LIMIT
    finally:
        agent.kill()
