"""Kubeconfig users that start ``aws eks get-token`` or ``aws-iam-authenticator token``, recognised.

What such a program would do is done in this process instead, as the same identity and in a fraction of the time. Only
what is understood to the last word is recognised; all else is left to the program itself.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from awsauth.aws.token import SESSION_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_KEYS: Final = frozenset(
    {"apiVersion", "command", "args", "env", "installHint", "interactiveMode", "provideClusterInfo"}
)
_API_VERSIONS: Final = tuple(f"client.authentication.k8s.io/{version}" for version in ("v1", "v1beta1", "v1alpha1"))
_ENVIRONMENT: Final = frozenset({"AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_STS_REGIONAL_ENDPOINTS"})
_AWS: Final = ("eks", "get-token")
_AWS_GLOBAL: Final = frozenset({"--region", "--profile", "--output"})
_AWS_FLAGS: Final = {
    "--region": "region",
    "--profile": "profile",
    "--cluster-name": "cluster",
    "--cluster-id": "cluster",
    "--role-arn": "role",
    "--output": "output",
}
_AUTHENTICATOR: Final = ("token",)
_AUTHENTICATOR_FLAGS: Final = {
    "-i": "cluster",
    "--cluster-id": "cluster",
    "-r": "role",
    "--role": "role",
    "-s": "session",
    "--session-name": "session",
    "--region": "region",
}


@dataclass(frozen=True, slots=True)
class ExecIdentity:
    """Whose token such a program would make, and for which cluster.

    Attributes:
        cluster_id: The cluster's name, or id.
        region: The region named; None leaves it to the environment.
        profile: The profile named; None leaves it to the environment.
        role_arn: The role to assume first; None for none.
        session_name: Under which session name it is assumed.
    """

    cluster_id: str
    region: str | None = None
    profile: str | None = None
    role_arn: str | None = None
    session_name: str = SESSION_NAME


def recognised(stanza: Mapping[str, Any], environ: Mapping[str, str]) -> ExecIdentity | None:
    """Return whose token the ``exec`` part of a kubeconfig's user would give; None where that is not certain.

    Args:
        stanza: The value of ``users[].user.exec``.
        environ: The environment of this process, which the program would get too.
    """
    command, args, env = stanza.get("command"), stanza.get("args") or [], _environment(stanza.get("env") or [])
    if not _KEYS.issuperset(stanza) or stanza.get("apiVersion") not in _API_VERSIONS or env is None:
        return None
    if not isinstance(command, str) or not isinstance(args, list) or not all(isinstance(arg, str) for arg in args):
        return None
    program = posixpath.basename(command)
    if not posixpath.isabs(command) and program != command:
        return None  # one beside the kubeconfig is somebody's own
    if program == "aws":
        given = _aws(args)
    elif program == "aws-iam-authenticator" and not environ.get("DEFAULT_ROLE"):
        given = _authenticator(args)
    else:
        return None
    return None if given is None else _identity(given, env, environ)


def _identity(given: Mapping[str, str], env: Mapping[str, str], environ: Mapping[str, str]) -> ExecIdentity | None:
    profile = given.get("profile")
    if profile is None and "AWS_PROFILE" in env:
        # Unlike the option, the variable leaves keys in the environment in force.
        if "AWS_ACCESS_KEY_ID" in environ:
            return None
        profile = env["AWS_PROFILE"]
    if profile is None and environ.get("AWS_DEFAULT_PROFILE", environ.get("AWS_PROFILE")) != environ.get("AWS_PROFILE"):
        # Which of the two wins is another one in boto3 than in the program.
        return None
    return ExecIdentity(
        cluster_id=given["cluster"],
        region=given.get("region") or env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION"),
        profile=profile,
        role_arn=given.get("role"),
        session_name=given.get("session", SESSION_NAME),
    )


def _aws(args: Sequence[str]) -> dict[str, str] | None:
    """Return the options of ``aws … eks get-token …``, some of which may stand before the two words."""
    given = _options(args, _AWS, _AWS_FLAGS, _AWS_GLOBAL)
    if given is None or given.pop("output", "json") != "json":
        return None
    # The AWS CLI would read such a value from a file.
    return None if any("://" in value for value in given.values()) else given


def _authenticator(args: Sequence[str]) -> dict[str, str] | None:
    """Return the options of ``aws-iam-authenticator token …``."""
    return _options(args, _AUTHENTICATOR, _AUTHENTICATOR_FLAGS, frozenset())


def _options(
    args: Sequence[str], command: tuple[str, ...], flags: Mapping[str, str], early: frozenset[str]
) -> dict[str, str] | None:
    """Return the options given to a command; None where it is another, or one is unknown, empty or given twice.

    Args:
        args: All arguments.
        command: The words that have to stand among them, in this order.
        flags: By flag, what it gives.
        early: Flags that may stand before the last word.
    """
    words: tuple[str, ...] = ()
    given: dict[str, str] = {}
    rest = iter(args)
    for arg in rest:
        if not arg.startswith("-"):
            words += (arg,)
            continue
        flag, equals, value = arg.partition("=")
        # `-i=x` means something to one program and something else to another.
        if flag not in flags or (equals and not flag.startswith("--")) or (words != command and flag not in early):
            return None
        value = value if equals else next(rest, "")
        if not value or value.startswith("-") or flags[flag] in given:
            return None
        given[flags[flag]] = value
    return given if words == command and "cluster" in given else None


def _environment(env: Any) -> dict[str, str] | None:
    """Return the variables that a stanza sets; None where one is not understood."""
    if not isinstance(env, list):
        return None
    variables: dict[str, str] = {}
    for item in env:
        if not isinstance(item, dict) or set(item) != {"name", "value"}:
            return None
        name, value = item["name"], item["value"]
        if not isinstance(name, str) or not isinstance(value, str) or not value:
            return None
        if name not in _ENVIRONMENT or name in variables:
            return None
        variables[name] = value
    return variables
