"""Recognize kubeconfig users whose tokens awsauth can sign itself.

They start ``aws eks get-token`` or ``aws-iam-authenticator token``. This process makes the token instead, for the same
identity and in a fraction of the time. A command line with one unknown word is not recognized, and the program itself
runs.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from awsauth.aws.token import SESSION_NAME

_KEYS: Final = frozenset(
    {"apiVersion", "command", "args", "env", "installHint", "interactiveMode", "provideClusterInfo"}
)
_API_VERSIONS: Final = tuple(f"client.authentication.k8s.io/{version}" for version in ("v1", "v1beta1", "v1alpha1"))
_ENVIRONMENT: Final = frozenset({"AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_STS_REGIONAL_ENDPOINTS"})
_AWS_GLOBAL: Final = frozenset({"--region", "--profile", "--output"})
_AWS_FLAGS: Final = {
    "--region": "region",
    "--profile": "profile",
    "--cluster-name": "cluster",
    "--cluster-id": "cluster",
    "--role-arn": "role",
    "--output": "output",
}
_AUTHENTICATOR_FLAGS: Final = {
    "-i": "cluster",
    "--cluster-id": "cluster",
    "-r": "role",
    "--role": "role",
    "-s": "session",
    "--session-name": "session",
    "--region": "region",
}


class ExecIdentity(NamedTuple):
    """The identity and the cluster of the token that such a program would make.

    Attributes:
        cluster_id: The cluster's name, or id.
        region: The named region; None for that of the environment.
        profile: The named profile; None for that of the environment.
        role_arn: The role to assume first; None to assume no role.
        session_name: The name of the role's session.
    """

    cluster_id: str
    region: str | None = None
    profile: str | None = None
    role_arn: str | None = None
    session_name: str = SESSION_NAME


def recognized(stanza: Mapping[str, Any], environ: Mapping[str, str]) -> ExecIdentity | None:
    """Return the identity for the ``exec`` part of a user; None if not certain.

    Args:
        stanza: The value of ``users[].user.exec``.
        environ: The environment of this process, which the program would inherit.
    """
    command, args, env = stanza.get("command"), stanza.get("args") or [], _environment(stanza.get("env") or [])
    if not _KEYS.issuperset(stanza) or stanza.get("apiVersion") not in _API_VERSIONS or env is None:
        return None
    if not isinstance(command, str) or not isinstance(args, list) or not all(isinstance(arg, str) for arg in args):
        return None
    program = posixpath.basename(command)
    if not posixpath.isabs(command) and program != command:
        return None  # a program next to the kubeconfig may be any program
    given = None
    if program == "aws":
        given = _options(args, ("eks", "get-token"), _AWS_FLAGS, _AWS_GLOBAL)
        # The AWS CLI would read a value with `://` from a file.
        if given and (given.pop("output", "json") != "json" or any("://" in value for value in given.values())):
            return None
    elif program == "aws-iam-authenticator" and not environ.get("DEFAULT_ROLE"):
        given = _options(args, ("token",), _AUTHENTICATOR_FLAGS, frozenset())
    return _identity(given, env, environ) if given else None


def _identity(given: Mapping[str, str], env: Mapping[str, str], environ: Mapping[str, str]) -> ExecIdentity | None:
    profile = given.get("profile")
    if profile is None and "AWS_PROFILE" in env:
        # Unlike the option, the variable leaves keys in the environment in force.
        if "AWS_ACCESS_KEY_ID" in environ:
            return None
        profile = env["AWS_PROFILE"]
    if profile is None and environ.get("AWS_DEFAULT_PROFILE", environ.get("AWS_PROFILE")) != environ.get("AWS_PROFILE"):
        # boto3 and the program prefer different ones of the two.
        return None
    return ExecIdentity(
        cluster_id=given["cluster"],
        region=given.get("region") or env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION"),
        profile=profile,
        role_arn=given.get("role"),
        session_name=given.get("session", SESSION_NAME),
    )


def _options(
    args: Sequence[str], command: tuple[str, ...], flags: Mapping[str, str], early: frozenset[str]
) -> dict[str, str] | None:
    """Return the options of a command.

    Returns None for another command, or if an option is unknown, empty or repeated.

    Args:
        args: All arguments.
        command: The words among them, in this order.
        flags: The name of the option, by flag.
        early: Flags that may come before the last word.
    """
    words: tuple[str, ...] = ()
    given: dict[str, str] = {}
    rest = iter(args)
    for arg in rest:
        if not arg.startswith("-"):
            words += (arg,)
            continue
        flag, equals, value = arg.partition("=")
        # Programs differ about `-i=x`.
        if flag not in flags or (equals and not flag.startswith("--")) or (words != command and flag not in early):
            return None
        value = value if equals else next(rest, "")
        if not value or value.startswith("-") or flags[flag] in given:
            return None
        given[flags[flag]] = value
    return given if words == command and "cluster" in given else None


def _environment(env: Any) -> dict[str, str] | None:
    """Return the variables that a stanza sets; None if one is not understood."""
    variables: dict[str, str] = {}
    for item in env if isinstance(env, list) else [None]:
        if not isinstance(item, dict) or set(item) != {"name", "value"}:
            return None
        name, value = item["name"], item["value"]
        if name not in _ENVIRONMENT - variables.keys() or not isinstance(value, str) or not value:
            return None
        variables[name] = value
    return variables
