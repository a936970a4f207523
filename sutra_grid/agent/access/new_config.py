"""The configuration that a host gets when it joins and has none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, Protocol

from sutra_grid.runtime.net import format_host_port

AGENT_PORT: Final = 7001
DATA_PATH: Final = "/var/lib/sutra-grid/data"


class TlsPlaces(Protocol):
    """Where the files of the agent's certificate are."""

    @property
    def cert(self) -> Path:
        """The certificate."""
        ...

    @property
    def key(self) -> Path:
        """Its key."""
        ...

    @property
    def ca(self) -> Path:
        """The authority."""
        ...


def config_text(agent_id: str, master: str, own_address: str, places: TlsPlaces) -> str:
    """The text of a configuration. ``own_address`` is this host's address on the way to the master."""
    return f"""\
# Configuration of sutra-grid-agent, written when this host joined. All keys: docs/configuration.md
# Check it with: sutra-grid-agent --config FILE --check-config

[agent]
agent_id = {_text(agent_id)}
master_host = {_text(master)}
listen = {_text(format_host_port(own_address, AGENT_PORT))}

[storage]
binary_path = "sutra-storage-server"
data_path = {_text(DATA_PATH)}
tls = true                          # each node has a certificate of its own, and its clients need one too

{tls_text(places)}"""


def tls_text(places: TlsPlaces) -> str:
    """The section by which the agent uses its certificate."""
    return f"""\
[tls]
cert_file = {_text(str(places.cert.absolute()))}
key_file = {_text(str(places.key.absolute()))}
ca_file = {_text(str(places.ca.absolute()))}
"""


def _text(value: str) -> str:
    """A string of TOML; those of JSON are a part of them."""
    return json.dumps(value, ensure_ascii=False)
