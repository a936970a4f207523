"""``sutra-grid-agent join``: makes this host an agent of a grid. Imports little: every ``--help`` imports it."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from sutra_grid.agent.names import NAME_ALLOWED, is_name
from sutra_grid.core.errors import GridError, InvalidArgument

if TYPE_CHECKING:
    from sutra_grid.agent.access.join import Joined

JOIN_PORT: Final = 7002
TLS_DIRECTORY: Final = Path("/etc/sutra-grid/tls")
CONFIG_FILE: Final = Path("/etc/sutra-grid/agent.toml")

path_type: Final = click.Path(path_type=Path)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("target", metavar="HOST:PORT")
@click.argument("token", metavar="TOKEN")
@click.option("--agent-id", metavar="NAME", help="Name of the agent in the grid. [default: the name of this host]")
@click.option(
    "--host",
    "hosts",
    multiple=True,
    metavar="HOST",
    help="A name or address by which others reach this host; may be repeated. [default: this host's name]",
)
@click.option(
    "--dir",
    "directory",
    type=path_type,
    default=TLS_DIRECTORY,
    show_default=True,
    metavar="DIR",
    help="Where key and certificates are written.",
)
@click.option(
    "--config",
    "config_file",
    type=path_type,
    default=CONFIG_FILE,
    show_default=True,
    metavar="FILE",
    help="Configuration to write, if there is none.",
)
def join(
    target: str, token: str, agent_id: str | None, hosts: tuple[str, ...], directory: Path, config_file: Path
) -> None:
    """Join a grid by token: get a certificate for this host.

    HOST:PORT is the master's port for joining, 7002 by default. TOKEN is what
    'sutra-grid-cli token create --kind join' printed, or - to read it from standard input. The master is
    known by the digest in the token, before the token's secret is sent. The private key is made here and
    never leaves this host. Existing files are never overwritten.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # keep gRPC's own lines out of the output
    name = agent_id or socket.gethostname().partition(".")[0]
    if not is_name(name):
        raise click.UsageError(f"invalid agent id {name!r}: use {NAME_ALLOWED}. Give one with --agent-id.")
    text = sys.stdin.readline() if token == "-" else token
    try:
        joined = _join(target, text, name, hosts, directory, config_file)
    except GridError as error:
        click.echo(f"sutra-grid-agent: {error}", err=True)
        sys.exit(2 if isinstance(error, InvalidArgument) else 1)
    click.echo(_told(joined))


def _join(target: str, text: str, agent_id: str, hosts: tuple[str, ...], directory: Path, config_file: Path) -> Joined:
    from sutra_grid.agent.access.join import JoinFiles
    from sutra_grid.agent.access.join import join as join_grid
    from sutra_grid.core.access.tokens import TokenKind, parse_token
    from sutra_grid.core.types import Reason
    from sutra_grid.runtime.net import is_host, parse_host_port

    token = parse_token(text)
    if token.kind is not TokenKind.JOIN:
        raise InvalidArgument(
            "this is a token for the API, and one for joining is needed",
            reason=Reason.WRONG_TOKEN_KIND,
            hint="Create one with 'sutra-grid-cli token create --kind join'",
        )
    own = socket.gethostname()
    named = hosts or ((own,) if is_host(own) else ())
    place = parse_host_port(target, JOIN_PORT, free_port=False)
    return join_grid(place, token, agent_id, named, JoinFiles(directory, config_file))


def _told(joined: Joined) -> str:
    from sutra_grid.agent.access.new_config import tls_text

    files = joined.files
    lines = [
        f"Joined grid {joined.grid!r} as agent {joined.agent_id}. The certificate is valid until "
        f"{joined.not_after:%Y-%m-%d %H:%M} UTC; the agent renews it by itself.",
        f"Written: {files.key} (secret), {files.cert}, {files.ca}{f', {files.config}' if joined.wrote_config else ''}",
    ]
    if joined.wrote_config:
        lines.append(f"Next: look at {files.config}, then start the agent: sutra-grid-agent --config {files.config}")
    else:
        lines += [
            f"{files.config} exists and stays as it is. Put this into it, with agent_id = {joined.agent_id!r} and "
            f"master_host = {joined.master!r} in [agent]:",
            "",
            tls_text(files),
            f"Then restart the agent: sutra-grid-agent --config {files.config}",
        ]
    return "\n".join(lines)
