"""Commands that read, against a scripted master."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from support.fakes.fake_master import FakeMaster
from support.texts import commands_in, has_line, mentions
from support.values.cli_records import MASTER_IS_AWAY, NOW_MS, Ran, agent, cluster, node
from support.waiting import eventually

from sutra_grid.cli.output.times import clock_time
from sutra_grid.core.errors import NotFound, PermissionDenied, Unavailable
from sutra_grid.core.listed_status import ListedStatus
from sutra_grid.core.types import NodeStatus, Reason
from sutra_grid.wire import grid_pb2 as pb

Cli = Callable[..., Ran]
Start = Callable[..., subprocess.Popen[str]]


def test_status_says_it_in_numbers_and_one_word(master: FakeMaster, cli: Cli) -> None:
    master.answers["GetClusterStatus"] = cluster(status="degraded", failed_storage_nodes=1, reasons=["node-1 failed"])
    ran = cli("status")
    assert ran.code == 0
    assert ran.out.splitlines()[0].split() == ["Grid", "degraded"]
    assert has_line(ran.out, "Nodes", "9 running", "1 failed")
    assert has_line(ran.out, "node-1 failed")


def test_global_options_stand_before_or_after_the_command(master: FakeMaster, cli: Cli) -> None:
    master.answers["GetClusterStatus"] = cluster()
    before = cli("-o", "json", "status")
    after = cli("status", "-o", "json")
    assert before == after
    assert json.loads(after.out)["total_agents"] == 3


def test_of_an_option_given_twice_the_later_one_counts(master: FakeMaster, cli: Cli) -> None:
    master.answers["GetClusterStatus"] = cluster()
    assert cli("-o", "yaml", "status", "-o", "name").out == "healthy\n"


def test_the_flag_goes_before_the_environment(master: FakeMaster, cli: Cli) -> None:
    master.answers["GetClusterStatus"] = cluster()
    ran = cli("--master", "127.0.0.1:1", "status")
    assert ran.code == 4
    assert "127.0.0.1:1" in ran.err


def test_a_dev_grid_below_the_directory_is_found_by_its_address_file(
    master: FakeMaster, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    master.answers["GetClusterStatus"] = cluster()
    (tmp_path / "sutra-grid-dev").mkdir()
    (tmp_path / "sutra-grid-dev/master.address").write_text(master.address + "\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SUTRA_GRID_MASTER")
    assert cli("status").code == 0


def test_lists_come_in_every_format(master: FakeMaster, cli: Cli) -> None:
    master.answers["ListStorageNodes"] = pb.NodeList(nodes=[node("node-b"), node("node-a")])
    assert cli("nodes", "list", "-o", "name").out == "node-a\nnode-b\n"
    assert [n["node_id"] for n in json.loads(cli("nodes", "list", "-o", "json").out)["nodes"]] == ["node-a", "node-b"]
    assert yaml.safe_load(cli("nodes", "list", "-o", "yaml").out)["nodes"][0]["spec"]["port"] == 50051
    assert "STORAGE PATH" in cli("nodes", "list", "-o", "wide").out
    table = cli("nodes", "list").out.splitlines()
    assert table[0].split() == ["NODE", "STATUS", "AGENT", "ENDPOINT", "PID", "UP", "MEM", "RESTARTS"]


def test_filters_travel_to_the_master(master: FakeMaster, cli: Cli) -> None:
    master.answers["ListStorageNodes"] = pb.NodeList()
    master.answers["GetAgent"] = agent()
    master.answers["ListAgents"] = pb.AgentList(agents=[agent(engines=["redis"])])
    ran = cli("nodes", "list", "--agent", "agent-1", "--status", "failed", "--engine", "redis")
    assert mentions(ran.out, "matches"), "that no node matches does not say that there is none"
    assert not commands_in(ran.out)
    assert master.calls["ListStorageNodes"] == [
        pb.ListNodesRequest(agent_id="agent-1", status="failed", engine="redis")
    ]


@pytest.mark.parametrize("word", [str(word) for word in ListedStatus])
def test_nodes_are_filtered_by_each_word_that_the_list_shows(master: FakeMaster, cli: Cli, word: str) -> None:
    """A master of an earlier version knows neither back-off nor unhealthy, so it is not asked for them."""
    others = [node(f"n-{status}", status=status, health="healthy") for status in NodeStatus]
    back_off = node("n-back-off", status="starting", backoff_ms=900, pid=0)
    unhealthy = node("n-unhealthy", status="running", health="unhealthy")
    all_nodes = [*others, back_off, unhealthy]

    def of_status(request: pb.ListNodesRequest) -> pb.NodeList:
        return pb.NodeList(nodes=[each for each in all_nodes if each.status == request.status])

    master.answers["ListStorageNodes"] = of_status
    found = set(cli("nodes", "list", "--status", word, "-o", "name").out.split())
    also = {"starting": {"n-back-off"}, "running": {"n-unhealthy"}}
    assert found == {f"n-{word}"} | also.get(word, set())


def test_a_status_that_no_list_shows_is_refused_with_those_that_are(cli: Cli) -> None:
    ran = cli("nodes", "list", "--status", "sleepy")
    assert ran.code == 2
    assert mentions(ran.err, "sleepy", *ListedStatus)


@pytest.mark.parametrize("arguments", [("nodes", "list"), ("events",), ("events", "--kind", "node.failed")])
def test_a_list_of_an_agent_that_does_not_exist_ends_with_3(
    master: FakeMaster, cli: Cli, arguments: tuple[str, ...]
) -> None:
    master.answers["ListStorageNodes"] = pb.NodeList()
    master.answers["ListEvents"] = pb.EventList()
    master.answers["GetAgent"] = agent()
    assert cli(*arguments, "--agent", "agent-1").code == 0, "it has none, and exists"
    master.answers["GetAgent"] = NotFound("no agent agent-9", reason=Reason.UNKNOWN_AGENT)
    ran = cli(*arguments, "--agent", "agent-9")
    assert (ran.code, ran.out, "agent-9" in ran.err) == (3, "", True)


@pytest.mark.parametrize("arguments", [("nodes", "list"), ("nodes", "stop", "--yes"), ("nodes", "start")])
def test_an_engine_that_nobody_has_ends_with_3_and_names_those_there_are(
    master: FakeMaster, cli: Cli, arguments: tuple[str, ...]
) -> None:
    master.answers["ListStorageNodes"] = pb.NodeList()
    master.answers["ListAgents"] = pb.AgentList(agents=[agent(engines=["storage", "redis"])])
    assert cli(*arguments, "--engine", "redis").code == 0, "an agent has it, and no node is of it"
    ran = cli(*arguments, "--engine", "rdis")
    assert (ran.code, ran.out) == (3, "")
    assert mentions(ran.err, "rdis", "redis", "storage")


def test_events_of_a_removed_node_are_no_error_and_those_of_none_are(master: FakeMaster, cli: Cli) -> None:
    master.answers["GetStorageNodeStatus"] = NotFound("no node node-9", reason=Reason.UNKNOWN_NODE)

    def of_kind(request: pb.ListEventsRequest) -> pb.EventList:
        return pb.EventList(
            events=[] if request.kind else [pb.Event(event_id=7, kind="node.removed", node_id="node-9")]
        )

    master.answers["ListEvents"] = of_kind
    assert cli("events", "--node", "node-9").code == 0
    assert cli("events", "--node", "node-9", "--kind", "node.failed").code == 0
    master.answers["ListEvents"] = pb.EventList()
    assert cli("events", "--node", "node-9").code == 3


def test_an_empty_list_of_names_is_no_line(master: FakeMaster, cli: Cli) -> None:
    master.answers["ListAgents"] = pb.AgentList()
    assert cli("agents", "list", "-o", "name").out == ""
    assert json.loads(cli("agents", "list", "-o", "json").out) == {"agents": []}


def test_an_agent_is_shown_with_its_host_and_nodes(master: FakeMaster, cli: Cli) -> None:
    master.answers["GetAgent"] = agent(status="offline", reason="missed_heartbeats", storage_nodes=[node()])
    ran = cli("agents", "show", "agent-1")
    assert "offline" in ran.out
    assert "(missed_heartbeats)" in ran.out
    assert "node-00000001" in ran.out


def test_an_agent_was_not_drained_since_it_is_healthy(master: FakeMaster, cli: Cli) -> None:
    master.answers["GetAgent"] = agent(status="healthy", drained=True, status_since_ms=NOW_MS)
    out = cli("agents", "show", "agent-1").out
    assert has_line(out, "Status", "healthy,drained", f"healthy: since {clock_time(NOW_MS)}")
    assert "drained since" not in out


def test_a_node_is_shown_with_its_last_exits(master: FakeMaster, cli: Cli) -> None:
    master.answers["GetStorageNodeStatus"] = node(
        exits=[pb.NodeExit(signal=9, uptime_ms=12_000, at_ms=1, reason="crashed")]
    )
    assert has_line(cli("nodes", "show", "node-00000001").out, "signal 9", "SIGKILL", "12s", "crashed")


def test_what_is_not_there_ends_with_3_and_says_what_to_do(master: FakeMaster, cli: Cli) -> None:
    master.answers["GetStorageNodeStatus"] = NotFound(
        "no node node-x", reason=Reason.UNKNOWN_NODE, hint="sutra-grid-cli nodes list shows them"
    )
    ran = cli("nodes", "show", "node-x")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err == "error: no node node-x\nhint: sutra-grid-cli nodes list shows them\n"


def test_with_json_output_the_error_is_json_too(master: FakeMaster, cli: Cli) -> None:
    master.answers["GetAgent"] = PermissionDenied("not you", hint="ask")
    ran = cli("agents", "show", "a", "-o", "json")
    assert ran.code == 5
    assert json.loads(ran.err)["error"] == {
        "code": "permission_denied",
        "reason": "internal",
        "message": "not you",
        "hint": "ask",
    }


def test_no_master_ends_with_4_and_names_the_address(master: FakeMaster, cli: Cli) -> None:
    master.stop()
    ran = cli("status")
    assert ran.code == 4
    assert has_line(ran.err, "error", master.address, "Connection refused")
    assert mentions(ran.err, "SUTRA_GRID_MASTER")


def test_a_name_that_does_not_resolve_is_said(cli: Cli) -> None:
    ran = cli("status", "--master", "nosuch.invalid")
    assert ran.code == 4
    assert has_line(ran.err, "error", "nosuch.invalid:7000")


def test_a_master_that_answers_unavailable_is_not_called_gone(master: FakeMaster, cli: Cli) -> None:
    master.answers["ListEvents"] = Unavailable("the registry is locked", reason=Reason.REGISTRY_UNAVAILABLE)
    ran = cli("events")
    assert ran.code == 4
    assert "the registry is locked" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [("noes",), ("nodes", "lst"), ("nodes", "show"), ("-o", "xml", "status"), ("--timeout", "-1", "status"),
     ("nodes", "spawn", "--port", "70000"), ("--master", "a:b:c d", "status")],
)  # fmt: skip
def test_wrong_usage_ends_with_2_and_one_message(cli: Cli, arguments: tuple[str, ...]) -> None:
    ran = cli(*arguments)
    assert ran.code == 2
    assert ran.err.startswith("error: ")
    assert "Traceback" not in ran.err


def test_there_are_no_colours_without_a_terminal(master: FakeMaster, cli: Cli) -> None:
    master.answers["ListStorageNodes"] = pb.NodeList(nodes=[node()])
    assert "\x1b" not in cli("nodes", "list").out


def test_explain_says_on_one_screen_why_and_what_to_do(master: FakeMaster, cli: Cli) -> None:
    exits = [pb.NodeExit(code=1, uptime_ms=900, at_ms=1, reason="crashed")] * 5
    master.answers["GetStorageNodeStatus"] = node(
        status="failed", pid=0, reason="crash_loop", message="6 crashes in 60 s", exits=exits,
        log_tail=[f"line {n}" for n in range(20)],
    )  # fmt: skip
    master.answers["GetAgent"] = agent()
    master.answers["ListEvents"] = pb.EventList(
        events=[pb.Event(kind="node.failed", at_ms=1, message="crash loop")] * 3
    )
    ran = cli("nodes", "explain", "node-00000001")
    assert ran.code == 0
    for part in (
        "crash_loop",
        "6 crashes in 60 s",
        "code 1",
        "node.failed",
        "line 19",
    ):
        assert mentions(ran.out, part)
    assert "sutra-grid-cli nodes start node-00000001" in commands_in(ran.out)
    assert len(ran.out.splitlines()) <= 24
    facts = json.loads(cli("nodes", "explain", "node-00000001", "-o", "json").out)
    assert facts["next_step"]["command"] == "sutra-grid-cli nodes start node-00000001"


def test_a_node_of_an_offline_agent_is_unknown_since_its_agent_is_offline(master: FakeMaster, cli: Cli) -> None:
    master.answers["GetStorageNodeStatus"] = node(status="unknown", reason="agent_offline")
    master.answers["GetAgent"] = agent(status="offline", status_since_ms=NOW_MS + 7_000)
    master.answers["ListEvents"] = pb.EventList()
    master.answers["ReadNodeLog"] = pb.LogChunk()
    explained = cli("nodes", "explain", "node-00000001").out
    assert f"Status      unknown since {clock_time(NOW_MS + 7_000)}" in explained
    assert "Process     not known; pid 4711 in the last report" in explained


def test_what_nobody_sees_now_is_not_shown_as_if_it_were_seen(master: FakeMaster, cli: Cli) -> None:
    hidden = node(status="unknown", reason="agent_offline", status_since_ms=NOW_MS)
    host = pb.HostSample(at_ms=NOW_MS, cpu_percent=97.0, cpu_count=2, disk_free_bytes=5 << 30)
    gone = agent(status="offline", host=host, storage_nodes=[hidden])
    master.answers["ListStorageNodes"] = pb.NodeList(nodes=[hidden])
    master.answers["ListAgents"] = pb.AgentList(agents=[gone])
    master.answers["GetStorageNodeStatus"] = hidden
    master.answers["GetAgent"] = gone
    assert cli("nodes", "list").out.splitlines()[1].split()[5:] == ["-", "-", "0"], "neither uptime nor memory"
    wide = cli("nodes", "list", "-o", "wide").out
    assert not mentions(wide, "healthy")
    assert not mentions(wide, "3%")
    assert cli("agents", "list").out.splitlines()[1].split()[3:6] == ["-", "-", "-"]
    assert has_line(cli("agents", "show", "agent-1").out, "Measured", "ago", "not current")
    assert has_line(cli("nodes", "show", "node-00000001").out, "Health", "not known", "healthy in the last report")
    machine = json.loads(cli("nodes", "list", "-o", "json").out)["nodes"][0]
    assert machine["sample"]["at_ms"] == NOW_MS, "a program gets the last values with their time"


def test_a_status_is_shown_since_it_began_and_not_since_the_process_did(master: FakeMaster, cli: Cli) -> None:
    hung = node(health="unhealthy", reason="probe_failed", status_since_ms=NOW_MS + 60_000)
    spawned = pb.Event(event_id=1, kind="node.commanded", at_ms=NOW_MS + 90_000)
    master.answers["GetStorageNodeStatus"] = hung
    master.answers["GetAgent"] = agent()
    master.answers["ListEvents"] = pb.EventList(events=[spawned])
    master.answers["ReadNodeLog"] = pb.LogChunk()
    assert f"unhealthy since {clock_time(NOW_MS + 60_000)}" in cli("nodes", "explain", "node-00000001").out
    assert f"unhealthy since {clock_time(NOW_MS + 60_000)}" in cli("nodes", "show", "node-00000001").out
    master.answers["GetStorageNodeStatus"] = node(status="stopping", generation=2, desired="stopped")
    assert f"stopping since {clock_time(NOW_MS + 90_000)}" in cli("nodes", "explain", "node-00000001").out, "commanded"
    master.answers["GetStorageNodeStatus"] = node()
    assert "running since" not in cli("nodes", "explain", "node-00000001").out, "an older agent does not tell it"


def test_a_node_that_is_not_reachable_is_not_shown_at_an_address(master: FakeMaster, cli: Cli) -> None:
    problem = "not reachable at 10.0.0.5:50051: Connection refused. It answers at 127.0.0.1:50051. Restart the node"
    master.answers["GetStorageNodeStatus"] = node(endpoint="", endpoint_problem=problem, health="healthy")
    master.answers["GetAgent"] = agent()
    master.answers["ListEvents"] = pb.EventList()
    master.answers["ReadNodeLog"] = pb.LogChunk()
    explained, shown = cli("nodes", "explain", "node-00000001").out, cli("nodes", "show", "node-00000001").out
    assert f"Endpoint    {problem}" in explained
    assert "sutra-grid-cli nodes restart node-00000001" in commands_in(explained)
    assert problem in shown


def test_explain_answers_though_the_agent_and_the_log_cannot_be_read(master: FakeMaster, cli: Cli) -> None:
    master.answers["GetStorageNodeStatus"] = node()
    master.answers["GetAgent"] = NotFound("no agent")
    master.answers["ListEvents"] = Unavailable("the registry is locked")
    unreachable = "agent-1 can't be reached"
    master.answers["ReadNodeLog"] = Unavailable(unreachable)
    ran = cli("nodes", "explain", "node-00000001")
    assert ran.code == 0
    assert mentions(ran.out, unreachable)


def log_of(data: bytes) -> Callable[[pb.LogRequest], pb.LogChunk]:
    """An agent's log: the cursor is an offset."""

    def read(request: pb.LogRequest) -> pb.LogChunk:
        start = int(request.cursor or 0)
        return pb.LogChunk(data=data[start : start + 200_000], cursor=str(min(len(data), start + 200_000)))

    return read


