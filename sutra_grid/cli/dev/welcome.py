"""What dev prints when its grid runs: addresses, and commands to try."""

from __future__ import annotations

import shlex
from pathlib import Path

from sutra_grid.cli.context import DEFAULT_MASTER, DEV_DIRECTORY
from sutra_grid.cli.dev.access import NAME, USER_ROLE, DevAccess
from sutra_grid.cli.dev.certificates import OPERATOR
from sutra_grid.cli.dev.configs import HOST
from sutra_grid.cli.dev.grid import DevGrid
from sutra_grid.cli.scripts import this_command
from sutra_grid.core.errors import GridError
from sutra_grid.wire import grid_pb2 as pb


def welcome(grid: DevGrid) -> str:
    """The addresses, and the first commands to try."""
    node_id = _any_node(grid).node_id
    cli = f"{this_command()}{_master_option(grid)}"
    url = grid.admin_url
    return f"""
The grid runs.  Master {grid.master_address}  Admin {url}  Logs {grid.layout.log("x").parent}

  open {url}/ in a browser

  curl {url}/status
  curl {url}/nodes
  curl -X POST {url}/nodes/{node_id}/restart

  {cli} nodes list
  {cli} nodes explain {node_id}
  {cli} nodes spawn
"""


def closed_welcome(grid: DevGrid, access: DevAccess) -> str:
    """The addresses of a grid with TLS, its user and its token, and commands that use the certificates and the token.

    The lines from ``TLS=`` on may be typed as they are.
    """
    tls, node, url = grid.layout.tls.directory, _any_node(grid), grid.admin_url
    tokens = f"{HOST}:{grid.plan.token_port}"
    authority = '--tls-ca "$TLS/ca.pem"'
    found = not _master_option(grid, default=False)
    where = "" if found else f" --master {grid.master_address} {authority}"
    operator, admin = (f'--tls-cert "$TLS/{name}.pem" --tls-key "$TLS/{name}-key.pem"' for name in (OPERATOR, "admin"))
    cli = this_command()
    here = cli if found else f"{cli}{where} {operator}"
    curl = 'curl --cacert "$TLS/ca.pem" --oauth2-bearer "$TOKEN"'
    data = '--cacert "$TLS/ca.pem" --cert "$TLS/operator.pem" --key "$TLS/operator-key.pem"'
    etcdctl = f"etcdctl --endpoints https://{node.endpoint} {data}"
    return f"""
The grid runs.  Master {grid.master_address}  Admin {url}
Closed by TLS.  Tokens {tokens}  Logs {grid.layout.log("x").parent}

  open {url}/ in a browser; it warns, unless it trusts ca.pem
  user      {NAME} (role {USER_ROLE})
  password  {access.password}

  Shown only now; the next start makes a new password and a new token.

  TLS={shlex.quote(str(tls))}
  TOKEN={access.token}

  {curl} {url}/status
  {curl} -X POST {url}/nodes/{node.node_id}/restart
  SUTRA_GRID_TOKEN=$TOKEN {cli} --master {tokens} {authority} status

  {here} nodes list
  {cli}{where} {admin} token list

  {etcdctl} put fruit apple
"""


def _any_node(grid: DevGrid) -> pb.NodeStatus:
    """A node to show commands with; one with words in place of values while there is none."""
    none = pb.NodeStatus(node_id="NODE", endpoint="HOST:PORT")
    try:
        nodes = grid.client.list_nodes().nodes
    except GridError:
        return none
    return nodes[0] if nodes else none


def _master_option(grid: DevGrid, *, default: bool = True) -> str:
    """The ``--master`` option for this grid; empty if the command line finds its master without it.

    Without ``default``, that the master has the default address is not enough.
    """
    if (default and grid.master_address == DEFAULT_MASTER) or grid.layout.directory == Path(DEV_DIRECTORY).resolve():
        return ""
    return f" --master {grid.master_address}"
