"""The command line's client of the master: where the master is, how long calls may take, what hints name."""

from __future__ import annotations

from typing import Final

from sutra_grid.cli.context import Options
from sutra_grid.client.hints import Hints
from sutra_grid.client.master_client import READ_SECONDS, ClientConfig, MasterClient
from sutra_grid.runtime.net import format_host_port, parse_host_port

DEFAULT_PORT: Final = 7000
HINTS: Final = Hints(
    list_nodes="sutra-grid-cli nodes list",
    show_node="sutra-grid-cli nodes explain {}",
    show_agent="sutra-grid-cli agents show {}",
    remove_agent="sutra-grid-cli agents remove {}",
    check_change="Check with 'sutra-grid-cli status' and 'sutra-grid-cli nodes list' before you run the command again",
)


def connect(options: Options) -> MasterClient:
    """A client of the master that ``options`` name; it connects with the first call."""
    target, source = options.target()
    return make_client(target, source, options.timeout_seconds)


def whole_task(client: MasterClient, options: Options) -> MasterClient:
    """The client for a command that changes several things: a timeout that is given is for all of them together."""
    return client.within(options.timeout_seconds) if options.timeout_given else client


def make_client(target: str, source: str, timeout_seconds: float) -> MasterClient:
    """A client of the master at ``target``; ``source`` says where the address comes from."""
    where = "This is the default address" if source == "default" else f"The address comes from {source}"
    return MasterClient(
        ClientConfig(
            format_host_port(*parse_host_port(target, DEFAULT_PORT, free_port=False)),
            HINTS,
            change_seconds=timeout_seconds,
            read_seconds=min(timeout_seconds, READ_SECONDS),
            unreachable_hint=f"{where}. Start a master with 'sutra-grid-master' or 'sutra-grid-cli dev', "
            "or give its address with --master HOST:PORT",
        )
    )
