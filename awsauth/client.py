"""The client: one ``aws-auth``, wherever it lives, with its history."""

from __future__ import annotations

import contextlib
import getpass
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from awsauth.apply import ChangeApplier, Result, result_of
from awsauth.boundary import public
from awsauth.core.document.document import Document
from awsauth.core.edit.changes import as_list
from awsauth.core.revisions.info import Writer
from awsauth.core.text.display import quoted_value
from awsauth.errors import UsageError
from awsauth.history.commit import applying, changing, take_snapshot
from awsauth.mapping_methods import MappingMethods, RoleResolver, Transaction
from awsauth.options import TIMEOUT, ConnectionOptions, Options, check_options, check_whole_number
from awsauth.read_only_client import ReadOnlyClient
from awsauth.stores.store import restorable
from awsauth.sync_methods import SyncMethods

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import boto3
    from kubernetes.client import ApiClient
    from typing_extensions import Self, Unpack

    from awsauth.aws.session import AwsSession
    from awsauth.cluster_context import ClusterContext
    from awsauth.connections.eks import EksClusterInfo
    from awsauth.connections.kubernetes import Connection
    from awsauth.core.diff import Diff
    from awsauth.core.edit.changes import Change
    from awsauth.core.findings import Finding
    from awsauth.core.lint.policy import Policy
    from awsauth.core.plan import Plan
    from awsauth.history.commit import PendingChange
    from awsauth.mapping_methods import Planning
    from awsauth.stores.store import Snapshot, Store


