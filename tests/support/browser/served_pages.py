"""The pages on a registry that a test fills, served from this process: any grid, without its daemons."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from werkzeug.serving import WSGIRequestHandler, make_server

from support.fakes.fake_master import FakeMaster, fake_master
from sutra_grid.admin.app import create_app
from sutra_grid.admin.config import AdminConfig
from sutra_grid.admin.services import services_of
from sutra_grid.registry import Registry

THREADS = 2


class Quiet(WSGIRequestHandler):
    def log_request(self, *_: object) -> None:
        """Nothing on standard error."""


@contextmanager
def served_pages(root: Path, fill: Callable[[Registry, FakeMaster], None]) -> Iterator[str]:
    """The origin of an admin whose registry, below ``root``, ``fill`` has filled. It ends with the context."""
    url = f"sqlite:///{root}/registry.db"
    registry = Registry.open(url, migrate=True)
    try:
        with fake_master() as master:
            fill(registry, master)
            app = create_app(AdminConfig("127.0.0.1:0", url, master.address, 1, THREADS, 5, 1))
            server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join()
                server.server_close()
                services_of(app).close()
    finally:
        registry.close()
