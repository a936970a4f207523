"""Debian's nginx with a site of ``etc/nginx``, in a directory and on ports of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.harness.https_admin import Site
from support.waiting import eventually

NGINX = Path("/usr/sbin/nginx")
PACKAGE = "nginx"
SITES = Path(__file__).parents[3] / "etc" / "nginx"

_MAIN = """\
{user}
daemon off;
worker_processes 1;
pid {root}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {root}/body;
    proxy_temp_path {root}/proxy;
    fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi;
    scgi_temp_path {root}/scgi;
    include {root}/site.conf;
}}
"""


def has_nginx() -> bool:
    return NGINX.exists()


def site_text(name: str, port: int, backend: str, site: Site) -> str:
    """The shipped site with other ports and files; nothing else is changed."""
    text = (SITES / name).read_text()
    changes = {
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "/etc/ssl/certs/grid.example.com.pem": str(site.cert_file),
        "/etc/ssl/private/grid.example.com.key": str(site.key_file),
        "http://127.0.0.1:7080;": f"http://{backend};",
    }
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


@contextmanager
def running_nginx(root: Path, name: str, port: int, backend: str, site: Site) -> Iterator[None]:
    """nginx before ``backend`` (HOST:PORT) while it serves HTTPS on ``port``."""
    root.mkdir(parents=True, exist_ok=True)
    user = "user root;" if os.geteuid() == 0 else ""
    (root / "nginx.conf").write_text(_MAIN.format(root=root, user=user))
    (root / "site.conf").write_text(site_text(name, port, backend, site))
    command = [str(NGINX), "-p", str(root), "-c", str(root / "nginx.conf"), "-e", "stderr"]
    with (root / "nginx.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        eventually(
            lambda: process.poll() is None and (root / "nginx.pid").exists(),
            message=f"nginx running: {(root / 'nginx.log').read_text()}",
        )
        yield
    finally:
        process.send_signal(signal.SIGQUIT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(root / "body", ignore_errors=True)
