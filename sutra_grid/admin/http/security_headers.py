"""The headers of every response that tell browsers what they may not do with it."""

from __future__ import annotations

from typing import Final

from flask import Flask, Response, request

#: For responses that are not pages: nothing in them is run, loaded, sent or framed.
POLICY: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

_FEATURES: Final = ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")

#: Pages and the API documentation set a policy of their own; the others are the same everywhere.
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _FEATURES),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
}
HSTS: Final = "Strict-Transport-Security"


def install(app: Flask, hsts_secs: int) -> None:
    """Add the headers to every response of ``app``. ``hsts_secs``: how long a browser uses HTTPS only; 0 leaves it."""

    def add_headers(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if hsts_secs and request.is_secure:  # over plain HTTP browsers ignore it, because anybody may have added it
            response.headers[HSTS] = f"max-age={hsts_secs}"
        return response

    app.after_request(add_headers)
