"""The functions that connect and do one thing.

A function that makes a change has the name and the arguments of a method of `awsauth.AwsAuthClient`. It also takes the
target and the options of the change (`awsauth.Options`). The target is a `Target`, or ``client=`` for a client that
stays open.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypedDict, cast

from awsauth.client import AwsAuthClient
from awsauth.core.edit.validation import check_texts, require
from awsauth.errors import AwsAuthError, InvalidValueError, UsageError
from awsauth.options import RIGHTS, Options, check_options

if TYPE_CHECKING:
    import boto3
    from typing_extensions import Unpack

    from awsauth.apply import Result
    from awsauth.aws.identity import Identity
    from awsauth.core.access.node_mappings import NodeKind
    from awsauth.core.edit.changes import IfMapped
    from awsauth.core.lint.policy import Policy
    from awsauth.health.report import HealthReport


class Target(TypedDict, total=False):
    """The ``aws-auth`` that a call concerns: in a cluster or in a file.

    Without any of these, the one that kubectl would use: the kubeconfig's current context, or in a pod its cluster.

    Attributes:
        cluster: The name or ARN of an EKS cluster; needs no kubeconfig and no AWS CLI.
        region: The region of `cluster`; by default that of its ARN, the profile, the environment or instance metadata.
        profile: The AWS profile for `cluster`.
        assume_role: The ARN of a role to assume for `cluster`.
        context: A context of the kubeconfig.
        kubeconfig: The path of the kubeconfig.
        file: The path of a manifest that holds the ConfigMap.
        as_user: The Kubernetes user to impersonate.
        as_groups: The Kubernetes groups to impersonate.
        author: Who makes the changes, for the history: a claim.
        policy: The rules that every change has to keep.
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


_ALWAYS: Final = {"author", "policy"}
_ACTING: Final = {"as_user", "as_groups"}
_FITTING: Final[dict[str, set[str]]] = {
    "cluster": {"cluster", "region", "profile", "assume_role"} | _ACTING | _ALWAYS,
    "file": {"file"} | _ALWAYS,
    "kubeconfig": {"context", "kubeconfig"} | _ACTING | _ALWAYS,
}


class Call(Options, Target, total=False):
    """Where and how a change is made.

    Attributes:
        client: A client to use instead of a target; it stays open.
    """

    client: AwsAuthClient


def connect(**target: Unpack[Target]) -> AwsAuthClient:
    """Return a client for an ``aws-auth``.

    Without a target, it is that of the cluster that kubectl would use.

    Args:
        **target: ``cluster=`` (with ``region=``, ``profile=``, ``assume_role=``), or ``context=`` and ``kubeconfig=``,
            or ``file=``; see `Target`.

    Raises:
        UsageError: an argument is empty or of another type, or two of them contradict each other.
        AwsAuthError: as for the ``from_…`` methods of `AwsAuthClient`.
    """
    named = {name: _checked(name, value) for name, value in target.items()}
    kind = next((kind for kind in ("cluster", "file") if kind in named), "kubeconfig")
    if unfit := sorted(named.keys() - _FITTING[kind]):
        how = f"combined with {kind}=" if kind in named else "used without cluster="
        hint = "Pass cluster= (with region=, profile=, assume_role=), or context= and kubeconfig=, or file=."
        raise UsageError(f"{'= and '.join(unfit)}= cannot be {how}.", hint=hint)
    if kind == "file":
        return AwsAuthClient.from_file(named.pop("file"), **named)
    if kind == "cluster":
        return AwsAuthClient.from_eks(named.pop("cluster"), role_arn=named.pop("assume_role", None), **named)
    context, path = named.pop("context", None), named.pop("kubeconfig", None)
    if context is None and path is None:
        return AwsAuthClient.from_environment(**named)
    return AwsAuthClient.from_kubeconfig(context, path, **named)


def _checked(name: str, value: Any) -> Any:
    """Check an argument of `connect`: not empty, and of the right type.

    An unset variable leaves an empty argument.
    """
    if name == "as_groups":
        is_list = isinstance(value, Iterable) and not isinstance(value, str)
        is_right = is_list and all(isinstance(group, str) and group for group in value)
        require(is_right, name, value, "Pass a list of names.")
        return tuple(value)
    if name != "policy" and (name, value) != ("author", ""):
        given: Any = {name: str(value) if isinstance(value, os.PathLike) else value}
        check_texts(required=[name], **given)
    return value


