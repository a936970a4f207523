"""``completion``: prints the script that completes commands, options and ids in a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from sutra_grid.cli.context import GridCommand

PROGRAM = "sutra-grid-cli"
#: zsh knows ``compdef`` only after ``compinit``, which a plain ~/.zshrc does not call. A script that zsh loads from its
#: fpath is loaded by compinit itself. -i leaves out directories that others may write to, instead of asking.
START_ZSH_COMPLETION = """\
if [[ $zsh_eval_context[-1] != loadautofunc ]] && (( ! $+functions[compdef] )); then
    autoload -Uz compinit && compinit -i
fi
"""


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
    script = complete(ctx.find_root().command, {}, PROGRAM, "_SUTRA_GRID_CLI_COMPLETE").source()
    if shell == "zsh":
        first, _, rest = script.partition("\n")  # zsh reads the first line: #compdef
        script = f"{first}\n\n{START_ZSH_COMPLETION}{rest}"
    click.echo(script)
