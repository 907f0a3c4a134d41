"""The command that prints what makes a shell complete this program's words, and how bash asks."""

from __future__ import annotations

import os
from typing import Final

import click
from click.shell_completion import BashComplete, add_completion_class, get_completion_class, split_arg_string

from awsauth.cli.command import AwsAuthCommand
from awsauth.cli.exit_codes import DONE
from awsauth.cli.invocation import Invocation, current

COMPLETION: Final = "_AWSAUTH_COMPLETE"
"""The variable by which a shell asks what could stand next."""

_BASH: Final = """\
%(complete_func)s() {
    local response line="${COMP_LINE:0:COMP_POINT}" completion type value before=""
    local word="${line##*[[:space:]]}"
    # bash takes a colon for the end of a word, and ARNs are full of them: what it has already is left out.
    if [[ $word == *:* && $COMP_WORDBREAKS == *:* ]]; then
        before="${word%%"${word##*:}"}"
    fi
    response=$(env AWSAUTH_COMPLETION_LINE="$line" %(complete_var)s=bash_complete "$1")
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("${value#"$before"}") ;;
        esac
    done <<< "$response"
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class Bash(BashComplete):
    """Completion for bash that knows of words with colons in them."""

    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is being typed, and what there is of that."""
        line = os.environ.get("AWSAUTH_COMPLETION_LINE", "")
        words = split_arg_string(line)
        incomplete = words.pop() if words and not line[-1:].isspace() else ""
        return words[1:], incomplete


add_completion_class(Bash)


@click.command("completion", cls=AwsAuthCommand, connection=(), library="(a matter of the command line alone)")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@current
def completion_command(invocation: Invocation, /, *, shell: str) -> int:
    """Print the completion for a shell, to be put where that looks for it.

    \b
    bash:
      awsauth completion bash > ~/.local/share/bash-completion/completions/awsauth
    zsh, with a folder of $fpath for FOLDER:
      awsauth completion zsh > FOLDER/_awsauth
    fish:
      awsauth completion fish > ~/.config/fish/completions/awsauth.fish
    """  # noqa: D301 - click's mark, for lines that are not to be wrapped
    completion = get_completion_class(shell)
    if completion is None:
        raise click.UsageError(f"There is no completion for {shell}.")
    source = completion(click.get_current_context().find_root().command, {}, "awsauth", COMPLETION).source()
    invocation.screen.print(source.rstrip("\n"))
    return DONE
