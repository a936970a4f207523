"""A decorator that declares an operation of the API: route, parameters, responses and errors.

The declaration parses the request and produces the OpenAPI document, so that the two cannot differ. An operation
refuses every parameter that it does not declare, because an unknown parameter is usually a mistake.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, TypeVar

from flask_smorest import Blueprint
from marshmallow import Schema

from sutra_grid.admin.http.request_parser import StrictParser
from sutra_grid.admin.http.schemas import CommandHeaders, NoInput

View = TypeVar("View", bound=Callable[..., Any])
SchemaClass = type[Schema]

SAFE_METHODS: Final = frozenset({"GET", "HEAD"})

#: Names of the security schemes in the document.
BEARER: Final = "token"
LOGIN: Final = "login"

#: Error statuses of an operation that needs a login or a token.
ACCESS_PROBLEMS: Final = frozenset({401, 403})
#: Error statuses of a read.
READ_PROBLEMS: Final = frozenset({400, 404, 500, 503})
#: Error statuses of a read that calls the master.
MASTER_PROBLEMS: Final = frozenset({400, 404, 409, 429, 500, 501, 503, 504})
#: Error statuses of a command.
COMMAND_PROBLEMS: Final = MASTER_PROBLEMS | {403, 413, 415, 422}


@dataclass(frozen=True, slots=True)
class ResponseSpec:
    """A successful response of an operation."""

    schema: SchemaClass | Mapping[str, Any] | None
    description: str
    status: int = HTTPStatus.OK
    content_type: str = "application/json"
    headers: Mapping[str, Any] = field(default_factory=dict)


#: The response to an ``If-None-Match`` that names the current ETag.
NOT_MODIFIED: Final = ResponseSpec(None, "Not modified since the ETag in If-None-Match", status=HTTPStatus.NOT_MODIFIED)


class Operations(Blueprint):  # type: ignore[misc]  # flask-smorest ships no types
    """The operations of one resource."""

    ARGUMENTS_PARSER = StrictParser()

    def operation(
        self,
        method: str,
        rule: str,
        *responses: ResponseSpec,
        query: SchemaClass | None = None,
        body: SchemaClass | None = None,
        takes_key: bool = False,
        problems: frozenset[int] = READ_PROBLEMS,
        needs_login: bool = True,
    ) -> Callable[[View], View]:
        """Register a view. It is called with those of ``query``, ``body`` and ``key`` that it declares, by name.

        ``needs_login``: what the document says of an admin that requires logins; ``core.access.route_rules`` decides.
        """

        def register(view: View) -> View:
            decorated: Any = self._strict(view, method, query, body)
            for schema, location, name in ((query, "query", "query"), (body, "json", "body")):
                if schema is not None:
                    decorated = self.arguments(schema, location=location, arg_name=name, required=False)(decorated)
            if takes_key:
                decorated = self.arguments(CommandHeaders, location="headers", arg_name="key")(decorated)
            for response in responses:
                decorated = self._document(response)(decorated)
            for status in sorted(problems | (ACCESS_PROBLEMS if needs_login else frozenset())):
                decorated = self.alt_response(status, HTTPStatus(status).name)(decorated)
            security: list[dict[str, list[str]]] = [{BEARER: []}, {LOGIN: []}] if needs_login else []
            decorated = self.doc(operationId=view.__name__, security=security)(decorated)
            self.route(rule, methods=[method])(decorated)
            return view

        return register

    def _document(self, response: ResponseSpec) -> Callable[[Any], Any]:
        return self.alt_response(  # type: ignore[no-any-return]
            response.status,
            schema=response.schema,
            content_type=response.content_type,
            description=response.description,
            headers=dict(response.headers) or None,
            success=True,
        )

    def _strict(self, view: View, method: str, query: SchemaClass | None, body: SchemaClass | None) -> View:
        """Wrap the view so that it refuses a query or a body that it does not declare."""
        locations = {"query": query is None, "json": body is None and method not in SAFE_METHODS}
        refused = [location for location, is_refused in locations.items() if is_refused]

        @functools.wraps(view)
        def strict(*arguments: Any, **named: Any) -> Any:
            for location in refused:
                self.ARGUMENTS_PARSER.parse(NoInput(), location=location)
            return view(*arguments, **named)

        return strict  # type: ignore[return-value]
