"""The one-call functions: connect, do one thing, let go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsauth.client import AwsAuthClient
from awsauth.errors import UsageError
from awsauth.options import Options, checked

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from typing_extensions import Unpack

    from awsauth.core.changes import IfMapped
    from awsauth.core.presets import NodeKind
    from awsauth.result import Result


class Call(Options, total=False):
    """Where and how a change is made.

    Attributes:
        file: The manifest file that holds the ConfigMap.
        client: A client to use, which stays open.
    """

    file: str | os.PathLike[str] | None
    client: AwsAuthClient


def connect(*, file: str | os.PathLike[str], author: str | None = None) -> AwsAuthClient:
    """Return a client for the ``aws-auth`` in a manifest file.

    Args:
        file: The manifest file.
        author: Who makes the changes, for the history.

    Raises:
        UsageError: `file` names no file.
    """
    return AwsAuthClient.from_file(file, author=author)


def add_role_mapping(
    role_arn: str,
    *,
    username: str,
    groups: Sequence[str] = (),
    if_mapped: IfMapped = "extend",
    **call: Unpack[Call],
) -> Result:
    """Map an IAM role to a username and groups, or extend what it is mapped to. A second call changes nothing.

    Args:
        role_arn: The role's ARN. Its path is stripped, as the authenticator needs; a session's ARN stands for its role.
        username: The Kubernetes username; may hold templates such as ``{{SessionName}}``.
        groups: The Kubernetes groups.
        if_mapped: What becomes of a role that is mapped already: ``extend`` adds groups and fails on another username
            or where ``system:masters`` would stay unasked for; ``replace`` makes it what is asked for; ``fail``
            fails unless it is that already.
        **call: Where (``file=`` or ``client=``) and how (``reason=``, ``allow=``, ``dry_run=``, ``history=``).

    Raises:
        UsageError: the arguments make no sense.
        InvalidValueError: the ARN, the username or a group may not be written.
        AwsAuthError: as for `AwsAuthClient.apply`.
    """
    client, options = _target(call)
    return client.add_role_mapping(role_arn, username=username, groups=groups, if_mapped=if_mapped, **options)


def add_user_mapping(
    user_arn: str,
    *,
    username: str,
    groups: Sequence[str] = (),
    if_mapped: IfMapped = "extend",
    **call: Unpack[Call],
) -> Result:
    """Map an IAM user to a username and groups, or extend what it is mapped to (as `add_role_mapping`)."""
    client, options = _target(call)
    return client.add_user_mapping(user_arn, username=username, groups=groups, if_mapped=if_mapped, **options)


def add_account_mapping(account: str, **call: Unpack[Call]) -> Result:
    """Let all principals of an account in, under their own ARN and without groups (as `add_role_mapping`)."""
    client, options = _target(call)
    return client.add_account_mapping(account, **options)


def add_node_role(
    role_arn: str, *, kind: NodeKind = "ec2", if_mapped: IfMapped = "extend", **call: Unpack[Call]
) -> Result:
    """Map a role as nodes need it: ``ec2`` (Linux), ``windows``, ``fargate`` or ``hybrid`` (as `add_role_mapping`)."""
    client, options = _target(call)
    return client.add_node_role(role_arn, kind=kind, if_mapped=if_mapped, **options)


def remove_role_mapping(role_arn: str, **call: Unpack[Call]) -> Result:
    """Take every mapping of a role out (as `add_role_mapping`)."""
    client, options = _target(call)
    return client.remove_role_mapping(role_arn, **options)


def remove_user_mapping(user_arn: str, **call: Unpack[Call]) -> Result:
    """Take every mapping of a user out (as `add_role_mapping`)."""
    client, options = _target(call)
    return client.remove_user_mapping(user_arn, **options)


def remove_account_mapping(account: str, **call: Unpack[Call]) -> Result:
    """Take an account out (as `add_role_mapping`)."""
    client, options = _target(call)
    return client.remove_account_mapping(account, **options)


def remove_groups(principal_arn: str, groups: Sequence[str], **call: Unpack[Call]) -> Result:
    """Take groups from a role or user, and leave it mapped (as `add_role_mapping`)."""
    client, options = _target(call)
    return client.remove_groups(principal_arn, groups, **options)


def remove_username(username: str, **call: Unpack[Call]) -> Result:
    """Take out every role and user that is mapped to a username (as `add_role_mapping`)."""
    client, options = _target(call)
    return client.remove_username(username, **options)


def rename_principal(principal_arn: str, new_arn: str, **call: Unpack[Call]) -> Result:
    """Give every mapping of a role or user to another one: username and groups stay (as `add_role_mapping`)."""
    client, options = _target(call)
    return client.rename_principal(principal_arn, new_arn, **options)


def _target(call: Call) -> tuple[AwsAuthClient, Options]:
    """Return the client that a call is for, and what else was said.

    Raises:
        UsageError: no target was named, or two, or one that is empty.
    """
    if ("file" in call) == ("client" in call):
        both = "file and client were both named" if "file" in call else "Nothing says which aws-auth is meant"
        raise UsageError(f"{both}; nothing was changed.", cure="Pass file= or client=, one of them.")
    options = checked({name: value for name, value in call.items() if name not in ("file", "client")})
    if "file" in call:
        return AwsAuthClient.from_file(call["file"] or ""), options
    if not isinstance(call["client"], AwsAuthClient):
        raise UsageError("client is no client; nothing was changed.", cure="Pass what connect() returned.")
    return call["client"], options
