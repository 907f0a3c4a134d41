"""The client: reads, checks, changes and restores one ``aws-auth``."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any

from awsauth.boundary import public
from awsauth.core.document.document import Document
from awsauth.core.edit.validation import check_texts, require
from awsauth.errors import UsageError
from awsauth.mapping_methods import MappingMethods, Planning, RoleResolver, SyncMethods, Transaction
from awsauth.options import ClusterOptions, Options, check_options, check_rollback, connection_options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import boto3
    from kubernetes.client import ApiClient
    from typing_extensions import Self, Unpack

    from awsauth.apply import ChangeApplier, Result
    from awsauth.cluster_context import ClusterContext
    from awsauth.connections.kubernetes import Connection
    from awsauth.core.diff import Diff
    from awsauth.core.edit.changes import Change
    from awsauth.core.findings import Finding
    from awsauth.core.lint.policy import Policy
    from awsauth.core.migration.plan import MigrationChoices
    from awsauth.core.plan import Plan
    from awsauth.history.proposal import Propose
    from awsauth.migration.migration import Migration
    from awsauth.stores.store import Store


@public
class AwsAuthClient(MappingMethods["Result"], SyncMethods):
    """One ``aws-auth``. Threads may share a client; it also works in a ``with`` block.

    The ``from_…`` methods make a client; for a cluster they take `awsauth.options.ClusterOptions`.

    Every method that reads or writes may raise, for a cluster: `UnreachableError`, `ApiError` and its kinds,
    `CredentialsError` and `KubeconfigError`; for a file: `FileError` and `ManifestError`. A method's ``Raises`` names
    only other errors.

    Args:
        store: The store of the ``aws-auth``.
        author: Who makes the changes, for the history: a claim. The history keeps it with the identity that the cluster
            authenticated; for a file with the operating system's account, which is a claim too.
        policy: The rules for mappings: `check` reports what breaks them, the guard ``policy`` refuses it.
        cluster_context: The facts of the cluster; None without a cluster.
        connection: The connection to the cluster; the client closes it.

    Raises:
        UsageError: `policy` is not a policy, or `author` is not a text.
    """

    def __init__(
        self,
        store: Store,
        *,
        author: str | None = None,
        policy: Policy | None = None,
        cluster_context: ClusterContext | None = None,
        connection: Connection | None = None,
    ) -> None:
        if policy is not None:
            from awsauth.core.lint.policy import check_policy

            check_policy(policy)
        claimed: Any = "" if author is None else author
        require(isinstance(claimed, str), "author", claimed, "Pass a name.")
        self._store = store
        self._policy = policy
        self._cluster_context = cluster_context
        self._connection = connection
        self._author: str = claimed
        tokens, eks = (connection.tokens, connection.eks) if connection else (None, None)
        self._roles = RoleResolver(tokens.session if tokens else None, eks.account if eks else None)

    @classmethod
    def from_environment(cls, **how: Unpack[ClusterOptions]) -> Self:
        """Return a client for the cluster that kubectl would use.

        It is that of the current context, or else of the pod.
        """
        from awsauth.connections.kubernetes import from_default_kubeconfig

        return cls._connected(from_default_kubeconfig(connection_options(how)), how)

    @classmethod
    def from_kubeconfig(
        cls, context: str | None = None, path: str | PathLike[str] | None = None, **how: Unpack[ClusterOptions]
    ) -> Self:
        """Return a client for the cluster of a kubeconfig's context.

        The default is the current context of kubectl's files.

        Raises:
            KubeconfigError: the file or the context does not exist, or gives no credentials.
            CredentialsError: it is an EKS cluster, and its AWS credentials are missing.
            UsageError: `context` or `path` is empty.
        """
        from awsauth.connections.kubernetes import from_kubeconfig

        return cls._connected(from_kubeconfig(context, path, connection_options(how)), how)

    @classmethod
    def in_cluster(cls, **how: Unpack[ClusterOptions]) -> Self:
        """Return a client for the cluster of this pod, with the pod's service account.

        Raises:
            KubeconfigError: the process does not run in a pod, or the pod has no service account.
        """
        from awsauth.connections.kubernetes import in_cluster

        return cls._connected(in_cluster(connection_options(how)), how)

    @classmethod
    def from_api_client(cls, api: ApiClient, **how: Unpack[ClusterOptions]) -> Self:
        """Return a client on your own ``kubernetes.client.ApiClient``, which stays open."""
        from awsauth.connections.kubernetes import from_api_client

        return cls._connected(from_api_client(api, connection_options(how)), how)

    @classmethod
    def from_eks(
        cls,
        name: str,
        *,
        region: str | None = None,
        profile: str | None = None,
        session: boto3.Session | None = None,
        role_arn: str | None = None,
        **how: Unpack[ClusterOptions],
    ) -> Self:
        """Return a client for an EKS cluster, without a kubeconfig or the AWS CLI.

        The region is by default that of the ARN, the profile, the environment or the EC2 instance. `session` is a
        boto3 session to use instead of a `profile`. `role_arn` is a role to assume for the API server, as with
        ``aws eks get-token --role-arn``.

        Raises:
            CredentialsError: AWS credentials are missing, or AWS refuses them.
            ClusterNotFoundError: the cluster does not exist.
            AwsServiceError: IAM does not allow a call, EKS does not answer, or the cluster has no API server yet.
            UsageError: arguments contradict each other, or the region is unknown.
        """
        from awsauth.connections.eks import from_eks

        options = connection_options(how)
        connection = from_eks(name, options, region=region, profile=profile, session=session, role_arn=role_arn)
        return cls._connected(connection, how)

    @classmethod
    def from_file(
        cls,
        path: str | PathLike[str],
        *,
        author: str | None = None,
        policy: Policy | None = None,
        normalize: bool = False,
    ) -> Self:
        """Return a client for the ConfigMap in a manifest file.

        Its history is in ``.NAME.history`` next to it.

        Args:
            path: The file; it is opened when the client first reads or writes.
            author: Who makes the changes, for the history.
            policy: The rules for mappings.
            normalize: Whether a change turns values that cannot be edited in place into literal blocks.

        Raises:
            UsageError: `path` is empty or not a path.
        """
        check_texts(required=["file"], file=str(path) if isinstance(path, PathLike) else path)
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
    def _connected(cls, connection: Connection, how: ClusterOptions) -> Self:
        from awsauth.cluster_context import ClusterContext
        from awsauth.history.commit import RetryingStore
        from awsauth.stores.cluster import ClusterStore

        store = RetryingStore(ClusterStore(connection.transport))
        facts = ClusterContext(connection.transport, connection.eks)
        own: Any = {"author": how.get("author"), "policy": how.get("policy")}
        return cls(store, cluster_context=facts, connection=connection, **own)

    def plan(self, changes: Sequence[Change] | Change | Document, *, keep_nodes: bool = False) -> Plan:
        """Return the plan of changes, with the findings of guards and `check`.

        Args:
            changes: The changes; or a document, such as ``awsauth.connect(file="aws-auth.yaml").read()``, whose texts
                replace the present ones byte for byte.
            keep_nodes: With a document, whether to add the node mappings that only the present data has.

        Raises:
            AwsAuthError: as for `apply`, except the errors of the write.
        """
        from awsauth.core.edit.changes import as_list, entry_changes
        from awsauth.core.plan import Plan, changes_to
        from awsauth.history.proposal import changing

        if not isinstance(changes, Document) and (entries := entry_changes(as_list(changes))):
            return self._entries().plan(entries)
        snapshot = self._store.read()
        notes: tuple[Finding, ...] = ()
        if isinstance(changes, Document):
            changes, notes = changes_to(changes, snapshot.document, keep_nodes=keep_nodes)
        elif keep_nodes:
            raise UsageError("keep_nodes goes with a document, not with changes.", hint="Leave keep_nodes out.")
        made = as_list(changes)
        proposal = changing(made)(snapshot)
        findings = (*notes, *self._applier(self._store).findings(proposal))
        plan = Plan.of(proposal.merged, made, uid=proposal.snapshot.uid, findings=findings)
        return replace(plan, findings=self._unacknowledged(plan.findings))

    def apply(self, changes: Plan | Sequence[Change] | Change, **options: Unpack[Options]) -> Result:
        """Apply a plan, or changes, in one write; changes of access entries in several.

        If another writer has changed the object since the plan was made, the changes are merged with the present data.
        They are applied only if their effect is the planned one.

        Args:
            changes: The plan, or the changes.
            **options: How the change is made; see `Options`.

        Raises:
            UsageError: these are not changes, or an option does not fit.
            GuardError: a guard refuses the change, and `allow` does not name it.
            PlanOutdatedError: the plan is for another object, or its effect would be another one now.
            MappingConflictError, EditError, InvalidValueError: the changes do not fit the text.
            ConflictError: other writers were quicker until the time was over.
            HistoryError: the revision cannot be recorded.
            OutcomeUnknownError: the write was not answered, and it is unknown whether it was made.
            RevertedError, NotRevertedError: a role or the caller did not get in with a new token.
        """
        from awsauth.core.plan import Plan

        if isinstance(changes, Plan):
            return self._make(changes.changes, options, plan=changes)
        return self._make(changes, options)

    def transaction(self, **options: Unpack[Options]) -> Transaction:
        """Return a transaction: several changes in one write (see `apply`).

        If the block raises, nothing is written.
        """
        check_options(options)
        return Transaction(lambda changes, found: self._make(changes, options, found), self._roles)

    @property
    def planning(self) -> Planning:
        """Methods that add and remove mappings, and each return a plan."""
        return Planning(self.plan, self._roles)

    def rollback(
        self, to: int | None = None, *, exact: bool = False, approved: Diff | None = None, **options: Unpack[Options]
    ) -> Result:
        """Restore a revision as a new one.

        The result's `restoration` lists the mappings that are kept and those that are reverted.

        Args:
            to: The number of the revision. By default the last change of state is undone, no matter who made it;
                directly after a rollback, the change before that.
            exact: Also remove the mappings that other writers have added since.
            approved: The diff of an earlier ``dry_run``: any other diff is refused.
            **options: How the change is made; see `Options`. It is always recorded.

        Raises:
            RevisionNotFoundError: the revision does not exist, or there is no earlier one.
            UnprovenHistoryError: `to` is None, and the object does not prove that it was at any earlier revision.
            PlanOutdatedError: the diff is not the approved one.
            GuardError: the rollback would remove access, or give back access that another writer removed.
            HistoryError: the revision was altered since it was recorded.
            AwsAuthError: otherwise as for `apply`.
        """
        check_rollback(to, options)
        from awsauth.history.rollback import RollbackProposal

        store = self._store.for_restoration()
        return self._run(RollbackProposal(store, to, exact, self._writer, approved).propose, options, store)

    def rollback_entries(
        self, to: int | None = None, *, approved: Diff | None = None, **options: Unpack[Options]
    ) -> Result:
        """Undo changes of access entries.

        An entry gets its earlier username, groups and policies. A deleted entry is made again, for the role or user that
        IAM has now.

        Args:
            to: The number of the revision whose state comes back: all later ones are undone. By default the last change
                is undone; directly after a rollback, the change before that.
            approved: The diff of an earlier ``dry_run``: any other diff is refused.
            **options: How the change is made; see `Options`. It is always recorded.

        Raises:
            RevisionNotFoundError: there is nothing to undo, or no such revision.
            ConflictError: another writer has changed an entry since.
            HistoryError: a revision was altered since it was recorded.
            PlanOutdatedError: the diff is not the approved one.
            GuardError: the rollback would remove access, or give back access that another writer removed.
            AwsAuthError: otherwise as for `apply`.
        """
        check_rollback(to, options)
        return self._entries().rollback(to, approved, options)

    def snapshot(self, *, reason: str = "") -> Result:
        """Record the present state as a revision.

        The data stays as it is. The object then names the revision. The result's `changed` says whether the state was
        recorded now, its `revision` which revision holds it.

        Args:
            reason: Why; kept with the revision.

        Raises:
            NotFoundError: ``aws-auth`` does not exist.
            UsageError: `reason` is not a text.
            HistoryError: the revision cannot be recorded.
        """
        from awsauth.apply import result_of
        from awsauth.history.commit import take_snapshot

        check_options({"reason": reason})
        outcome = take_snapshot(self._store, reason=reason, writer=self._writer)
        head = outcome.snapshot.own_head
        return result_of(outcome.proposal, (), changed=outcome.changed, revision=head.number if head else None)

    def prune(self, *, dry_run: bool = False) -> tuple[int, ...]:
        """Delete old revisions, and return their numbers.

        With `dry_run`, only return the numbers. The last 50 stay, and those of the last 30 days, at most 500. The live
        one and those of the last hour always stay. When deleting fails, the error's `changed` says whether revisions
        were deleted before.
        """
        from awsauth.history.log import prune

        return prune(self._store, dry_run=dry_run)

    def migration(self, choices: MigrationChoices | None = None) -> Migration:
        """Return the migration from mappings to access entries.

        Args:
            choices: The caller's choices.

        Raises:
            UsageError: `choices` are something else.
        """
        from awsauth.core.migration.plan import MigrationChoices
        from awsauth.migration.migration import Migration

        choices = choices if choices is not None else MigrationChoices()
        if not isinstance(choices, MigrationChoices):
            raise UsageError("The choices are not MigrationChoices.", hint="Pass `awsauth.MigrationChoices(…)`.")
        return Migration(choices, self._store, self._cluster_context, self._connection, self._entries, self.apply)

    def _make(
        self, changes: Any, options: Options, findings: tuple[Finding, ...] = (), plan: Plan | None = None
    ) -> Result:
        from awsauth.core.edit.changes import as_list, entry_changes
        from awsauth.history.proposal import applying, changing

        check_options(options)
        made = as_list(changes)
        if entries := entry_changes(made):
            return self._entries().apply(entries, options, plan)
        result = self._run(applying(plan) if plan else changing(made), options)
        return replace(result, findings=(*findings, *result.findings)) if findings else result

    def _run(self, propose: Propose, options: Options, store: Store | None = None) -> Result:
        """Make the proposed change, in the client's own store or in the given one."""
        run = self._applier(store or self._store).run
        if not options.get("wait") and not options.get("revert_after"):
            result = run(propose, options)
        else:
            from awsauth.verification.verify import apply_and_verify

            result = apply_and_verify(run, propose, options, connection=self._connection, writer=self._writer)
        return replace(result, findings=self._unacknowledged(result.findings)) if self._policy else result

    def _applier(self, store: Store) -> ChangeApplier:
        from awsauth.apply import ChangeApplier

        return ChangeApplier(store, self._writer, self._cluster_context, self._policy)
