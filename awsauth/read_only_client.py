"""The client's methods that change nothing: read, check, explain, history."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from functools import cache
from typing import TYPE_CHECKING, Final

from awsauth.boundary import public
from awsauth.core.document.document import Document
from awsauth.core.edit.validation import check_texts
from awsauth.core.revisions.info import Writer
from awsauth.errors import AwsServiceError, FileError, UsageError
from awsauth.options import RIGHTS, check_whole_number
from awsauth.stores.store import Snapshot, Store, intact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

    from awsauth.aws.identity import Identity
    from awsauth.cluster_context import ClusterContext
    from awsauth.connections.kubernetes import Connection
    from awsauth.core.access.caller import Caller
    from awsauth.core.diff import Diff
    from awsauth.core.entries.export import ExportFormat
    from awsauth.core.entries.findings import IamFacts
    from awsauth.core.entries.merge import EntryRevision
    from awsauth.core.entries.model import AccessView
    from awsauth.core.explain.explanation import Explanation
    from awsauth.core.findings import Finding
    from awsauth.core.lint.policy import Policy
    from awsauth.core.report.rbac import Rbac
    from awsauth.core.report.rows import AccessReport
    from awsauth.core.report.who_can import Grants
    from awsauth.core.revisions.revision import Revision
    from awsauth.entries.engine import EntryChanger
    from awsauth.health.report import HealthReport
    from awsauth.history.log import Log
    from awsauth.kube.self_review import SelfReview

DESCRIBED: Final = 10  # how many of the newest revisions have a diff in the history, by default


@public
class ReadOnlyClient:
    """The methods of `awsauth.AwsAuthClient` that change nothing."""

    _store: Store
    _policy: Policy | None
    _cluster_context: ClusterContext | None
    _connection: Connection | None
    _author: str

    @property
    def target_name(self) -> str:
        """The client's context or EKS cluster; empty for a file and in memory."""
        return self._connection.description.rpartition(" at ")[0] if self._connection else ""

    def acting_as(self) -> str:
        """Return the IAM ARN or the username of this client in the cluster; asked once.

        Empty without a cluster, and for servers before Kubernetes 1.27, which do not report it.

        Raises:
            AuthenticationError: the API server does not know the caller.
        """
        return self._cluster_context.writer().identity if self._cluster_context else ""

    def read(self, revision: int | None = None) -> Document:
        """Return the present data, or that of a revision.

        The document is empty if the object does not exist.

        Raises:
            RevisionNotFoundError: the revision does not exist.
            HistoryError: the revision was altered since it was recorded.
            UsageError: `revision` is not a number.
        """
        return self._store.read().document if revision is None else self._recorded(revision)

    def owners(self) -> dict[str, tuple[str, ...]]:
        """Return the principals that each owner applied last.

        They look like ``role/arn:…``, with the ARN in lower case.

        An owner whose record cannot be read has none.

        Raises:
            FileError: the records of owners next to a manifest cannot be read.
        """
        return owners_in(self._store.read())

    def access(self) -> AccessView:
        """Return who has access, by mappings and by access entries of an EKS cluster.

        For each principal it says which of the two decides.
        """
        return self._access(self._store.read())

    def _access(self, snapshot: Snapshot) -> AccessView:
        from awsauth.core.entries.model import EntriesState, access_view

        owners: dict[str, str] = {}
        state = self._cluster_context.entries_state() if self._cluster_context else EntriesState()
        with suppress(FileError):  # the records next to a manifest cannot be read
            owners = {name: owner for owner, names in owners_in(snapshot).items() for name in names}
        return access_view(snapshot.document, state, owners)

    def report(self) -> AccessReport:
        """Return a row for each principal: access, rights, last change, IAM and findings.

        On a cluster, that takes a request for each principal in IAM, and for each of the newest 50 revisions.
        """
        from awsauth.cluster_context import or_note
        from awsauth.core.entries.findings import IamFacts
        from awsauth.core.report.rows import NO_CLUSTER, ReportFacts, access_report
        from awsauth.entries.journal import last_entry_changes
        from awsauth.history.log import KEEP_LAST, last_changes
        from awsauth.kube.rbac import read_rbac

        snapshot = self._store.read()
        view = self._access(snapshot)
        entries = [one.entry for one in view.principals if one.entry]
        notes: list[Finding] = []
        log = or_note(lambda: self.history(described=KEEP_LAST), notes, "the last change of each mapping")
        iam, rbac = IamFacts(), None
        if context := self._cluster_context:
            rbac = or_note(lambda: read_rbac(context.transport), notes, "the rights in RBAC")
            iam = context.iam_facts(snapshot.document, [one.principal_arn for one in entries], notes)
        else:
            notes.append(NO_CLUSTER)
        revisions = or_note(self.entry_history, notes, "the last change of each access entry") if entries else None
        changes = (last_changes(log) if log else {}) | last_entry_changes(revisions or (), entries)
        facts = ReportFacts(self._check(snapshot, iam, rbac), changes, iam, rbac, tuple(notes))
        return access_report(self.target_name, datetime.now(timezone.utc), snapshot.document, view, facts)

    def who_can(
        self,
        verb: str | None = None,
        resource: str | None = None,
        *,
        namespace: str | None = None,
        group: str | None = None,
        username: str | None = None,
    ) -> Grants:
        """Return the principals that have a right, or that get a group or username.

        Rights come from RBAC and from access policies of EKS. Nodes have more, which the node authorizer of the API server
        gives.

        Args:
            verb: The verb, such as ``get`` or ``*``.
            resource: Such as ``pods``, ``deployments.apps/web`` or ``pods/exec``; or a path such as ``/metrics``.
            namespace: The namespace; None for any.
            group: The group (see `awsauth.who_can`). For an EKS cluster, an access policy counts as a group of its name.
            username: The username.

        Raises:
            UsageError: not exactly one question is asked, or the client has no cluster and so no RBAC.
            ForbiddenError: the caller may not list roles and bindings in the whole cluster.
        """
        from awsauth.core.entries.model import EntriesState
        from awsauth.core.report.who_can import who_gets, who_has_right
        from awsauth.kube.discovery import request_of
        from awsauth.kube.rbac import read_rbac
        from awsauth.system.backoff import retry_unavailable

        check_texts(verb=verb, resource=resource, namespace=namespace, group=group, username=username)
        context, document = self._cluster_context, self.read()
        entries = context.entries_state() if context else EntriesState()
        if not (verb or resource or namespace):
            return who_gets(document, entries, group, username)
        if not verb or not resource or group or username:
            raise UsageError("who_can asks for a right, a group or a username.", hint='Pass one: "get", "secrets".')
        if context is None:
            raise _no_cluster()
        asked, notes = retry_unavailable(lambda: request_of(context.transport, verb, resource, namespace))
        return who_has_right(document, entries, retry_unavailable(lambda: read_rbac(context.transport)), asked, notes)

    def exists(self) -> bool:
        """Return whether the object exists."""
        return self._store.read().exists

    def check(self) -> tuple[Finding, ...]:
        """Return the findings of `awsauth.lint`, and those about the cluster.

        Nodes and administrators that another tool removed since the last own revision are the error ``drift``. A finding
        that can be repaired safely has a `Finding.fix`; ``client.apply(awsauth.fixes(client.read()))`` applies all.
        """
        return self._check(self._store.read())

    def _check(self, snapshot: Snapshot, iam: IamFacts | None = None, rbac: Rbac | None = None) -> tuple[Finding, ...]:
        from awsauth.core.lint.lint import lint
        from awsauth.history.rollback import baseline_findings, drift

        lost = drift(self._store, snapshot) or ()
        found = (*snapshot.findings, *lost, *lint(snapshot.document, self._policy, binary_bytes=snapshot.binary_bytes))
        if self._cluster_context:
            found = (*self._cluster_context.findings(snapshot, found, iam, rbac), *baseline_findings(snapshot))
        return self._unacknowledged(found)

    def explain(self, caller: Caller | str) -> Explanation:
        """Explain the access of a caller, or why it has none (see `awsauth.explain`).

        For an EKS cluster the explanation includes its access entries.

        Raises:
            InvalidValueError: `caller` is not the ARN of a role or user.
        """
        from awsauth.core.explain.explain import add_entries, explain

        found, context = explain(self.read(), caller), self._cluster_context
        return add_entries(found, context.entries_state()) if context and context.eks else found

    def health_check(self, *, role_arn: str | None = None, may: Sequence[str] = RIGHTS) -> HealthReport:
        """Check the caller's access and rights (see `awsauth.health_check`).

        Raises:
            UsageError: the client has no cluster, or cannot assume a role, or `may` cannot be read.
            InvalidValueError: `role_arn` is not the ARN of a role.
        """
        from awsauth.health.checks import report_on

        return report_on(self._connection, self._store, role_arn=role_arn, may=may)

    def whoami(self) -> Identity:
        """Return the caller's identity in AWS and in the cluster (see `awsauth.whoami`).

        Raises:
            CredentialsError: AWS credentials are missing, or AWS refuses them.
            UsageError: the client has no cluster.
            AwsAuthError: STS or the API server does not answer.
        """
        if self._connection is None:
            raise _no_cluster()
        from awsauth.aws.identity import cluster_identity

        return cluster_identity(self._connection.transport, self._connection.tokens, self._connection.description)

    def self_review(self) -> SelfReview | None:
        """Return the client's username and groups in the cluster, and its IAM ARN.

        None for servers before Kubernetes 1.27, which do not report it. This does not ask AWS; `whoami` does.

        Raises:
            UsageError: the client has no cluster.
            AuthenticationError: the API server does not know the caller.
        """
        if self._cluster_context is None:
            raise _no_cluster()
        return self._cluster_context.caller()

    def history(self, *, limit: int | None = None, described: int = DESCRIBED) -> Log:
        """Return the history, newest first, with findings about it.

        Args:
            limit: How many of the newest entries to return; None for all.
            described: How many of the newest entries get a diff; each takes one more request.

        Raises:
            UsageError: `limit` or `described` is not a number, or less than 0.
        """
        check_whole_number("described", described)
        if limit is not None:
            check_whole_number("limit", limit)
        from awsauth.history.log import log, with_diffs

        store = self._store.for_restoration()
        found = with_diffs(store, log(store), described if limit is None else min(described, limit))
        return replace(found, entries=found.entries[:limit], findings=self._unacknowledged(found.findings))

    def _unacknowledged(self, found: tuple[Finding, ...]) -> tuple[Finding, ...]:
        return self._policy.unacknowledged(found) if self._policy else found

    def show(self, revision: int) -> Revision:
        """Return a revision with its data.

        Its `is_intact` is False if it was altered since it was recorded.

        Raises:
            RevisionNotFoundError: the revision does not exist.
            UsageError: `revision` is not a number.
        """
        check_whole_number("revision", revision)
        return self._store.read_revision(revision)

    def diff(self, before: int, after: int | None = None) -> Diff:
        """Return the difference of two revisions, or of one and the present.

        Raises:
            RevisionNotFoundError: a revision does not exist.
            HistoryError: a revision was altered since it was recorded.
            UsageError: `before` or `after` is not a number.
        """
        from awsauth.core.diff import diff

        later = self._store.for_restoration().read().document if after is None else self._recorded(after)
        return diff(self._recorded(before), later)

    def _recorded(self, number: int) -> Document:
        return Document(intact(self.show(number), "Look at it with show().").data)

    def entry_history(self) -> tuple[EntryRevision, ...]:
        """Return the recorded changes of access entries, newest first.

        Those that another client altered have a `problem`. The newest 100 are kept.

        Raises:
            UsageError: the client has no EKS cluster.
        """
        return self._entries().journal.revisions()

    def export(self, kind: ExportFormat) -> str:
        """Return the access entries of the cluster as infrastructure code.

        Entries that EKS makes by itself are left out, and so are those of a recovery.

        Args:
            kind: ``terraform``, ``terraform-module``, ``cloudformation``, ``eksctl``, ``ack`` or ``aws-cli``.

        Raises:
            AwsServiceError: an access entry or a node group cannot be read.
            InvalidValueError: the format cannot express a value.
            UsageError: the client has no EKS cluster, or there is no such format.
        """
        from awsauth.core.entries.export import export, own_entries  # no change needs it

        eks = self._entries().eks
        cluster, read, groups = eks.entry_calls().cluster, eks.access_entries(), eks.node_groups()
        if notes := (*read.notes, *groups.notes):
            hint = "An export needs all access entries and node groups. Grant the missing permissions."
            raise AwsServiceError(f"Not everything could be read. {' '.join(notes)}", hint=hint)
        return export(own_entries(read.entries, groups.users), kind, cluster.name, cluster.region)

    def _entries(self) -> EntryChanger:
        """Return the changer of the cluster's access entries.

        Raises:
            UsageError: the client has no EKS cluster.
        """
        from awsauth.entries.engine import EntryChanger

        context = self._cluster_context
        if context is None or context.eks is None:
            hint = "Connect to an EKS cluster: cluster=, or a kubeconfig of `aws eks update-kubeconfig`."
            raise UsageError("Only an EKS cluster has access entries, and this client has none.", hint=hint)
        return EntryChanger(self._store, self._writer, context, context.eks)

    def _writer(self) -> Writer:
        """Return who makes the changes."""
        known = self._cluster_context.writer() if self._cluster_context else Writer()
        return known._replace(author=self._author, account="" if known.identity else _account_name())

    def close(self) -> None:
        """Close the connections to the cluster."""
        if self._connection:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@cache
def _account_name() -> str:
    import getpass  # only a writer has a name

    with suppress(OSError, KeyError, ImportError):  # In a container, accounts may have no names.
        return getpass.getuser()
    return ""


@public
def snapshot_of(client: ReadOnlyClient) -> Snapshot:
    """Return the object, which answers several questions with one read."""
    return client._store.read()  # noqa: SLF001 - of the same module


@public
def access_of(client: ReadOnlyClient, snapshot: Snapshot) -> AccessView | None:
    """Return who has access; None without a cluster, which alone has access entries."""
    return client._access(snapshot) if client._cluster_context else None  # noqa: SLF001 - of the same module


def owners_in(snapshot: Snapshot) -> dict[str, tuple[str, ...]]:
    """Return the principals that each owner applied last, by an object's records."""
    from awsauth.core.desired.records import read_records

    snapshot.check_records()
    records, unreadable = read_records(snapshot.annotations)
    return dict.fromkeys(unreadable, ()) | {owner: tuple(sorted(record)) for owner, record in records.items()}


def _no_cluster() -> UsageError:
    return UsageError("This client has no cluster to ask.", hint="Connect to a cluster: cluster=, or context=.")
