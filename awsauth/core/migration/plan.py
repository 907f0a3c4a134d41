"""The plan of a migration: the verdict about each mapping, and the steps."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, get_args

from awsauth.core.cluster.facts import Bindings, NodeEvidence
from awsauth.core.document.model import SYSTEM_MASTERS, Key, MappingEntry
from awsauth.core.entries.findings import IamFacts
from awsauth.core.entries.model import AccessEntry, AuthenticationMode, DecidedBy
from awsauth.core.findings import Finding
from awsauth.core.migration.logs import LoginLogs  # noqa: TC001 - the JSON looks at the annotations
from awsauth.core.revisions.info import time_text
from awsauth.core.serialization import JsonValue, from_json, in_json
from awsauth.core.text.display import quoted, visible
from awsauth.errors import PlanError, PlanOutdatedError

# What an access entry can do for a mapping; `MigrationItem.reason` says why.
Verdict = Literal[
    "equal", "same-reach", "different", "needs-rbac", "needs-choice", "impossible", "eks-owned", "present", "conflict",
    "stale", "dead",
]  # fmt: skip

# The verdicts with an access entry that the migration makes.
MADE: Final = ("equal", "same-reach", "different", "needs-rbac")

# The group that stands for ``system:masters``.
_MASTERS: Final = f"awsauth:{SYSTEM_MASTERS}"

# How an access policy differs from the group ``system:masters``. Sources: Kubernetes, "RBAC good practices" and "API
# Priority and Fairness"; Amazon EKS user guide, "Review access policy permissions".
MASTERS: Final = (
    "The group passes RBAC and authorization webhooks. `kubectl auth can-i --list` does not show the policy's rights.",
    "With `kubectl --as` the policy does not count: the impersonated user has the rights of RBAC only.",
    "Requests of the group are exempt from API priority and fairness. With the policy they wait in queues like others.",
    "Rules that name the group no longer match: admission policies, webhooks, dashboards and audit queries.",
    "EKS can revoke an entry. RBAC cannot revoke the group.",
)


class MigrationFacts(NamedTuple):
    """The facts of a cluster.

    Attributes:
        cluster: The cluster's ARN; empty if unknown.
        iam: What IAM says about the principals of mappings.
        evidence: The uses of node roles; None if unknown.
        bindings: The usernames and groups in RBAC; None if unknown.
        notes: What could not be read, and why.
    """

    cluster: str = ""
    iam: IamFacts = IamFacts()
    evidence: NodeEvidence | None = None
    bindings: Bindings | None = None
    notes: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class MigrationChoices(JsonValue):
    """The choices of a migration's caller.

    Attributes:
        usernames: By ARN of a mapping, the username of its entry.
        arns: By ARN of a mapping, the ARN with its path in IAM.
        accept: Differences that are accepted, such as ``loses=arn:…``.
        administrators: The substitute for the group ``system:masters``: the cluster-admin policy, or the group
            ``awsauth:system:masters``, which RBAC binds to ``cluster-admin``.
        logs: The logins that logs show; None without logs.
    """

    usernames: Mapping[str, str] = field(default_factory=dict)
    arns: Mapping[str, str] = field(default_factory=dict)
    accept: Sequence[str] = ()
    administrators: Literal["policy", "group"] = "policy"
    logs: LoginLogs | None = None

    def accepts(self, what: str, principal: str) -> bool:
        """Whether the caller accepts a difference, such as ``loses``, for a principal."""
        return f"{what}={principal}" in self.accept


@dataclass(frozen=True, slots=True)
class MigrationItem(JsonValue):
    """A mapping, and the access entry that replaces it.

    Attributes:
        key: The data key of the mapping.
        mapped: The mapping, or what a principal of an account has without one.
        verdict: What an access entry can do for it.
        reason: Why, in one sentence.
        entry: The access entry: the planned one, that of EKS, or the present one; None without an entry.
        differs: The differences between mapping and entry, one sentence each; empty if there are none.
        unproven: Why the entry may be refused, or may not give this access; empty if that is certain.
        rbac: The RBAC objects that have to exist before the entry.
        proven: Whether a new token has just shown the access of the present entry; None if none could be tried.
        in_logs: Whether the logs show a login.
        last_login: The last login in the logs.
    """

    key: Key
    mapped: MappingEntry
    verdict: Verdict
    reason: str
    entry: AccessEntry | None = None
    differs: tuple[str, ...] = ()
    unproven: str = ""
    rbac: tuple[dict[str, Any], ...] = ()
    proven: bool | None = None
    in_logs: Literal["seen", "not seen", "not asked"] = "not asked"
    last_login: datetime | None = None

    @property
    @in_json()
    def decided_by(self) -> DecidedBy:
        """The source that decides at present."""
        if self.verdict == "dead":
            return "nothing"
        return "entry" if self.verdict in ("present", "conflict") else "mapping"

    @property
    def is_given_up(self) -> bool:
        """Whether the mapping grants no access, or may go without an entry."""
        return self.verdict == "dead" or (self.verdict, self.entry) == ("different", None)

    @property
    @in_json()
    def blocks_api(self) -> bool:
        """Whether the principal would, or may, lose access in the mode ``API``."""
        return self.verdict in ("needs-choice", "impossible", "eks-owned", "stale") or bool(self.unproven)

    def __str__(self) -> str:
        gives = f"Entry: {self.entry.gives}." if self.entry and self.verdict in MADE else ""
        proof = f"A new token {'shows' if self.proven else 'does not show'} this access." * (self.proven is not None)
        seen = f"Last login in the logs: {time_text(self.last_login)}." if self.last_login else ""
        seen = seen or "No login in the logs." * (self.in_logs == "not seen")
        named = f"{quoted(self.mapped.principal or '(sso)', 200)}: {self.reason}"
        return " ".join(filter(None, [named, *self.differs, self.unproven, gives, proof, seen]))


@dataclass(frozen=True, slots=True)
class MigrationPlan(JsonValue):
    """A migration from mappings to access entries. `str` returns it as text.

    Attributes:
        mode: The authentication mode; None if unknown, or for a file.
        items: The mappings in the order of the document.
        notes: What could not be read, and why.
        choices: The caller's choices.
        cluster: The cluster's ARN; empty if unknown, or for a file.
    """

    mode: AuthenticationMode | None
    items: tuple[MigrationItem, ...]
    notes: tuple[Finding, ...] = ()
    choices: MigrationChoices = field(default_factory=MigrationChoices)
    cluster: str = ""

    @classmethod
    def from_text(cls, text: str | bytes) -> MigrationPlan:
        """Return the plan in the output of `awsauth migrate plan -o json`.

        Raises:
            PlanError: it is not one, or was edited.
        """
        try:
            plan: MigrationPlan = from_json(cls, json.loads(text)["migration"])
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise PlanError("This is not a plan of `awsauth migrate plan`.", hint="Save all of `-o json`.") from error
        return plan

    @property
    @in_json()
    def entries(self) -> tuple[AccessEntry, ...]:
        """The access entries to make, those of administrators last."""
        made = (item.entry for item in self.items if item.entry and item.verdict in MADE)
        return tuple(sorted(made, key=lambda one: (one.is_administrator or _MASTERS in one.groups, one.lets_nodes_in)))

    @property
    @in_json()
    def rbac(self) -> tuple[dict[str, Any], ...]:
        """The RBAC objects of all items, each once."""
        return tuple({str(one): one for item in self.items for one in item.rbac}.values())

    @property
    @in_json()
    def steps(self) -> tuple[str, ...]:
        """The steps of the migration, in order."""
        blocking = sum(item.blocks_api for item in self.items)
        lost = f" Mappings that would lose their access: {blocking}." if blocking else ""
        steps = {
            "Switch to API_AND_CONFIG_MAP, which cannot be undone. Plan again.": self.mode == "CONFIG_MAP",
            "Apply the RBAC objects.": self.rbac,
            f"Make the access entries ({len(self.entries)}), your own last, and leave aws-auth as it is.": self.entries,
            f"Switch to API, which cannot be undone.{lost}": self.mode != "API",
        }
        return tuple(step for step, is_needed in steps.items() if is_needed)

    def __str__(self) -> str:
        parts: dict[str, Sequence[str]] = {"Cluster": [self.cluster] if self.cluster else []}
        parts |= {one: [str(item) for item in self.items if item.verdict == one] for one in get_args(Verdict)}
        parts["The cluster-admin policy is not system:masters"] = MASTERS * any(one.policies for one in self.entries)
        logs = self.choices.logs
        parts |= {"Logs": [str(logs)] if logs else [], "Steps": [*self.steps], "Not checked": [*map(str, self.notes)]}
        told = {title: "\n".join(f"- {visible(text)}" for text in texts) for title, texts in parts.items() if texts}
        return "\n\n".join(f"{title}:\n{lines}" for title, lines in told.items())


def require_same(planned: MigrationPlan, now: MigrationPlan) -> None:
    """Check that a plan makes the same entries now.

    Entries that are made already may be missing.

    Raises:
        PlanOutdatedError: it makes others, or some cannot be made any more, or it is for another cluster.
    """
    if planned.cluster != now.cluster:
        message = f"The plan is for the cluster {quoted(planned.cluster, 200)}, and this is {quoted(now.cluster, 200)}."
        raise PlanOutdatedError(message, hint="Name the cluster of the plan, or plan again.")
    made = {item.entry for item in now.items if item.verdict == "present"}
    differ = set(planned.entries) - made ^ set(now.entries)
    if differ or any(one not in planned.rbac for one in now.rbac):
        concerned = "".join(f"\n- {quoted(entry.principal_arn, 200)}" for entry in differ)
        message = f"The migration would have another effect now than the one that was planned.{concerned}"
        raise PlanOutdatedError(message, hint="Plan again, and review it.")
