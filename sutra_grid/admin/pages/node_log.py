"""``/ui/nodes/ID/log``: the end of a node's log as it grows, a search in all that is kept, and a download."""

from __future__ import annotations

from typing import Final

from flask import Response

from sutra_grid.admin.pages.blueprint import blueprint
from sutra_grid.admin.pages.models.log_text import LogText, SearchResult, log_text, search_result
from sutra_grid.admin.pages.renderer import is_from_htmx, render_page
from sutra_grid.admin.pages.url_parameters import text_parameters
from sutra_grid.admin.reads.kept_log import download_log, search_log
from sutra_grid.admin.reads.lookup import find_node
from sutra_grid.admin.schemas.requests import MAX_CURSOR_CHARACTERS, MAX_GREP_CHARACTERS
from sutra_grid.admin.services import master, master_fault, registry
from sutra_grid.core.errors import GridError, InvalidArgument
from sutra_grid.core.types import Reason
from sutra_grid.wire import grid_pb2 as pb

LOG_LINES: Final = 200
LOG_BYTES: Final = 256 * 1024
SHOWN_MATCHES: Final = 500


@blueprint.get("/nodes/<node_id>/log")
def show_node_log(node_id: str) -> Response:
    """Show the end of the log, or the lines that have a text."""
    chosen = text_parameters(("q", "cursor"))
    if len(chosen["q"]) > MAX_GREP_CHARACTERS or len(chosen["cursor"]) > MAX_CURSOR_CHARACTERS:
        raise InvalidArgument(
            "the text to search for is too long",
            reason=Reason.INVALID_ARGUMENT,
            hint=f"Search for at most {MAX_GREP_CHARACTERS} characters",
        )
    if is_from_htmx() and not chosen["q"]:
        return render_page("node_log_part.html", node_id=node_id, log=read_log_end(node_id), lines=LOG_LINES)
    find_node(registry(), node_id)
    search = _search(node_id, chosen["q"], chosen["cursor"]) if chosen["q"] else None
    return render_page(
        "node_log.html",
        section="nodes",
        poll_seconds=0,
        node_id=node_id,
        search=search,
        log=None if search else read_log_end(node_id),
        lines=LOG_LINES,
    )


@blueprint.get("/nodes/<node_id>/log/download")
def download_node_log(node_id: str) -> Response:
    """Send all that is kept of the log as a file."""
    text_parameters(())
    return download_log(node_id)


def read_log_end(node_id: str) -> LogText:
    """Read the log from its agent through the master, or give the reason why it is unavailable."""
    fault = master_fault()
    if fault is not None:
        return LogText("", f"Log unavailable: {fault.message}")
    request = pb.LogRequest(node_id=node_id, tail_lines=LOG_LINES, max_bytes=LOG_BYTES)
    try:
        return log_text(master().read_node_log(request), node_id, LOG_LINES)
    except GridError as error:
        return LogText("", f"Log unavailable: {error.message}")


def _search(node_id: str, text: str, cursor: str) -> SearchResult:
    try:
        found = search_log(node_id, text, cursor=cursor, max_lines=SHOWN_MATCHES, max_characters=LOG_BYTES)
    except GridError as error:
        return SearchResult(text, "", f"The log could not be searched: {error.message}.")
    return search_result(text, found, is_continued=bool(cursor))
