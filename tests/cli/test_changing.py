"""Commands that change something, against a scripted master."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import Message
from support.fakes.fake_master import FakeMaster
from support.texts import commands_in, has_line, mentions
from support.values.cli_records import Ran, agent, node
from support.waiting import eventually

from sutra_grid.core.errors import NotFound, Unavailable
from sutra_grid.core.types import Reason
from sutra_grid.wire import grid_pb2 as pb

Cli = Callable[..., Ran]
Start = Callable[..., subprocess.Popen[str]]


REGISTRY_LOCKED = ("unavailable", "registry_unavailable", "registry r.db is locked", "See who holds it")


def refused(code: str, reason: str, message: str, hint: str = "") -> dict[str, Any]:
    detail = pb.ErrorDetail(code=code, reason=reason, message=message, hint=hint)
    return {"success": False, "error_message": message, "error": detail}


def test_a_spawned_node_is_told_in_one_line(master: FakeMaster, cli: Cli) -> None:
    master.answers["SpawnStorageNode"] = pb.SpawnResponse(success=True, node_id="node-00000001", node=node())
    ran = cli("nodes", "spawn", "--agent", "agent-1", "--engine", "redis", "--memory-limit-mb", "64")
    assert (ran.code, ran.err) == (0, "")
    (line,) = ran.out.splitlines()
    assert mentions(line, "node-00000001", "running", "agent-1", "127.0.0.1:50051", 4711)
    (request,) = master.calls["SpawnStorageNode"]
    assert (request.agent_id, request.engine, request.memory_limit_mb) == ("agent-1", "redis", 64)
    assert request.request_id


def test_a_count_spawns_so_many_each_with_a_request_id_of_its_own(master: FakeMaster, cli: Cli) -> None:
    nodes = [pb.SpawnResponse(success=True, node=node(f"node-{n}")) for n in range(3)]
    master.answers["SpawnStorageNode"] = list(nodes)
    assert sorted(cli("nodes", "spawn", "--count", "3", "-o", "name").out.split()) == ["node-0", "node-1", "node-2"]
    assert len({call.request_id for call in master.calls["SpawnStorageNode"]}) == 3


def test_a_count_with_one_port_is_refused(master: FakeMaster, cli: Cli) -> None:
    assert cli("nodes", "spawn", "--count", "2", "--port", "50051").code == 2
    assert not master.calls["SpawnStorageNode"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("failed_precondition", 1),
        ("invalid_argument", 2),
        ("not_found", 3),
        ("unavailable", 4),
        ("permission_denied", 5),
    ],
)
def test_a_refusal_ends_with_its_exit_code_and_says_why(master: FakeMaster, cli: Cli, code: str, expected: int) -> None:
    master.answers["SpawnStorageNode"] = pb.SpawnResponse(
        **refused(code, "port_taken", "port 50051 is taken", "free it")
    )
    ran = cli("nodes", "spawn")
    assert ran.code == expected
    assert ran.err == "error: port 50051 is taken\nhint: free it\n"
    assert ran.out == ""


def test_a_refusal_of_an_older_master_has_at_least_its_message(master: FakeMaster, cli: Cli) -> None:
    master.answers["StopStorageNode"] = pb.StopResponse(success=False, error_message="no")
    ran = cli("nodes", "stop", "node-1")
    assert (ran.code, ran.err) == (1, "error: no\n")


@pytest.mark.parametrize(
    ("command", "method"),
    [("start", "StartStorageNode"), ("restart", "RestartStorageNode"), ("remove", "RemoveStorageNode")],
)
def test_each_command_calls_its_method(master: FakeMaster, cli: Cli, command: str, method: str) -> None:
    master.answers[method] = pb.NodeResult(success=True, node=node())
    master.answers["ListStorageNodes"] = pb.NodeList(nodes=[node()])
    yes = ["--yes"] if command == "remove" else []
    ran = cli("nodes", command, "node-00000001", *yes)
    assert ran.code == 0
    assert mentions(ran.out, "node-00000001", "removed" if command == "remove" else "running")
    assert master.calls[method][0].node_id == "node-00000001"


def test_it_waits_until_the_node_has_settled(master: FakeMaster, cli: Cli) -> None:
    master.answers["StartStorageNode"] = pb.NodeResult(success=True, node=node(status="starting"))
    master.answers["GetStorageNodeStatus"] = [node(status="starting"), node(status="running")]
    ran = cli("nodes", "start", "node-00000001")
    assert ran.code == 0
    (line,) = ran.out.splitlines()
    assert mentions(line, "node-00000001", "running", 4711)
    assert mentions(ran.err, "node-00000001", "running"), "it says what it waits for"


def test_detached_it_returns_with_the_masters_answer(master: FakeMaster, cli: Cli) -> None:
    master.answers["StartStorageNode"] = pb.NodeResult(success=True, node=node(status="starting"))
    ran = cli("nodes", "start", "node-00000001", "--detach")
    assert ran.code == 0
    assert "starting" in ran.out
    assert not master.calls["GetStorageNodeStatus"]


STILL_ENDING = refused("deadline_exceeded", "stop_timeout", "node is not stopped yet: process 4711 has not ended yet")


@pytest.mark.parametrize("command", ["stop", "restart"])
def test_detached_it_returns_when_the_agent_has_the_order(master: FakeMaster, cli: Cli, command: str) -> None:
    master.answers["StopStorageNode"] = pb.StopResponse(**STILL_ENDING)
    master.answers["RestartStorageNode"] = pb.NodeResult(**STILL_ENDING)
    master.answers["GetStorageNodeStatus"] = node(status="stopping", generation=2, observed_generation=2)
    ran = cli("nodes", command, "node-00000001", "--detach")
    assert (ran.code, ran.err) == (0, "")
    assert mentions(ran.out, "node-00000001", "stopping", 4711)


def test_detached_it_claims_nothing_that_the_agent_has_not_confirmed(master: FakeMaster, cli: Cli) -> None:
    master.answers["StopStorageNode"] = pb.StopResponse(**STILL_ENDING)
    master.answers["GetStorageNodeStatus"] = node(status="running", generation=2, observed_generation=1)
    ran = cli("nodes", "stop", "node-00000001", "--detach")
    assert (ran.code, ran.out) == (4, "")


@pytest.mark.parametrize("command", ["spawn", "start", "stop", "restart"])
def test_the_help_of_detach_says_what_has_happened(cli: Cli, command: str) -> None:
    words = " ".join(cli("nodes", command, "--help").out.split()).partition("--detach")[2]
    assert words.startswith(" Return when ")
    assert ("agent has the order" in words) is (command in ("stop", "restart"))


def test_a_node_that_fails_while_waiting_ends_with_1_and_its_log(master: FakeMaster, cli: Cli) -> None:
    master.answers["StartStorageNode"] = pb.NodeResult(success=True, node=node(status="starting"))
    failed = node(status="failed", reason="crash_loop", message="6 crashes", log_tail=["no space left"])
    master.answers["GetStorageNodeStatus"] = failed
    ran = cli("nodes", "start", "node-00000001")
    assert ran.code == 1
    assert has_line(ran.err, "node-00000001", "failed", "running", "crash_loop", "6 crashes")
    assert "| no space left" in ran.err
    assert commands_in(ran.err) == ["sutra-grid-cli nodes explain node-00000001"]


def test_what_does_not_settle_in_time_ends_with_4(master: FakeMaster, cli: Cli) -> None:
    master.answers["StopStorageNode"] = pb.StopResponse(success=True, node=node(status="stopping"))
    master.answers["GetStorageNodeStatus"] = node(status="stopping")
    ran = cli("nodes", "stop", "node-00000001", "--timeout", "0.6")
    assert ran.code == 4
    assert mentions(ran.err, "node-00000001", "stopping", 0.6)


def test_of_several_ids_a_wrong_one_does_not_keep_the_others_from_their_turn(master: FakeMaster, cli: Cli) -> None:
    def stop(request: pb.StopRequest) -> pb.StopResponse:
        if request.node_id == "b":
            return pb.StopResponse(**refused("not_found", "unknown_node", "no node b"))
        return pb.StopResponse(success=True, node=node(request.node_id, status="stopped"))

    master.answers["StopStorageNode"] = stop
    ran = cli("nodes", "stop", "a", "b", "c")
    assert ran.code == 3
    first, second = ran.out.splitlines()
    assert mentions(first, "a", "stopped", "agent-1")
    assert mentions(second, "c", "stopped", "agent-1")
    assert ran.err == "error: no node b\n"
    ran = cli("nodes", "stop", "a", "b", "c", "-o", "json")
    assert [n["node_id"] for n in json.loads(ran.out)["nodes"]] == ["a", "c"]
    assert json.loads(ran.err)["error"]["reason"] == "unknown_node"


@pytest.mark.parametrize("command", ["nodes", "agents"])
def test_removing_without_a_terminal_needs_yes(master: FakeMaster, cli: Cli, command: str) -> None:
    ran = cli(command, "remove", "x")
    assert ran.code == 2
    assert "--yes" in ran.err
    assert not master.calls


def test_agents_are_drained_undrained_and_removed(master: FakeMaster, cli: Cli) -> None:
    master.answers["DrainAgent"] = agent("a", drained=True)
    master.answers["UndrainAgent"] = agent("a")
    master.answers["RemoveAgent"] = pb.Empty()
    assert mentions(cli("agents", "drain", "a").out, "a", "drained")
    assert cli("agents", "undrain", "a", "-o", "name").out == "a\n"
    assert mentions(cli("agents", "remove", "a", "--yes").out, "a", "removed")
    assert master.calls["RemoveAgent"][0].request_id
    assert not master.calls["RemoveAgent"][0].force
    cli("agents", "remove", "a", "--yes", "--force")
    assert master.calls["RemoveAgent"][1].force


def test_an_unknown_agent_ends_with_3(master: FakeMaster, cli: Cli) -> None:
    master.answers["DrainAgent"] = NotFound("no agent x")
    assert cli("agents", "drain", "x").code == 3


def lose_the_answer(master: FakeMaster) -> Callable[[object], Message]:
    """The master ends over a call."""

    def answer(_request: object) -> Message:
        master.stop()
        raise RuntimeError("the answer is lost")

    return answer


def test_a_lost_answer_is_asked_for_again_with_the_same_request_id(master: FakeMaster, start_cli: Start) -> None:
    answered = pb.SpawnResponse(success=True, node=node())
    master.answers["SpawnStorageNode"] = [lose_the_answer(master), answered, answered]
    process = start_cli("nodes", "spawn", "-o", "name")
    eventually(lambda: master.server is None)
    master.start()
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "node-00000001\n"), err
    first, second = master.calls["SpawnStorageNode"]
    assert first.request_id == second.request_id != ""


def test_a_repetition_that_the_registry_kept_from_being_judged_is_repeated(
    master: FakeMaster, start_cli: Start
) -> None:
    answered = pb.SpawnResponse(success=True, node=node())
    master.answers["SpawnStorageNode"] = [
        lose_the_answer(master),
        pb.SpawnResponse(**refused(*REGISTRY_LOCKED)),
        answered,
    ]
    process = start_cli("nodes", "spawn", "-o", "name")
    eventually(lambda: master.server is None)
    master.start()
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "node-00000001\n"), err
    assert len({call.request_id for call in master.calls["SpawnStorageNode"]}) == 1


def test_so_is_a_repetition_of_a_change_of_an_agent(master: FakeMaster, start_cli: Start) -> None:
    locked = Unavailable(REGISTRY_LOCKED[2], reason=Reason.REGISTRY_UNAVAILABLE, hint=REGISTRY_LOCKED[3])
    master.answers["RemoveAgent"] = [lose_the_answer(master), locked, pb.Empty()]
    process = start_cli("agents", "remove", "agent-1", "--yes")
    eventually(lambda: master.server is None)
    master.start()
    _, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert len({call.request_id for call in master.calls["RemoveAgent"]}) == 1
    assert len(master.calls["RemoveAgent"]) == 3


def test_what_is_not_known_to_be_done_or_refused_is_told_as_that(master: FakeMaster, start_cli: Start) -> None:
    master.answers["SpawnStorageNode"] = [lose_the_answer(master), pb.SpawnResponse(**refused(*REGISTRY_LOCKED))]
    process = start_cli("nodes", "spawn", "--timeout", "4")
    eventually(lambda: master.server is None)
    master.start()
    _, err = process.communicate(timeout=20)
    assert process.returncode == 4
    assert mentions(err, REGISTRY_LOCKED[2])
    assert "sutra-grid-cli status" in commands_in(err), "it says how to find out what became of it"


def test_a_first_try_that_the_registry_refuses_is_told_at_once(master: FakeMaster, cli: Cli) -> None:
    master.answers["StopStorageNode"] = pb.StopResponse(**refused(*REGISTRY_LOCKED))
    ran = cli("nodes", "stop", "node-1")
    assert ran.code == 4
    assert mentions(ran.err, REGISTRY_LOCKED[2], REGISTRY_LOCKED[3])
    assert commands_in(ran.err) == [], "there is nothing to find out: it was refused"
    assert len(master.calls["StopStorageNode"]) == 1


def test_a_master_that_was_never_there_is_given_up_before_the_timeout(master: FakeMaster, cli: Cli) -> None:
    master.stop()
    ran = cli("nodes", "stop", "node-1", "--timeout", "600")
    assert ran.code == 4
    assert mentions(ran.err, master.address)
