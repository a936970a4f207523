"""Where a request finds the registry and the master."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, current_app

from sutra_grid.admin.http.long_requests import LongRequests
from sutra_grid.admin.upstream.master_link import MasterLink
from sutra_grid.admin.upstream.registry_link import RegistryLink
from sutra_grid.registry import Registry
from sutra_grid.runtime.clock import Clock

_KEY = "sutra_grid"


@dataclass(frozen=True, slots=True)
class Services:
    """What one application shares between its requests."""

    registry: RegistryLink
    master: MasterLink
    long_requests: LongRequests
    clock: Clock

    def close(self) -> None:
        """Give up both; a later request opens them again."""
        self.master.close()
        self.registry.close()


def install_services(app: Flask, links: Services) -> None:
    """Give ``app`` its links."""
    app.extensions[_KEY] = links


def services_of(app: Flask) -> Services:
    """The services of ``app``."""
    services: Services = app.extensions[_KEY]
    return services


def registry() -> Registry:
    """The registry, open. Raises ``Unavailable``. Within a request."""
    return services_of(current_app).registry.get()


def master() -> MasterLink:
    """The line to the master. Within a request."""
    return services_of(current_app).master


def long_requests() -> LongRequests:
    """The bound on requests that hold a thread for long. Within a request."""
    return services_of(current_app).long_requests


def clock() -> Clock:
    """The clock. Within a request."""
    return services_of(current_app).clock
