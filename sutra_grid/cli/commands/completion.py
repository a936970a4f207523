"""``completion``: prints the script that completes commands, options and ids in a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from sutra_grid.cli.context import GridCommand

PROGRAM = "sutra-grid-cli"


@click.command(cls=GridCommand)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash:  eval "$(sutra-grid-cli completion bash)"      (in ~/.bashrc)
    zsh:   eval "$(sutra-grid-cli completion zsh)"       (in ~/.zshrc)
    fish:  sutra-grid-cli completion fish > ~/.config/fish/completions/sutra-grid-cli.fish
    """
    complete = get_completion_class(shell)
    assert complete is not None, f"click has no completion for {shell}"
    click.echo(complete(ctx.find_root().command, {}, PROGRAM, "_SUTRA_GRID_CLI_COMPLETE").source())
