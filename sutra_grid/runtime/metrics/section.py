"""The section ``[metrics]`` of a daemon's configuration. It imports little, because every ``--help`` imports it."""

from __future__ import annotations

from sutra_grid.runtime.config import Config, Key, Section, host_port
from sutra_grid.runtime.net import parse_host_port

SECTION_NAME = "metrics"

Listen = tuple[str, int] | None
"""Host and port of a metrics endpoint; None without one."""


def metrics_section(default_port: int) -> Section:
    """The section for the schema of a daemon with its own metrics endpoint."""
    is_address = host_port(default_port)
    listen = Key(
        "listen",
        "str",
        "",
        help=f"Address of /metrics for Prometheus, such as 127.0.0.1:{default_port}; empty: no metrics",
        check=lambda value: is_address(value) if value else None,
    )
    return Section(SECTION_NAME, [listen], help="What the daemon measures")


def metrics_listen(config: Config, default_port: int) -> Listen:
    """Where to serve metrics."""
    listen: str = config.section(SECTION_NAME)["listen"]
    return parse_host_port(listen, default_port) if listen else None
