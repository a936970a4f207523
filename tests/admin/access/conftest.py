"""An admin that requires logins, with a user of each role."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask import Flask
from support.fakes.clock import FakeClock
from support.harness.people import HASH, People

from sutra_grid.admin.app import create_app
from sutra_grid.admin.config import AdminConfig
from sutra_grid.admin.services import services_of
from sutra_grid.core.access.identity import PEOPLE, Role
from sutra_grid.core.access.users import User
from sutra_grid.registry import Registry


@pytest.fixture
def make_people(registry: Registry, config: AdminConfig, clock: FakeClock) -> Iterator[Callable[..., People]]:
    """Makes the admin with changes to its configuration; ``users`` are the roles that have one."""
    made: list[Flask] = []

    def make(users: tuple[Role, ...] = PEOPLE, **changes: object) -> People:
        for role in users:
            registry.add_user(User(role.value, role, HASH, 1, "", 1))
        app = create_app(replace(config, **changes), clock)  # type: ignore[arg-type]
        made.append(app)
        return People(app, registry, clock)

    yield make
    for app in made:
        services_of(app).close()


@pytest.fixture
def people(make_people: Callable[..., People]) -> People:
    return make_people()