def test_logs_are_written_as_they_are_to_their_end(master: FakeMaster, cli: Cli) -> None:
    text = b"x" * 500_000 + b"\n"
    master.answers["ReadNodeLog"] = log_of(text)
    ran = cli("nodes", "logs", "node-1", "--tail", "5")
    assert ran.out.encode() == text
    assert master.calls["ReadNodeLog"][0].tail_lines == 5


def test_following_a_log_goes_on_through_a_restart_of_the_master(master: FakeMaster, start_cli: Start) -> None:
    master.answers["ReadNodeLog"] = log_of(b"one\n")
    process = start_cli("nodes", "logs", "node-1", "-f")
    assert process.stdout is not None and process.stderr is not None  # noqa: PT018 - for the type checker
    assert process.stdout.readline() == "one\n"
    master.stop()
    assert MASTER_IS_AWAY in process.stderr.readline()
    master.answers["ReadNodeLog"] = log_of(b"one\ntwo\n")
    master.start()
    assert process.stdout.readline() == "two\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    assert process.stderr.read() == ""


def test_events_are_listed_with_their_filters(master: FakeMaster, cli: Cli) -> None:
    master.answers["ListEvents"] = pb.EventList(events=[pb.Event(event_id=7, kind="node.started", node_id="node-1")])
    ran = cli("events", "--node", "node-1", "--kind", "node", "-n", "3")
    assert "node.started" in ran.out
    assert master.calls["ListEvents"] == [pb.ListEventsRequest(node_id="node-1", kind="node", limit=3)]


