"""What the guards look at: a change, and what is known around it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

from awsauth.core.access.matching import Access, casefold_arn, principal_of, reduces_access
from awsauth.core.document.index import differing
from awsauth.core.document.model import PRINCIPAL_KEYS
from awsauth.core.findings import Finding, Location, Severity
from awsauth.core.text.display import visible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.core.access.access_entries import AccessEntry, AuthenticationMode
    from awsauth.core.document.document import Document
    from awsauth.core.lint.policy import Policy

NodeUse = Literal["in use", "unused", "unknown"]
"""Whether nodes have a role; ``unused`` only where that is proven."""


class GuardContext(NamedTuple):
    """What is known around a change. Whatever is left out is taken for unknown.

    Attributes:
        caller_arn: The ARN of whoever asks for the change (``canonicalArn`` of a SelfSubjectReview); None if unknown.
        caller_username: Under which name the cluster knows the caller; None if unknown.
        nodes: By ARN of a role, with or without path, whether nodes have it and come in by its mapping. A role that
            is not in it is unknown.
        node_reasons: By ARN of a role, likewise, why that is said, in words.
        authentication_mode: What the cluster looks at; None if unknown.
        access_entries: The cluster's access entries, each of which wins over the mapping of its principal.
        admin_usernames: Users that RBAC binds to ``cluster-admin``.
        admin_groups: Groups that it does; ``system:masters`` needs no mention.
        binary_bytes: Bytes of all values of ``binaryData``.
        regranted: For a rollback: by ARN or account, the groups that it gives back though somebody took them; empty
            where somebody took the whole mapping.
        uid: The uid of the object that is to be changed; empty where it has none.
        revision_uid: The uid of the object that the revision to restore was made of; empty if there is none.
        policy: What changes are held to; None for nothing.
        object_findings: What is wrong with the object itself, such as a manifest that the authenticator does not read.
        is_rollback: Whether the change puts back the state of a revision.
        readable: For a rollback, the latest state that can be read; None for the present one.
        may_update: Whether the caller may update ``aws-auth`` at present; False if unknown.
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


class GuardInput(NamedTuple):
    """A change with what it means for access, worked out once for all guards.

    Attributes:
        before: The document that there is.
        after: The one that there would be.
        context: What is known around the change.
        old: What is given by `before`, as far as the cluster looks at it, to those whom the guards look at: whose
            mappings change, who asks, and who is given something back. Where an access entry wins that could not be
            read, it is what is mapped: a loss that may be none is better asked about than passed over.
        new: What is given by `after`, likewise.
        written_old: What `before` says, also to principals whose access entry wins over it.
        written_new: What `after` says, likewise.
        nodes: By principal, whether nodes come in by a mapping.
        entries: By principal, the access entry that wins.
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
        """Return the case of a change from one document to another."""
        mode = context.authentication_mode
        effective = () if mode == "CONFIG_MAP" else context.access_entries
        entries = {entry.principal: entry for entry in effective}
        nodes = {principal_of(arn): use for arn, use in context.nodes.items()}
        for principal, entry in entries.items():
            if entry.lets_nodes_in:
                nodes[principal] = "unused"
        if mode == "API":
            written_old = written_new = Access({}, frozenset())
        else:
            concerned = _concerned(before, after, context)
            written_old, written_new = Access.of(before, concerned), Access.of(after, concerned)
        read = _read(entries)
        old, new = written_old.without(read), written_new.without(read)
        return cls(before, after, context, old, new, written_old, written_new, nodes, entries)

    def given_to_all(self) -> tuple[Access, Access]:
        """Return `old` and `new` not only for those whom the guards look at, which takes time on a large document."""
        if self.context.authentication_mode == "API":
            return self.old, self.new
        read = _read(self.entries)
        old, new = (Access.of(document).without(read) for document in (self.before, self.after))
        return old, new

    def is_unread(self, principal: str) -> bool:
        """Whether a principal has an access entry that could not be read: it may have more than is mapped, or less."""
        return principal in self.entries and not self.entries[principal].type

    @property
    def takes_away(self) -> bool:
        """Whether anybody loses access or a group, or gets another username."""
        return reduces_access(self.old, self.new)


def _read(entries: Mapping[str, AccessEntry]) -> frozenset[str]:
    return frozenset(principal for principal, entry in entries.items() if entry.type)


def _concerned(before: Document, after: Document, context: GuardContext) -> set[str]:
    """Return whom the guards look at, as `casefold_arn`."""
    found = {casefold_arn(principal) for principal in context.regranted}
    if context.caller_arn:
        found.add(principal_of(context.caller_arn))
    for key in PRINCIPAL_KEYS:
        readings = before.reading(key), after.reading(key)
        if readings[0] is readings[1]:
            continue
        for reading, positions in zip(readings, differing(*readings), strict=True):
            entries = [reading.entries[position].mapped for position in positions]
            found.update([casefold_arn(mapped.principal) for mapped in entries if mapped is not None])
    return found


def violation(
    guard: str, message: str, impact: str, hint: str, *, principal: str = "", location: Location | None = None
) -> Finding:
    """Return the finding for which a change is refused; its cure ends with how to allow it."""
    return Finding(
        guard, Severity.ERROR, message, impact, f"{hint} {allow_hint(guard, principal)}", location, principal
    )


def notice(guard: str, severity: Severity, message: str, impact: str, hint: str = "") -> Finding:
    """Return what a guard has to say without refusing anything."""
    return Finding(guard, severity, message, impact, hint)


def allow_hint(guard: str, principal: str) -> str:
    """Return the sentence that tells how to have it all the same."""
    return f"To have it all the same, allow {allowance(guard, principal)}."


def allowance(guard: str, principal: str) -> str:
    """Return the narrowest name under which a finding is allowed: ``last-admin``, ``node-mapping=arn:…``."""
    return f"{guard}={visible(principal)}" if principal else guard
