"""Which ``aws-auth`` a call is for."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, TypedDict

from awsauth.client import AwsAuthClient
from awsauth.core.escaping import quoted
from awsauth.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from awsauth.core.policy import Policy


class Target(TypedDict, total=False):
    """Which ``aws-auth`` is meant: that of one `cluster`, of a `context` or `kubeconfig`, or in a `file`.

    None of them means what kubectl would use: the kubeconfig's current context, or in a pod its own cluster.

    Attributes:
        cluster: An EKS cluster's name or ARN; no kubeconfig and no AWS CLI is needed.
        region: Of `cluster`; otherwise that of its ARN, of the profile, the environment or instance metadata.
        profile: The AWS profile for `cluster`.
        assume_role: The ARN of a role to assume for `cluster`.
        context: A context of the kubeconfig.
        kubeconfig: The kubeconfig's file.
        file: A manifest file that holds the ConfigMap.
        as_user: The Kubernetes user to act as.
        as_groups: The groups to act as a member of.
        author: Who makes the changes, for the history: a claim.
        policy: What may be mapped at all.
    """

    cluster: str
    region: str
    profile: str
    assume_role: str
    context: str
    kubeconfig: str | os.PathLike[str]
    file: str | os.PathLike[str]
    as_user: str
    as_groups: Sequence[str]
    author: str
    policy: Policy


NAMES: Final = frozenset(Target.__annotations__)
_ALWAYS: Final = frozenset({"author", "policy"})
_ACTING: Final = frozenset({"as_user", "as_groups"})
_KINDS: Final[dict[str, frozenset[str]]] = {
    "cluster": frozenset({"cluster", "region", "profile", "assume_role"}) | _ACTING,
    "file": frozenset({"file"}),
    "kubeconfig": frozenset({"context", "kubeconfig"}) | _ACTING,
}


def connected(target: Target) -> AwsAuthClient:
    """Return a client for what a call names.

    Raises:
        UsageError: two targets are named, or something that is no part of one, or something that is empty.
        AwsAuthError: as for the client's ``from_…``.
    """
    check_names(target, Target)
    named = {name: _given(name, value) for name, value in target.items()}
    kind = next((kind for kind in ("cluster", "file") if kind in named), "kubeconfig")
    unfit = sorted(named.keys() - _KINDS[kind] - _ALWAYS)
    if unfit:
        raise UsageError(
            f"{' and '.join(unfit)} cannot be said together with {kind}; nothing was contacted."
            if kind in named
            else f"{' and '.join(unfit)} cannot be said without cluster; nothing was contacted.",
            cure="Pass cluster= (with region=, profile=, assume_role=), or context= and kubeconfig=, or file=.",
        )
    return _CONNECT[kind](named)


def check_names(given: Iterable[str], arguments: type) -> None:
    """Check that what is given by name are fields of a `TypedDict` such as `Target`.

    Raises:
        UsageError: something is none.
    """
    known = arguments.__annotations__
    unknown = [quoted(name) for name in given if name not in known]
    if unknown:
        raise UsageError(
            f"There is no argument {' and no '.join(unknown)}; nothing was contacted.",
            cure=f"Arguments that say where and how: {', '.join(known)}.",
        )


def _given(name: str, value: Any) -> Any:
    """Return the value that was given for a name, unless it is empty: what an unset variable leaves."""
    if name == "policy":
        return value
    if name == "as_groups":
        is_list = isinstance(value, Iterable) and not isinstance(value, str)
        if not is_list or not all(isinstance(group, str) and group for group in value):
            raise UsageError(
                f"as_groups is {quoted(repr(value))}; nothing was contacted.", cure="Pass a list of names."
            )
        return tuple(value)
    if value is not None and not isinstance(value, (str, os.PathLike)):
        raise UsageError(
            f"{name} is {quoted(repr(value), 60)}; nothing was contacted.", cure="Pass a text, or leave it out."
        )
    if value is None or (name != "author" and not str(value).strip()):
        raise UsageError(f"{name} is empty; nothing was contacted.", cure="Is the variable that it comes from set?")
    return value


def _by_name(named: dict[str, Any]) -> AwsAuthClient:
    return AwsAuthClient.from_eks(named.pop("cluster"), role_arn=named.pop("assume_role", None), **named)


def _by_file(named: dict[str, Any]) -> AwsAuthClient:
    return AwsAuthClient.from_file(named.pop("file"), **named)


def _by_kubeconfig(named: dict[str, Any]) -> AwsAuthClient:
    context, path = named.pop("context", None), named.pop("kubeconfig", None)
    if context is None and path is None:
        return AwsAuthClient.from_environment(**named)
    return AwsAuthClient.from_kubeconfig(context, path, **named)


_CONNECT: Final[dict[str, Callable[[dict[str, Any]], AwsAuthClient]]] = {
    "cluster": _by_name,
    "file": _by_file,
    "kubeconfig": _by_kubeconfig,
}
