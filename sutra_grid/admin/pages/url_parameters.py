"""Reads the parameters of a page's URL, which are those of the API's lists.

Unlike in the API a parameter may be empty, because a form sends all of its fields. Names of the pages of version 0.1.0
are understood, so that old links keep working.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from flask import Request, request
from marshmallow import Schema, fields

from sutra_grid.admin.http.fields import RawText
from sutra_grid.admin.http.request_parser import StrictParser
from sutra_grid.admin.http.schemas import RequestSchema

_NEW_NAMES: Final = {"text": "q", "before": "before_event_id"}
_DEFAULT_SORT: Final = "status"


class _PageParser(StrictParser):
    """Refuses unknown parameters and values, as the API does."""

    def load_querystring(self, req: Request, schema: Schema) -> dict[str, str]:
        """The parameters that are not empty, by their present names."""
        given = super().load_querystring(req, schema)
        stripped = {name: text.strip() for name, text in given.items()}
        known = {field.data_key or name for name, field in schema.load_fields.items()}
        return {name: RawText(text) for name, text in _renamed(stripped, known).items() if text or name not in known}


_PARSER: Final = _PageParser()


def list_query(schema: Schema) -> tuple[dict[str, str], Any]:
    """The parameters as text, empty when absent, and what ``schema`` loads from them.

    Raises ``InvalidArgument`` that names all faults. Needs a request context.
    """
    loaded = _PARSER.parse(schema, request, location="query")
    given = _PARSER.load_querystring(request, schema)
    return {name: given.get(name, "") for name in schema.load_fields}, loaded


def is_filtered(chosen: Mapping[str, str], others: Iterable[str]) -> bool:
    """Whether a parameter that is not among ``others`` was chosen."""
    return any(text for name, text in chosen.items() if name not in set(others))


def text_parameters(names: Iterable[str]) -> dict[str, str]:
    """The parameters of a page that takes only texts with these names. Raises ``InvalidArgument`` for others."""
    taken: dict[str, Any] = {name: fields.String() for name in names}
    chosen, _ = list_query(RequestSchema.from_dict(taken)())
    return chosen


def _renamed(given: Mapping[str, str], known: Iterable[str]) -> dict[str, str]:
    """``given`` with old names replaced by those that are ``known``."""
    found = dict(given)
    for old, new in _NEW_NAMES.items():
        if old in found and new in known and old not in known:
            text = found.pop(old)
            found[new] = found.get(new) or text
    if "desc" in found and "sort" in known:
        sort = found.get("sort") or _DEFAULT_SORT
        if found.pop("desc") == "true" and not sort.startswith("-"):
            found["sort"] = f"-{sort}"
    return found
