"""The migration of a cluster from mappings to access entries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from awsauth.boundary import public
from awsauth.core.entries.view import EntriesState
from awsauth.core.migration.classify import migration_plan
from awsauth.core.migration.plan import MigrationChoices, MigrationFacts, MigrationPlan

if TYPE_CHECKING:
    from awsauth.cluster_context import ClusterContext
    from awsauth.stores.store import Store


@dataclass(frozen=True, slots=True)
@public
class Migration:
    """Moves from mappings to access entries; `AwsAuthClient.migration` makes it.

    Args:
        choices: The caller's choices.
        store: The store of ``aws-auth``.
        context: The facts of the cluster; None for a file.
    """

    choices: MigrationChoices
    store: Store
    context: ClusterContext | None

    def plan(self) -> MigrationPlan:
        """Return what the migration would do.

        Raises:
            EditError: a text has an uncertain meaning.
            InvalidValueError: EKS refuses a chosen username.
            UsageError: a choice does not fit a mapping.
        """
        context = self.context
        if context and context.eks:
            context.eks.forget()
        document = self.store.read().document
        state = context.entries_state() if context else EntriesState()
        facts = context.migration_facts(document) if context else MigrationFacts()
        return migration_plan(document, state, facts, self.choices)
