"""The command that prints what makes a shell complete this program's words, and how the shells ask."""

from __future__ import annotations

import os
import re
from typing import Final

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from awsauth.cli.command import AwsAuthCommand
from awsauth.cli.exit_codes import DONE
from awsauth.cli.invocation import Invocation, current

COMPLETION: Final = "_AWSAUTH_COMPLETE"
"""The variable by which a shell asks what could stand next."""

_BASH: Final = """\
%(complete_func)s() {
    local response value
    response=$(env AWSAUTH_COMPLETION_LINE="${COMP_LINE:0:COMP_POINT}" AWSAUTH_COMPLETION_BREAKS="$COMP_WORDBREAKS" \\
        %(complete_var)s=bash_complete "$1")
    COMPREPLY=()
    while IFS= read -r value; do
        case $value in
            dir,*) compopt -o dirnames ;;
            file,*) compopt -o default ;;
            plain,*) COMPREPLY+=("${value#plain,}") ;;
        esac
    done <<< "$response"
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""

_FISH: Final = """\
function %(complete_func)s
    for item in (env %(complete_var)s=fish_complete COMP_WORDS=(commandline -cp | string collect) \\
            COMP_CWORD=(commandline -ct | string collect) %(prog_name)s)
        set -l parts (string split -m 1 , -- $item)
        switch $parts[1]
            case dir
                __fish_complete_directories $parts[2]
            case file
                __fish_complete_path $parts[2]
            case plain
                echo -- $parts[2]
        end
    end
end

complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)"
"""

_BREAKS: Final = " \t\n\"'@><=;|&(:"
"""Where bash begins a new word to complete, unless ``COMP_WORDBREAKS`` says otherwise."""

_PREFIXES: Final = "@$"
"""Those that bash replaces together with the new word. Source: bash ``bashline.c`` (``rl_special_prefixes``)."""

_SPECIAL: Final = re.compile(r"""[ !"#$&'()*,;<>?\[\\\]^`|~]|\.(?=\.)""")
"""Characters with a meaning to bash outside quotes. Braces have one only around a comma or two dots."""

_CLOSES: Final = {"'": re.compile("'"), '"': re.compile(r'["$`\\!]')}
"""By the quote that is open on the line: what bash would not take as it is."""


class _Completion(ShellComplete):
    """Completion that also takes a value joined to its option by an equals sign."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """Return what could replace the word that is being typed."""
        found = super().get_completions(args, incomplete)
        option, equals, _ = incomplete.partition("=")
        if equals and option.startswith("-"):
            for item in found:
                item.value = f"{option}={item.value}"
        return found


class Bash(_Completion, BashComplete):
    """Completion for bash. What it inserts is quoted, since bash takes a completion as it is."""

    source_template = _BASH
    _quote = ""
    _kept = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is being typed, and what there is of that."""
        line = os.environ.get("AWSAUTH_COMPLETION_LINE", "")
        words = split_arg_string(line)
        incomplete = words.pop() if words and not line[-1:].isspace() else ""
        self._quote, kept = _open_quote(line, os.environ.get("AWSAUTH_COMPLETION_BREAKS", _BREAKS))
        self._kept = "".join(split_arg_string(kept))
        return words[1:], incomplete

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """Return what could stand there, without what cannot be quoted there."""
        found = super().get_completions(args, incomplete)
        cannot_hold = _CLOSES.get(self._quote)
        return [item for item in found if not (cannot_hold and cannot_hold.search(item.value))]

    def format_completion(self, item: CompletionItem) -> str:
        """Return what is inserted for what bash replaces: the word, or what follows its last colon or quote."""
        value = item.value.removeprefix(self._kept)
        return f"{item.type},{value if self._quote else _SPECIAL.sub(_escaped, value)}"


class Zsh(_Completion, ZshComplete):
    """Completion for zsh, which quotes what it inserts."""


class Fish(_Completion, FishComplete):
    """Completion for fish, which quotes what it inserts; values may hold commas."""

    source_template = _FISH


def _open_quote(line: str, breaks: str) -> tuple[str, str]:
    """Return the quote that is open at the end of a line, and the part of the last word that bash leaves as it is."""
    quote, word, start, position = "", 0, 0, 0
    while position < len(line):
        character = line[position]
        position += 1
        if character == "\\" and quote != "'":
            position += 1
        elif quote:
            if character == quote:
                quote, start = "", position
        elif character in "\"'":
            quote, start = character, position
        elif character in breaks:
            start = position - (character in _PREFIXES)
            word = position if character.isspace() else word
    return quote, line[word:start]


def _escaped(match: re.Match[str]) -> str:
    return f"\\{match[0]}"


add_completion_class(Zsh)
add_completion_class(Fish)
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
