"""``tox -e bench -- storage``, ``admin`` or ``tls``: one measurement, with its own options behind its name."""

import sys

from bench import bench_admin, bench_storage, bench_tls

BENCHES = {"admin": bench_admin.main, "storage": bench_storage.main, "tls": bench_tls.main}

name = sys.argv.pop(1) if len(sys.argv) > 1 else ""
if name not in BENCHES:
    sys.exit(f"unknown benchmark {name!r}: choose one of {', '.join(BENCHES)}")
BENCHES[name]()
