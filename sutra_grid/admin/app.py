"""The Flask application: services, blueprints, error handlers, headers. Each resource has its own blueprint."""

from __future__ import annotations

from typing import Final

from flask import Flask

from sutra_grid.admin import pages
from sutra_grid.admin.access.attempts import LoginAttempts
from sutra_grid.admin.access.guard import AccessGuard
from sutra_grid.admin.api import BLUEPRINTS, docs
from sutra_grid.admin.config import AdminConfig
from sutra_grid.admin.http import correlation_ids, hosts, origins, problems, security_headers
from sutra_grid.admin.http.long_requests import LongRequests
from sutra_grid.admin.http.openapi import make_api
from sutra_grid.admin.http.proxies import TrustedProxies
from sutra_grid.admin.pages import errors
from sutra_grid.admin.rolling.runner import RollRunner, RollServices
from sutra_grid.admin.rolling.store import RollStore, directory_for
from sutra_grid.admin.services import INSECURE, Access, Services, install_services
from sutra_grid.admin.upstream.master import make_client
from sutra_grid.admin.upstream.master_check import MasterCheck
from sutra_grid.admin.upstream.registry_link import RegistryLink
from sutra_grid.runtime.clock import Clock, SystemClock

MAX_BODY_BYTES: Final = 64 * 1024


def create_app(config: AdminConfig, clock: Clock | None = None, secret_key: str = "") -> Flask:
    """Make the application. Opens no connection: the first request that needs the registry or the master does.

    ``secret_key`` signs the forms of the pages and must be the same in all workers. Without one, a key is generated.
    """
    app = Flask("sutra_grid.admin")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.json.sort_keys = False  # type: ignore[attr-defined]  # keep the field order of the protobuf messages
    app.url_map.strict_slashes = False
    clock = clock or SystemClock()
    client = make_client(config.master, config.command_timeout_secs, config.master_tls)
    long_requests = LongRequests(config.threads)
    rolls = RollStore(directory_for(config.listen, config.master, config.registry_url))
    link = RegistryLink(config.registry_url, clock, config.registry_password_file)
    guard = AccessGuard(config.access_settings(), link, clock)
    services = Services(
        link,
        client,
        MasterCheck(client, clock),
        long_requests,
        clock,
        rolls,
        RollRunner(RollServices(rolls, client, long_requests, clock)),
        Access(guard, LoginAttempts()),
    )
    install_services(app, services)
    problems.install(app, errors.respond)
    app.before_request(correlation_ids.bind_correlation_id)
    hosts.install(app, config.host_rule())
    app.before_request(origins.refuse_cross_site_commands)
    guard.install(app)
    app.after_request(correlation_ids.add_correlation_id)
    security_headers.install(app, config.hsts_secs)
    app.config[INSECURE] = config.insecure
    api = make_api(app, guard.needs_login)
    for blueprint in BLUEPRINTS:
        api.register_blueprint(blueprint)
    app.register_blueprint(docs.blueprint)
    pages.install(app, clock, secret_key)
    proxies = TrustedProxies(app.wsgi_app, config.proxy_networks(), config.url_prefix)
    app.wsgi_app = proxies  # type: ignore[method-assign]  # as Flask documents it
    return app
