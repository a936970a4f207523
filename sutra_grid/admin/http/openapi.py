"""The OpenAPI document of the API, at ``/openapi.json``."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from apispec import BasePlugin
from flask import Flask
from flask_smorest import Api

from sutra_grid import __version__
from sutra_grid.admin.http.problems import CONTENT_TYPE
from sutra_grid.admin.http.schemas import ProblemSchema

OPENAPI_VERSION: Final = "3.1.0"
DESCRIPTION: Final = """\
Reads come from the registry, at most a second behind the agents' reports, and go on while the master is down.
Commands are carried out by the master and answered when their outcome is known. Field names are those of the wire;
units end them: `_ms`, `_bytes`, `_mb`; `_at_ms` is milliseconds since 1970.
"""


class ShapePlugin(BasePlugin):
    """Adds what the fields of a request have to do with each other."""

    def schema_helper(self, name: str, definition: dict[str, Any], **given: Any) -> dict[str, Any] | None:
        """Called by apispec for each schema."""
        return getattr(given.get("schema"), "SHAPE", None)


class GridApi(Api):  # type: ignore[misc]  # flask-smorest ships no types
    """flask-smorest's, with our problems for its errors: ``admin.http.problems`` handles them all."""

    ERROR_SCHEMA = ProblemSchema
    DEFAULT_ERROR_RESPONSE_NAME = None

    def _register_responses(self) -> None:
        for status in HTTPStatus:
            if status >= HTTPStatus.BAD_REQUEST:
                self.spec.components.response(status.name, _problem_response(status), lazy=True)

    def _register_error_handlers(self) -> None:
        """None of its own."""


def make_api(app: Flask) -> GridApi:
    """The API of ``app``; blueprints are registered through it."""
    app.config.update(
        API_TITLE="Sutra Grid",
        API_VERSION=__version__,
        OPENAPI_VERSION=OPENAPI_VERSION,
        OPENAPI_URL_PREFIX="/",
        API_SPEC_OPTIONS={"info": {"description": DESCRIPTION, "license": {"name": "Apache-2.0"}}},
    )
    return GridApi(app, spec_kwargs={"extra_plugins": [ShapePlugin()]})


def _problem_response(status: HTTPStatus) -> dict[str, Any]:
    return {"description": status.phrase, "content": {CONTENT_TYPE: {"schema": ProblemSchema}}}
