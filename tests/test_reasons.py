"""An operator never needs a daemon's log to learn why: every reason is shown with its words on every interface."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.fakes.fake_master import FakeMaster, fake_master
from support.values.cli_records import agent as agent_record
from support.values.grid_values import a_node, a_report, an_agent, an_event

from sutra_grid.admin.app import create_app
from sutra_grid.admin.config import AdminConfig
from sutra_grid.admin.services import services_of
from sutra_grid.cli.main import run
from sutra_grid.client.next_steps import NEXT_STEPS, next_step
from sutra_grid.core import errors
from sutra_grid.core.report_changes import events_between
from sutra_grid.core.status import shown_status
from sutra_grid.core.types import AgentStatus, Health, NodeReport, NodeState, Reason
from sutra_grid.registry import Observations, Registry
from sutra_grid.runtime.clock import SystemClock
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.convert import event_to_message, node_status

PACKAGE = Path(__file__).resolve().parent.parent / "sutra_grid"

#: Reasons with which a caller is refused, or that stand on an agent: no node is ever in a state because of them.
NEVER_OF_A_NODE = {
    Reason.UNKNOWN_NODE,
    Reason.AGENT_DRAINED,
    Reason.AGENT_NOT_EMPTY,
    Reason.AGENT_NOT_OFFLINE,
    Reason.NODES_MAY_RUN,
    Reason.NO_AGENT_AVAILABLE,
    Reason.REQUEST_ID_REUSED,
    Reason.HOST_CONFLICT,
    Reason.SUPERSEDED,
    Reason.REGISTRY_UNAVAILABLE,
    Reason.REGISTRY_DAMAGED,
    Reason.REGISTRY_LOST,
    Reason.OVERLOADED,
    Reason.FORBIDDEN,
    Reason.UNKNOWN_USER,
    Reason.USER_EXISTS,
    Reason.LOGIN_FAILED,
    Reason.TOO_MANY_LOGINS,
    Reason.UNAUTHENTICATED,
    Reason.CERTIFICATE_REVOKED,
    Reason.CERTIFICATE_INVALID,
    Reason.UNKNOWN_CERTIFICATE,
    Reason.UNKNOWN_TOKEN,
    Reason.TOKEN_EXPIRED,
    Reason.TOKEN_USED_UP,
    Reason.TOKEN_REVOKED,
    Reason.WRONG_TOKEN_KIND,
    Reason.TOKEN_OF_OTHER_AGENTS,
    Reason.AGENT_HAS_CERTIFICATE,
    Reason.UNTRUSTED_AUTHORITY,
    Reason.NO_SIGNING_KEY,
    Reason.TLS_FAILED,
    Reason.MASTER_UNREACHABLE,
    Reason.CONNECTION_REFUSED,
    Reason.UNRESOLVABLE_NAME,
    Reason.REGISTERED,
    Reason.MISSED_HEARTBEATS,
    Reason.UNREGISTERED,
}

#: Reasons of a node that ask nothing of anybody: it is as it was told to be, or on its way.
NEED_NOTHING = {
    Reason.NONE,
    Reason.SPAWNED,
    Reason.COMMANDED,
    Reason.ADOPTED,
    Reason.REBOOTED,
    Reason.RECOVERED,
    Reason.PENDING,
}

OF_A_NODE = sorted(set(Reason) - NEVER_OF_A_NODE - {Reason.NONE})
NODE = a_node("node-00000001")
WORDS = "these are the words"


def reported(reason: Reason) -> NodeReport:
    """A node that failed for that reason, as its agent tells it."""
    return a_report(
        NODE, state=NodeState.FAILED, pid=0, reason=reason, message=WORDS, health=Health.UNKNOWN, backoff_ms=0
    )


@pytest.fixture
def master() -> Iterator[FakeMaster]:
    with fake_master() as fake:
        yield fake


@pytest.mark.parametrize("reason", list(Reason))
def test_each_reason_asks_for_a_step_or_for_nothing_or_is_never_of_a_node(reason: Reason) -> None:
    places = (reason in NEXT_STEPS, reason in NEED_NOTHING, reason in NEVER_OF_A_NODE)
    assert places.count(True) == 1, (
        f"{reason} has no step in client.next_steps.NEXT_STEPS, or stands in two of the tables"
    )


@pytest.mark.parametrize("reason", sorted(NEXT_STEPS))
def test_each_step_fits_every_node(reason: Reason) -> None:
    step = next_step(pb.NodeStatus(node_id="n", agent_id="a", status="failed", reason=reason), None)
    assert step.text
    assert "{" not in step.text + step.command


@pytest.mark.parametrize("reason", OF_A_NODE)
def test_the_command_line_shows_it(reason: Reason, master: FakeMaster, capfd: pytest.CaptureFixture[str]) -> None:
    shown = node_status(
        replace(NODE, report=reported(reason)),
        shown_status(replace(NODE, report=reported(reason)), AgentStatus.HEALTHY),
    )
    event = an_event("node.failed", node_id=NODE.node_id, reason=reason, message=WORDS)
    master.answers["GetStorageNodeStatus"] = shown
    master.answers["GetAgent"] = agent_record()
    master.answers["ListEvents"] = pb.EventList(events=[event_to_message(event)])
    for command in (["nodes", "show"], ["nodes", "explain"], ["nodes", "show", "-o", "json"]):
        assert run([*command, NODE.node_id, "--master", master.address]) == 0
        out = capfd.readouterr().out
        assert str(reason) in out, command
        assert WORDS in out, command
    assert run(["events", "-o", "wide", "--master", master.address]) == 0
    out = capfd.readouterr().out
    assert str(reason) in out
    assert WORDS in out


def test_the_admin_shows_each(tmp_path: Path, master: FakeMaster) -> None:
    url = f"sqlite:///{tmp_path}/registry.db"
    registry = Registry.open(url, migrate=True)
    registry.save_agent(an_agent(NODE.agent_id))
    registry.create_node(NODE, record=None, events=[])
    config = AdminConfig(
        "127.0.0.1:0", url, master.address, workers=1, threads=2, command_timeout_secs=5, stop_grace_secs=1
    )
    app = create_app(config, SystemClock())
    client = app.test_client()
    try:
        for reason in OF_A_NODE:
            event = an_event("node.failed", node_id=NODE.node_id, reason=reason, message=WORDS)
            registry.write_observations(Observations(reports=[reported(reason)], events=[event]))
            answer = client.get(f"/nodes/{NODE.node_id}").get_json()
            assert (answer["reason"], answer["message"]) == (str(reason), WORDS)
            newest = client.get(f"/events?node_id={NODE.node_id}").get_json()["events"]
            assert (str(reason), WORDS) in [(each["reason"], each["message"]) for each in newest]
    finally:
        services_of(app).close()
        registry.close()


@pytest.mark.parametrize("state", list(NodeState))
@pytest.mark.parametrize("reason", OF_A_NODE)
def test_what_happens_to_a_node_is_recorded_with_its_reason_and_message(state: NodeState, reason: Reason) -> None:
    before = a_report(NODE, state=NodeState.STARTING, pid=0, health=Health.UNKNOWN, exits=(), restarts=0)
    now = replace(reported(reason), state=state, pid=77 if state is NodeState.RUNNING else 0, message="")
    for event in events_between(NODE.agent_id, before, now, 1):
        assert event.reason is not Reason.NONE
        assert event.message


# -- refusals, by reading the code -----------------------------------------------------

KINDS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.GridError)}
#: The storage node speaks etcd's protocol, which carries a status and words, and no reason of the grid.
WITHOUT_REASONS = {"storage"}


def refusals() -> Iterator[tuple[str, ast.Call]]:
    """Every place that makes an error of the tree; ``Internal`` has its reason by itself."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE)
        if name.parts[0] in WITHOUT_REASONS:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                kind = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                if kind in KINDS - {"GridError", "Internal"}:
                    yield f"{name}:{node.lineno}", node


def test_every_refusal_has_an_enumerated_reason_and_says_what_to_do() -> None:
    found = list(refusals())
    assert len(found) > 50, "the reading of the code finds nothing"
    for where, call in found:
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert given.get("reason", "Reason.INTERNAL") not in {"Reason.INTERNAL", "Reason.NONE"}, f"{where}: no reason"
        assert "hint" in given, f"{where}: no hint"
