"""Completion: what the shells can complete, and how they ask.

Of a cluster, the names that were read last are kept in a small file in the user's cache folder. Nothing here may fail
or print a message: the user waits after the tab key.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

from awsauth.cli.target import STANDARD_INPUT, resolve_target, shared_options
from awsauth.core.arn import is_user
from awsauth.core.document.model import KEYS
from awsauth.core.text.display import visible
from awsauth.errors import AwsAuthError
from awsauth.stores.atomic_write import Folder, replace_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from awsauth.core.document.document import Document

_MOST: Final = 10_000


def remember(target: Mapping[str, Any], document: Document) -> None:
    """Keep what a cluster maps; a file is read again."""
    _keep(target, lambda: _names_in(document))


def remember_revisions(target: Mapping[str, Any], numbers: Iterable[int]) -> None:
    """Keep which revisions a cluster has; a file's are listed again."""
    _keep(target, lambda: {"revisions": list(map(str, numbers))})


def _keep(target: Mapping[str, Any], names: Callable[[], Mapping[str, list[str]]]) -> None:
    if "file" in target:
        return
    with contextlib.suppress(OSError, ValueError, RuntimeError):  # the last one where this user has no home
        path = _cache(target)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _opened(path) as folder:
            old = folder.read(path.name)[0] if folder.find(path.name) else b""
            raw = json.dumps({**_kept(old), **names()}).encode("ascii")
            if old != raw:
                replace_file(folder, path.name, raw, mode=0o600)


def complete_context(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Return the contexts of the kubeconfig."""
    from awsauth.kube.kubeconfig import default_paths, read_kubeconfig

    with contextlib.suppress(AwsAuthError, OSError):
        named = _target(ctx).get("kubeconfig")
        return _starting(read_kubeconfig((Path(named),) if named else default_paths()).contexts, incomplete)
    return []


def complete_principal(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Return the ARNs and accounts that are mapped."""
    return _starting(_known(ctx)["principals"], incomplete)


def complete_user(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Return the ARNs of users that are mapped."""
    return _starting(filter(is_user, _known(ctx)["principals"]), incomplete)


def complete_group(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Return the groups that are given."""
    return _starting(_known(ctx)["groups"], incomplete)


def complete_name(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Return the groups that are given, and the usernames that are mapped to."""
    known = _known(ctx)
    return _starting(dict.fromkeys(known["groups"] + known["usernames"]), incomplete)


def complete_revision(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Return the numbers of the revisions, the newest first."""
    with contextlib.suppress(AwsAuthError, OSError):
        file = _target(ctx).get("file")
        if file and file != STANDARD_INPUT:
            from awsauth.client import AwsAuthClient

            entries = AwsAuthClient.from_file(file).history(described=0).entries
            return _starting((str(entry.info.number) for entry in entries if entry.info.number), incomplete)
    return _starting(_known(ctx)["revisions"], incomplete)


def complete_allow(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Return the guards; behind the equals sign of one the principals that are mapped."""
    from awsauth.core.guards.guards import GUARDS

    guard, equals, _ = incomplete.partition("=")
    named = [f"{guard}={name}" for name in _known(ctx)["principals"]] if equals and guard in GUARDS else GUARDS
    return _starting(named, incomplete)


def complete_username(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Return the usernames that are mapped to."""
    return _starting(_known(ctx)["usernames"], incomplete)


def _known(ctx: click.Context) -> dict[str, list[str]]:
    with contextlib.suppress(AwsAuthError, OSError, ValueError, RuntimeError, KeyError, TypeError):
        target = _target(ctx)
        file = target.get("file")
        if file == STANDARD_INPUT:
            return _NOTHING
        if file:
            from awsauth.client import AwsAuthClient

            return {**_NOTHING, **_names_in(AwsAuthClient.from_file(file).read())}
        path = _cache(target)
        with _opened(path) as folder:
            return _kept(folder.read(path.name)[0])
    return _NOTHING


def _kept(raw: bytes) -> dict[str, list[str]]:
    """Return the names in a cache file; none for what cannot be read, which is then written anew."""
    with contextlib.suppress(ValueError, AttributeError, TypeError):
        found = json.loads(raw)
        return {name: [str(one) for one in found.get(name, ())] for name in _NOTHING}
    return _NOTHING


_NOTHING: Final[dict[str, list[str]]] = {"principals": [], "usernames": [], "groups": [], "revisions": []}


def _target(ctx: click.Context) -> dict[str, Any]:
    """Return what the words so far, and the environment, say of the target."""
    with contextlib.suppress(click.UsageError):
        return resolve_target(shared_options(ctx))
    return {}


def _names_in(document: Document) -> dict[str, list[str]]:
    mapped = [one for key in KEYS for one in document.reading(key).mapped][:_MOST]
    return {
        "principals": sorted({one.principal for one in mapped if one.principal}),
        "usernames": sorted({one.username for one in mapped if one.username}),
        "groups": sorted({group for one in mapped for group in one.groups if group}),
    }


def _cache(target: Mapping[str, Any]) -> Path:
    """Return the file for a target; with no target named, of the current context, whichever that is."""
    places = {name: str(target[name]) for name in ("cluster", "region", "context", "kubeconfig") if name in target}
    folder = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "awsauth"
    return folder / f"{hashlib.sha256(json.dumps(places, sort_keys=True).encode()).hexdigest()[:16]}.json"


def _opened(cache: Path) -> Folder:
    """Open the folder of a cache file, unless it belongs to another user, as a home kept by `sudo` does."""
    folder = Folder(cache.parent)
    if not folder.is_ours:
        with folder:
            raise PermissionError
    return folder


def _starting(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    # The shells quote the rest, but not what they cannot show, nor what the command would take for an option.
    return [
        CompletionItem(name)
        for name in names
        if name.startswith(incomplete) and not name.startswith("-") and name == visible(name)
    ]


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
