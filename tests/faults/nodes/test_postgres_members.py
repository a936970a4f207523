"""A real PostgreSQL as a node: its backends lead sessions of their own, and outlive a killed postmaster."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support.harness.agent_harness import AgentHarness, is_alive, kill_now
from support.harness.postgres import INITDB, SETTINGS, UNPRIVILEGED_USER, binaries
from support.harness.processes import kill_and_wait, processes_below
from support.needs import skip_for
from support.waiting import eventually

from sutra_grid.core.types import Desired, NodeReport, NodeState, Reason

psycopg = pytest.importorskip("psycopg")

pytestmark = pytest.mark.e2e

NODE = "pg-1"
LONG_QUERY = "select count(*) from generate_series(1, 400000000)"
WAIT_SECONDS = 60.0  # PostgreSQL recovers, on a busy host


@pytest.fixture
def agent() -> Iterator[AgentHarness]:
    folder = binaries()
    if folder is None:
        skip_for("a PostgreSQL server: install Debian's package postgresql")
    if os.geteuid() != 0:
        skip_for("root, to run PostgreSQL as another user than the agent")
    # Not below pytest's directories, which only their owner may enter.
    home = Path(tempfile.mkdtemp(prefix="sutra-grid-pg-"))
    home.chmod(0o755)
    as_nobody = ["--reuid", UNPRIVILEGED_USER, "--regid", "nogroup", "--clear-groups"]
    settings = [word for setting in SETTINGS for word in ("-c", setting)]
    postgres = {
        "binary_path": shutil.which("setpriv"),
        "args": [*as_nobody, str(folder / "postgres"), "-D", "{storage_path}", "-p", "{port}", "-h", "127.0.0.1",
                 "-k", "{storage_path}", *settings],
        "health_probe": "tcp",
        "stop_signal": "SIGINT",
    }  # fmt: skip
    harness = AgentHarness(home, engines={"postgres": postgres}, restart={"stable_secs": 0.0})
    data = harness.data / NODE
    data.mkdir(parents=True)
    shutil.chown(data, UNPRIVILEGED_USER)
    initdb = ["setpriv", *as_nobody, str(folder / "initdb"), "-D", str(data), *INITDB]
    subprocess.run(initdb, check=True, capture_output=True, cwd="/")
    harness.start()
    yield harness
    if harness.daemon.is_running:
        harness.kill()
    kill_and_wait(processes_below(home))
    shutil.rmtree(home, ignore_errors=True)


def connect(report: NodeReport) -> psycopg.Connection:
    url = f"postgresql://postgres@127.0.0.1:{report.spec.port}/postgres"
    return psycopg.connect(url, autocommit=True, connect_timeout=5)


def answers(report: NodeReport) -> bool:
    with suppress(psycopg.OperationalError), connect(report) as connection:
        return connection.execute("select 1").fetchone() == (1,)
    return False


def busy_backend(report: NodeReport) -> int:
    """The pid of a backend that works on a query for minutes."""
    connection = connect(report)

    def work() -> None:
        with suppress(psycopg.Error):
            connection.execute(LONG_QUERY)

    threading.Thread(target=work, name="long-query", daemon=True).start()
    pid = connection.info.backend_pid

    def is_busy() -> bool:
        with connect(report) as other:
            row = other.execute("select state from pg_stat_activity where pid = %s", [pid]).fetchone()
        return row == ("active",)

    eventually(is_busy, WAIT_SECONDS)
    return pid


def test_postgresql_starts_again_although_a_busy_backend_outlived_its_postmaster(agent: AgentHarness) -> None:
    first = agent.run(NODE, "postgres")
    eventually(lambda: answers(first), WAIT_SECONDS)
    backend = busy_backend(first)

    kill_now(first.pid)

    again = agent.wait_for(
        NODE, lambda one: one.state is NodeState.RUNNING and one.pid != first.pid, timeout_seconds=WAIT_SECONDS
    )
    assert [one.signal for one in again.exits] == [9], "no start failed on the shared memory of the first one"
    assert not is_alive(backend)
    eventually(lambda: answers(again), WAIT_SECONDS)
    stopped = agent.want(NODE, Desired.STOPPED)
    assert (stopped.state, stopped.reason, stopped.exits[0].killed) == (NodeState.STOPPED, Reason.COMMANDED, "")
