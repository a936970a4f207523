"""What an agent's answer means for the command that caused it."""

from dataclasses import replace

import pytest
from support.texts import mentions, numbers_in

from sutra_grid.core.outcome import Verdict, describe_exit, judge_report, new_exits
from sutra_grid.core.types import Desired, Node, NodeExit, NodeReport, NodeSpec, NodeState, Reason

WANTED = Node("node-1", "agent-1", NodeSpec(), Desired.RUNNING, generation=2, restart_generation=0, created_at_ms=0)
RUNNING = NodeReport("node-1", 2, Desired.RUNNING, NodeState.RUNNING, pid=7)
CRASH = NodeExit(code=1, signal=0, at_ms=100, uptime_ms=250, reason=Reason.CRASHED)


@pytest.mark.parametrize(
    ("report", "verdict"),
    [
        (RUNNING, Verdict.DONE),
        (replace(RUNNING, state=NodeState.STARTING), Verdict.DONE),
        (replace(RUNNING, state=NodeState.STARTING, pid=0), Verdict.PENDING),
        (replace(RUNNING, state=NodeState.STARTING, pid=0, exits=(CRASH,)), Verdict.FAILED),
        (replace(RUNNING, state=NodeState.STARTING, exits=(CRASH,)), Verdict.FAILED),
        (replace(RUNNING, state=NodeState.FAILED, pid=0, reason=Reason.PORT_TAKEN), Verdict.FAILED),
        (replace(RUNNING, generation=3), Verdict.OVERTAKEN),
        (replace(RUNNING, generation=1), Verdict.FAILED),
    ],
)
def test_a_node_that_should_run(report: NodeReport, verdict: Verdict) -> None:
    assert judge_report(WANTED, report).verdict is verdict


@pytest.mark.parametrize("state", [NodeState.RUNNING, NodeState.STARTING])
def test_a_restart_that_the_agent_refused_is_told_with_its_reason_also_to_a_retry(state: NodeState) -> None:
    restart = replace(WANTED, restart_generation=2)
    refused = replace(RUNNING, state=state, reason=Reason.UNKNOWN_ENGINE, message="restart refused")
    outcome = judge_report(restart, refused)
    assert (outcome.verdict, outcome.reason, outcome.message) == (
        Verdict.REFUSED,
        Reason.UNKNOWN_ENGINE,
        "restart refused",
    )
    assert judge_report(WANTED, refused).verdict is Verdict.DONE, "a start of a node that runs"


@pytest.mark.parametrize("desired", [Desired.STOPPED, Desired.ABSENT])
def test_a_node_that_should_end(desired: Desired) -> None:
    node = replace(WANTED, desired=desired)
    assert judge_report(node, replace(RUNNING, state=NodeState.STOPPED, pid=0)).verdict is Verdict.DONE
    assert judge_report(node, replace(RUNNING, state=NodeState.FAILED, pid=0)).verdict is Verdict.DONE
    assert judge_report(node, replace(RUNNING, state=NodeState.STOPPING)).verdict is Verdict.PENDING


def test_crashes_from_before_the_command_do_not_count() -> None:
    report = replace(RUNNING, state=NodeState.STARTING, exits=(CRASH,))
    assert judge_report(WANTED, report, before=replace(RUNNING, exits=(CRASH,))).verdict is Verdict.DONE


def test_new_exits_are_found_whatever_the_agents_clock_says() -> None:
    earlier = replace(CRASH, at_ms=50, signal=9)
    known = replace(RUNNING, exits=(CRASH,))
    assert new_exits(known, replace(RUNNING, exits=(earlier, CRASH))) == (earlier,)
    assert new_exits(known, known) == ()
    assert new_exits(None, known) == (CRASH,)


def test_a_failure_says_how_the_process_ended() -> None:
    report = replace(RUNNING, state=NodeState.FAILED, pid=0, message="it ended at once", exits=(CRASH,))
    outcome = judge_report(WANTED, report)
    assert mentions(outcome.message, report.message)
    assert numbers_in(outcome.message) == {"1", "0.2"}, "the exit code, and how long it ran"


def test_an_exit_as_text() -> None:
    assert mentions(describe_exit(CRASH), "code 1", 0.2)
    assert mentions(describe_exit(replace(CRASH, code=None, signal=9)), "signal 9", 0.2)
    assert numbers_in(describe_exit(replace(CRASH, code=None))) == {"0.2"}, "neither a code nor a signal is made up"


def test_an_exit_that_the_agent_made_says_why() -> None:
    exceeded = describe_exit(replace(CRASH, code=0, reason=Reason.MEMORY_LIMIT))
    assert exceeded == "used more memory than its limit: exit code 0 after 0.2 s"
    assert mentions(describe_exit(replace(CRASH, reason=Reason.PROBE_FAILED)), "health probe", "code 1")


def test_why_a_start_failed_is_the_end_of_the_process_and_not_the_wait_that_follows() -> None:
    waits = replace(
        RUNNING, state=NodeState.STARTING, pid=0, reason=Reason.BACK_OFF, backoff_ms=900, exits=(CRASH,),
        message="exited with code 1; starts again 0.9 s later (end 1 of at most 8 in a row)",
        end_cause="exited with code 1",
    )  # fmt: skip
    outcome = judge_report(WANTED, waits)
    assert (outcome.reason, outcome.message) == (Reason.CRASHED, describe_exit(CRASH))
    no_process = replace(
        waits, reason=Reason.BINARY_MISSING, exits=(replace(CRASH, reason=Reason.START_FAILED),),
        message="/x is missing; starts again 0.9 s later (end 1 of at most 8 in a row)", end_cause="/x is missing",
    )  # fmt: skip
    outcome = judge_report(WANTED, no_process)
    assert (outcome.reason, outcome.message) == (Reason.BINARY_MISSING, "/x is missing")


def test_of_an_end_that_nobody_watched_neither_time_nor_status_is_claimed() -> None:
    for reason in (Reason.LOST, Reason.REBOOTED):
        text = describe_exit(NodeExit(None, 0, 1, 0, reason))
        assert text == "exited (when and how is unknown: no agent watched it)"
