"""Decides each request by who makes it and by the table ``core.access.route_rules``, before anything is done for it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Flask, Response, g, make_response, redirect, request

from sutra_grid.admin.access.refusals import FORBIDDEN, UNAUTHENTICATED, Refusals
from sutra_grid.admin.access.requirement import LoginRequirement
from sutra_grid.admin.access.sessions import Sessions
from sutra_grid.admin.access.settings import AccessSettings
from sutra_grid.admin.access.single_sign_on import principal_of_proxy
from sutra_grid.admin.access.tokens import Tokens, given_token
from sutra_grid.admin.http.origins import OWN_SITES, SAFE_METHODS
from sutra_grid.admin.http.proxies import at_root
from sutra_grid.admin.upstream.registry_link import RegistryLink
from sutra_grid.core.access.identity import Role
from sutra_grid.core.access.login import safe_next
from sutra_grid.core.access.principal import Principal, PrincipalKind
from sutra_grid.core.access.route_rules import ROUTE_RULES, may_change, route_of, route_refusal
from sutra_grid.core.access.rpc_rules import Refusal
from sutra_grid.core.errors import GridError, PermissionDenied, Unauthenticated, Unavailable
from sutra_grid.core.redaction import is_secret_name
from sutra_grid.core.types import Reason
from sutra_grid.runtime.clock import Clock
from sutra_grid.wire import caller

LOGIN_PATH: Final = "/ui/login"
CHALLENGE: Final = 'Bearer realm="sutra-grid"'
_TOKEN_PREFIX: Final = "sgt_"
_KEY: Final = "sutra_grid_principal"
_BROWSER_KINDS: Final = frozenset({PrincipalKind.USER, PrincipalKind.PROXY})
_FORMATS: Final = ("application/json", "application/problem+json", "text/html")

#: What an admin without users shows while its registry is away: that it is, and nothing of the grid.
_WITHOUT_REGISTRY: Final = frozenset({"GET /", "GET /metrics", "GET /docs", "GET /openapi.json"})


class AccessGuard:
    """Finds the principal of each request and refuses what its role may not do. Any thread."""

    def __init__(self, settings: AccessSettings, link: RegistryLink, clock: Clock) -> None:
        self.settings = settings
        self.refusals = Refusals(clock)
        self.sessions = Sessions(settings, clock)
        self._requirement = LoginRequirement(settings, link, clock)
        self._tokens = Tokens(clock)
        self._link = link

    def install(self, app: Flask) -> None:
        """Guard every request of ``app``."""
        app.before_request(self._admit)
        app.after_request(_add_challenge)

    def needs_login(self) -> bool:
        """Whether requests need a login or a token now. Also while nobody knows, as the registry is away."""
        try:
            return self._requirement.is_required()
        except Unavailable:
            return True

    def _admit(self) -> Response | None:
        route = route_of(request.method, request.url_rule.rule if request.url_rule else None)
        try:
            principal = self._find(route)
        except Unauthenticated as error:
            self._count(UNAUTHENTICATED, error.message)
            raise
        setattr(g, _KEY, principal)
        caller.act_for(principal)
        self._flush()
        refusal = route_refusal(principal, route)
        if refusal is not None:
            return self._refuse(refusal)
        if principal.kind in _BROWSER_KINDS:
            self._refuse_without_site(principal)
        return None

    def _find(self, route: str) -> Principal:
        """Who makes the request. Raises ``Unauthenticated`` for a token that does not count, and ``Unavailable``."""
        rule = ROUTE_RULES.get(route)
        try:
            return self._known()
        except Unavailable:
            if rule is None or not (rule.is_open or route in _WITHOUT_REGISTRY):
                raise
            is_closed = self.settings.is_exposed or self.settings.has_tls or bool(self.settings.sso_header)
            return _nobody() if is_closed else _anybody_here()

    def _known(self) -> Principal:
        token, is_required = given_token(), self._requirement.is_required()
        if token and (is_required or token.startswith(_TOKEN_PREFIX)):
            return self._tokens.principal(self._link.get(), token)
        if not is_required:
            return _anybody_here()
        return principal_of_proxy(self.settings) or self.sessions.principal(self._link.get) or _nobody()

    def _refuse(self, refusal: Refusal) -> Response:
        if not refusal.unauthenticated:
            self._count(FORBIDDEN, refusal.message)
            raise PermissionDenied(refusal.message, reason=Reason.FORBIDDEN, hint=refusal.hint)
        self._count(UNAUTHENTICATED, refusal.message)
        if _is_for_page():
            return _to_login()
        raise Unauthenticated(refusal.message, reason=Reason.UNAUTHENTICATED, hint=refusal.hint)

    def _refuse_without_site(self, principal: Principal) -> None:
        """A browser sends a login by itself, also for a page of another site. So commands to the API say their site.

        Forms of the pages have a token of their own (``pages.blueprint``).
        """
        if request.method in SAFE_METHODS or _is_below_pages():
            return
        if request.headers.get("Sec-Fetch-Site") in OWN_SITES or request.headers.get("Origin"):
            return  # ``origins`` has compared it
        self._count(FORBIDDEN, "a command with a login says no site")
        raise PermissionDenied(
            f"a command of {principal.actor_name} does not say which page has sent it",
            reason=Reason.FORBIDDEN,
            hint="Programs use an API token: 'Authorization: Bearer sgt_...'",
        )

    def _count(self, kind: str, message: str) -> None:
        self.refusals.count(kind, request.remote_addr or "", message)

    def _flush(self) -> None:
        if self.refusals.has_pending():
            try:
                self.refusals.flush(self._link.get())
            except GridError:
                return  # the registry is away; the counts stay


def current_principal() -> Principal:
    """Who makes the request; nobody before it is known. Needs a request context."""
    found: Principal | None = g.get(_KEY)
    return found if found is not None else _nobody()


def is_allowed_to_change() -> bool:
    """Whether pages show the buttons that change something. Needs a request context."""
    return may_change(current_principal())


def _anybody_here() -> Principal:
    return Principal(PrincipalKind.LOCAL, Role.ADMIN, address=request.remote_addr or "")


def _nobody() -> Principal:
    return Principal(PrincipalKind.ANONYMOUS, address=request.remote_addr or "")


def _is_below_pages() -> bool:
    return request.path == "/ui" or request.path.startswith("/ui/")


def _is_for_page() -> bool:
    """Whether a person waits for the answer in a browser, and can log in there."""
    if given_token():
        return False
    return _is_below_pages() or (request.method == "GET" and _accepts_pages())


def _accepts_pages() -> bool:
    return request.accept_mimetypes.best_match(_FORMATS) == "text/html"


def _to_login() -> Response:
    """The login page, which leads back. A part of a page that refreshes itself takes the whole page there."""
    is_from_htmx = request.headers.get("HX-Request") == "true"
    if is_from_htmx:
        shown = urlsplit(request.headers.get("HX-Current-URL", ""))
        path, query = shown.path.removeprefix(request.script_root), shown.query
    else:
        path, query = request.path if request.method in SAFE_METHODS else "", request.query_string.decode("latin-1")
    following = safe_next(_without_secrets(path, query))
    url = at_root(LOGIN_PATH) + (f"?{urlencode({'next': following})}" if following != "/ui/" else "")
    if is_from_htmx:
        response = make_response("", HTTPStatus.UNAUTHORIZED)
        response.headers["HX-Redirect"] = url
        return response
    return make_response(redirect(url, HTTPStatus.SEE_OTHER))


def _without_secrets(path: str, query: str) -> str:
    """The address without what was sent as a secret: the next page may show it."""
    kept = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if not is_secret_name(name)]
    return f"{path}?{urlencode(kept)}" if kept else path


def _add_challenge(response: Response) -> Response:
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = CHALLENGE + (', error="invalid_token"' if given_token() else "")
    return response
