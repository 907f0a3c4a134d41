"""The method of a client that syncs fragments."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Literal

from awsauth.boundary import public
from awsauth.core.text.display import quoted_value
from awsauth.errors import UsageError
from awsauth.options import DryRun, Options, check_options, check_whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from awsauth.apply import Result
    from awsauth.core.desired.acts import OnDrift, SyncReport
    from awsauth.core.desired.fragment import Fragment
    from awsauth.core.document.document import Document
    from awsauth.history.commit import PendingChange
    from awsauth.mapping_methods import RoleResolver
    from awsauth.stores.store import Snapshot, Store


@public
class SyncMethods(ABC):
    """Applies the fragments of owners."""

    _store: Store
    _roles: RoleResolver

    @abstractmethod
    def _run(self, propose: Callable[[Snapshot], PendingChange], options: Options) -> Result:
        """Make the proposed change."""

    def sync(
        self,
        desired: Fragment | Iterable[Fragment] | Document,
        *,
        owner: str | None = None,
        adopt: bool = False,
        if_mapped: Literal["fail", "extend"] = "fail",
        take_from: Sequence[str] = (),
        on_drift: OnDrift = "restore",
        prune: Literal["unchanged", "force"] = "unchanged",
        release: Sequence[str] = (),
        max_removals: int | str | None = None,
        allow_empty: bool = False,
        restore_ownership: bool = False,
        exclusive: bool = False,
        approved: SyncReport | None = None,
        reason: str = "",
        allow: Sequence[str] = (),
        dry_run: DryRun = False,
    ) -> Result:
        """Apply fragments, in which owners keep their mappings, in one write.

        The result's `sync` lists the acts. The sync creates and updates entries, and puts back what another writer
        changed. It removes an entry that the owner applied and no longer wants, unless another writer changed it. All
        other entries stay.

        Args:
            desired: The fragments; or a document, whose entries are all that `owner` wants.
            owner: The owner of a document.
            adopt: Take over wanted entries that no owner applied, with the username and groups that are wanted. If the
                owner's record is lost, this begins a new one.
            if_mapped: With ``extend``, add the wanted groups to entries that have the wanted username and no owner.
            take_from: Owners from which wanted entries are taken over.
            on_drift: For an entry that another writer changed or removed: ``restore`` it, ``keep`` it, or ``fail``.
            prune: With ``force``, also remove entries that another writer changed.
            release: ARNs and accounts that the owner does not want any more, and that stay mapped.
            max_removals: How many entries of each owner may be removed: a number, or a share of the owner's recorded
                entries such as ``"20%"``. By default 5 or ``"20%"``, the larger.
            allow_empty: Allow an owner that wants no entry at all.
            restore_ownership: Take records of owners that the object lost from the revisions.
            exclusive: Also report entries without an owner, except those of nodes.
            approved: The acts that are allowed: those of an earlier ``dry_run``; None for any.
            reason: Why; by default the reasons of the fragments.
            allow: Guards that are to let the sync pass; a node mapping is removed only with ``node-mapping=ARN``.
            dry_run: Only say what would change. With True, conflicts are in the report and not raised; ``server`` has the
                API server look at the change, too.

        Raises:
            MappingConflictError: an entry is not the owner's, or another writer changed it, and no argument resolves that.
            GuardError: a guard refuses the sync, or it would remove too much.
            PlanOutdatedError: the acts are not the approved ones.
            FragmentError: fragments contradict each other, or the records of owners do not fit into the object.
            RoleError: a role that is given by name does not exist.
            AwsAuthError: otherwise as for `apply`.
        """
        from awsauth.core.desired.acts import SyncReport
        from awsauth.core.desired.fragment import check_fragments, combined, given_name
        from awsauth.history.sync import SyncProposal, choices_of

        flags: Any = {"adopt": adopt, "allow_empty": allow_empty, "restore_ownership": restore_ownership}
        check_options(flags | {"exclusive": exclusive, "reason": reason, "allow": allow, "dry_run": dry_run})
        if approved is not None and not isinstance(approved, SyncReport):
            raise UsageError(f"approved is {quoted_value(approved)}.", hint="Pass the `sync` of an earlier result.")
        fragments = check_fragments(desired, owner)
        wanted = combined(fragments)
        if any(not given_name(role).startswith("arn:") for one in fragments for role in one.roles):
            wanted = combined(fragments, self._roles.wanted_arn)
        choices = choices_of(
            adopt=adopt, if_mapped=if_mapped, take_from=take_from, on_drift=on_drift, prune=prune, release=release
        )
        if max_removals is not None and not re.fullmatch(r"\d{1,3}%", str(max_removals)):
            check_whole_number("max_removals", max_removals)
        proposal = SyncProposal(
            self._store,
            wanted,
            choices,
            allow=allow,
            allow_empty=allow_empty,
            max_removals=max_removals,
            restores_ownership=restore_ownership,
            is_plan=dry_run is True,
            approved=approved,
            exclusive=exclusive,
        )
        reasons = dict.fromkeys(one.reason for one in fragments if one.reason)
        return self._run(proposal.propose, {"reason": reason or "; ".join(reasons), "allow": allow, "dry_run": dry_run})
