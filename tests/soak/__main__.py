"""``tox -e soak -- --minutes 10``: a grid under load and random kills; exit code 1 on any violation."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import click

from soak.run import SABOTAGES, Soak, SoakSpec
from sutra_grid.runtime.shutdown import Shutdown


@click.command()
@click.option("--minutes", type=click.FloatRange(min=0), default=10.0, show_default=True, help="How long to harm.")
@click.option("--seed", type=int, default=None, help="Of a run to repeat. [default: from the clock]")
@click.option("--report", "directory", type=click.Path(path_type=Path), default=Path("reports"), show_default=True)
@click.option("--agents", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--nodes-per-agent", type=click.IntRange(1, 10), default=3, show_default=True)
@click.option("--rate", type=click.FloatRange(min=1), default=60.0, show_default=True, help="Operations a second.")
@click.option("--sabotage", type=click.Choice(sorted(SABOTAGES)), default=None, help="Cause a violation on purpose.")
def main(
    minutes: float,
    seed: int | None,
    directory: Path,
    agents: int,
    nodes_per_agent: int,
    rate: float,
    sabotage: str | None,
) -> None:
    """Run 3 agents and 9 nodes under load, kill at random, and check that nothing is violated."""
    chosen = seed if seed is not None else time.time_ns() % 1_000_000
    spec = SoakSpec(minutes, chosen, agents, nodes_per_agent, rate, sabotage=sabotage or "")
    click.echo(f"soak of {minutes:g} minutes, seed {chosen}")
    root = Path(tempfile.mkdtemp(prefix="sutra-grid-soak-"))
    with Shutdown() as interrupt:
        report = Soak(spec, root, click.echo, interrupt).run()
    directory.mkdir(parents=True, exist_ok=True)
    name = f"soak-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    path = directory / f"{name}.md"
    path.write_text(report.markdown())
    click.echo(f"\n{report.markdown()}\nwritten to {path}")
    if not report.passed:
        for log in root.glob("*.log"):
            shutil.copy(log, directory / f"{name}-{log.name}")
        click.echo(f"logs of the daemons beside it; everything else stays in {root}")
        sys.exit(1)
    shutil.rmtree(root)


if __name__ == "__main__":
    main()