def test_events_are_filtered_by_reason_actor_text_and_time(master: FakeMaster, cli: Cli) -> None:
    master.answers["ListEvents"] = pb.EventList()
    before_ms = time.time_ns() // 1_000_000
    ran = cli(
        *("events", "--reason", "crash_loop", "--actor", "agent", "--grep", "exit code"),
        *("--since", "1h", "--until", "2026-01-02T03:04:05Z"),
    )
    assert ran.code == 0, ran.err
    [asked] = master.calls["ListEvents"]
    assert (asked.reason, asked.actor, asked.text) == ("crash_loop", "agent", "exit code")
    assert asked.until_ms == 1_767_323_045_000
    assert 0 <= asked.since_ms - (before_ms - 3_600_000) < 60_000
    assert asked.limit == 1000, "all since then, not the newest few"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--reason", "crash_loop"],
        ["--actor", "operator"],
        ["--grep", "NOT THERE"],
        ["--since", "1h"],
        ["-f", "--since", "1h"],
    ],
)
def test_a_filter_that_an_earlier_master_ignores_is_refused(master: FakeMaster, cli: Cli, arguments: list[str]) -> None:
    event = pb.Event(event_id=7, kind="node.started", at_ms=1_000, actor="agent", message="runs as process 4")
    master.answers["ListEvents"] = pb.EventList(events=[event], last_event_id=7)
    ran = cli("events", *arguments)
    assert (ran.code, ran.out) == (1, "")
    assert mentions(ran.err, arguments[-2], "master", "earlier")
    assert cli("events", "--grep", "AS Process").code == 0, "an event that matches is what was asked for"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--since", "yesterday"], ["yesterday", "15m"]),
        (["--reason", "crash-loop"], ["crash-loop"]),
        (["-f", "--until", "1h"], ["--follow", "--until"]),
    ],
)
def test_a_filter_of_events_that_cannot_be_is_refused(cli: Cli, arguments: list[str], named: list[str]) -> None:
    ran = cli("events", *arguments)
    assert ran.code == 2
    assert mentions(ran.err, *named)


