"""Build the wheel, install it into an empty environment and ask every script for --help and --version.

python .ci/check_package.py DIRECTORY
"""

import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ("sutra-grid-master", "sutra-grid-agent", "sutra-grid-admin", "sutra-storage-server", "sutra-grid-cli")
# What nothing imports by name and has to be in the wheel all the same.
DATA = (
    "py.typed",
    "registry/migrations/env.py",
    "registry/migrations/versions",
    "admin/static/docs/start.js",
    "admin/templates/docs.html",
    "admin/static/ui/ui.css",
    "admin/templates/page.html",
    "admin/static/vendor/htmx-2.0.11/LICENSE",
    "admin/static/vendor/idiomorph-0.8.0/LICENSE",
    "admin/static/vendor/swagger-ui-5.35.0/LICENSE",
)


def run(*command: object, cwd: Path) -> str:
    print("+", *command, flush=True)
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def main(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    run(sys.executable, "-m", "build", "--wheel", "--outdir", directory / "dist", ROOT, cwd=directory)
    (wheel,) = (directory / "dist").glob("*.whl")
    environment = directory / "empty"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", wheel, cwd=directory)
    version = run(python, "-c", "import sutra_grid; print(sutra_grid.__version__)", cwd=directory).strip()
    for script in SCRIPTS:
        if "Usage" not in run(environment / "bin" / script, "--help", cwd=directory):
            sys.exit(f"{script} --help shows no usage")
        if version not in run(environment / "bin" / script, "--version", cwd=directory):
            sys.exit(f"{script} --version does not say {version}")
    package = Path(run(python, "-c", "import sutra_grid; print(sutra_grid.__path__[0])", cwd=directory).strip())
    missing = [name for name in DATA if not (package / name).exists()]
    if missing:
        sys.exit(f"the wheel lacks {', '.join(missing)}; see package_data in setup.cfg")
    print(f"{wheel.name}: {len(SCRIPTS)} scripts answer with {version}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
