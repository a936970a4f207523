"""Daemons and nodes that are killed, stopped or paused. Each fault restarts what an init script would."""

from __future__ import annotations

import signal

from support.harness.daemons import serves_http

from soak.scene import SLACK_SECONDS, Scene


def kill_one_node(scene: Scene) -> str:
    return scene.kill_nodes(1)


def kill_three_nodes(scene: Scene) -> str:
    return scene.kill_nodes(3)


def kill_agent(scene: Scene) -> str:
    name, agent = scene.some_agent()
    agent.kill()
    agent.start()
    return name


def kill_agent_and_a_node(scene: Scene) -> str:
    """Kill an agent, and then one of its nodes while no agent watches it."""
    name, agent = scene.some_heard_agent()
    own = scene.nodes_of(name)
    agent.kill()
    victim = scene.kill_nodes(1, own)
    agent.start()
    return f"{name} and {victim}"


def kill_agent_until_offline(scene: Scene) -> str:
    """Expect degraded after three missed heartbeats and offline after six; the nodes are unknown and alive."""
    name, agent = scene.some_heard_agent()
    own = scene.nodes_of(name)
    interval = scene.grid.spec.heartbeat_seconds
    agent.kill()
    for status, missed in (("degraded", 3), ("offline", 6)):
        limit = interval * (missed + 1) if status == "degraded" else interval * 4
        scene.expect_agent(name, status, limit + SLACK_SECONDS)
    scene.expect_unknown(own, f"while {name} is offline")
    agent.start()
    return name


def pause_agent(scene: Scene) -> str:
    """Pause an agent until it is degraded, as a debugger or a swapping host does."""
    name, agent = scene.some_heard_agent()
    agent.signal(signal.SIGSTOP)
    scene.expect_agent(name, "degraded", scene.grid.spec.heartbeat_seconds * 4 + SLACK_SECONDS)
    agent.signal(signal.SIGCONT)
    return name


def stop_agent(scene: Scene) -> str:
    """Stop an agent on purpose: it is offline at once, with that reason. Only a registered agent can unregister."""
    name, agent = scene.some_heard_agent()
    agent.stop()
    scene.expect_agent(name, "offline", SLACK_SECONDS)
    agent.start()
    return name


def kill_master(scene: Scene) -> str:
    scene.grid.master.kill()
    scene.grid.master.start()
    return ""


def kill_master_for_a_while(scene: Scene) -> str:
    """Kill the master. The admin still answers, and an agent restarts a node that dies meanwhile."""
    scene.grid.master.kill()
    victim = scene.kill_nodes(1)
    message = "GET /nodes answered without the master"
    scene.expect("admin silent", lambda: serves_http(scene.grid.admin_address, "/nodes"), SLACK_SECONDS, message)
    scene.expect("not recovered", lambda: not scene.watcher.missing(), 20, f"{victim} back without the master")
    scene.grid.master.start()
    return victim


def kill_master_and_agent(scene: Scene) -> str:
    name, agent = scene.some_agent()
    scene.grid.master.kill()
    agent.kill()
    agent.start()
    scene.grid.master.start()
    return name


def kill_admin(scene: Scene) -> str:
    scene.grid.admin.kill()
    scene.grid.admin.start()
    return ""
