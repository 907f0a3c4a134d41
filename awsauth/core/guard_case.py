"""What the guards look at: a change, and what is known around it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from awsauth.core.escaping import visible
from awsauth.core.finding import Finding, Place, Severity
from awsauth.core.matching import Access, principal_of, takes_away

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.core.document import Document

NodeUse = Literal["in use", "unused", "unknown"]
"""Whether nodes have a role; ``unused`` only where that is proven."""


@dataclass(frozen=True, slots=True)
class GuardContext:
    """What is known around a change. Whatever is left out is taken for unknown.

    Attributes:
        caller_arn: The ARN of whoever asks for the change (``canonicalArn`` of a SelfSubjectReview); None if unknown.
        caller_username: Under which name the cluster knows the caller; None if unknown.
        caller_groups: The groups that the cluster has the caller in; None if unknown.
        nodes: By ARN of a role, with or without path, whether nodes have it. A role that is not in it is unknown.
        admin_usernames: Users that RBAC binds to ``cluster-admin``.
        admin_groups: Groups that it does; ``system:masters`` needs no mention.
        binary_bytes: Bytes of all values of ``binaryData``.
        regranted: For a rollback: by ARN or account, the groups that it gives back though somebody took them; empty
            where somebody took the whole mapping.
        uid: The uid of the object that is to be changed; empty where it has none.
        revision_uid: The uid of the object that the revision to restore was made of; empty if there is none.
    """

    caller_arn: str | None = None
    caller_username: str | None = None
    caller_groups: frozenset[str] | None = None
    nodes: Mapping[str, NodeUse] = field(default_factory=dict)
    admin_usernames: frozenset[str] = frozenset()
    admin_groups: frozenset[str] = frozenset()
    binary_bytes: int = 0
    regranted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    uid: str = ""
    revision_uid: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A change with what it means for access, worked out once for all guards."""

    before: Document
    after: Document
    context: GuardContext
    old: Access
    new: Access
    nodes: Mapping[str, NodeUse]

    @classmethod
    def of(cls, before: Document, after: Document, context: GuardContext) -> Case:
        """Return the case of a change from one document to another."""
        nodes = {principal_of(arn): use for arn, use in context.nodes.items()}
        return cls(before, after, context, Access.of(before), Access.of(after), nodes)

    @property
    def takes_away(self) -> bool:
        """Whether anybody loses access or a group, or gets another username."""
        return takes_away(self.old, self.new)


def refusal(
    guard: str, message: str, consequence: str, cure: str, *, principal: str = "", place: Place | None = None
) -> Finding:
    """Return the finding for which a change is refused; its cure ends with how to allow it."""
    return Finding(
        guard, Severity.ERROR, message, consequence, f"{cure} {how_to_allow(guard, principal)}", place, principal
    )


def remark(guard: str, severity: Severity, message: str, consequence: str, cure: str = "") -> Finding:
    """Return what a guard has to say without refusing anything."""
    return Finding(guard, severity, message, consequence, cure)


def how_to_allow(guard: str, principal: str) -> str:
    """Return the sentence that tells how to have it all the same."""
    return f"To have it all the same, allow {allowance(guard, principal)}."


def allowance(guard: str, principal: str) -> str:
    """Return the narrowest name under which a finding is allowed: ``last-admin``, ``node-mapping=arn:…``."""
    return f"{guard}={visible(principal)}" if principal else guard