def test_following_events_prints_each_once_and_follows_a_new_registry(master: FakeMaster, start_cli: Start) -> None:
    def page(*ids: int, last: int) -> pb.EventList:
        return pb.EventList(events=[pb.Event(event_id=i, kind=f"k{i}") for i in ids], last_event_id=last)

    master.answers["ListEvents"] = [page(8, last=8), page(9, last=9), page(last=0), page(1, last=1), page(last=1)]
    process = start_cli("events", "-f", "-o", "json")
    assert process.stdout is not None
    assert [json.loads(process.stdout.readline())["event_id"] for _ in range(3)] == [8, 9, 1]
    eventually(lambda: len(master.calls["ListEvents"]) >= 5)
    assert [call.after_event_id for call in master.calls["ListEvents"][:5]] == [0, 8, 9, 0, 1]


def test_watching_survives_a_restart_of_the_master(master: FakeMaster, start_cli: Start) -> None:
    master.answers["GetClusterStatus"] = cluster()
    process = start_cli("status", "--watch", "--interval", "0.1", "-o", "name")
    assert process.stdout is not None and process.stderr is not None  # noqa: PT018 - for the type checker
    assert process.stdout.readline() == "healthy\n"
    master.stop()
    assert MASTER_IS_AWAY in process.stderr.readline()
    master.answers["GetClusterStatus"] = cluster(status="degraded")
    master.start()
    assert process.stdout.readline() == "degraded\n"


