"""Settings for starting gunicorn yourself. sutra-grid-admin has the same settings built in. Use it like this:

SUTRA_GRID_ADMIN_CONFIG=/etc/sutra-grid/admin.toml gunicorn -c etc/gunicorn.conf.py sutra_grid.admin.wsgi:app
"""

import os
import secrets

from sutra_grid.admin.config import AdminConfig, load_from_environment
from sutra_grid.admin.server.gunicorn import gunicorn_settings
from sutra_grid.admin.server.secret_key import KEY_VARIABLE
from sutra_grid.runtime.logging import setup_logging

_config = load_from_environment()
_logging = _config.section("logging")
setup_logging(_logging["level"], fmt=_logging["format"])

# Address, workers, threads, timeouts, log lines: from [admin]. No preload and no control socket.
globals().update(gunicorn_settings(AdminConfig.of(_config)))

# One key for all workers signs the forms of the pages, unless [admin] secret_key_file names a file.
os.environ.setdefault(KEY_VARIABLE, secrets.token_hex(32))

# Add your own settings here, for example:
# certfile = "/etc/sutra-grid/admin.pem"
# keyfile = "/etc/sutra-grid/admin.key"
