"""Kubeconfig files, found and merged as kubectl does.

Source of the rules: ``k8s.io/client-go`` ``tools/clientcmd``: of several files the first that says something is right,
for ``current-context``, too, and relative paths are relative to the file they stand in.
"""

from __future__ import annotations

import os
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from awsauth.core.text.display import quoted, visible
from awsauth.errors import KubeconfigError
from awsauth.kube.address import address_problem
from awsauth.read_limits import read_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import yaml


_DEEPEST: Final = 100


_NUMBERS: Final = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


_TEXT: Final = "tag:yaml.org,2002:str"


_TEXTS: Final = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value")


def decoded(raw: bytes) -> str:
    """Return the text of a file.

    Raises:
        ValueError: it is none.
    """
    try:
        return raw.decode("utf-16" if raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("it is no text in UTF-8, nor in UTF-16 with a byte order mark") from None


def parsed(text: str) -> Any:
    """Return what YAML means to kubectl: its first document, in which times and the like are texts.

    Raises:
        ValueError: it is no YAML, or nested too deep; told without anything that stands in it.
    """
    import yaml

    try:
        if not _is_too_deep(text):
            return next(yaml.load_all(text, _loader()), None)
    except yaml.YAMLError as error:
        raise ValueError(_no_yaml(error)) from None
    except (ValueError, LookupError, AttributeError):  # of a tag such as `!!bool` on what is none
        raise ValueError("it is no YAML") from None
    raise ValueError(f"it is nested more than {_DEEPEST} levels deep")


def _is_too_deep(text: str) -> bool:
    """Whether YAML is nested so deep that loading it would end the process: the loader calls itself for each level."""
    import yaml

    depth = 0
    for event in yaml.parse(text, yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            return True
    return False


def _no_yaml(error: Exception) -> str:
    """Return where a text is no YAML, and why as far as that shows nothing of it."""
    import yaml

    if not isinstance(error, yaml.MarkedYAMLError):
        return "it is no YAML"
    mark = error.problem_mark or error.context_mark
    location = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    # Others name the alias, or the tag, and that might be a credential without its quotes.
    is_of_form = isinstance(error, (yaml.scanner.ScannerError, yaml.parser.ParserError))
    return f"it is no YAML{location}" + (f" ({error.problem})" if is_of_form else "")


@cache
def _loader() -> type[yaml.CSafeLoader]:
    import yaml

    class Loader(yaml.CSafeLoader):
        """Takes for texts what goyaml, and so kubectl, takes for texts."""

        def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
            tag = super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]
            is_sexagesimal = kind is yaml.ScalarNode and tag in _NUMBERS and ":" in value
            return _TEXT if is_sexagesimal or tag in _TEXTS else tag

    return Loader


_KINDS: Final = {"clusters": "cluster", "contexts": "context", "users": "user"}


_PATHS: Final = {
    "clusters": ("certificate-authority",),
    "contexts": (),
    "users": ("client-certificate", "client-key", "tokenFile"),
}


_NO_CREDENTIALS: Final = frozenset(("as", "as-groups", "as-uid", "as-user-extra", "extensions"))
"""What a user may have that are no credentials."""


_MOST_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """One or several kubeconfig files, merged.

    Attributes:
        files: Those that were read.
        current: The name of the current context; empty where none is named.
        clusters: By name.
        contexts: By name.
        users: By name; their credentials are not shown in the repr.
        folders: By the name of a user, the folder of the file it stands in.
    """

    files: tuple[str, ...]
    current: str = ""
    clusters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    contexts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    users: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    folders: Mapping[str, str] = field(default_factory=dict, repr=False)

    def destination(self, context: str | None = None) -> ResolvedContext:
        """Return what a context leads to.

        Args:
            context: Its name; None for the current one.

        Raises:
            KubeconfigError: there is no such context, or no such cluster or user as it names; or what they say is
                refused: an address that is none, credentials for one with ``http://``, certificates that are to be
                looked at and not.
        """
        name = context if context is not None else self.current
        if not name:
            raise self._wrong("No context is current, and none was named", self._known(self.contexts))
        chosen = self.contexts.get(name)
        if chosen is None:
            raise self._wrong(f"There is no context {quoted(name)}", self._known(self.contexts))
        cluster_name, user_name = str(chosen.get("cluster") or ""), str(chosen.get("user") or "")
        cluster, user = (_non_empty(part) for part in (self.clusters.get(cluster_name), self.users.get(user_name)))
        if user_name and user_name not in self.users:
            raise self._wrong(f"The context {quoted(name)} names the user {quoted(user_name)}, who is not there", "")
        if problem := problem_of(cluster, user):
            raise self._wrong(f"The context {quoted(name)} leads to {problem[0]}", problem[1])
        return ResolvedContext(name, cluster, user, self.folders.get(user_name, ""), self.files)

    def _known(self, contexts: Iterable[str]) -> str:
        names = sorted(contexts)
        shown = ", ".join(quoted(name) for name in names[:_MOST_SHOWN])
        more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
        return f"There are: {shown}{more}." if names else "There are none at all."

    def _wrong(self, problem: str, hint: str) -> KubeconfigError:
        location = visible(os.pathsep.join(self.files))
        return KubeconfigError(f"{problem}. Nothing was sent.", location=location, hint=hint)


@dataclass(frozen=True, slots=True)
class ResolvedContext:
    """What a context leads to.

    Attributes:
        context: The context's name.
        cluster: The cluster; its address is a text.
        user: The user, with credentials.
        folder: The folder of the file that the user stands in.
        files: The kubeconfig's files.
    """

    context: str
    cluster: Mapping[str, Any] = field(repr=False)
    user: Mapping[str, Any] = field(repr=False)
    folder: str = field(repr=False)
    files: tuple[str, ...]

    @property
    def server(self) -> str:
        """The API server's address."""
        return str(self.cluster["server"])

    @property
    def acts_as(self) -> tuple[str | None, Sequence[str]]:
        """Whom the user acts as (``as``, ``as-groups``): a user, or None for nobody else, and groups.

        Raises:
            KubeconfigError: there is more to it than can be passed on, or the groups are none.
        """
        if self.user.get("as-uid") or self.user.get("as-user-extra"):
            raise KubeconfigError(
                f"The user of the context {quoted(self.context)} acts as another one with `as-uid` or "
                "`as-user-extra`, which is not supported. Nothing was sent.",
                location=visible(os.pathsep.join(self.files)),
                hint="Use a context without them.",
            )
        groups = self.user.get("as-groups") or []
        if not isinstance(groups, list):
            raise KubeconfigError(
                f"The user of the context {quoted(self.context)} acts as a member of `as-groups`, which is no list. "
                "Nothing was sent.",
                location=visible(os.pathsep.join(self.files)),
                hint="Write a list.",
            )
        return self.user.get("as") or None, groups

    def to_dict(self, user: Mapping[str, Any]) -> dict[str, Any]:
        """Return a kubeconfig with this context alone, and with this user."""
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "it",
            "clusters": [{"name": "it", "cluster": dict(self.cluster)}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "users": [{"name": "it", "user": dict(user)}],
        }


def _non_empty(part: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what a cluster or user says; to kubectl, a null or an empty text says nothing."""
    return {name: value for name, value in (part or {}).items() if value is not None and value != ""}


def problem_of(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return why nothing is sent to a cluster, and what to do about it; None where nothing is wrong."""
    address, unverified = cluster.get("server"), cluster.get("insecure-skip-tls-verify")
    if not isinstance(address, str):
        return address_problem(address, has_credentials=False)
    if unverified is not None and not isinstance(unverified, bool):
        # Any text, "false" too, would count as true further on.
        return "a cluster whose `insecure-skip-tls-verify` is no boolean", "Write true or false, without quotes."
    if unverified and any(name.startswith("certificate-authority") for name in cluster):
        return (
            "a cluster that has a certificate authority, and whose certificate is not to be looked at",
            "Take out `insecure-skip-tls-verify`, or else `certificate-authority` and `certificate-authority-data`.",
        )
    has_credentials = bool(set(user) - _NO_CREDENTIALS)
    return address_problem(address, has_credentials=has_credentials, is_proxied="proxy-url" in cluster)


def default_paths() -> tuple[Path, ...]:
    """Return where kubectl looks: the files that ``KUBECONFIG`` lists, or ``~/.kube/config``; they need not exist."""
    if listed := os.environ.get("KUBECONFIG"):
        return tuple([Path(name) for name in listed.split(os.pathsep) if name])
    # Left as it is where nobody has a home, as in a container whose user has no name.
    return (Path(os.path.expanduser("~/.kube/config")),)  # noqa: PTH111 - pathlib's raises there


def read_kubeconfig(files: Sequence[Path]) -> Kubeconfig:
    """Read and merge kubeconfig files; one that does not exist is passed over.

    Raises:
        KubeconfigError: one cannot be read, or is no kubeconfig.
    """
    current, folders = "", {}
    parts: dict[str, dict[str, Mapping[str, Any]]] = {kind: {} for kind in _KINDS}
    found = [file for file in files if _is_there(file)]
    for file in found:
        value = _loaded(file)
        folder = os.path.dirname(os.path.abspath(file))  # noqa: PTH100, PTH120 - a link's folder, not its target's
        current = current or str(value.get("current-context") or "")
        for kind, name_of_it in _KINDS.items():
            for name, one in _named(value.get(kind), name_of_it, file).items():
                if name not in parts[kind]:
                    parts[kind][name] = _absolute(one, _PATHS[kind], folder)
                    if kind == "users":
                        folders[name] = folder
    return Kubeconfig(tuple(map(str, found)), current, parts["clusters"], parts["contexts"], parts["users"], folders)


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except OSError as error:
        raise _unreadable(file, error.strerror or "it cannot be looked for") from error


def _loaded(file: Path) -> Mapping[str, Any]:
    try:
        value = parsed(decoded(read_file(file)))
    except OSError as error:
        raise _unreadable(file, error.strerror or "it cannot be opened") from error
    except ValueError as error:
        # Nothing of what caused it: that may show a credential.
        raise _unreadable(file, str(error)) from None
    if value is not None and not isinstance(value, dict):
        raise _unreadable(file, "it is no mapping")
    return value or {}


def _named(items: Any, name_of_it: str, file: Path) -> Mapping[str, Mapping[str, Any]]:
    """Return the parts of a list of clusters, contexts or users by name; one without a name can be meant by nobody."""
    found: dict[str, Mapping[str, Any]] = {}
    if not isinstance(items or [], list) or not all(_may_be_named(item, name_of_it) for item in items or []):
        raise _unreadable(file, f"its list of {name_of_it}s does not hold names, and a {name_of_it} for each")
    for item in filter(None, items or []):
        name = item.get("name")
        if name in found:
            raise _unreadable(file, f"its list of {name_of_it}s holds {quoted(name)} twice")
        if name:
            found[name] = item.get(name_of_it) or {}
    return found


def _may_be_named(item: Any, name_of_it: str) -> bool:
    if item is None:
        return True
    return (
        isinstance(item, dict)
        and isinstance(item.get("name") or "", str)
        and isinstance(item.get(name_of_it) or {}, dict)
    )


def _absolute(one: Mapping[str, Any], keys: tuple[str, ...], folder: str) -> Mapping[str, Any]:
    paths = {key: os.path.join(folder, one[key]) for key in keys if isinstance(one.get(key), str) and one[key]}  # noqa: PTH118
    return {**one, **paths}


def _unreadable(file: Path, problem: str) -> KubeconfigError:
    return KubeconfigError(
        f"The kubeconfig cannot be read: {visible(problem)}. Nothing was sent.",
        location=visible(str(file)),
        hint="Correct it; `kubectl config view` reads it the same way.",
    )
