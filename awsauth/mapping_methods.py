"""Methods that add, remove and sync mappings, for clients, transactions and plans."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar, get_args

import awsauth  # it loads a change when it is used, and reading uses none
from awsauth.boundary import public
from awsauth.core.access.node_mappings import PRESETS, NodeKind
from awsauth.core.edit.validation import require
from awsauth.core.findings import Finding, note
from awsauth.core.serialization import check_types
from awsauth.core.text.display import quoted_value
from awsauth.errors import AwsServiceError, CredentialsError, UsageError
from awsauth.options import DryRun, Options, check_options, check_whole_number
from awsauth.read_only_client import ReadOnlyClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from typing_extensions import Self, Unpack

    from awsauth.apply import Result
    from awsauth.aws.session import AwsSession
    from awsauth.core.desired.acts import SyncReport
    from awsauth.core.desired.decide import OnDrift
    from awsauth.core.desired.fragment import Fragment, WantedRole, WantedSsoRole
    from awsauth.core.document.document import Document
    from awsauth.core.edit.changes import Change, IfMapped
    from awsauth.core.plan import Plan
    from awsauth.history.proposal import Propose


_OTHER_ENTRIES: Final = note(
    "other-entries", "The fragments also list access entries.", "They stay as they are.", "Sync them with entries=True."
)


@public
class SyncMethods(ReadOnlyClient):
    """Applies the fragments of owners."""

    _roles: RoleResolver

    @abstractmethod
    def _run(self, propose: Propose, options: Options) -> Result:
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
        entries: bool = False,
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
            entries: Apply the access entries of the fragments, and not their mappings. Each entry has its owner in the
                tag ``awsauth/owner``. An entry that another writer deleted is made again.
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
        from awsauth.core.desired.decide import Choices
        from awsauth.core.desired.fragment import check_fragments, combined, given_name
        from awsauth.history.sync import SyncProposal

        flags: Any = {"adopt": adopt, "allow_empty": allow_empty, "exclusive": exclusive, "entries": entries}
        flags |= {"restore_ownership": restore_ownership, "reason": reason, "allow": allow, "dry_run": dry_run}
        check_options(flags)
        require(isinstance(approved, SyncReport | None), "approved", approved, "Pass the `sync` of an earlier result.")
        if entries and (owner or if_mapped != "fail" or restore_ownership or exclusive):
            message = "owner, if_mapped, restore_ownership and exclusive are for mappings."
            raise UsageError(message, hint="Leave them out, or leave out entries=True.")
        fragments = check_fragments(desired, owner)
        wanted = combined(fragments, entries=entries)
        if not entries and any(not given_name(role).startswith("arn:") for one in fragments for role in one.roles):
            wanted = combined(fragments, self._roles.wanted_arn)
        choices = Choices(adopt, if_mapped, take_from, on_drift, prune, release)
        check_types(choices, "sync")
        if max_removals is not None and not re.fullmatch(r"\d{1,3}%", str(max_removals)):
            check_whole_number("max_removals", max_removals)
        limits = (allow, allow_empty, max_removals, restore_ownership)
        proposal = SyncProposal(self._store, wanted, choices, *limits, dry_run is True, approved, exclusive)
        reasons = dict.fromkeys(one.reason for one in fragments if one.reason)
        options: Options = {"reason": reason or "; ".join(reasons), "allow": allow, "dry_run": dry_run}
        result = self._entries().sync(proposal, options) if entries else self._run(proposal.propose, options)
        others = [_OTHER_ENTRIES] if not entries and any(one.entries for one in fragments) else []
        return replace(result, findings=(*result.findings, *others))


T_co = TypeVar("T_co", covariant=True)


@public
class MappingMethods(ABC, Generic[T_co]):
    """Adds and removes mappings; a second call changes nothing.

    Every method may raise the errors of `awsauth.AwsAuthClient.apply`. `InvalidValueError` means that an ARN, account,
    username or group cannot be written. The methods of a transaction and of ``client.planning`` take no options.
    """

    _roles: RoleResolver

    @abstractmethod
    def _make(self, changes: Sequence[Change], options: Options, findings: tuple[Finding, ...] = ()) -> T_co:
        """Make changes; `findings` go in front of those of the change."""

    def add_role_mapping(
        self,
        role_arn: str,
        *,
        username: str,
        groups: Sequence[str] = (),
        if_mapped: IfMapped = "extend",
        for_ec2: bool = False,
        **options: Unpack[Options],
    ) -> T_co:
        """Map a role to a username and groups, or extend it (see `EnsureRole`).

        `role_arn` may also be the name of a role in the caller's account. With `for_ec2` a finding says whether an EC2
        instance could use the role.

        Raises:
            RoleError: the caller's account does not have the role.
        """
        check_options(options)
        arn, findings = self._roles.role(role_arn, for_ec2=for_ec2)
        change = awsauth.EnsureRole(role_arn=arn, username=username, groups=groups, if_mapped=if_mapped)
        return self._make([change], options, findings)

    def add_sso_mapping(
        self,
        permission_set: str,
        *,
        username: str,
        groups: Sequence[str] = (),
        account: str | None = None,
        if_mapped: IfMapped = "extend",
        **options: Unpack[Options],
    ) -> T_co:
        """Map the role of a permission set of IAM Identity Center (see `EnsureRole`).

        The role is looked up in the caller's account, which has to be `account` if that is given. The role's name
        changes when the permission set is assigned again: `check` finds mappings of the old name.

        Raises:
            RoleError: the account has no such role, or several, or is not `account`.
        """
        check_options(options)
        arn = self._roles.sso_role(permission_set, account)
        change = awsauth.EnsureRole(role_arn=arn, username=username, groups=groups, if_mapped=if_mapped)
        return self._make([change], options)

    def add_user_mapping(
        self,
        user_arn: str,
        *,
        username: str,
        groups: Sequence[str] = (),
        if_mapped: IfMapped = "extend",
        **options: Unpack[Options],
    ) -> T_co:
        """Map a user to a username and groups, or extend it (see `EnsureUser`)."""
        change = awsauth.EnsureUser(user_arn=user_arn, username=username, groups=groups, if_mapped=if_mapped)
        return self._make([change], options)

    def add_account_mapping(self, account: str, **options: Unpack[Options]) -> T_co:
        """Map all principals of an account (see `awsauth.EnsureAccount`)."""
        return self._make([awsauth.EnsureAccount(account=account)], options)

    def add_node_role(
        self, role_arn: str, *, kind: NodeKind = "ec2", if_mapped: IfMapped = "extend", **options: Unpack[Options]
    ) -> T_co:
        """Map the role of nodes: ``ec2``, ``windows``, ``fargate`` or ``hybrid``.

        ``ec2`` is for Linux. See `EnsureRole`.
        """
        return self._make([node_role(role_arn, kind, if_mapped=if_mapped)], options)

    def remove_role_mapping(self, role_arn: str, **options: Unpack[Options]) -> T_co:
        """Remove every mapping of a role (see `awsauth.RemoveRole`)."""
        return self._make([awsauth.RemoveRole(role_arn=role_arn)], options)

    def remove_user_mapping(self, user_arn: str, **options: Unpack[Options]) -> T_co:
        """Remove every mapping of a user (see `awsauth.RemoveUser`)."""
        return self._make([awsauth.RemoveUser(user_arn=user_arn)], options)

    def remove_account_mapping(self, account: str, **options: Unpack[Options]) -> T_co:
        """Remove an account (see `awsauth.RemoveAccount`)."""
        return self._make([awsauth.RemoveAccount(account=account)], options)

    def remove_groups(self, principal_arn: str, groups: Sequence[str], **options: Unpack[Options]) -> T_co:
        """Remove groups from a role or user, which stays mapped (see `RemoveGroups`)."""
        return self._make([awsauth.RemoveGroups(principal_arn=principal_arn, groups=groups)], options)

    def remove_username(self, username: str, **options: Unpack[Options]) -> T_co:
        """Remove every role and user with a username (see `awsauth.RemoveUsername`)."""
        return self._make([awsauth.RemoveUsername(username=username)], options)

    def rename_principal(self, principal_arn: str, new_arn: str, **options: Unpack[Options]) -> T_co:
        """Move all mappings of a role or user to another ARN (see `RenamePrincipal`)."""
        return self._make([awsauth.RenamePrincipal(principal_arn=principal_arn, new_arn=new_arn)], options)


def node_role(role_arn: str, kind: NodeKind = "ec2", *, if_mapped: IfMapped = "extend") -> awsauth.EnsureRole:
    """Return the change that maps the role of nodes.

    Args:
        role_arn: The role of the nodes; for Fargate the pod execution role.
        kind: ``ec2``, ``windows``, ``fargate`` or ``hybrid``.
        if_mapped: As for `EnsureRole`, if the role is mapped already.

    Raises:
        InvalidValueError: `role_arn` is not the ARN of a role.
        UsageError: `kind` is unknown.
    """
    named: Any = kind
    if not isinstance(named, str) or named not in PRESETS:
        message = f"{quoted_value(named)} is not a kind of node."
        raise UsageError(message, hint=f"The kinds are {', '.join(get_args(NodeKind))}.")
    username, groups = PRESETS[kind]
    return awsauth.EnsureRole(role_arn=role_arn, username=username, groups=groups, if_mapped=if_mapped)


@public
class Planning(MappingMethods["Plan"]):
    """The methods of ``client.planning``: each returns the plan of the change."""

    def __init__(self, plan: Callable[[Sequence[Change]], Plan], roles: RoleResolver) -> None:
        self._plan = plan
        self._roles = roles

    def _make(self, changes: Sequence[Change], options: Options, findings: tuple[Finding, ...] = ()) -> Plan:
        _refuse_options(options, "apply(), with the plan")
        plan = self._plan(changes)
        return replace(plan, findings=(*findings, *plan.findings))


def _refuse_options(options: Options, call: str) -> None:
    if options:
        raise UsageError(f"{', '.join(options)} cannot be passed here.", hint=f"Pass it to {call}.")


class RoleResolver:
    """Finds roles by name, and the roles of permission sets.

    Args:
        session: The AWS session of the client, if it has one: then roles that are given by ARN are looked up too. By
            default AWS is asked only for names, with the credentials that boto3 finds.
        account: Returns the session's account if it is known without STS, or an empty text.
    """

    def __init__(self, session: AwsSession | None = None, account: Callable[[], str] | None = None) -> None:
        self._session = session
        self._account = account

    def role(self, role: str, *, for_ec2: bool = False) -> tuple[str, tuple[Finding, ...]]:
        """Return a role's ARN for ``aws-auth``, and findings about the role.

        Args:
            role: Its ARN, or its name in the caller's account.
            for_ec2: Also check whether an EC2 instance could use the role.

        Raises:
            UsageError: it is neither a name nor an ARN.
            RoleError: the role does not exist.
            CredentialsError, AwsServiceError: a name was given, and AWS cannot be asked.
        """
        named: Any = role
        if not isinstance(named, str) or not (for_ec2 or self._session or not named.startswith("arn:")):
            return role, ()
        from awsauth.aws.iam import check_role_name, resolve_role

        check_role_name(role, or_arn=True)
        try:
            return resolve_role(role, self._aws(), for_ec2=for_ec2, account=self._account)
        except (UsageError, CredentialsError, AwsServiceError) as error:
            error.hint = f"Give the role's ARN. Or: {error.hint}".removesuffix(" Or: ")
            raise

    def wanted_arn(self, role: WantedRole | WantedSsoRole) -> str:
        """Return the ARN of a role in a fragment; only a name is looked up.

        Raises:
            AwsAuthError: as for `role` and `sso_role`.
        """
        name: str | None = getattr(role, "rolearn", None)
        if name is None:
            return self.sso_role(getattr(role, "permissionset", ""), None)
        return name if name.startswith("arn:") else self.role(name)[0]

    def sso_role(self, permission_set: str, account: str | None) -> str:
        """Return the ARN for ``aws-auth`` of the role of a permission set.

        Raises:
            RoleError: there is not exactly one.
            CredentialsError, AwsServiceError: IAM cannot be asked.
        """
        from awsauth.aws.iam import find_sso_role

        return find_sso_role(permission_set, self._aws(), account=account)

    def _aws(self) -> AwsSession:
        if self._session is None:
            from awsauth.aws.session import AwsSession

            self._session = AwsSession.from_environment()
        return self._session


@public
class Transaction(MappingMethods[None]):
    """Collects the changes of a ``with`` block, and makes them in one write.

    One thread uses it. If the block raises, nothing is written.
    """

    def __init__(self, write: Callable[[Sequence[Change], tuple[Finding, ...]], Result], roles: RoleResolver) -> None:
        self._write = write
        self._roles = roles
        self._changes: list[Change] = []
        self._findings: tuple[Finding, ...] = ()
        self._result: Result | None = None
        self._ended = False

    @property
    def result(self) -> Result:
        """The result of the write.

        Raises:
            UsageError: the block has not ended well.
        """
        if self._result is None:
            raise UsageError("The transaction has no result yet.", hint="Read it after the with block.")
        return self._result

    def apply(self, changes: Sequence[Change] | Change) -> None:
        """Add changes to the transaction."""
        from awsauth.core.edit.changes import as_list

        self._make(as_list(changes), {})

    def _make(self, changes: Sequence[Change], options: Options, findings: tuple[Finding, ...] = ()) -> None:
        _refuse_options(options, "transaction(), for all its changes")
        if self._ended:
            raise UsageError("The transaction is over.", hint="Begin a new one.")
        self._changes += changes
        self._findings += findings

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._ended = True
        if kind is None:
            self._result = self._write(self._changes, self._findings)
