"""The methods of a client that change access entries, and roll that back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from awsauth.boundary import public
from awsauth.core.revisions.info import Writer
from awsauth.errors import UsageError
from awsauth.options import Options, check_rollback

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from awsauth.apply import Result
    from awsauth.cluster_context import ClusterContext
    from awsauth.core.diff import Diff
    from awsauth.core.entries.merge import EntryRevision
    from awsauth.entries.engine import EntryChanger
    from awsauth.stores.store import Store


@public
class EntryMethods(ABC):
    """Changes access entries, and rolls that back."""

    _store: Store
    _cluster_context: ClusterContext | None

    @abstractmethod
    def _writer(self) -> Writer:
        """Return who makes the changes."""

    def entry_history(self) -> tuple[EntryRevision, ...]:
        """Return the recorded changes of access entries, newest first.

        Those that another client altered have a `problem`. The newest 100 are kept.

        Raises:
            UsageError: the client has no EKS cluster.
        """
        return self._entries().journal.revisions()

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
