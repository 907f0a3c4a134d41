"""Completion: what the shells can complete, and how they ask.

Of a cluster, the names that were read last are kept in a small file in the user's cache folder. Nothing here may fail
or print a message: the user waits after the tab key.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING, Any, Final

import click
from click import shell_completion as shells
from click.shell_completion import CompletionItem

from awsauth.cli.invocation import STANDARD_INPUT, resolve_target, shared_options
from awsauth.core.text.display import visible
from awsauth.errors import AwsAuthError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from awsauth.core.document.document import Document
    from awsauth.stores.atomic_write import Folder

COMPLETION: Final = "_AWSAUTH_COMPLETE"  # the variable with which a shell asks for completions

_MOST: Final = 10_000
_KINDS: Final = ("roles", "users", "accounts", "groups", "usernames", "revisions")
_NOTHING: Final[dict[str, list[str]]] = {kind: [] for kind in _KINDS}


def remember(target: Mapping[str, Any], document: Document | None = None, revisions: Iterable[int] = ()) -> None:
    """Keep the names in a cluster's document, or its revisions. A file is read again."""
    if "file" in target:
        return
    import json  # the help needs neither

    from awsauth.stores.atomic_write import replace_file

    with contextlib.suppress(OSError, ValueError, RuntimeError):  # RuntimeError: the user has no home
        names = _names_in(document) if document else {"revisions": list(map(str, revisions))}
        path = _cache(target)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _opened(path) as folder:
            old = folder.read(path.name)[0] if folder.find(path.name) else b""
            raw = json.dumps({**_kept(old), **names}).encode("ascii")
            if old != raw:
                replace_file(folder, path.name, raw, mode=0o600)


