"""The input of the guards: a change, and the facts around it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

from awsauth.core.access.matching import Access, casefold_arn, principal_of, reduces_access
from awsauth.core.document.document import Document
from awsauth.core.document.index import differing, kept_under
from awsauth.core.document.model import PRINCIPAL_KEYS
from awsauth.core.findings import Finding, Location, Severity
from awsauth.core.text.display import visible

if TYPE_CHECKING:
    from awsauth.core.entries.merge import EntryDiff
    from awsauth.core.entries.model import AccessEntry, AuthenticationMode
    from awsauth.core.lint.policy import Policy

NodeUse = Literal["in use", "unused", "unknown"]  # whether nodes use a role; `unused` only if that is proven

# The access before and after a change.
Sides = tuple[Access, Access]


class GuardContext(NamedTuple):
    """The facts around a change; an omitted fact is unknown.

    Attributes:
        caller_arn: The caller's ARN (``canonicalArn`` of a SelfSubjectReview).
        caller_username: The caller's username in the cluster.
        nodes: By ARN of a role, with or without path, whether nodes use it; other roles are unknown.
        node_reasons: By ARN of a role, the evidence for `nodes`, in words.
        authentication_mode: The authentication mode of the cluster.
        access_entries: The access entries of the cluster; an entry wins over the mapping of its principal.
        admin_usernames: The users that RBAC binds to ``cluster-admin``.
        admin_groups: The groups that RBAC binds to ``cluster-admin``, without ``system:masters``.
        binary_bytes: The bytes of all values of ``binaryData``.
        regranted: For a rollback: by ARN or account, the groups that it gives back after another writer removed them;
            empty if that writer removed the whole mapping.
        uid: The uid of the object; empty for a file.
        revision_uid: The uid of the object that the revision to restore is of; empty without one.
        policy: The rules for mappings.
        object_findings: The findings about the object itself, such as a manifest that the authenticator does not read.
        is_rollback: Whether the change restores a revision.
        readable: For a rollback, the latest state that can be read; None for the present one.
        may_update: Whether RBAC allows the caller to update ``aws-auth`` at present; False if unknown.
        entry_diffs: For a change of access entries, the entries that change; empty for a change of mappings.
        stale_entries: The ARNs of principals that IAM made after their present access entry, or does not have.
    """

    caller_arn: str | None = None
    caller_username: str | None = None
    nodes: Mapping[str, NodeUse] = MappingProxyType({})
    node_reasons: Mapping[str, str] = MappingProxyType({})
    authentication_mode: AuthenticationMode | None = None
    access_entries: tuple[AccessEntry, ...] = ()
    admin_usernames: frozenset[str] = frozenset()
    admin_groups: frozenset[str] = frozenset()
    binary_bytes: int = 0
    regranted: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    uid: str = ""
    revision_uid: str = ""
    policy: Policy | None = None
    object_findings: tuple[Finding, ...] = ()
    is_rollback: bool = False
    readable: Document | None = None
    may_update: bool = False
    entry_diffs: tuple[EntryDiff, ...] = ()
    stale_entries: frozenset[str] = frozenset()


class GuardInput(NamedTuple):
    """A change and its effect on access, computed once for all guards.

    The guards look at the principals whose mappings or entries change, at the caller, and at the principals of
    `regranted`. An access entry stands in place of the mapping of its principal. If it could not be read, its principal
    counts as mapped, so that no loss is missed.

    Attributes:
        before: The present document.
        after: The changed document.
        context: The facts around the change.
        old: The access before the change, by mappings and access entries.
        new: The access after the change, by mappings and access entries.
        written_old: For a change of mappings, the access that `before` gives, access entries aside; otherwise `old`.
        written_new: For a change of mappings, the access that `after` gives, access entries aside; otherwise `new`.
        nodes: By principal, whether nodes use its mapping.
        entries: By principal, its access entry, also one that a recovery deletes.
    """

    before: Document
    after: Document
    context: GuardContext
    old: Access
    new: Access
    written_old: Access
    written_new: Access
    nodes: Mapping[str, NodeUse]
    entries: Mapping[str, AccessEntry]

    @classmethod
    def of(cls, before: Document, after: Document, context: GuardContext) -> GuardInput:
        """Return the input for a change of a document, or of access entries."""
        named = [(one.principal, one) for one in context.access_entries if context.authentication_mode != "CONFIG_MAP"]
        concerned = _concerned(before, after, context)
        written = _written(before, after, context, concerned)
        old, new = _with_entries(written, [entry for arn, entry in named if arn in concerned], context)
        nodes = {principal_of(arn): use for arn, use in context.nodes.items()}
        if context.entry_diffs:
            written = old, new
        else:
            nodes |= {arn: "unused" for arn, entry in named if entry.lets_nodes_in}
        return cls(before, after, context, old, new, *written, nodes, dict(named))

    def given_to_all(self) -> Sides:
        """Return `old` and `new` for all principals, which takes time on a large document."""
        written = _written(self.before, self.after, self.context)
        return _with_entries(written, self.context.access_entries if self.entries else (), self.context)

    def is_unread(self, principal: str) -> bool:
        """Whether a principal has an access entry that could not be read.

        Its access is unknown then.
        """
        return principal in self.entries and not self.entries[principal].type

    @property
    def by_entries(self) -> bool:
        """Whether access entries change, and no mappings."""
        return bool(self.context.entry_diffs)

    @property
    def source(self) -> str:
        """The source of access that changes, in words."""
        return "access entry" if self.by_entries else "mapping"

    @property
    def takes_away(self) -> bool:
        """Whether a principal loses access or a group, or gets another username."""
        return reduces_access(self.old, self.new)


def _written(before: Document, after: Document, context: GuardContext, only: Collection[str] | None = None) -> Sides:
    """Return the access by mappings before and after; of `only` some principals."""
    if context.authentication_mode == "API":
        return Access({}, frozenset()), Access({}, frozenset())
    return Access.of(before, only), Access.of(after, only)


def _with_entries(written: Sides, entries: Sequence[AccessEntry], context: GuardContext) -> Sides:
    """Return the access before and after a change, by mappings and access entries."""
    if not entries and not context.entry_diffs:
        return written
    from awsauth.core.guards.entries import with_entries  # most changes of mappings do not need it

    return with_entries(written, entries, context.entry_diffs, context.stale_entries)


def _concerned(before: Document, after: Document, context: GuardContext) -> set[str]:
    """Return the principals that the guards look at, as `casefold_arn`."""
    found = {casefold_arn(principal) for principal in context.regranted}
    found |= {principal_of(diff.principal_arn) for diff in context.entry_diffs}
    if context.caller_arn:
        found.add(principal_of(context.caller_arn))
    for key in PRINCIPAL_KEYS:
        old, new = before.reading(key), after.reading(key)
        for mapped in differing(old, new).mappings if old is not new else ():
            # With `İ` in it, a role's ARN takes the place of another one, which counts when it goes.
            found.update(map(casefold_arn, {mapped.principal, kept_under(key, mapped.principal)}))
    return found


def violation(
    guard: str, message: str, impact: str, hint: str, *, principal: str = "", location: Location | None = None
) -> Finding:
    """Return a guard's finding that refuses a change, with the way to allow it."""
    hint = f"{hint} {allow_hint(guard, principal)}"
    return Finding(guard, Severity.ERROR, message, impact, hint, location, principal)


def allow_hint(guard: str, principal: str) -> str:
    """Return the sentence that says how to allow a finding."""
    return f"To proceed, allow {allowance(guard, principal)}."


def allowance(guard: str, principal: str) -> str:
    """Return the narrowest name that allows a finding.

    It looks like ``last-admin`` or ``node-mapping=arn:…``.
    """
    return f"{guard}={visible(principal)}" if principal else guard
