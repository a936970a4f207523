"""The live API is what its OpenAPI document says, whatever is sent: schemathesis with all its checks finds nothing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from support.fakes.fake_agent import FakeAgent
from support.harness.daemons import clean_environ, script
from support.harness.grid import Grid, GridSpec

from sutra_grid.core.access.login import LoginMode
from sutra_grid.core.errors import NotFound
from sutra_grid.core.types import Reason
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.errors import handle_errors

pytestmark = pytest.mark.e2e

HERE = Path(__file__).parent
HOUR_MS = 3_600_000
SLOTS = 30
RUN_SECONDS = 1_500

EXAMPLES = pytest.mark.parametrize(
    "examples",
    [pytest.param(3, id="short", marks=pytest.mark.soak), pytest.param(200, id="long", marks=pytest.mark.soak)],
)


class ShortLogs(FakeAgent):
    """An agent whose logs end after one chunk, like those of a removed node, so that no follower waits for an hour."""

    @handle_errors
    def ReadNodeLog(self, request: pb.LogRequest, context: grpc.ServicerContext) -> pb.LogChunk:  # noqa: N802
        if request.cursor:
            raise NotFound("there is nothing after it", reason=Reason.NODE_REMOVED)
        return pb.LogChunk(data=b"one line\n", cursor="end")


@pytest.fixture(params=[LoginMode.OFF, LoginMode.REQUIRED], ids=["open", "closed"])
def login(request: pytest.FixtureRequest) -> LoginMode:
    return LoginMode(request.param)


@pytest.fixture
def grid(tmp_path: Path, login: LoginMode) -> Iterator[Grid]:
    spec = GridSpec(agents=0, admin_extra={"admin": {"login": login.value}})
    with Grid(tmp_path, spec) as grid, ShortLogs("agent-1", slots=SLOTS) as agent:
        agent.interval_ms = HOUR_MS
        assert agent.register(grid.stub).success
        grid.grpc.spawn("agent-1")
        yield grid


def headers(grid: Grid, login: LoginMode) -> list[str]:
    """What a run sends with each request, but those with which it tries to do without."""
    if login is not LoginMode.REQUIRED:
        return []
    made = grid.cli.run("token", "create", "--kind=api", "--role=admin", "--name=st", "--ttl=1h", "-o", "name")
    return [f"--header=Authorization: Bearer {made.stdout.strip()}"]


@pytest.mark.timeout(RUN_SECONDS + 60)
@EXAMPLES
def test_the_live_api_is_what_its_document_says(grid: Grid, tmp_path: Path, login: LoginMode, examples: int) -> None:
    command = [
        script("schemathesis"),
        f"--config-file={HERE / 'schemathesis.toml'}",
        "run",
        f"http://{grid.admin_address}/openapi.json",
        "--checks=all",
        *headers(grid, login),
        "--phases=coverage,fuzzing,stateful",
        f"--max-examples={examples}",
        "--generation-deterministic",
        "--request-timeout=15",
        "--no-color",
    ]
    environ = {
        **clean_environ(),
        "SCHEMATHESIS_HOOKS": "support.documents.schemathesis_hooks",
        "PYTHONPATH": str(HERE.parents[1]),
    }
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-20_000:]}{done.stderr[-2_000:]}"
    assert "Traceback" not in grid.admin.log_text()
    assert "Traceback" not in grid.master.log_text()
