"""The part of the client that changes nothing: it reads, checks and explains one ``aws-auth``, and shows its history."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from awsauth.boundary import public
from awsauth.errors import HistoryError, UsageError
from awsauth.options import check_whole_number
from awsauth.stores.store import restorable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from typing_extensions import Self

    from awsauth.aws.identity import Identity
    from awsauth.cluster_context import ClusterContext
    from awsauth.connections.kubernetes import Connection
    from awsauth.core.access.caller import Caller
    from awsauth.core.diff import Diff
    from awsauth.core.document.document import Document
    from awsauth.core.explain.explanation import Explanation
    from awsauth.core.findings import Finding
    from awsauth.core.lint.policy import Policy
    from awsauth.core.revisions.revision import Revision
    from awsauth.health.report import HealthReport
    from awsauth.history.log import Log
    from awsauth.kube.self_review import SelfReview
    from awsauth.stores.store import Store

DESCRIBED: Final = 10
"""For how many of the newest revisions the history says what they changed, unless it is asked for more."""


@public
class ReadOnlyClient:
    """Looks at one ``aws-auth`` and changes nothing (see `awsauth.AwsAuthClient`).

    Args:
        store: Where it lives.
        policy: What may be mapped at all.
        circumstances: What can be asked around it; None where there is no cluster.
        connection: The connection to the cluster, which the client closes.

    Raises:
        UsageError: `policy` is not a policy.
    """

    def __init__(
        self,
        store: Store,
        *,
        policy: Policy | None = None,
        circumstances: ClusterContext | None = None,
        connection: Connection | None = None,
    ) -> None:
        if policy is not None:
            from awsauth.core.lint.policy import check_policy

            check_policy(policy)
        self._store = store
        self._policy = policy
        self._circumstances = circumstances
        self._connection = connection

    @property
    def target_name(self) -> str:
        """The context or the EKS cluster that this client is connected to; empty for a file and in memory."""
        return self._connection.name if self._connection else ""

    def acting_as(self) -> str:
        """Return the IAM ARN or the username as which the cluster knows this client; asked once.

        Empty where the server cannot tell, as before Kubernetes 1.27, and where there is no cluster.

        Raises:
            AwsAuthError: what the API server answers, such as an `AuthenticationError`.
        """
        return self._circumstances.writer().identity if self._circumstances else ""

    def read(self, revision: int | None = None) -> Document:
        """Return the data as it is now, or as a revision holds it.

        Raises:
            RevisionNotFoundError: there is no revision of that number.
            HistoryError: the revision was altered since it was recorded.
            UsageError: `revision` is not a number.
        """
        return self._store.read().document if revision is None else self._recorded(revision)

    def exists(self) -> bool:
        """Return whether there is an object at all; `read` gives an empty document where there is none."""
        return self._store.read().exists

    def check(self) -> tuple[Finding, ...]:
        """Return what is wrong with the data, or will surprise people; for a cluster, also what only it can tell.

        Nodes and administrators that another tool removed since the last own revision are the error ``drift``.

        What can be repaired safely has the repair with it (`Finding.fix`);
        ``client.apply(awsauth.fixes(client.read()))`` makes all of them.
        """
        from awsauth.core.lint.lint import lint
        from awsauth.history.drift import baseline_findings, drift

        snapshot = self._store.read()
        document = snapshot.document
        lost = drift(self._store, snapshot)
        found = (*snapshot.findings, *lost, *lint(document, self._policy, binary_bytes=snapshot.binary_bytes))
        if self._circumstances:
            around = self._circumstances.findings(document, exists=snapshot.exists)
            found = (*found, *around, *baseline_findings(snapshot))
        return self._unacknowledged(found)

    def explain(self, caller: Caller | str) -> Explanation:
        """Say what the authenticator does with a caller, and for one who gets nothing why (see `awsauth.explain`).

        On an EKS cluster that looks at access entries, what they grant.

        Raises:
            InvalidValueError: `caller` is not the ARN of a role or user.
        """
        from awsauth.core.explain.explain import explain

        found = explain(self.read(), caller)
        return self._circumstances.with_access_entries(found) if self._circumstances else found

    def health_check(
        self, *, role_arn: str | None = None, may: Sequence[str] = ("list nodes", "list namespaces")
    ) -> HealthReport:
        """Check whether the caller gets in and may do its work (see `awsauth.health_check`).

        Raises:
            UsageError: there is no cluster to check, a role cannot be assumed here, or `may` cannot be read.
            InvalidValueError: `role_arn` is not the ARN of a role.
        """
        from awsauth.health.checks import health_report

        return health_report(self._connection, self._store, role_arn=role_arn, may=may)

    def whoami(self) -> Identity:
        """Return who this machine is to AWS, and which username and groups it gets in the cluster (as `awsauth.whoami`).

        Raises:
            CredentialsError: there are no AWS credentials, or AWS does not take them.
            UsageError: there is no cluster to ask.
            AwsAuthError: STS or the API server does not answer.
        """
        if self._connection is None:
            raise _no_cluster()
        from awsauth.aws.identity import cluster_identity

        return cluster_identity(self._connection.transport, self._connection.tokens, self._connection.description)

    def self_review(self) -> SelfReview | None:
        """Return who this client is to the cluster: username, groups and, for a caller that IAM knows, the ARN.

        None where the server cannot tell, as before Kubernetes 1.27. AWS is not asked; `whoami` asks both.

        Raises:
            UsageError: there is no cluster to ask.
            AwsAuthError: what the API server answers, such as an `AuthenticationError`.
        """
        if self._circumstances is None:
            raise _no_cluster()
        return self._circumstances.caller()

    def history(self, *, limit: int | None = None, described: int = DESCRIBED) -> Log:
        """Return the revisions, newest first: which one is live, and what is wrong with the chain.

        Args:
            limit: How many of the newest entries to return; None for all.
            described: For how many of the newest to say what they changed; each is one more request.

        Raises:
            UsageError: `limit` or `described` is not a number, or less than 0.
        """
        check_whole_number("described", described)
        if limit is not None:
            check_whole_number("limit", limit)
        from awsauth.history.log import log, with_diffs

        store = restorable(self._store)
        found = log(store)
        found = with_diffs(store, found, described if limit is None else min(described, limit))
        entries = found.entries if limit is None else found.entries[:limit]
        return replace(found, entries=entries, findings=self._unacknowledged(found.findings))

    def _unacknowledged(self, found: tuple[Finding, ...]) -> tuple[Finding, ...]:
        return self._policy.unacknowledged(found) if self._policy else found

    def show(self, revision: int) -> Revision:
        """Return a revision with its data; its `is_intact` tells whether it is as it was recorded.

        Raises:
            RevisionNotFoundError: there is no revision of that number.
            UsageError: `revision` is not a number.
        """
        check_whole_number("revision", revision)
        return self._store.read_revision(revision)

    def diff(self, before: int, after: int | None = None) -> Diff:
        """Return what changed from one revision to another, or to the present.

        Raises:
            RevisionNotFoundError: there is no revision of that number.
            HistoryError: one was altered since it was recorded.
            UsageError: `before` or `after` is not a number.
        """
        from awsauth.core.diff import diff

        later = restorable(self._store).read().document if after is None else self._recorded(after)
        return diff(self._recorded(before), later)

    def _recorded(self, number: int) -> Document:
        from awsauth.core.document.document import Document

        revision = self.show(number)
        if not revision.is_intact:
            raise HistoryError(
                f"Revision {number} was altered since it was recorded: its data is not what its digest says.",
                hint="Look at it with show().",
            )
        return Document(revision.data)

    def close(self) -> None:
        """Close the connections; a file and memory need no closing."""
        if self._connection:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _no_cluster() -> UsageError:
    return UsageError("There is no cluster here that could be asked.", hint="Connect with a cluster.")
