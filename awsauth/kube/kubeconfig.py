"""Kubeconfig files, found and merged as kubectl does.

The source of the rules is ``k8s.io/client-go`` ``tools/clientcmd``. Of several files, the first that defines a name
counts, also for ``current-context``. Relative paths are relative to the file that holds them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from awsauth.core.goyaml.decode import loaded
from awsauth.core.goyaml.nodes import YamlSyntaxError
from awsauth.core.text.display import listed, quoted, visible
from awsauth.core.text.lines import line_of, line_start
from awsauth.errors import KubeconfigError
from awsauth.kube.address import address_problem
from awsauth.system.read_limits import decoded, read_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def parsed(text: str) -> Any:
    """Return the first document of a YAML text as kubectl reads it.

    Times and the like are texts. A text that is not YAML, or nested too deep, is a ValueError. It shows no part of the
    text.
    """
    try:
        return loaded(text)
    except YamlSyntaxError as error:
        line, column = line_of(text, error.offset), error.offset - line_start(text, error.offset) + 1
        # libyaml's problems quote nothing. Others name an alias or a tag, which might be a credential without quotes.
        problem = f" ({error.problem})" if error.__cause__ else ""
        raise ValueError(f"it is not YAML at line {line}, column {column}{problem}") from None


_KINDS: Final = {"clusters": "cluster", "contexts": "context", "users": "user"}
# Fields that hold the path of a file.
_PATHS: Final = frozenset(("certificate-authority", "client-certificate", "client-key", "tokenFile"))
# Fields of a user that are not credentials.
_NO_CREDENTIALS: Final = frozenset(("as", "as-groups", "as-uid", "as-user-extra", "extensions"))

_Entry = tuple["Mapping[str, Any]", str]  # a cluster, context or user with absolute paths, and its file's folder


@dataclass(slots=True, eq=False, repr=False)  # nothing compares or prints one, and methods take time to make
class Kubeconfig:
    """One or several kubeconfig files, merged.

    Attributes:
        files: The files that were read.
        current: The name of the current context; empty if no file names one.
        clusters: By name.
        contexts: By name.
        users: By name, each with the folder of its file. The repr shows no credentials.
    """

    files: tuple[str, ...]
    current: str
    clusters: Mapping[str, _Entry]
    contexts: Mapping[str, _Entry]
    users: Mapping[str, _Entry]

    def destination(self, context: str | None = None) -> ResolvedContext:
        """Return a context with its cluster and user.

        Args:
            context: The name; None for the current context.

        Raises:
            KubeconfigError: the context, its cluster or its user is missing or refused: a malformed address,
                credentials for an ``http://`` address, or contradictory settings for certificates.
        """
        name = context if context is not None else self.current
        if not name or name not in self.contexts:
            problem = f"There is no context {quoted(name)}." if name else "No context is current, and none was named."
            known = listed([quoted(one) for one in sorted(self.contexts)], 20)
            hint = f"Name one of these contexts: {known}." if known else "Add a context; the kubeconfig has none."
            raise error_in(self.files, problem, hint)
        chosen, _ = self.contexts[name]
        cluster_name, user_name = str(chosen.get("cluster") or ""), str(chosen.get("user") or "")
        (cluster, _), (user, folder) = self.clusters.get(cluster_name, ({}, "")), self.users.get(user_name, ({}, ""))
        if user_name and user_name not in self.users:
            problem = f"The context {quoted(name)} names the user {quoted(user_name)}, which does not exist."
            raise error_in(self.files, problem, "Correct the context, or add the user.")
        if refused := problem_of(cluster, user):
            raise error_in(self.files, f"The context {quoted(name)} leads to {refused[0]}.", refused[1])
        return ResolvedContext(name, cluster, user, folder, self.files)


@dataclass(slots=True, eq=False, repr=False)  # for the same reason
class ResolvedContext:
    """A context with its cluster and user.

    Attributes:
        context: The context's name.
        cluster: The cluster; its address is a text.
        user: The user, with credentials.
        folder: The folder of the file that holds the user.
        files: The kubeconfig's files.
    """

    context: str
    cluster: Mapping[str, Any]
    user: Mapping[str, Any]
    folder: str
    files: tuple[str, ...]

    @property
    def acts_as(self) -> tuple[str | None, Sequence[str]]:
        """The user (or None) and groups to impersonate (``as``, ``as-groups``).

        Raises:
            KubeconfigError: the impersonation has other fields, or the groups are not a list.
        """
        groups = self.user.get("as-groups") or []
        problem, hint = "", ""
        if self.user.get("as-uid") or self.user.get("as-user-extra"):
            problem, hint = "has `as-uid` or `as-user-extra`, which awsauth does not support", "Use another context."
        elif not isinstance(groups, list):
            problem, hint = "has `as-groups` that are not a list", "Write a list."
        if problem:
            raise error_in(self.files, f"The user of the context {quoted(self.context)} {problem}.", hint)
        return self.user.get("as") or None, groups

    def to_dict(self, user: Mapping[str, Any]) -> dict[str, Any]:
        """Return a kubeconfig with this context alone, and with this user."""
        return {
            "current-context": "it",
            "clusters": [{"name": "it", "cluster": dict(self.cluster)}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "users": [{"name": "it", "user": dict(user)}],
        }


def problem_of(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return why requests must not go to a cluster, with a hint.

    Returns None if they may (see `address_problem`).
    """
    unverified = cluster.get("insecure-skip-tls-verify")
    has_credentials = bool(set(user) - _NO_CREDENTIALS)
    address = cluster.get("server")
    if problem := address_problem(address, has_credentials=has_credentials, is_proxied="proxy-url" in cluster):
        return problem
    if unverified is not None and not isinstance(unverified, bool):
        # Any text would count as true later, even "false".
        return "a cluster whose `insecure-skip-tls-verify` is not a boolean", "Write true or false, without quotes."
    if unverified and any(name.startswith("certificate-authority") for name in cluster):
        both = "a certificate authority and with `insecure-skip-tls-verify`, which contradict each other"
        ways = "`insecure-skip-tls-verify`, or else `certificate-authority` and `certificate-authority-data`"
        return f"a cluster with {both}", f"Remove {ways}."
    return None


