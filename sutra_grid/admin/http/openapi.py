"""The OpenAPI document of the API, at ``/openapi.json``."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from apispec import BasePlugin
from flask import Flask, Response, json, request
from flask_smorest import Api

from sutra_grid import __version__
from sutra_grid.admin.http.login_cookie import LOGIN_COOKIE
from sutra_grid.admin.http.operations import BEARER, LOGIN
from sutra_grid.admin.http.problems import CONTENT_TYPE
from sutra_grid.admin.http.schemas import ProblemSchema

OPENAPI_VERSION: Final = "3.1.0"
DESCRIPTION: Final = """\
Reads come from the registry and continue while the master is down. They are at most one second behind the agents'
reports. Commands go to the master, and the response is sent when the outcome is known. A viewer reads, an operator
and an admin also change nodes and agents. Field names are the same as in gRPC and end with their unit: `_ms`, `_bytes`,
`_mb`; `_at_ms` is milliseconds since 1970.
"""


SECURITY_SCHEMES: Final[dict[str, dict[str, str]]] = {
    BEARER: {
        "type": "http",
        "scheme": "bearer",
        "description": "An API token: `sutra-grid-cli token create --kind api`. Over HTTPS or loopback only",
    },
    LOGIN: {
        "type": "apiKey",
        "in": "cookie",
        "name": LOGIN_COOKIE,
        "description": "The login of a browser, made at `/ui/login`. Commands then need the header `Sec-Fetch-Site` or "
        "`Origin`, which browsers send",
    },
}
"""An admin on loopback without users needs neither, see the key ``[admin] login``; its document then asks for none."""


class ShapePlugin(BasePlugin):
    """Adds the constraints between the fields of a request, which marshmallow cannot express."""

    def schema_helper(self, name: str, definition: dict[str, Any], **given: Any) -> dict[str, Any] | None:
        """Called by apispec for each schema."""
        return getattr(given.get("schema"), "SHAPE", None)


class GridApi(Api):  # type: ignore[misc]  # flask-smorest ships no types
    """flask-smorest's API without its error handlers: ``admin.http.problems`` handles all errors."""

    ERROR_SCHEMA = ProblemSchema
    DEFAULT_ERROR_RESPONSE_NAME = None

    def __init__(self, app: Flask, needs_login: Callable[[], bool], **given: Any) -> None:
        super().__init__(app, **given)
        self._needs_login = needs_login

    def _openapi_json(self) -> Response:
        """Show the document, with the address of this API as the client reaches it and the logins that it needs now."""
        response: Response = super()._openapi_json()
        changes: dict[str, Any] = {"servers": [{"url": request.script_root}]} if request.script_root else {}
        document = self.spec.to_dict()
        if not self._needs_login():
            changes["paths"] = {path: _without_logins(item) for path, item in document["paths"].items()}
        if changes:
            response.set_data(json.dumps(document | changes, indent=2))
        return response

    def _register_responses(self) -> None:
        for status in HTTPStatus:
            if status >= HTTPStatus.BAD_REQUEST:
                self.spec.components.response(status.name, _problem_response(status), lazy=True)

    def _register_error_handlers(self) -> None:
        """Register no error handler."""


def make_api(app: Flask, needs_login: Callable[[], bool]) -> GridApi:
    """Make the API of ``app``. Blueprints are registered through it. ``needs_login`` is asked for each document."""
    app.config.update(
        API_TITLE="Sutra Grid",
        API_VERSION=__version__,
        OPENAPI_VERSION=OPENAPI_VERSION,
        OPENAPI_URL_PREFIX="/",
        API_SPEC_OPTIONS={"info": {"description": DESCRIPTION, "license": {"name": "Apache-2.0"}}},
    )
    api = GridApi(app, needs_login, spec_kwargs={"extra_plugins": [ShapePlugin()]})
    for name, scheme in SECURITY_SCHEMES.items():
        api.spec.components.security_scheme(name, scheme)
    return api


def _without_logins(path_item: dict[str, Any]) -> dict[str, Any]:
    return {
        key: {**value, "security": []} if isinstance(value, dict) and "security" in value else value
        for key, value in path_item.items()
    }


def _problem_response(status: HTTPStatus) -> dict[str, Any]:
    return {"description": status.phrase, "content": {CONTENT_TYPE: {"schema": ProblemSchema}}}