def health_check(*, role_arn: str | None = None, may: Sequence[str] = RIGHTS, **target: Unpack[Target]) -> HealthReport:
    """Check the caller's access to the cluster, and its rights, before a deployment.

    The steps are (`HealthStep`): AWS credentials are found; STS identifies them; a token is signed; the API server is
    reached, with the right certificate; it knows the caller, by an entry of ``aws-auth`` that the step names; RBAC
    allows `may`. A step that fails says why. It gives the call and the command that map the caller, or the missing role
    and binding. A failure to connect is a failed step too.

    Args:
        role_arn: A role to assume first, to check that its mapping works.
        may: The permissions to check: ``VERB RESOURCE[.GROUP][/SUBRESOURCE] [in NAMESPACE]``, such as
            ``create deployments.apps in web``. By default they are ``list nodes`` and ``list namespaces``.
        **target: Where; see `Target`.

    Raises:
        UsageError, InvalidValueError: an argument does not fit.
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


def whoami(*, session: boto3.Session | None = None, **target: Unpack[Target]) -> Identity:
    """Return the caller's identity in AWS and, with a cluster, its username there.

    Without a cluster this takes one request to STS, and a few to instance metadata if that answers. Outside of EC2 it
    waits for instance metadata for at most a second.

    Args:
        session: The credentials to look at; by default those of ``profile=``, or those that boto3 finds.
        **target: ``profile=`` and ``region=``; for a cluster also ``cluster=`` with ``assume_role=``, or ``context=``
            and ``kubeconfig=``; see `Target`.

    Raises:
        CredentialsError: there are no credentials, or AWS refuses them.
        AwsServiceError: STS does not answer.
        UsageError: an argument does not fit.
        AwsAuthError: the cluster does not answer. If it refuses the caller, `ClusterIdentity.problem` says so.
    """
    if not target.keys() - {"profile", "region"}:
        from awsauth.aws.identity import identity_of
        from awsauth.aws.session import AwsSession

        return identity_of(AwsSession(session=session, profile=target.get("profile"), region=target.get("region")))
    if session is not None:
        hint = "Call AwsAuthClient.from_eks(…, session=…), and whoami() on that client."
        raise UsageError("session cannot be combined with a cluster.", hint=hint)
    with connect(**target) as client:
        return client.whoami()


def add_role_mapping(
    role_arn: str,
    *,
    username: str,
    groups: Sequence[str] = (),
    if_mapped: IfMapped = "extend",
    for_ec2: bool = False,
    **call: Unpack[Call],
) -> Result:
    """Map an IAM role (see `AwsAuthClient.add_role_mapping`)."""
    return _client(call).add_role_mapping(
        role_arn, username=username, groups=groups, if_mapped=if_mapped, for_ec2=for_ec2, **_options(call)
    )


def add_sso_mapping(
    permission_set: str,
    *,
    username: str,
    groups: Sequence[str] = (),
    account: str | None = None,
    if_mapped: IfMapped = "extend",
    **call: Unpack[Call],
) -> Result:
    """Map the role of a permission set (see `AwsAuthClient.add_sso_mapping`)."""
    return _client(call).add_sso_mapping(
        permission_set, username=username, groups=groups, account=account, if_mapped=if_mapped, **_options(call)
    )


def add_user_mapping(
    user_arn: str, *, username: str, groups: Sequence[str] = (), if_mapped: IfMapped = "extend", **call: Unpack[Call]
) -> Result:
    """Map an IAM user (see `awsauth.EnsureUser`)."""
    return _client(call).add_user_mapping(
        user_arn, username=username, groups=groups, if_mapped=if_mapped, **_options(call)
    )


def add_account_mapping(account: str, **call: Unpack[Call]) -> Result:
    """Map an account (see `awsauth.EnsureAccount`)."""
    return _client(call).add_account_mapping(account, **_options(call))


def add_node_role(
    role_arn: str, *, kind: NodeKind = "ec2", if_mapped: IfMapped = "extend", **call: Unpack[Call]
) -> Result:
    """Map a node role (see `AwsAuthClient.add_node_role`)."""
    return _client(call).add_node_role(role_arn, kind=kind, if_mapped=if_mapped, **_options(call))


def remove_role_mapping(role_arn: str, **call: Unpack[Call]) -> Result:
    """Remove a role (see `awsauth.RemoveRole`)."""
    return _client(call).remove_role_mapping(role_arn, **_options(call))


def remove_user_mapping(user_arn: str, **call: Unpack[Call]) -> Result:
    """Remove a user (see `awsauth.RemoveUser`)."""
    return _client(call).remove_user_mapping(user_arn, **_options(call))


def remove_account_mapping(account: str, **call: Unpack[Call]) -> Result:
    """Remove an account (see `awsauth.RemoveAccount`)."""
    return _client(call).remove_account_mapping(account, **_options(call))


def remove_groups(principal_arn: str, groups: Sequence[str], **call: Unpack[Call]) -> Result:
    """Remove groups from a principal (see `awsauth.RemoveGroups`)."""
    return _client(call).remove_groups(principal_arn, groups, **_options(call))


def remove_username(username: str, **call: Unpack[Call]) -> Result:
    """Remove the principals of a username (see `awsauth.RemoveUsername`)."""
    return _client(call).remove_username(username, **_options(call))


def rename_principal(principal_arn: str, new_arn: str, **call: Unpack[Call]) -> Result:
    """Move the mappings of a principal to another ARN (see `awsauth.RenamePrincipal`)."""
    return _client(call).rename_principal(principal_arn, new_arn, **_options(call))


def _client(call: Call) -> AwsAuthClient:
    """Return the client that a call is for, after its options are checked.

    Raises:
        UsageError: a client and a target are both named, or an argument does not fit.
    """
    check_options(_options(call))
    target: Any = {name: value for name, value in call.items() if name not in Options.__annotations__}
    if "client" not in target:
        return connect(**target)
    client = target.pop("client")
    if target:
        raise UsageError(f"client cannot be combined with {' and '.join(sorted(target))}.", hint="Pass client= alone.")
    require(isinstance(client, AwsAuthClient), "client", client, "Pass a client that connect() returned.")
    return cast("AwsAuthClient", client)


def _options(call: Call) -> Options:
    return cast("Options", {name: value for name, value in call.items() if name in Options.__annotations__})