def error_in(files: Iterable[str | Path], message: str, hint: str) -> KubeconfigError:
    """Return an error about all files of a kubeconfig."""
    return KubeconfigError(message, location=visible(os.pathsep.join(map(str, files))), hint=hint)


def default_paths() -> tuple[Path, ...]:
    """Return kubectl's files: those in ``KUBECONFIG``, or ``~/.kube/config``.

    They need not exist.
    """
    if listed := os.environ.get("KUBECONFIG"):
        return tuple([Path(name) for name in listed.split(os.pathsep) if name])
    # The `~` stays if the user has no home folder, as in a container whose user has no name.
    return (Path(os.path.expanduser("~/.kube/config")),)  # noqa: PTH111 - pathlib's raises there


def read_kubeconfig(files: Sequence[Path]) -> Kubeconfig:
    """Read and merge kubeconfig files; files that do not exist are skipped.

    Raises:
        KubeconfigError: a file cannot be read, or is not a kubeconfig.
    """
    current, found = "", []
    entries: dict[str, dict[str, _Entry]] = {kind: {} for kind in _KINDS}
    for file in files:
        value = _loaded(file)
        if value is None:
            continue
        found.append(str(file))
        folder = os.path.dirname(os.path.abspath(file))  # noqa: PTH100, PTH120 - a link's folder, not its target's
        current = current or str(value.get("current-context") or "")
        for kind, singular in _KINDS.items():
            for name, one in _by_name(value.get(kind), singular, file).items():
                entries[kind].setdefault(name, (_resolved(one, folder), folder))
    return Kubeconfig(tuple(found), current, **entries)


def _loaded(file: Path) -> Mapping[str, Any] | None:
    """Return the mapping in a file; None if there is no such file."""
    try:
        if not file.exists():
            return None
        value = parsed(decoded(read_file(file)))
    except OSError as error:
        raise _unreadable(file, error.strerror or "it cannot be opened") from error
    except ValueError as error:
        raise _unreadable(file, str(error)) from None  # its cause may show a credential
    if value is not None and not isinstance(value, dict):
        raise _unreadable(file, "it is not a mapping")
    return value or {}


def _by_name(items: Any, singular: str, file: Path) -> Mapping[str, Mapping[str, Any]]:
    """Return the clusters, contexts or users by name; others are skipped."""
    found: dict[str, Mapping[str, Any]] = {}
    if not isinstance(items or [], list) or not all(_is_named(item, singular) for item in items or []):
        raise _unreadable(file, f"an entry in its list of {singular}s is not a name with a {singular}")
    for item in filter(None, items or []):
        name = item.get("name")
        if name in found:
            raise _unreadable(file, f"its list of {singular}s holds {quoted(name)} twice")
        if name:
            found[name] = item.get(singular) or {}
    return found


def _is_named(item: Any, kind: str) -> bool:
    one = item or {}
    return isinstance(one, dict) and isinstance(one.get("name") or "", str) and isinstance(one.get(kind) or {}, dict)


def _resolved(one: Mapping[str, Any], folder: str) -> Mapping[str, Any]:
    """Return the fields that kubectl counts as set, with absolute paths.

    Fields that are null or an empty text are not set.
    """
    return {
        name: os.path.join(folder, value) if name in _PATHS and isinstance(value, str) else value  # noqa: PTH118
        for name, value in one.items()
        if value is not None and value != ""
    }


def _unreadable(file: Path, problem: str) -> KubeconfigError:
    message = f"The kubeconfig cannot be read: {visible(problem)}."
    hint = "Correct it; `kubectl config view` reads it the same way."
    return KubeconfigError(message, location=visible(str(file)), hint=hint)
