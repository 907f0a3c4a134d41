"""The one-call functions: connect, do one thing, close.

Those that make a change have the name and the arguments of a method of `awsauth.AwsAuthClient`. They also take where
the ``aws-auth`` is (`Target`, or ``client=`` for a client that stays open) and how to change it (`awsauth.Options`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, TypedDict

from awsauth.boundary import public
from awsauth.client import AwsAuthClient
from awsauth.core.text.display import quoted_value
from awsauth.errors import AwsAuthError, InvalidValueError, UsageError
from awsauth.options import Options, check_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    import boto3
    from typing_extensions import Unpack

    from awsauth.apply import Result
    from awsauth.aws.identity import Identity
    from awsauth.core.access.node_mappings import NodeKind
    from awsauth.core.edit.changes import IfMapped
    from awsauth.core.lint.policy import Policy
    from awsauth.health.report import HealthReport


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


_ALWAYS: Final = frozenset({"author", "policy"})
_ACTING: Final = frozenset({"as_user", "as_groups"})
_KINDS: Final[dict[str, frozenset[str]]] = {
    "cluster": frozenset({"cluster", "region", "profile", "assume_role"}) | _ACTING,
    "file": frozenset({"file"}),
    "kubeconfig": frozenset({"context", "kubeconfig"}) | _ACTING,
}


class Call(Options, Target, total=False):
    """Where and how a change is made.

    Attributes:
        client: A client to use, which stays open; in place of everything that names a target.
    """

    client: AwsAuthClient


@public
def connect(**target: Unpack[Target]) -> AwsAuthClient:
    """Return a client for an ``aws-auth``; with no argument for the one of the cluster that kubectl would use.

    Args:
        **target: ``cluster=`` (an EKS cluster's name or ARN, with ``region=``, ``profile=``, ``assume_role=``), or
            ``context=`` and ``kubeconfig=``, or ``file=``; see `Target`.

    Raises:
        UsageError: the arguments make no sense.
        AwsAuthError: as for the ``from_…`` methods of `AwsAuthClient`.
    """
    named = {name: _given(name, value) for name, value in target.items()}
    kind = next((kind for kind in ("cluster", "file") if kind in named), "kubeconfig")
    unfit = sorted(named.keys() - _KINDS[kind] - _ALWAYS)
    if unfit:
        raise UsageError(
            f"{' and '.join(unfit)} cannot be said together with {kind}; nothing was contacted."
            if kind in named
            else f"{' and '.join(unfit)} cannot be said without cluster; nothing was contacted.",
            hint="Pass cluster= (with region=, profile=, assume_role=), or context= and kubeconfig=, or file=.",
        )
    if kind == "file":
        return AwsAuthClient.from_file(named.pop("file"), **named)
    if kind == "cluster":
        return AwsAuthClient.from_eks(named.pop("cluster"), role_arn=named.pop("assume_role", None), **named)
    context, path = named.pop("context", None), named.pop("kubeconfig", None)
    if context is None and path is None:
        return AwsAuthClient.from_environment(**named)
    return AwsAuthClient.from_kubeconfig(context, path, **named)


def _given(name: str, value: Any) -> Any:
    """Return the value that was given for a name, unless it is empty: what an unset variable leaves."""
    if name == "policy":
        return value
    if name == "as_groups":
        is_list = isinstance(value, Iterable) and not isinstance(value, str)
        if not is_list or not all(isinstance(group, str) and group for group in value):
            raise UsageError(
                f"as_groups is {quoted_value(value)}; nothing was contacted.", hint="Pass a list of names."
            )
        return tuple(value)
    if value is not None and not isinstance(value, (str, os.PathLike)):
        raise UsageError(
            f"{name} is {quoted_value(value, 60)}; nothing was contacted.", hint="Pass a text, or leave it out."
        )
    if value is None or (name != "author" and not str(value).strip()):
        raise UsageError(f"{name} is empty; nothing was contacted.", hint="Is the variable that it comes from set?")
    return value


@public
def health_check(
    *, role_arn: str | None = None, may: Sequence[str] = ("list nodes", "list namespaces"), **target: Unpack[Target]
) -> HealthReport:
    """Check, as a deployment target is checked before it is used, whether the caller gets in and may do its work.

    The steps (`HealthStep`): AWS credentials are found; STS says whose; a token is signed; the API server is reached
    and has the right certificate; it knows the caller, by which entry of ``aws-auth``; the caller may do what is named.
    Each that fails says why and what to do: whom to map, with the call and the command that would; or which role and
    binding are missing. Nothing is changed. A failure to connect, such as missing credentials, is a failed step too.

    Args:
        role_arn: Another role, to check after assuming it: that a mapping works, before it is handed over.
        may: What the caller needs: ``VERB RESOURCE[.GROUP][/SUBRESOURCE] [in NAMESPACE]``, such as
            ``create deployments.apps in web``.
        **target: Where; see `Target`.

    Raises:
        UsageError, InvalidValueError: the arguments make no sense.
    """
    from awsauth.health.report import unconnected

    started = time.perf_counter()
    try:
        client = connect(**target)
    except (UsageError, InvalidValueError):
        raise
    except AwsAuthError as error:
        return unconnected(error, str(target.get("cluster") or "The cluster"), time.perf_counter() - started)
    with client:
        return client.health_check(role_arn=role_arn, may=may)


@public
def whoami(*, session: boto3.Session | None = None, **target: Unpack[Target]) -> Identity:
    """Say who this machine is to AWS; and where a cluster is named, with which username and groups it comes in there.

    Without a cluster it takes one request to STS, and a few to instance metadata where that answers; off EC2 it waits
    for that no longer than a second.

    Args:
        session: Whose credentials to look at; by default as ``profile=`` says, or as boto3 finds out.
        **target: ``profile=`` and ``region=``, and the cluster, if any: ``cluster=`` with ``assume_role=``, or
            ``context=`` and ``kubeconfig=``; see `Target`.

    Raises:
        CredentialsError: there are no credentials, or AWS does not take them.
        AwsServiceError: STS does not answer.
        UsageError: the arguments make no sense.
        AwsAuthError: the cluster cannot be asked. That it lets nobody in is told in `ClusterIdentity.problem`.
    """
    if not target.keys() - {"profile", "region"}:
        from awsauth.aws.identity import aws_identity

        return aws_identity(session=session, profile=target.get("profile"), region=target.get("region"))
    if session is not None:
        raise UsageError(
            "session cannot be said together with a cluster; nothing was contacted.",
            hint="Pass it to AwsAuthClient.from_eks, and ask that client: whoami().",
        )
    with connect(**target) as client:
        return client.whoami()


@public
def add_role_mapping(
    role_arn: str,
    *,
    username: str,
    groups: Sequence[str] = (),
    if_mapped: IfMapped = "extend",
    for_ec2: bool = False,
    **call: Unpack[Call],
) -> Result:
    """Map an IAM role to a username and groups, or extend its mapping (see `AwsAuthClient.add_role_mapping`)."""
    client, options = _target(call)
    return client.add_role_mapping(
        role_arn, username=username, groups=groups, if_mapped=if_mapped, for_ec2=for_ec2, **options
    )


@public
def add_sso_mapping(
    permission_set: str,
    *,
    username: str,
    groups: Sequence[str] = (),
    account: str | None = None,
    if_mapped: IfMapped = "extend",
    **call: Unpack[Call],
) -> Result:
    """Map the role behind a permission set of IAM Identity Center (see `AwsAuthClient.add_sso_mapping`)."""
    client, options = _target(call)
    return client.add_sso_mapping(
        permission_set, username=username, groups=groups, account=account, if_mapped=if_mapped, **options
    )


@public
def add_user_mapping(
    user_arn: str, *, username: str, groups: Sequence[str] = (), if_mapped: IfMapped = "extend", **call: Unpack[Call]
) -> Result:
    """Map an IAM user to a username and groups, or extend its mapping (see `awsauth.EnsureUser`)."""
    client, options = _target(call)
    return client.add_user_mapping(user_arn, username=username, groups=groups, if_mapped=if_mapped, **options)


@public
def add_account_mapping(account: str, **call: Unpack[Call]) -> Result:
    """Let all principals of an account in (see `awsauth.EnsureAccount`)."""
    client, options = _target(call)
    return client.add_account_mapping(account, **options)


@public
def add_node_role(
    role_arn: str, *, kind: NodeKind = "ec2", if_mapped: IfMapped = "extend", **call: Unpack[Call]
) -> Result:
    """Map a role as nodes need it: ``ec2`` (Linux), ``windows``, ``fargate`` or ``hybrid`` (see `awsauth.EnsureRole`)."""
    client, options = _target(call)
    return client.add_node_role(role_arn, kind=kind, if_mapped=if_mapped, **options)


@public
def remove_role_mapping(role_arn: str, **call: Unpack[Call]) -> Result:
    """Remove every mapping of a role (see `awsauth.RemoveRole`)."""
    client, options = _target(call)
    return client.remove_role_mapping(role_arn, **options)


@public
def remove_user_mapping(user_arn: str, **call: Unpack[Call]) -> Result:
    """Remove every mapping of a user (see `awsauth.RemoveUser`)."""
    client, options = _target(call)
    return client.remove_user_mapping(user_arn, **options)


@public
def remove_account_mapping(account: str, **call: Unpack[Call]) -> Result:
    """Remove an account (see `awsauth.RemoveAccount`)."""
    client, options = _target(call)
    return client.remove_account_mapping(account, **options)


@public
def remove_groups(principal_arn: str, groups: Sequence[str], **call: Unpack[Call]) -> Result:
    """Remove groups from a role or user, and leave it mapped (see `awsauth.RemoveGroups`)."""
    client, options = _target(call)
    return client.remove_groups(principal_arn, groups, **options)


@public
def remove_username(username: str, **call: Unpack[Call]) -> Result:
    """Remove every role and user that is mapped to a username (see `awsauth.RemoveUsername`)."""
    client, options = _target(call)
    return client.remove_username(username, **options)


@public
def rename_principal(principal_arn: str, new_arn: str, **call: Unpack[Call]) -> Result:
    """Give every mapping of a role or user to another one (see `awsauth.RenamePrincipal`)."""
    client, options = _target(call)
    return client.rename_principal(principal_arn, new_arn, **options)


def _target(call: Call) -> tuple[AwsAuthClient, Options]:
    """Return the client that a call is for, and the options of the change.

    Raises:
        UsageError: a client and a target are both named, or one of them is not what it has to be.
    """
    given: dict[str, Any] = dict(call)
    options: Any = {name: given.pop(name) for name in Options.__annotations__ if name in given}
    check_options(options)
    if "client" not in given:
        return connect(**given), options
    client = given.pop("client")
    if given:
        raise UsageError(
            f"client and {' and '.join(sorted(given))} were both named; nothing was changed.",
            hint="The client knows its target: pass client= alone.",
        )
    if not isinstance(client, AwsAuthClient):
        raise UsageError(
            f"client is {quoted_value(client, 60)}; nothing was changed.", hint="Pass a client that connect() returned."
        )
    return client, options
