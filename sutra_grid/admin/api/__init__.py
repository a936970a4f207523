"""The JSON API: one module and one blueprint a resource."""

from sutra_grid.admin.api import agents, events, health, index, logs, metrics, nodes, status

BLUEPRINTS = (
    index.blueprint,
    health.blueprint,
    status.blueprint,
    metrics.blueprint,
    agents.blueprint,
    nodes.blueprint,
    logs.blueprint,
    events.blueprint,
)
"""In the order in which they are registered."""
