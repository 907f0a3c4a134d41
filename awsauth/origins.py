"""Where a client comes from: a cluster, found in any of several ways, a manifest file, or memory."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypedDict

from awsauth.boundary import public
from awsauth.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import boto3
    from kubernetes.client import ApiClient
    from typing_extensions import Self, Unpack

    from awsauth.aws.session import AwsSession
    from awsauth.circumstances import Circumstances, EksFacts
    from awsauth.connecting import Connection
    from awsauth.core.policy import Policy
    from awsauth.stores.store import Store


class Habits(TypedDict, total=False):
    """What a client does the same with every change.

    Attributes:
        author: Who makes the changes, for the history: a claim, kept with the identity that the cluster tells.
        policy: What may be mapped at all: checked by ``check``, and on every change by the guard ``policy``.
    """

    author: str | None
    policy: Policy | None


class ServerOptions(Habits, total=False):
    """How a client comes before an API server.

    Attributes:
        timeout: Seconds that one request may take, its answer included, 30 by default; at most 10 of them to connect. A program
            in the kubeconfig that gives credentials has as long (at a terminal at least 300 seconds), a list in pages 10 times
            as long. Answers may have 32 MiB, lists 200 pages of 500 objects.
        as_user: The user to act as.
        as_groups: The groups to act as a member of.
    """

    timeout: float
    as_user: str | None
    as_groups: Sequence[str]


@public
class Origins(ABC):
    """Makes clients."""

    @classmethod
    @abstractmethod
    def _of(
        cls,
        store: Store,
        habits: Habits,
        *,
        circumstances: Circumstances | None = None,
        connection: Connection | None = None,
        session: AwsSession | None = None,
    ) -> Self:
        """Return a client on a store."""

    @classmethod
    def from_environment(cls, **options: Unpack[ServerOptions]) -> Self:
        """Return a client for the cluster that kubectl would use: the current context, or else, in a pod, its cluster.

        Raises:
            KubeconfigError: there is neither, or it cannot be used.
            CredentialsError: it is an EKS cluster's, and there are no AWS credentials for it.
            UsageError: an option is none of `ServerOptions`, or of another type.
        """
        from awsauth.connecting import usual

        return cls._on(usual, options)

    @classmethod
    def from_kubeconfig(
        cls, context: str | None = None, path: str | os.PathLike[str] | None = None, **options: Unpack[ServerOptions]
    ) -> Self:
        """Return a client for the cluster of a kubeconfig's context.

        Args:
            context: The context; None for the current one.
            path: The kubeconfig's file; None for the ones that kubectl would take.
            **options: See `ServerOptions`.

        Raises:
            KubeconfigError: there is no such file or context, or no credentials come of it.
            CredentialsError: the context is an EKS cluster's, and there are no AWS credentials for it.
            UsageError: `context` or `path` is empty, or an option is none of `ServerOptions`, or of another type.
        """
        from awsauth.connecting import from_kubeconfig

        return cls._on(from_kubeconfig, options, context, path)

    @classmethod
    def in_cluster(cls, **options: Unpack[ServerOptions]) -> Self:
        """Return a client for the cluster of the pod that this runs in, as its service account.

        Raises:
            KubeconfigError: this is no pod, or it has no service account.
            UsageError: an option is none of `ServerOptions`, or of another type.
        """
        from awsauth.connecting import in_cluster

        return cls._on(in_cluster, options)

    @classmethod
    def from_api_client(cls, api: ApiClient, **options: Unpack[ServerOptions]) -> Self:
        """Return a client on a ``kubernetes.client.ApiClient`` of the caller's own, which stays open.

        Raises:
            UsageError: `api` is none, or an option is none of `ServerOptions`, or of another type.
        """
        from awsauth.connecting import from_api_client

        return cls._on(from_api_client, options, api)

    @classmethod
    def from_eks(
        cls,
        name: str,
        *,
        region: str | None = None,
        profile: str | None = None,
        session: boto3.Session | None = None,
        role_arn: str | None = None,
        **options: Unpack[ServerOptions],
    ) -> Self:
        """Return a client for an EKS cluster by its name: no kubeconfig, no AWS CLI, tokens are signed in this process.

        Args:
            name: The cluster's name, or its ARN.
            region: Where it is; by default the ARN's, the profile's, the environment's, or that of the EC2 instance.
            profile: A profile of the AWS configuration.
            session: A boto3 session, in place of a profile.
            role_arn: A role to assume before the API server, as ``aws eks get-token --role-arn`` does.
            **options: See `ServerOptions`.

        Raises:
            CredentialsError: there are no AWS credentials, or AWS does not take them.
            ClusterNotFoundError: there is no such cluster.
            AwsPermissionError: IAM does not allow ``eks:DescribeCluster``, or to assume the role.
            AwsServiceError: EKS does not answer, or the cluster has no API server yet.
            UsageError: arguments contradict each other, or no region is known.
        """
        named: Any = name
        if not isinstance(named, str) or not named.strip():
            raise UsageError("cluster is empty; nothing was contacted.", cure="Is the variable that it comes from set?")
        from awsauth.connecting_eks import from_eks

        how, habits = _parted(options)
        connection = from_eks(name, region=region, profile=profile, session=session, role_arn=role_arn, **how)
        return cls._at(connection, habits, connection.facts, connection.session)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], **habits: Unpack[Habits]) -> Self:
        """Return a client for the ConfigMap in a manifest file, with its history in ``.NAME.history`` beside it.

        Raises:
            UsageError: `path` names no file. Whether there is such a file is seen when it is first used.
        """
        named: Any = path
        if not isinstance(named, (str, os.PathLike)) or not str(named).strip():
            raise UsageError("file names no file; nothing was changed.", cure="Is the variable that it comes from set?")
        from awsauth.stores.file import FileStore

        return cls._of(FileStore(path), habits)

    @classmethod
    def in_memory(cls, data: Mapping[str, str] | None = None, **habits: Unpack[Habits]) -> Self:
        """Return a client for an ``aws-auth`` in memory: for tests, and to try things out."""
        from awsauth.stores.memory import MemoryStore

        return cls._of(MemoryStore(data), habits)

    @classmethod
    def _on(cls, connect: Callable[..., Connection], options: ServerOptions, *where: Any) -> Self:
        how, habits = _parted(options)
        connection = connect(*where, **how)
        if connection.tokens is None:
            return cls._at(connection, habits)
        from awsauth.connecting_eks import facts_of

        # A kubeconfig that `aws eks update-kubeconfig` wrote says which cluster it is, and as whom to ask about it.
        return cls._at(connection, habits, facts_of(connection), connection.tokens.session)

    @classmethod
    def _at(
        cls,
        connection: Connection,
        habits: Habits,
        eks: EksFacts | None = None,
        session: AwsSession | None = None,
    ) -> Self:
        from awsauth.circumstances import Circumstances
        from awsauth.history.patient_store import patient
        from awsauth.stores.cluster import ClusterStore

        circumstances = Circumstances(connection.transport, eks)
        store = patient(ClusterStore(connection.transport))
        return cls._of(store, habits, circumstances=circumstances, connection=connection, session=session)


def _parted(options: ServerOptions) -> tuple[dict[str, Any], Habits]:
    """Return what is for the connection, and what is for the client."""
    how = {name: value for name, value in options.items() if name not in Habits.__annotations__}
    habits: Any = {name: value for name, value in options.items() if name in Habits.__annotations__}
    return how, habits
