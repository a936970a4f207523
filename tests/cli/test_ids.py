"""The beginning of an id is enough where it names one node or agent. A whole id always wins."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from support.fakes.fake_master import FakeMaster, fake_master
from support.texts import mentions
from support.values.cli_records import Ran, agent, node

from sutra_grid.cli.commands.ids import matching_agents, matching_nodes
from sutra_grid.core.errors import NotFound
from sutra_grid.core.types import Reason
from sutra_grid.wire import grid_pb2 as pb

Cli = Callable[..., Ran]
NODES = ("node-7ea8087a", "node-7eff0000", "node-91730a1b")
AGENTS = ("agent-1", "agent-12", "web", "web-eu")


@pytest.fixture(autouse=True)
def grid(master: FakeMaster) -> None:
    """A master that knows NODES and AGENTS."""

    def known(request: Any) -> pb.NodeStatus:
        if request.node_id not in NODES:
            raise NotFound(f"node {request.node_id!r} does not exist", reason=Reason.UNKNOWN_NODE)
        return node(request.node_id)

    def changed(request: Any) -> pb.NodeResult:
        try:
            return pb.NodeResult(success=True, node=known(request))
        except NotFound as error:
            detail = pb.ErrorDetail(code=error.code, reason=error.reason, message=error.message)
            return pb.NodeResult(success=False, error_message=error.message, error=detail)

    def known_agent(request: Any) -> pb.AgentRecord:
        if request.agent_id not in AGENTS:
            raise NotFound(f"agent {request.agent_id!r} does not exist", reason=Reason.UNKNOWN_AGENT)
        return agent(request.agent_id)

    master.answers["ListStorageNodes"] = pb.NodeList(nodes=[node(name) for name in NODES])
    master.answers["ListAgents"] = pb.AgentList(agents=[agent(name) for name in AGENTS])
    master.answers["GetStorageNodeStatus"] = guarded(known)
    master.answers["ReadNodeLog"] = guarded(lambda request: known(request) and pb.LogChunk(data=b"line\n"))
    master.answers["GetAgent"] = guarded(known_agent)
    master.answers["DrainAgent"] = guarded(known_agent)
    master.answers["RemoveAgent"] = guarded(lambda request: known_agent(request) and pb.Empty())
    for method in ("StartStorageNode", "RestartStorageNode", "RemoveStorageNode"):
        master.answers[method] = changed
    master.answers["StopStorageNode"] = lambda request: pb.StopResponse.FromString(changed(request).SerializeToString())
    master.answers["ListEvents"] = pb.EventList()


def guarded(answer: Callable[[Any], Any]) -> Any:
    """The answer, or the error as one that the fake raises."""

    def answer_or_error(request: Any) -> Any:
        try:
            return answer(request)
        except NotFound as error:
            return error

    return answer_or_error


@pytest.mark.parametrize("command", [("show",), ("logs",), ("start",), ("remove", "--yes"), ("rm", "--yes")])
def test_the_beginning_of_an_id_is_enough(cli: Cli, command: tuple[str, ...]) -> None:
    ran = cli("nodes", *command, "node-91")
    assert ran.code == 0, ran.err
    assert "node-91730a1b" in ran.out or ran.out == "line\n"


def test_a_stopped_node_is_told_with_its_whole_id(master: FakeMaster, cli: Cli) -> None:
    cli("nodes", "stop", "node-91", "--detach")
    assert [request.node_id for request in master.calls["StopStorageNode"]] == ["node-91", "node-91730a1b"]


def test_a_whole_id_costs_no_list(master: FakeMaster, cli: Cli) -> None:
    assert cli("nodes", "show", NODES[0]).code == 0
    assert not master.calls["ListStorageNodes"]


@pytest.mark.parametrize("command", ["show", "explain", "logs", "start", "stop", "restart"])
def test_an_ambiguous_beginning_lists_the_candidates_and_changes_nothing(
    master: FakeMaster, cli: Cli, command: str
) -> None:
    ran = cli("nodes", command, "node-7e")
    assert ran.code == 2
    assert mentions(ran.err, "'node-7e'", "2 nodes", "node-7ea8087a", "node-7eff0000")
    changes = [name for name in ("StartStorageNode", "StopStorageNode", "RestartStorageNode") if master.calls[name]]
    assert all(request.node_id == "node-7e" for name in changes for request in master.calls[name])


@pytest.mark.parametrize("given", ["node-", "node", "n", "node-0", "7ea8"])
def test_what_begins_no_id_is_not_found(cli: Cli, given: str) -> None:
    assert cli("nodes", "remove", "--yes", given).code == 3


def test_a_restart_completes_its_ids_and_resumes_with_whole_ones(master: FakeMaster, cli: Cli) -> None:
    ran = cli("nodes", "restart", "node-91", NODES[0])
    assert ran.code == 0, ran.err
    assert [request.node_id for request in master.calls["RestartStorageNode"]] == ["node-91730a1b", NODES[0]]


def test_events_of_the_beginning_of_an_id_are_found(master: FakeMaster, cli: Cli) -> None:
    events = pb.EventList(events=[pb.Event(kind="node.exited", at_ms=1, node_id=NODES[2])])
    master.answers["ListEvents"] = lambda request: events if request.node_id == NODES[2] else pb.EventList()
    assert mentions(cli("events", "--node", "node-91").out, "node.exited")
    assert cli("events", "--node", "node-00").code == 3
    assert cli("events", "--node", "node-7e").code == 2


def test_events_of_a_removed_agent_are_not_those_of_another_one(master: FakeMaster, cli: Cli) -> None:
    gone = pb.EventList(events=[pb.Event(kind="agent.removed", at_ms=1, agent_id="web-")])
    other = pb.EventList(events=[pb.Event(kind="node.exited", at_ms=1, agent_id="web-eu")])
    master.answers["ListEvents"] = lambda request: (
        other if request.agent_id == "web-eu" else pb.EventList() if request.kind else gone
    )
    assert cli("events", "--agent", "web-", "--kind", "node").out == "No event matches.\n"


def test_agents_are_found_by_the_beginning_of_their_ids_and_numbers_are_not_cut(cli: Cli) -> None:
    assert mentions(cli("agents", "show", "web-").out, "web-eu")
    assert cli("agents", "show", "web").out.splitlines()[0].split() == ["Agent", "web"]
    assert cli("agents", "show", "agent-").code == 2
    assert matching_agents("agent-1", ["agent-12", "agent-1a"]) == ["agent-1a"]
    assert matching_agents("", AGENTS) == []
    assert matching_nodes("", NODES) == []


def test_an_option_takes_the_beginning_of_an_agents_id_too(master: FakeMaster, cli: Cli) -> None:
    on_web_eu = pb.NodeList(nodes=[node(NODES[2], agent_id="web-eu")])
    master.answers["ListStorageNodes"] = lambda request: on_web_eu if request.agent_id == "web-eu" else pb.NodeList()
    assert mentions(cli("nodes", "list", "--agent", "web-").out, NODES[2])
    assert cli("nodes", "list", "--agent", "agent-").code == 2
    assert cli("nodes", "list", "--agent", "nobody").code == 3
    master.answers["RestartStorageNode"] = pb.NodeResult(success=True, node=node(NODES[2]))
    assert mentions(cli("nodes", "restart", "--agent", "web-").out, NODES[2])


def test_a_script_that_removes_agents_names_them_whole(master: FakeMaster, cli: Cli) -> None:
    assert cli("agents", "rm", "--yes", "web-").code == 3
    assert [request.agent_id for request in master.calls["RemoveAgent"]] == ["web-"]
    assert cli("agents", "rm", "--yes", "web-eu").code == 0


@pytest.mark.parametrize(("group", "alias", "name"), [("nodes", "ls", "list"), ("agents", "ls", "list")])
def test_an_alias_is_the_command_and_stands_in_the_help(cli: Cli, group: str, alias: str, name: str) -> None:
    assert cli(group, alias).out == cli(group, name).out
    assert mentions(cli(group, "--help").out, f"{name}, {alias}", "remove, rm")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("events --kind node.un", ["node.unhealthy", "node.unreachable"]),
        ("events --kind reg", ["registry", "registry.rebuilt", "registry.refilled"]),
        ("nodes list --engine r", ["redis", "rocks"]),
        ("nodes spawn --engine re", ["redis"]),
        ("nodes restart --engine ro", ["rocks"]),
        ("nodes spawn -o y", ["yaml"]),
        ("config check --role a", ["agent", "admin"]),
    ],
)
def test_every_option_with_a_set_of_values_is_completed(words: str, found: list[str]) -> None:
    environ = {"_SUTRA_GRID_CLI_COMPLETE": "bash_complete", "COMP_WORDS": f"sutra-grid-cli {words}"}
    with fake_master() as master:
        master.answers["ListAgents"] = pb.AgentList(agents=[agent(engines=["storage", "redis"])])
        master.answers["ListStorageNodes"] = pb.NodeList(nodes=[node(spec=pb.NodeSpec(engine="rocks"))])
        result = subprocess.run(
            [sys.executable, "-c", "from sutra_grid.cli.main import main; main()"], capture_output=True, text=True,
            env={**environ, "COMP_CWORD": str(len(words.split())), "SUTRA_GRID_MASTER": master.address}, check=False,
        )  # fmt: skip
    assert sorted(line.partition(",")[2] for line in result.stdout.split()) == sorted(found)