def complete_context(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Return the contexts of the kubeconfig."""
    from pathlib import Path

    from awsauth.kube.kubeconfig import default_paths, read_kubeconfig

    with contextlib.suppress(AwsAuthError, click.UsageError, OSError):
        named = resolve_target(shared_options(ctx)).get("kubeconfig")
        return _starting(read_kubeconfig((Path(named),) if named else default_paths()).contexts, incomplete)
    return []


def complete_allow(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Return the guards, or after the equals sign of one the mapped principals."""
    from awsauth.core.guards.guards import GUARDS

    guard, equals, _ = incomplete.partition("=")
    if not equals or guard not in GUARDS:
        return _starting(GUARDS, incomplete)
    return _starting([f"{guard}={name}" for name in _known(ctx, "roles", "users", "accounts")], incomplete)


def _completing(*kinds: str) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Return a function that completes the names of these kinds in ``aws-auth``."""
    return lambda ctx, _, incomplete: _starting(_known(ctx, *kinds), incomplete)


ROLES: Final = _completing("roles")
USERS: Final = _completing("users")
ACCOUNTS: Final = _completing("accounts")
PRINCIPALS: Final = _completing("roles", "users", "accounts")
GROUPS: Final = _completing("groups")
USERNAMES: Final = _completing("usernames")
GROUPS_AND_USERNAMES: Final = _completing("groups", "usernames")
REVISIONS: Final = _completing("revisions")


def _known(ctx: click.Context, *kinds: str) -> Iterable[str]:
    known = _NOTHING
    with contextlib.suppress(AwsAuthError, click.UsageError, OSError, ValueError, RuntimeError, KeyError, TypeError):
        target = resolve_target(shared_options(ctx))
        file = target.get("file")
        if file and file != STANDARD_INPUT:
            from awsauth.client import AwsAuthClient

            client = AwsAuthClient.from_file(file)
            if kinds == ("revisions",):
                return [str(entry.info.number) for entry in client.history(described=0).entries if entry.info.number]
            known = {**_NOTHING, **_names_in(client.read())}
        elif not file:
            path = _cache(target)
            with _opened(path) as folder:
                known = _kept(folder.read(path.name)[0])
    return dict.fromkeys(name for kind in kinds for name in known[kind])


def _kept(raw: bytes) -> dict[str, list[str]]:
    """Return the names in a cache file; none if it cannot be read."""
    import json

    with contextlib.suppress(ValueError, AttributeError, TypeError):
        found = json.loads(raw)
        return {kind: [str(one) for one in found.get(kind, ())] for kind in _KINDS}
    return _NOTHING


def _names_in(document: Document) -> dict[str, list[str]]:
    from awsauth.core.document.model import KEYS

    by_key = [document.reading(key).mapped[:_MOST] for key in KEYS]
    mapped = [one for found in by_key for one in found]
    names = {
        **{kind: {one.principal for one in found} for kind, found in zip(_KINDS, by_key, strict=False)},
        "groups": {group for one in mapped for group in one.groups},
        "usernames": {one.username for one in mapped},
    }
    return {kind: sorted(filter(None, found)) for kind, found in names.items()}


def _cache(target: Mapping[str, Any]) -> Path:
    """Return the cache file for a target. All current contexts share one."""
    from pathlib import Path

    from awsauth.core.serialization import sha256_of

    places = {name: str(target[name]) for name in ("cluster", "region", "context", "kubeconfig") if name in target}
    folder = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "awsauth"
    return folder / f"{sha256_of(places)[:16]}.json"


def _opened(cache: Path) -> Folder:
    """Open the folder of a cache file, unless another user owns it, as under `sudo`."""
    from awsauth.stores.atomic_write import Folder

    folder = Folder(cache.parent)
    if not folder.is_ours:
        with folder:
            raise PermissionError
    return folder


def _starting(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    # Shells do not quote invisible characters, and the command would take a word with a hyphen for an option.
    fitting = (name for name in names if name.startswith(incomplete) and not name.startswith("-"))
    return [CompletionItem(name) for name in fitting if name == visible(name)]


# Characters with a meaning to bash outside quotes. Braces have one only around a comma or two dots.
_SPECIAL: Final = re.compile(r"""[ !"#$&'()*,;<>?\[\\\]^`|~]|\.(?=\.)""")

# Characters with a meaning to bash inside a quote.
_CLOSES: Final = {"'": re.compile("'"), '"': re.compile(r'["$`\\!]')}


def _script(shell: str) -> str:
    """Return the script with which a shell asks; click fills in the names."""
    with open(f"{os.path.dirname(__file__)}/completion.{shell}", encoding="utf-8") as script:  # noqa: PTH120, PTH123
        return script.read()


class _Completion(shells.ShellComplete):
    """Completion that also takes a value joined to its option by an equals sign."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """Return the completions of the word that is being typed."""
        found = super().get_completions(args, incomplete)
        option, equals, _ = incomplete.partition("=")
        if equals and option.startswith("-"):
            for item in found:
                item.value = f"{option}={item.value}"
        return found


class Bash(_Completion, shells.BashComplete):
    """Completion for bash. It quotes the completions, because bash does not."""

    source_template = _script("bash")
    _quote = ""
    _kept = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is being typed, and its beginning."""
        import shlex  # only bash needs it

        line = os.environ.get("AWSAUTH_COMPLETION_LINE", "")
        before = line.removesuffix(os.environ.get("AWSAUTH_COMPLETION_PART", ""))
        self._kept = _words_of(before)[-1]
        try:
            shlex.split(line.rstrip("\\"))
        except ValueError:  # The part begins after an open quote.
            self._quote = before[-1:]
        _, *words, incomplete = _words_of(line)
        return words, incomplete

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """Return the completions, except those that cannot be quoted at this place."""
        found = super().get_completions(args, incomplete)
        cannot_hold = _CLOSES.get(self._quote)
        return [item for item in found if not (cannot_hold and cannot_hold.search(item.value))]

    def format_completion(self, item: CompletionItem) -> str:
        """Return the text that replaces the word, or its last part.

        The last part begins after the last colon or quote.
        """
        value = item.value.removeprefix(self._kept)
        return f"{item.type},{value if self._quote else _SPECIAL.sub(lambda match: chr(92) + match[0], value)}"


class Zsh(_Completion, shells.ZshComplete):
    """Completion for zsh, which quotes inserted values."""


class Fish(_Completion, shells.FishComplete):
    """Completion for fish, which quotes inserted values; they may hold commas."""

    source_template = _script("fish")


def _words_of(line: str) -> list[str]:
    """Return the words of a line; the last is empty after a space."""
    return shells.split_arg_string(line) + ([""] if not line or line[-1].isspace() else [])


SHELLS: Final[dict[str, type[shells.ShellComplete]]] = {kind.name: kind for kind in (Bash, Zsh, Fish)}
for _shell in SHELLS.values():
    shells.add_completion_class(_shell)
