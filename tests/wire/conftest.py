"""A real server on loopback and a client of it."""

from collections.abc import Iterator

import grpc
import pytest
from support.fakes.scripted_agent import ScriptedAgent, start

from sutra_grid.wire.channels import open_channel
from sutra_grid.wire.grid_pb2_grpc import GridAgentStub
from sutra_grid.wire.server import RunningServer


@pytest.fixture
def agent() -> ScriptedAgent:
    return ScriptedAgent()


@pytest.fixture
def server(agent: ScriptedAgent) -> Iterator[RunningServer]:
    with start(agent) as running:
        yield running


@pytest.fixture
def channel(server: RunningServer) -> Iterator[grpc.Channel]:
    with open_channel(server.address) as opened:
        yield opened


@pytest.fixture
def stub(channel: grpc.Channel) -> GridAgentStub:
    return GridAgentStub(channel)
