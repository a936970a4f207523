"""``sutra-grid-agent``: the agent as a daemon.

Heavy modules are imported in ``run``, so that ``--help`` is fast and grpc is configured before it is loaded.
"""

from __future__ import annotations

from typing import Final

from sutra_grid.agent.access.join_command import join
from sutra_grid.agent.config import SCHEMA, agent_config
from sutra_grid.agent.config_warnings import config_warnings
from sutra_grid.runtime.affinity import reset_affinity
from sutra_grid.runtime.config import Config
from sutra_grid.runtime.daemon import Checks, Flag, daemon_command, disable_grpc_fork_support, with_commands
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.shutdown import Shutdown
from sutra_grid.runtime.start_environment import start_environment

log = get_logger("sutra_grid.agent.daemon")  # the same name when the module runs as __main__

EXIT_SUPERSEDED: Final = 3

FLAGS: Final = [
    Flag("--agent-id", "agent.agent_id", "Name of the agent in the grid."),
    Flag("--master", "agent.master_host", "Address of the master (HOST:PORT)."),
    Flag("--listen", "agent.listen", "Address of the agent's gRPC service (HOST:PORT)."),
    Flag("--advertise", "agent.advertise", "Host at which others reach the agent and its nodes."),
    Flag("--data-path", "storage.data_path", "Directory of the data of all nodes."),
    Flag("--state-path", "agent.state_path", "Directory of the journal, the lock and the nodes' logs."),
]


def run(config: Config) -> int:
    """Serve until a signal arrives or a newer agent takes over. The nodes keep running in both cases."""
    disable_grpc_fork_support()
    reset_affinity()  # a parent may have pinned itself to one CPU; agent and nodes must not inherit that
    from sutra_grid.agent.agent import GridAgent

    settings = agent_config(config)
    shutdown = Shutdown()
    superseded: list[str] = []

    def on_superseded(message: str) -> None:
        superseded.append(message)
        shutdown.request("superseded")

    with shutdown, GridAgent(settings, on_superseded=on_superseded, environ=start_environment()) as agent:
        log.info("ready", agent=settings.agent_id, address=agent.endpoint, data_path=settings.data_path)
        shutdown.wait()
        log.info("stopping; the nodes keep running", reason=shutdown.reason)
        if not superseded:
            agent.unregister(f"the agent was stopped ({shutdown.reason})")
    return EXIT_SUPERSEDED if superseded else 0


main = with_commands(
    daemon_command(
        "sutra-grid-agent",
        help="Supervises the storage nodes of this host. Its stop, crash or upgrade never touches a node.",
        schema=SCHEMA,
        run=run,
        checks=Checks(agent_config, config_warnings),
        flags=FLAGS,
    ),
    join,
)

if __name__ == "__main__":
    main()
