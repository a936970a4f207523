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


def welcome(grid: DevGrid) -> str:
    """The addresses, and the first commands to try."""
    node_id = _any_node(grid)
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
    tls, node_id, url = grid.layout.tls.directory, _any_node(grid), grid.admin_url
    tokens = f"{HOST}:{grid.plan.token_port}"
    authority = '--tls-ca "$TLS/ca.pem"'
    found = not _master_option(grid, default=False)
    where = "" if found else f" --master {grid.master_address} {authority}"
    operator, admin = (f'--tls-cert "$TLS/{name}.pem" --tls-key "$TLS/{name}-key.pem"' for name in (OPERATOR, "admin"))
    cli = this_command()
    here = cli if found else f"{cli}{where} {operator}"
    curl = 'curl --cacert "$TLS/ca.pem" --oauth2-bearer "$TOKEN"'
    return f"""
The grid runs.  Master {grid.master_address}  Admin {url}  Logs {grid.layout.log("x").parent}
Closed by TLS.  Certificates {tls}  Port for tokens {tokens}

  open {url}/ in a browser; it warns, unless it trusts ca.pem
  user      {NAME} (role {USER_ROLE})
  password  {access.password}

  The password and the token below are shown only now. The next start makes new ones.

  TLS={shlex.quote(str(tls))}
  TOKEN={access.token}

  {curl} {url}/status
  {curl} -X POST {url}/nodes/{node_id}/restart
  SUTRA_GRID_TOKEN=$TOKEN {cli} --master {tokens} {authority} status

  {here} nodes list
  {cli}{where} {admin} token list
"""


def _any_node(grid: DevGrid) -> str:
    try:
        nodes = grid.client.list_nodes().nodes
    except GridError:
        return "NODE"
    return nodes[0].node_id if nodes else "NODE"


def _master_option(grid: DevGrid, *, default: bool = True) -> str:
    """The ``--master`` option for this grid; empty if the command line finds its master without it.

    Without ``default``, that the master has the default address is not enough.
    """
    if (default and grid.master_address == DEFAULT_MASTER) or grid.layout.directory == Path(DEV_DIRECTORY).resolve():
        return ""
    return f" --master {grid.master_address}"
