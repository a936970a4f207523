"""The application for a WSGI server: ``gunicorn -c etc/gunicorn.conf.py sutra_grid.admin.wsgi:app``.

Configured by the file named in ``SUTRA_GRID_ADMIN_CONFIG`` and by ``SUTRA_GRID_ADMIN__KEY`` variables. Do not preload
it: each worker must make its own connections to the registry and the master.
"""

from __future__ import annotations

from sutra_grid.admin.app import create_app
from sutra_grid.admin.config import AdminConfig, load_from_environment
from sutra_grid.admin.server.secret_key import secret_key_of

_settings = AdminConfig.of(load_from_environment())

app = create_app(_settings, secret_key=secret_key_of(_settings.secret_key_file))