@public
class AwsAuthClient(ReadOnlyClient, MappingMethods[Result], SyncMethods):
    """One ``aws-auth``. Safe to use from several threads, and in a ``with`` block.

    The ``from_…`` methods make a client. Of a cluster they take `timeout`: the seconds that one request may take with
    its answer, 30 by default, at most 10 of them to connect. A program in the kubeconfig that gives credentials has
    as long (at a terminal at least 300 seconds), a list in pages 10 times as long. Answers may have 32 MiB, lists 200
    pages of 500 objects. `as_user` and `as_groups` are the Kubernetes user and groups to act as; a value that is not
    what it has to be is a `UsageError`.

    Every method that reads or writes may raise, for a cluster: `UnreachableError`, `ApiError` and its kinds,
    `CredentialsError` and `KubeconfigError`; for a file: `FileError` and `ManifestError`. A method names only what
    it raises besides.

    Args:
        store: Where it lives.
        author: Who makes the changes, for the history: a claim, kept with the identity that the cluster tells; for a
            file with the account that runs this, which is a claim too.
        policy: What may be mapped at all: checked by `check`, and on every change by the guard ``policy``.
        circumstances: What can be asked around it; None where there is no cluster.
        connection: The connection to the cluster, which the client closes.
        session: Whom to ask AWS as, where that is known.

    Raises:
        UsageError: `policy` is not a policy, or `author` not a text.
    """

    def __init__(
        self,
        store: Store,
        *,
        author: str | None = None,
        policy: Policy | None = None,
        circumstances: ClusterContext | None = None,
        connection: Connection | None = None,
        session: AwsSession | None = None,
    ) -> None:
        super().__init__(store, policy=policy, circumstances=circumstances, connection=connection)
        claimed: Any = "" if author is None else author
        if not isinstance(claimed, str):
            raise UsageError(f"author is {quoted_value(claimed, 60)}; nothing was contacted.", hint="Pass a name.")
        self._author: str = claimed
        self._roles = RoleResolver(session)
        self._applier = ChangeApplier(store, self._writer, circumstances=circumstances, policy=policy)

    @classmethod
    def from_environment(
        cls,
        *,
        timeout: float = TIMEOUT,
        as_user: str | None = None,
        as_groups: Sequence[str] = (),
        author: str | None = None,
        policy: Policy | None = None,
    ) -> Self:
        """Return a client for the cluster that kubectl would use: the current context, or else, in a pod, its cluster.

        Raises:
            KubeconfigError: there is neither, or it cannot be used.
            CredentialsError: it is an EKS cluster's, and there are no AWS credentials for it.
        """
        from awsauth.connections.kubernetes import from_default_kubeconfig

        connection = from_default_kubeconfig(ConnectionOptions(timeout, as_user, as_groups))
        return cls._connected(connection, author, policy)

    @classmethod
    def from_kubeconfig(
        cls,
        context: str | None = None,
        path: str | os.PathLike[str] | None = None,
        *,
        timeout: float = TIMEOUT,
        as_user: str | None = None,
        as_groups: Sequence[str] = (),
        author: str | None = None,
        policy: Policy | None = None,
    ) -> Self:
        """Return a client for the cluster of a kubeconfig's context: by default the current one of kubectl's files.

        Raises:
            KubeconfigError: there is no such file or context, or it gives no credentials.
            CredentialsError: the context is an EKS cluster's, and there are no AWS credentials for it.
            UsageError: `context` or `path` is empty.
        """
        from awsauth.connections.kubernetes import from_kubeconfig

        connection = from_kubeconfig(context, path, ConnectionOptions(timeout, as_user, as_groups))
        return cls._connected(connection, author, policy)

    @classmethod
    def in_cluster(
        cls,
        *,
        timeout: float = TIMEOUT,
        as_user: str | None = None,
        as_groups: Sequence[str] = (),
        author: str | None = None,
        policy: Policy | None = None,
    ) -> Self:
        """Return a client for the cluster of the pod that this runs in, as its service account.

        Raises:
            KubeconfigError: this is not a pod, or it has no service account.
        """
        from awsauth.connections.kubernetes import in_cluster

        return cls._connected(in_cluster(ConnectionOptions(timeout, as_user, as_groups)), author, policy)

    @classmethod
    def from_api_client(
        cls,
        api: ApiClient,
        *,
        timeout: float = TIMEOUT,
        as_user: str | None = None,
        as_groups: Sequence[str] = (),
        author: str | None = None,
        policy: Policy | None = None,
    ) -> Self:
        """Return a client on a ``kubernetes.client.ApiClient`` of the caller's own, which stays open.

        Raises:
            UsageError: `api` is not an API client.
        """
        from awsauth.connections.kubernetes import from_api_client

        return cls._connected(from_api_client(api, ConnectionOptions(timeout, as_user, as_groups)), author, policy)

    @classmethod
    def from_eks(
        cls,
        name: str,
        *,
        region: str | None = None,
        profile: str | None = None,
        session: boto3.Session | None = None,
        role_arn: str | None = None,
        timeout: float = TIMEOUT,
        as_user: str | None = None,
        as_groups: Sequence[str] = (),
        author: str | None = None,
        policy: Policy | None = None,
    ) -> Self:
        """Return a client for an EKS cluster by its name or ARN: no kubeconfig, no AWS CLI, tokens are signed here.

        The region is by default that of the ARN, the profile, the environment or the EC2 instance. `session` is a
        boto3 session to use instead of a `profile`; `role_arn` is a role to assume before the API server is asked, as
        ``aws eks get-token --role-arn`` does.

        Raises:
            CredentialsError: there are no AWS credentials, or AWS does not take them.
            ClusterNotFoundError: there is no such cluster.
            AwsPermissionError: IAM does not allow ``eks:DescribeCluster``, or to assume the role.
            AwsServiceError: EKS does not answer, or the cluster has no API server yet.
            UsageError: arguments contradict each other, or no region is known.
        """
        from awsauth.connections.eks import from_eks

        how = ConnectionOptions(timeout, as_user, as_groups)
        connection = from_eks(name, how, region=region, profile=profile, session=session, role_arn=role_arn)
        return cls._connected(connection, author, policy, connection.facts)

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        *,
        author: str | None = None,
        policy: Policy | None = None,
        normalize: bool = False,
    ) -> Self:
        """Return a client for the ConfigMap in a manifest file, with its history in ``.NAME.history`` beside it.

        Args:
            path: The file.
            author: Who makes the changes, for the history.
            policy: What may be mapped at all.
            normalize: Whether a change makes literal blocks of values that cannot be edited in place, such as text in
                quotes over several lines.

        Raises:
            UsageError: `path` names no file. Whether the file exists is seen when it is first used.
        """
        named: Any = path
        if not isinstance(named, (str, os.PathLike)) or not str(named).strip():
            raise UsageError("file names no file; nothing was changed.", hint="Is the variable that it comes from set?")
        from awsauth.stores.file import FileStore

        return cls(FileStore(path, normalize=normalize), author=author, policy=policy)

    @classmethod
    def in_memory(
        cls, data: Mapping[str, str] | None = None, *, author: str | None = None, policy: Policy | None = None
    ) -> Self:
        """Return a client for an ``aws-auth`` in memory: for tests, and to try things out."""
        from awsauth.stores.memory import MemoryStore

        return cls(MemoryStore(data), author=author, policy=policy)

    @classmethod
    def _connected(
        cls, connection: Connection, author: str | None, policy: Policy | None, eks: EksClusterInfo | None = None
    ) -> Self:
        from awsauth.cluster_context import ClusterContext
        from awsauth.history.retrying_store import with_retries
        from awsauth.stores.cluster import ClusterStore

        tokens = connection.tokens
        if tokens and eks is None:
            from awsauth.connections.eks import cluster_info

            # A kubeconfig that `aws eks update-kubeconfig` wrote says which cluster it is, and as whom to ask about it.
            eks = cluster_info(connection)
        return cls(
            with_retries(ClusterStore(connection.transport)),
            author=author,
            policy=policy,
            circumstances=ClusterContext(connection.transport, eks),
            connection=connection,
            session=tokens.session if tokens else None,
        )

    def plan(self, changes: Sequence[Change] | Change | Document, *, keep_nodes: bool = False) -> Plan:
        """Return what changes would do, with what the guards and a new `check` would report. Nothing is changed.

        Args:
            changes: The changes; or a document, such as ``awsauth.connect(file="aws-auth.yaml").read()``, whose texts
                are to take the place of the present ones, byte for byte.
            keep_nodes: With a document, whether node mappings that only the present data has are added to it.

        Raises:
            AwsAuthError: as for `apply`, but for what only writing raises.
        """
        from awsauth.core.plan import Plan

        snapshot = self._store.read()
        notes: tuple[Finding, ...] = ()
        if isinstance(changes, Document):
            from awsauth.core.desired.manifest import changes_to, other_keys

            notes = other_keys(changes, snapshot.document)
            changes = changes_to(changes, snapshot.document, keep_nodes=keep_nodes)
        elif keep_nodes:
            raise UsageError("keep_nodes goes with a document, not with changes.", hint="Leave keep_nodes out.")
        made = as_list(changes)
        proposal = changing(made)(snapshot)
        findings = (*notes, *self._applier.findings(proposal))
        plan = Plan.of(proposal.merged, made, uid=proposal.snapshot.uid, findings=findings)
        return replace(plan, findings=self._unacknowledged(plan.findings))

    def apply(self, message: Plan | Sequence[Change] | Change, **options: Unpack[Options]) -> Result:
        """Apply a plan, or changes, in one write.

        When another writer has changed the object since the plan was made, the changes are merged with the present
        data, and made only if the effect is the one that the plan says.

        Args:
            message: What to apply.
            **options: How the change is made; see `Options`.

        Raises:
            UsageError: these are not changes, or an option is of another type, or `allow` names no guard.
            GuardError: a guard refuses the change, and it is not allowed by name.
            PlanOutdatedError: the plan was made for another object, or its effect would be another one now.
            MappingConflictError: a principal is mapped already, to something else than is asked for.
            EditError: the text cannot be edited without touching more.
            InvalidValueError: what is to be removed is not an ARN, and nothing is mapped under it.
            ConflictError: other writers were quicker again and again.
            HistoryError: the revision cannot be recorded.
            OutcomeUnknownError: it cannot be told whether the change was made.
            RevertedError: a role or the caller did not get in with a new token, and the change was reverted.
            NotRevertedError: a role or the caller did not get in, and the change could not be reverted.
        """
        from awsauth.core.plan import Plan

        check_options(options)
        return self._run(applying(message), options) if isinstance(message, Plan) else self._make(message, options)

    def transaction(self, **options: Unpack[Options]) -> Transaction:
        """Return a transaction: several changes with one write, or none when the block raises (see `apply`)."""
        check_options(options)
        return Transaction(lambda changes, found: self._make(changes, options, found), self._roles)

    @property
    def planning(self) -> Planning:
        """The methods that add and remove mappings, each returning a plan instead of making the change."""
        from awsauth.mapping_methods import Planning

        return Planning(self.plan, self._roles)

    def rollback(
        self, to: int | None = None, *, exact: bool = False, approved: Diff | None = None, **options: Unpack[Options]
    ) -> Result:
        """Go back to a revision, and make a new one of it. The result's `restoration` tells what it keeps and what goes.

        Args:
            to: The revision. Without one, the last change of state is undone, whoever made it; after a rollback, the
                one before that.
            exact: Also remove what other writers have added since.
            approved: The diff that is allowed: that of an earlier ``dry_run``; None for any.
            **options: How it is made; see `Options`. There is always a revision of it.

        Raises:
            RevisionNotFoundError: there is no such revision, or none further back.
            UnprovenHistoryError: `to` is None, and the object does not prove that it was at any earlier revision.
            PlanOutdatedError: the diff is not the one that was approved.
            GuardError: it would take access away, or give back access that was taken.
            HistoryError: the revision was altered since it was recorded.
            AwsAuthError: otherwise as for `apply`.
        """
        check_options(options)
        if not options.get("history", True):
            raise UsageError("A rollback makes a revision; nothing was changed.", hint="Leave history=False out.")
        if to is not None:
            check_whole_number("to", to)
        from awsauth.history.rollback import restoring

        store = restorable(self._store)
        return self._run(restoring(store, to, exact=exact, writer=self._writer, approved=approved), options, store)

    def snapshot(self, *, reason: str = "") -> Result:
        """Record the present state as a revision, and change no data.

        The object names the revision from then on, so that `rollback` can go back to this state. A state that a
        revision holds already is not recorded again. The result's `changed` tells whether it was recorded, and its
        `revision` which revision holds it.

        Args:
            reason: Why; kept with the revision.

        Raises:
            NotFoundError: there is no ``aws-auth``.
            UsageError: `reason` is not text.
            HistoryError: the revision cannot be recorded.
        """
        check_options({"reason": reason})
        outcome = take_snapshot(self._store, reason=reason, writer=self._writer)
        head = outcome.snapshot.own_head
        return result_of(outcome.proposal, (), changed=outcome.changed, revision=head.number if head else None)

    def prune(self, *, dry_run: bool = False) -> tuple[int, ...]:
        """Delete old revisions, and return their numbers; with `dry_run` only return them.

        Kept are the last 50 and all of the last 30 days, at most 500, and always what is live or younger than an hour.

        Raises:
            ConflictError: another writer pruned at the same time, again and again.
        """
        from awsauth.history.log import prune

        return prune(self._store, dry_run=dry_run)

    def _make(self, changes: Any, options: Options, findings: tuple[Finding, ...] = ()) -> Result:
        result = self._run(changing(as_list(changes)), options)
        return replace(result, findings=(*findings, *result.findings)) if findings else result

    def _run(
        self, propose: Callable[[Snapshot], PendingChange], options: Options, store: Store | None = None
    ) -> Result:
        """Make the proposed change; in another store than the client's own, if one is given."""
        run = self._applier.on(store).run if store else self._applier.run
        if not options.get("wait") and not options.get("revert_after"):
            result = run(propose, options)
        else:
            from awsauth.verification.verify import apply_and_verify

            result = apply_and_verify(run, propose, options, connection=self._connection, writer=self._writer)
        return replace(result, findings=self._unacknowledged(result.findings))

    def _writer(self) -> Writer:
        known = self._circumstances.writer() if self._circumstances else Writer()
        return known._replace(author=self._author, account="" if known.identity else _account_name())


def _account_name() -> str:
    with contextlib.suppress(OSError, KeyError, ImportError):  # Not every container has names for its accounts.
        return getpass.getuser()
    return ""
