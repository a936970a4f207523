"""The JSON API: one module and one blueprint per resource."""

from sutra_grid.admin.api import (
    agents,
    events,
    health,
    index,
    logs,
    metrics,
    node_commands,
    nodes,
    rolling_restarts,
    spawn,
    status,
)

BLUEPRINTS = (
    index.blueprint,
    health.blueprint,
    status.blueprint,
    metrics.blueprint,
    agents.blueprint,
    nodes.blueprint,
    spawn.blueprint,
    node_commands.blueprint,
    logs.blueprint,
    rolling_restarts.blueprint,
    events.blueprint,
)
"""In the order of registration."""
