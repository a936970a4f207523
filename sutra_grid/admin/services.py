"""What the requests of one application share: registry, master, limits, logins and clock."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, current_app, g

from sutra_grid.admin.access.attempts import LoginAttempts
from sutra_grid.admin.access.guard import AccessGuard
from sutra_grid.admin.http.long_requests import LongRequests
from sutra_grid.admin.rolling.runner import RollRunner
from sutra_grid.admin.rolling.store import RollStore
from sutra_grid.admin.upstream.master_check import MasterCheck
from sutra_grid.admin.upstream.registry_link import RegistryLink
from sutra_grid.client.master_client import MasterClient
from sutra_grid.core.errors import GridError
from sutra_grid.registry import Registry
from sutra_grid.runtime.clock import Clock

_KEY = "sutra_grid"
_FAULT = "sutra_grid_master_fault"
INSECURE = "SUTRA_GRID_INSECURE"
"""Key of Flask's configuration: whether others reach this admin, and it has no TLS."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who may do what, and how often a login may fail."""

    guard: AccessGuard
    attempts: LoginAttempts


@dataclass(frozen=True, slots=True)
class Services:
    """The shared objects of one application."""

    registry: RegistryLink
    master: MasterClient
    master_check: MasterCheck
    long_requests: LongRequests
    clock: Clock
    rolls: RollStore
    runner: RollRunner
    access: Access

    def close(self) -> None:
        """End what runs and close the connections, at the end of the application."""
        self.runner.close()
        self.master.close()
        self.registry.close()


def install_services(app: Flask, services: Services) -> None:
    """Attach the services to ``app``."""
    app.extensions[_KEY] = services


def services_of(app: Flask) -> Services:
    """The services of ``app``."""
    services: Services = app.extensions[_KEY]
    return services


def registry() -> Registry:
    """The open registry. Raises ``Unavailable``. Needs a request context."""
    return services_of(current_app).registry.get()


def master() -> MasterClient:
    """The connection to the master. Needs a request context."""
    return services_of(current_app).master


def master_fault() -> GridError | None:
    """The error that makes the master unavailable, the same during a request; None while it answers."""
    if _FAULT not in g:
        setattr(g, _FAULT, services_of(current_app).master_check.fault())
    fault: GridError | None = getattr(g, _FAULT)
    return fault


def is_insecure() -> bool:
    """Whether others reach this admin, and it has no TLS. Needs a request context."""
    return bool(current_app.config.get(INSECURE))


def is_master_insecure() -> bool:
    """Whether others reach the master, and it has no TLS; False while it can't be asked. Needs a request context."""
    return services_of(current_app).master_check.is_insecure()


def long_requests() -> LongRequests:
    """The limit on long requests. Needs a request context."""
    return services_of(current_app).long_requests


def clock() -> Clock:
    """The clock. Needs a request context."""
    return services_of(current_app).clock


def roll_store() -> RollStore:
    """The records of rolling restarts. Needs a request context."""
    return services_of(current_app).rolls


def roll_runner() -> RollRunner:
    """What runs rolling restarts in the background. Needs a request context."""
    return services_of(current_app).runner


def access() -> Access:
    """Logins and what they may do. Needs a request context."""
    return services_of(current_app).access
