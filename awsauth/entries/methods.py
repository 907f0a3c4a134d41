"""The methods of a client that change, roll back and export access entries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from awsauth.boundary import public
from awsauth.core.revisions.info import Writer
from awsauth.errors import AwsServiceError, UsageError
from awsauth.options import Options, check_rollback

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from awsauth.apply import Result
    from awsauth.cluster_context import ClusterContext
    from awsauth.core.diff import Diff
    from awsauth.core.entries.export import ExportFormat
    from awsauth.core.entries.merge import EntryRevision
    from awsauth.entries.engine import EntryChanger
    from awsauth.stores.store import Store


@public
class EntryMethods(ABC):
    """Changes access entries, rolls that back, and exports them."""

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
        from awsauth.core.entries.export import ExportTarget, export, own_entries  # no change needs it

        eks = self._entries().eks
        cluster, read, groups = eks.entry_calls().cluster, eks.access_entries(), eks.node_groups()
        if notes := (*read.notes, *groups.notes):
            hint = "An export needs all access entries and node groups. Grant the missing permissions."
            raise AwsServiceError(f"Not everything could be read. {' '.join(notes)}", hint=hint)
        own = own_entries(read.entries, groups.users)
        return export(own, kind, ExportTarget(cluster.name, cluster.region))

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