def test_watching_does_not_begin_where_nobody_answers(master: FakeMaster, cli: Cli) -> None:
    master.stop()
    assert cli("nodes", "list", "--watch").code == 4


def test_a_reader_that_goes_away_ends_it_quietly(master: FakeMaster, start_cli: Start) -> None:
    master.answers["ReadNodeLog"] = log_of(b"x\n" * 500_000)
    process = start_cli("nodes", "logs", "node-1")
    assert process.stdout is not None and process.stderr is not None  # noqa: PT018 - for the type checker
    process.stdout.close()
    assert process.wait(10) == 141
    assert process.stderr.read() == ""


def test_a_node_of_several_processes_is_shown_with_their_number(master: FakeMaster, cli: Cli) -> None:
    many = node()
    many.sample.processes = 12
    master.answers["GetStorageNodeStatus"] = many
    master.answers["GetAgent"] = agent()
    master.answers["ListEvents"] = pb.EventList()
    master.answers["ReadNodeLog"] = pb.LogChunk()
    for command in ("show", "explain"):
        assert mentions(cli("nodes", command, many.node_id).out, "70 threads", "12 processes")
    many.sample.processes = 1
    assert "processes" not in cli("nodes", "show", many.node_id).out


def test_an_agent_whose_limits_are_above_its_host_is_shown_with_both(master: FakeMaster, cli: Cli) -> None:
    spec = pb.NodeSpec(engine="storage", memory_limit_mb=6 << 10)
    stopped = node("node-3", desired="stopped", spec=spec)
    master.answers["GetAgent"] = agent(storage_nodes=[node("node-1", spec=spec), stopped])
    assert mentions(cli("agents", "show", "agent-1").out, "Memory limits", "6.0Gi of 1 node")
    assert "of the host" not in cli("agents", "show", "agent-1").out
    master.answers["GetAgent"] = agent(storage_nodes=[node("node-1", spec=spec), node("node-2", spec=spec), stopped])
    assert mentions(cli("agents", "show", "agent-1").out, "12Gi of 2 nodes", "above the 8.0Gi of the host")


