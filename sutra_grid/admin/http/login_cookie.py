"""The name of the cookie that carries a login. The document of the API names it too."""

from __future__ import annotations

from typing import Final

LOGIN_COOKIE: Final = "sutra-grid-login"
