"""``nodes restart``: restarts some nodes or all, a few at a time, and stops at the first failure."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import click

from sutra_grid.cli.client import connect
from sutra_grid.cli.commands.columns import NODES
from sutra_grid.cli.commands.ids import full_agent_ids, full_node_ids
from sutra_grid.cli.commands.many import Verb, run_many, tell_nothing
from sutra_grid.cli.commands.matching import Matching, many_options, matching_options, require_one_way
from sutra_grid.cli.commands.node_changes import result_line
from sutra_grid.cli.commands.options import complete_nodes, detach_option
from sutra_grid.cli.context import GridCommand, Options, options_of
from sutra_grid.cli.exit_codes import ExitCode, exit_code
from sutra_grid.cli.output.errors import print_error
from sutra_grid.cli.output.formats import message_to_dict, to_json, to_yaml
from sutra_grid.cli.output.printer import emit, list_text
from sutra_grid.cli.output.progress import ProgressLine, progress
from sutra_grid.cli.output.times import milliseconds
from sutra_grid.client.master_client import MasterClient
from sutra_grid.client.rolling_plan import Nodes, newest_start_ms
from sutra_grid.client.rolling_restart import Progress, Roll, RollSpec
from sutra_grid.client.selection import Selection, choose_from, due, scope_of
from sutra_grid.core.errors import NotFound
from sutra_grid.wire import grid_pb2 as pb

MAX_UNAVAILABLE: Final = 100


def _options(selection: Selection, left: list[str]) -> list[str]:
    """The selection as options of the command; of the given ids only those that are left."""
    if selection.node_ids:
        return left
    chosen = [("--agent", selection.agent_id), ("--engine", selection.engine)]
    given = [argument for option, value in chosen if value for argument in (option, value)]
    return given or ["--all"]


def _moment(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    """Milliseconds since the epoch of an ISO 8601 time."""
    if value is None:
        return None
    try:
        return milliseconds(value)
    except ValueError:
        raise click.BadParameter(f"invalid time {value!r}: use ISO 8601, such as 2026-01-02T03:04:05Z.") from None


@click.command(cls=GridCommand)
@click.argument("node_ids", metavar="[NODE]...", nargs=-1, shell_complete=complete_nodes)
@matching_options
@click.option("--max-unavailable", type=click.IntRange(1, MAX_UNAVAILABLE), default=1, show_default=True, metavar="N",
              help="Keep at most N of the nodes down at once, including those already down.")  # fmt: skip
@click.option("--pause", "pause_seconds", type=click.FloatRange(0, 86_400), default=0.0, show_default=True,
              metavar="SECONDS", help="As --min-ready, but a node that turns unhealthy ends the command.")  # fmt: skip
@click.option("--min-ready", "min_ready_seconds", type=click.FloatRange(0, 86_400), default=0.0, show_default=True,
              metavar="SECONDS", help="How long each node must be running and healthy, without a restart in between, "
              "before the next one.")  # fmt: skip
@click.option("--started-before", "started_before_ms", callback=_moment, metavar="TIME",
              help="Restart only nodes whose process was started before TIME. "
              "It is ISO 8601, and local without a zone.")  # fmt: skip
@many_options("N nodes at a time, whatever else is down: this is no rolling restart.")
@detach_option("Return when the agent has the order, 3 s after at most. The node may be stopping or starting.")
@click.pass_context
def restart(ctx: click.Context, /, node_ids: tuple[str, ...], matching: Matching, **given: Any) -> None:
    """Stop nodes and start them again, one after the other.

    The next node is restarted when the one before runs and is healthy. The first failure
    ends the command. It then prints what is done, what is left, and the command to resume.
    --timeout is for each node: from its restart until it runs and is healthy.

    With --parallel it is no rolling restart: N nodes at a time are restarted, whatever else is
    down, and a failure does not stop the others. Then it asks first, unless ids are given.
    """
    options = options_of(ctx)
    require_one_way(node_ids, matching)
    spec = RollSpec(given["max_unavailable"], given["pause_seconds"], given["min_ready_seconds"])
    started_before_ms: int | None = given["started_before_ms"]
    detach: bool = given["detach"]
    is_rolling = spec != RollSpec() or started_before_ms is not None
    if detach and (not node_ids or is_rolling):
        raise click.UsageError("--detach does not wait for the outcome, so it accepts node ids only.")
    if given["parallel"] and is_rolling:
        raise click.UsageError("--parallel is no rolling restart: omit it, or the options of a rolling restart.")
    if detach or given["parallel"] or given["dry_run"]:
        run_many(options, node_ids, matching, Verb.RESTART, given)
        return
    selection = matching.selection(options, tuple(dict.fromkeys(node_ids)))
    if selection is None:
        tell_nothing(options, Verb.RESTART)
        return
    _Command(options, selection, spec, started_before_ms).run()


class _Command:
    """One ``nodes restart``: choose the nodes, restart them, and print the outcome."""

    def __init__(self, options: Options, selection: Selection, spec: RollSpec, started_before_ms: int | None) -> None:
        self._options = options
        self._selection = selection
        self._spec = spec
        self._started_before_ms = started_before_ms
        self._for_people = options.output in ("table", "wide")

    def run(self) -> None:
        with connect(self._options) as client:
            chosen = self._choose(client)
            names = due(chosen, self._selection, self._started_before_ms)
            resume_ms = self._started_before_ms or newest_start_ms(chosen.values())
            with progress(self._options, f"restarting {len(names)} nodes") as say:
                roll = Roll(
                    client,
                    self._spec,
                    names,
                    scope_of(client, self._selection, chosen),
                    self._teller(say, len(names)),
                    say,
                )
                interrupted = False
                try:
                    roll.run()
                except KeyboardInterrupt:
                    interrupted = True
                    roll.give_up()
        self._conclude(roll.progress, len(names), resume_ms, interrupted=interrupted)

    def _choose(self, client: MasterClient) -> Nodes:
        """The nodes. What is not found may be the beginning of an id; the selection has whole ids from here on."""
        given = self._selection
        try:
            return choose_from(client, given)
        except NotFound:
            node_ids = dict.fromkeys(full_node_ids(client, given.node_ids)) if given.node_ids else ()
            agent_id = full_agent_ids(client, [given.agent_id])[0] if given.agent_id else ""
            self._selection = replace(given, node_ids=tuple(node_ids), agent_id=agent_id)
            if self._selection == given:
                raise
        return choose_from(client, self._selection)

    def _teller(self, say: ProgressLine, total: int) -> Callable[[pb.NodeStatus], None]:
        done: list[str] = []

        def tell(node: pb.NodeStatus) -> None:
            done.append(node.node_id)
            if self._for_people:
                count = f"  ({len(done)} of {total})" if total > 1 else ""
                say.result(f"{result_line(node, node.status)}{count}")

        return tell

    def _conclude(self, done: Progress, total: int, resume_ms: int, *, interrupted: bool) -> None:
        left = done.unfinished()
        resume = self._resume_command(left, resume_ms) if left else ""
        self._print_data(done, left, resume)
        if len(left) == total and self._selection.node_ids:
            resume = ""  # it would be the command that has just failed
        if total == 0 and self._for_people:
            emit("Nothing to restart.")
        if done.failure is not None:
            print_error(done.failure, self._options.output)
        if self._for_people and (interrupted or done.failure is not None):
            self._print_rest(done, left, total, resume)
        if interrupted:
            raise click.exceptions.Exit(ExitCode.INTERRUPTED)
        if done.failure is not None:
            raise click.exceptions.Exit(exit_code(done.failure))

    def _print_rest(self, done: Progress, left: list[str], total: int, resume: str) -> None:
        click.echo(f"done: {len(done.restarted)} of {total}: {', '.join(done.restarted) or '-'}", err=True)
        if done.in_flight:
            click.echo(f"in flight, the grid continues: {', '.join(sorted(done.in_flight))}", err=True)
        click.echo(f"left: {len(left)}: {', '.join(left) or '-'}", err=True)
        if resume:
            click.echo(f"resume: {resume}", err=True)

    def _print_data(self, done: Progress, left: list[str], resume: str) -> None:
        """The outcome for programs: the restarted nodes, the ids that are left, and the command to resume."""
        if self._for_people:
            return
        nodes = list(done.restarted.values())
        if self._options.output == "name":
            emit(list_text(self._options, NODES, nodes))
            return
        facts = {"nodes": [message_to_dict(node) for node in nodes], "left": left, "resume": resume}
        emit(to_json(facts) if self._options.output == "json" else to_yaml(facts))

    def _resume_command(self, left: list[str], resume_ms: int) -> str:
        """The command that resumes the restart, with the same bounds and the given master."""
        arguments = ["sutra-grid-cli", "nodes", "restart", *_options(self._selection, left)]
        if not self._selection.node_ids:
            moment = datetime.fromtimestamp(resume_ms // 1000, UTC).replace(microsecond=resume_ms % 1000 * 1000)
            arguments += ["--started-before", moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")]
        if self._spec.max_unavailable != 1:
            arguments += ["--max-unavailable", str(self._spec.max_unavailable)]
        if self._spec.pause_seconds:
            arguments += ["--pause", f"{self._spec.pause_seconds:g}"]
        if self._spec.min_ready_seconds:
            arguments += ["--min-ready", f"{self._spec.min_ready_seconds:g}"]
        if self._options.master:
            arguments += ["--master", self._options.master]
        return shlex.join(arguments)