def test_explain_advises_for_a_node_that_runs_and_lost_a_process_to_the_kernel(master: FakeMaster, cli: Cli) -> None:
    hurt = node(reason="oom_killed", message="the kernel killed one of its processes: no memory")
    master.answers["GetStorageNodeStatus"] = hurt
    master.answers["GetAgent"] = agent()
    master.answers["ListEvents"] = pb.EventList()
    master.answers["ReadNodeLog"] = pb.LogChunk()
    told = cli("nodes", "explain", hurt.node_id).out
    assert mentions(told, "the kernel killed", "For a higher limit")


def test_status_and_agents_say_what_is_open(master: FakeMaster, cli: Cli) -> None:
    master.answers["GetClusterStatus"] = cluster(insecure=True, insecure_agents=2)
    opened = [line for line in cli("status").out.splitlines() if line.startswith("Open")]
    assert len(opened) == 2
    assert "2 agents" in opened[1]
    assert "agents list -o wide" in opened[1]
    master.answers["GetClusterStatus"] = cluster()
    assert "Open" not in cli("status").out
    master.answers["GetAgent"] = agent(insecure=["agent", "nodes"])
    assert has_line(cli("agents", "show", "agent-1").out, "Open", "stop and remove", "read and change")
    master.answers["ListAgents"] = pb.AgentList(agents=[agent(insecure=["agent"])])
    assert has_line(cli("agents", "list", "-o", "wide").out, "INSECURE")
