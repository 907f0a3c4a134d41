"""What an access entry can do for each mapping of a document.

A mapping that matches no caller gets no entry: by itself, a migration gives no principal new access.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache, partial
from operator import itemgetter
from typing import Any, Final, NamedTuple

from awsauth.core.access.caller import conditions_for
from awsauth.core.access.matching import account_of, casefold_arn, counting, is_canonical, needs_instance, principal_of
from awsauth.core.access.node_mappings import PRESETS, WINDOWS_GROUP, fits_no_node, is_node_mapping
from awsauth.core.arn import ACCOUNT_ID, entry_principal, is_user
from awsauth.core.cluster.facts import RBAC_GROUP, Binding, Bindings
from awsauth.core.document.document import Document
from awsauth.core.document.model import KEYS, PRINCIPAL_KEYS, SYSTEM_AUTHENTICATED, SYSTEM_MASTERS, MappingEntry
from awsauth.core.edit.changes import EnsureEntry
from awsauth.core.entries.findings import FoundPrincipal
from awsauth.core.entries.merge import EntryDiff, default_username, is_on_the_way, new_entry
from awsauth.core.entries.model import CLUSTER_ADMIN_POLICY, MIGRATED, NODE_TYPES, AccessEntry, EntriesState
from awsauth.core.migration.plan import MigrationChoices, MigrationFacts, MigrationItem, MigrationPlan, Verdict
from awsauth.core.serialization import check_types, sha256_of
from awsauth.core.text.display import quoted
from awsauth.errors import EditError, InvalidValueError, UsageError

# Groups that an entry need not give: every caller is in the first, and no binding can name the second.
IMPLIED: Final = (SYSTEM_AUTHENTICATED, "")

# The binding of ``system:masters`` that Kubernetes makes.
_MASTERS: Final = (Binding("ClusterRoleBinding", "cluster-admin", "", "ClusterRole", "cluster-admin"),)


def migration_plan(
    document: Document, state: EntriesState, facts: MigrationFacts, choices: MigrationChoices | None = None
) -> MigrationPlan:
    """Return the plan of a migration.

    Args:
        document: The mappings.
        state: The authentication mode and the present access entries.
        facts: Facts about the cluster, IAM and RBAC.
        choices: The caller's choices.

    Raises:
        EditError: the authenticator's reading of a text is uncertain.
        UsageError: a choice is unknown, or does not fit a mapping.
    """
    choices = choices or MigrationChoices()
    check_types(choices, "migration")
    for key in KEYS:
        if not document.reading(key).trusted:
            message = f"The text of {key} has an uncertain meaning, so a migration could change access."
            raise EditError(message, hint="Run `awsauth check`, and repair the text first.")
    seen = choices.logs.of_accounts(document) if choices.logs else ()
    _check(choices, document, seen, state.by_principal)
    real = {casefold_arn(asked): found for asked, found in facts.iam.real.items()}
    mapped = [one for _, found in counting(document).values() for one in found.values()]
    uses = cache(partial(_uses, mapped, choices))
    items = tuple(_Classifier(document, state, facts, choices, state.by_principal, real, uses).items(seen))
    if choices.logs:
        last = _last_logins(choices.logs.last, seen)
        logins = [(item, last.get(casefold_arn(item.mapped.principal))) for item in items]
        items = tuple(replace(item, in_logs="seen" if at else "not seen", last_login=at) for item, at in logins)
    return MigrationPlan(state.mode, items, (*document.problems, *state.notes, *facts.notes), choices, facts.cluster)


def _last_logins(last: Mapping[str, datetime], seen: Collection[str]) -> dict[str, datetime]:
    """Return the last logins by principal, and by account of those without a mapping."""
    by_time = sorted(last.items(), key=itemgetter(1))
    by_principal = {casefold_arn(arn): time for arn, time in by_time}
    return by_principal | {account_of(arn): time for arn, time in by_time if arn in seen}


def _check(choices: MigrationChoices, document: Document, seen: Iterable[str], present: Collection[str]) -> None:
    mapped = {*seen, *(one.principal for key in KEYS for one in document.reading(key).mapped)}
    known = {f"{what}={principal}" for what in ("loses", "gains", "unproven") for principal in mapped}
    unknown = ({*choices.usernames, *choices.arns} - mapped) | (set(choices.accept) - known)
    # Of a mapping that an earlier run replaced and removed: the same command may run again.
    replaced = set(present).difference(map(casefold_arn, mapped))
    unknown = {one for one in unknown if casefold_arn(re.sub("^(?:loses|gains|unproven)=", "", one)) not in replaced}
    unknown |= {real for old, real in choices.arns.items() if principal_of(real) != casefold_arn(old)}
    if unknown:
        hint = "Give the ARN as in aws-auth, and to accept a difference loses=ARN, gains=ARN or unproven=ARN."
        raise UsageError(f"No mapping fits the choice {names(sorted(unknown))}.", hint=hint)


def _uses(mapped: Sequence[MappingEntry], choices: MigrationChoices, kind: str, name: str) -> int:
    """Return how many mappings and choices can give a username or group."""
    given = ((one, [one.username] if kind == "User" else one.groups) for one in mapped)
    chosen = [*choices.usernames.values()].count(name) if kind == "User" else 0
    return chosen + sum(conditions_for(one, names, name) is not None for one, names in given)


def names(texts: Iterable[str]) -> str:
    """Return names as text."""
    return ", ".join(quoted(text, 200) for text in texts)


class _Classifier(NamedTuple):
    """The mappings of a document, with the facts about their principals.

    Attributes:
        document: The document.
        state: The authentication mode and the present access entries.
        facts: The facts of the cluster.
        choices: The caller's choices.
        present: The present access entries, by principal in lower case.
        real: The principals in IAM, by the ARN of a mapping in lower case.
        uses: Returns how many mappings and choices can give a ``User`` or ``Group`` of a name.
    """

    document: Document
    state: EntriesState
    facts: MigrationFacts
    choices: MigrationChoices
    present: Mapping[str, AccessEntry]
    real: Mapping[str, FoundPrincipal]
    uses: Callable[[str, str], int]

    def items(self, seen: Iterable[str]) -> Iterator[MigrationItem]:
        """Yield an item for each mapping, in the order of the document.

        The last ones are for principals that came in by their account. Their ARN is their username.
        """
        counted = counting(self.document)
        for key in PRINCIPAL_KEYS:
            for position, mapped in self.document.reading(key).positioned:
                decides, found = counted.get(casefold_arn(mapped.principal), (key, {}))
                yield self._item(MigrationItem(key, mapped, "dead", ""), position, found if decides == key else {})
        for mapped in self.document.reading("mapAccounts").mapped:
            item = MigrationItem("mapAccounts", mapped, "dead", "It is not an account, and matches no caller.")
            reason = "An access entry is for one principal. Logs show which ones come in."
            yield self._impossible(item, reason) if ACCOUNT_ID.fullmatch(mapped.principal) else item
        for mapped in (MappingEntry(arn, arn) for arn in seen):
            yield self._item(MigrationItem("mapAccounts", mapped, "dead", ""), 0, {0: mapped})

    def _item(self, item: MigrationItem, position: int, kept: dict[int, MappingEntry]) -> MigrationItem:
        """Return the item of a mapping.

        `kept` holds the mappings of its principal that count, by position.
        """
        arn = casefold_arn(item.mapped.principal)
        differ = len({(one.username, frozenset(one.groups)) for one in kept.values()}) > 1
        if reason := self._no_effect(item.mapped, arn):
            return replace(item, reason=reason)
        if position not in kept or (not differ and position > min(kept)):
            return replace(item, reason="Another mapping of its ARN counts.")
        if differ:
            reason = "Which of its mappings counts is undefined: they spell the ARN differently. Remove one of them."
            item = replace(item, verdict="needs-choice", reason=reason)
        else:
            item = self._wanted(item, arn)
        if present := self.present.get(arn):
            return self._beside(item, present, arn)
        if self.state.mode == "API":
            reason = "The authentication mode is API: the cluster does not use aws-auth."
            return MigrationItem(item.key, item.mapped, "dead", reason)
        unread = "" if self.state.entries is not None else "The access entries could not be listed."
        return replace(item, unproven=item.unproven or unread)

    def _no_effect(self, mapped: MappingEntry, arn: str) -> str:
        """Return why a mapping matches no caller; empty if it may match one."""
        principal, real = mapped.principal, self.real.get(arn)
        if not principal:
            return "EKS does not match mappings by `sso`."
        if not is_canonical(principal):
            return "No caller has this ARN. Correct it in aws-auth first if the principal needs access."
        if real and principal_of(real.arn) != arn:
            return f"In IAM its ARN is {quoted(real.arn, 200)}, which does not match."
        return "" if real or principal not in self.facts.iam.created else "IAM has no such role or user."

    def _impossible(self, item: MigrationItem, reason: str, verdict: Verdict = "impossible") -> MigrationItem:
        """Return an item without an entry, unless the caller accepts the loss."""
        principal = item.mapped.principal
        if self.choices.accepts("loses", principal):
            return replace(item, verdict="different", reason=reason, differs=("It has no access in the mode API.",))
        return replace(item, verdict=verdict, reason=f"{reason} To give it up, accept {names([f'loses={principal}'])}.")

    def _wanted(self, item: MigrationItem, arn: str) -> MigrationItem:
        """Return the item with the entry that it needs, as if there were no entries yet."""
        principal, real = item.mapped.principal, self.real.get(arn)
        in_iam = self.choices.arns.get(principal, real.arn if real else "")
        if is_user(arn) and needs_instance(item.mapped):
            return replace(item, reason="Only EC2 instances get these names, and a user is not one.")
        if ":role/awsservicerolefor" in arn:
            return self._impossible(item, "It is a service-linked role: the service has to make its access entry.")
        if not in_iam:
            why = self.facts.iam.unknown.get(principal, "IAM was not asked.")
            in_iam = principal if principal.isascii() else arn
            item = replace(item, unproven=f"Not known is its path in IAM: {why} EKS refuses the entry if it is wrong.")
        try:
            entry_principal(in_iam)
        except InvalidValueError as error:
            return self._impossible(item, error.message)
        if is_node_mapping(item.mapped):
            return self._node(item, in_iam)
        return self._standard(item, in_iam)

    def _standard(self, item: MigrationItem, arn: str) -> MigrationItem:
        """Return the item with an entry of type ``STANDARD``.

        Without another choice, an entry may not be possible.
        """
        facts, choices, mapped = self.facts, self.choices, item.mapped
        username = choices.usernames.get(mapped.principal, mapped.username) or default_username(arn)
        given = _Names(mapped.principal, facts.bindings or Bindings(), self.uses)
        if username != mapped.username:
            given.rename(mapped.username, username)
        by_policy = SYSTEM_MASTERS in mapped.groups and choices.administrators == "policy"
        omitted = (*IMPLIED, *([SYSTEM_MASTERS] if by_policy else []))
        groups = [given.group(group) for group in dict.fromkeys(mapped.groups) if group not in omitted]
        policies = [CLUSTER_ADMIN_POLICY] if by_policy else []
        try:
            made = EnsureEntry(principal_arn=arn, username=username, groups=groups, policies=policies)
        except InvalidValueError as error:
            refused = error.message.replace("\n", " ")
            return replace(item, verdict="needs-choice", reason=f"{refused} Choose another name for this principal.")
        if "{{" in "".join(
            [username if is_user(arn) else re.sub(r"\{\{SessionName(?:Raw)?\}\}", "", username), *mapped.groups]
        ):
            given.problems["unproven"] = "AWS does not document that an entry fills in its templates."
        for what, reason in given.problems.items():
            if not choices.accepts(what, mapped.principal):
                hint = f"Choose other names, or accept {names([f'{what}={mapped.principal}'])}."
                return replace(item, verdict="needs-choice", reason=f"{reason} {hint}")
        by = [f"The policy {CLUSTER_ADMIN_POLICY} stands for the group {quoted(SYSTEM_MASTERS)}."] if by_policy else []
        differs = (*given.problems.values(), *given.differs, *by)
        unread = "The bindings in RBAC are not known." if given.differs and facts.bindings is None else ""
        verdict: Verdict = "needs-rbac" if given.rbac else "same-reach" if differs else "equal"
        return replace(
            item,
            verdict="different" if given.problems else verdict,
            reason="An access entry can have its names." if verdict == "equal" else "An access entry can replace it.",
            entry=new_entry(made),
            differs=differs,
            rbac=tuple(given.rbac),
            unproven=" ".join(filter(None, [item.unproven, unread])),
        )

    def _node(self, item: MigrationItem, in_iam: str) -> MigrationItem:
        mapped, evidence = item.mapped, self.facts.evidence
        is_managed = evidence is not None and evidence.is_managed(in_iam)
        kind = _node_type(mapped, is_managed=is_managed)
        if fits_no_node(mapped):
            loses = "A session with the name of an instance would lose its access."
            return replace(item, reason="No node has this role.", differs=(loses,), unproven="")
        if is_user(in_iam) or not kind:
            return self._impossible(item, "No type of access entry gives these names to nodes.")
        if account_of(self.facts.cluster) not in ("", account_of(in_iam)):
            return self._impossible(item, "An entry for nodes has to be for a role of the cluster's own account.")
        preset = NODE_TYPES[kind]
        gives = tuple(group for group in preset.groups if group != "system:bootstrappers")  # no entry gives it
        lost = [group for group in dict.fromkeys(mapped.groups) if group not in (*gives, *IMPLIED)]
        more = [group for group in gives if group not in mapped.groups]
        differs = [f"The entry does not give {names(lost)}."] if lost else []
        differs += [f"The entry also gives {names(more)}."] if more else []
        entry = AccessEntry(in_iam, kind, preset.username, gives)
        found = replace(item, verdict="same-reach", reason=f"Nodes need {kind}.", entry=entry, differs=tuple(differs))
        if set(lost) - set(preset.groups):
            reason = "An entry for nodes cannot have the other groups of the mapping."
            if not self.choices.accepts("loses", mapped.principal):
                return self._impossible(item, f"{reason} Use another role for them.", "needs-choice")
            found = replace(found, verdict="different", reason=reason)
        if is_managed or (kind == "FARGATE_LINUX" and (evidence is None or evidence.notes)):
            return replace(found, verdict="eks-owned", reason="EKS makes it for its node groups and Fargate profiles.")
        return found

    def _beside(self, item: MigrationItem, present: AccessEntry, arn: str) -> MigrationItem:
        """Return the item of a mapping beside a present entry, which decides."""
        real, wanted, unproven = self.real.get(arn), item.entry, ""
        same = wanted and replace(wanted, principal_arn=present.principal_arn, tags=present.tags) == present
        verdict: Verdict = "present" if same else "conflict"
        reason = f"Its access entry decides, and gives {'the same' if same else 'something else'}."
        if wanted and not same and MIGRATED in present.tags and is_on_the_way(EntryDiff("", None, wanted), present):
            return item  # an interrupted migration goes on
        if not (real and present.type):  # without a type, it could not be read
            unproven = "Not known is whether the entry belongs to an earlier principal, and has no effect."
        elif real.arn != present.principal_arn or (present.created and real.created > present.created):
            verdict = "stale"
            reason = "Its access entry belongs to an earlier principal: the mapping decides. Delete the entry, and plan again."
        return MigrationItem(item.key, item.mapped, verdict, reason, present, unproven=unproven)


def _node_type(mapped: MappingEntry, *, is_managed: bool) -> str:
    """Return the type of entry for nodes with a mapping; empty if no type fits."""
    if mapped.username == PRESETS["ec2"].username:
        return "EC2_WINDOWS" if WINDOWS_GROUP in mapped.groups else "EC2_LINUX"
    if mapped.username == PRESETS["fargate"].username:
        return "FARGATE_LINUX" if is_managed or "system:node-proxier" in mapped.groups else "HYBRID_LINUX"
    return ""


class _Names:
    """The names for an entry, with their differences and RBAC objects.

    Attributes:
        differs: The differences.
        rbac: The RBAC objects.
        problems: How rights would change despite these objects.
    """

    def __init__(self, principal: str, bindings: Bindings, uses: Callable[[str, str], int]) -> None:
        self._principal = principal
        self._bindings = bindings
        self._uses = uses
        self.differs: list[str] = []
        self.rbac: list[dict[str, Any]] = []
        self.problems: dict[str, str] = {}

    def rename(self, old: str, new: str) -> None:
        """Give another username."""
        self.differs.append(f"The username is {quoted(new)} instead of {quoted(old)}.")
        if needs_instance(MappingEntry("", old)) and not needs_instance(MappingEntry("", new)):
            self.problems["gains"] = "Only EC2 instances get this username, and every session would get the new one."
        for name, bound in self._bindings.usernames.items():
            if name == old and "{{" not in new:
                self._bind("User", new, bound, own_uses=1)
            elif self._can_be(old, name):
                self.problems["loses"] = f"RBAC binds the username {quoted(name)}, which would not be its own any more."
            elif self._can_be(new, name):
                self.problems["gains"] = f"RBAC binds the username {quoted(name)}, which would become its own."

    def group(self, group: str) -> str:
        """Return the group that stands for a mapping's."""
        if not group.startswith("system:"):
            return group
        instead = f"awsauth:{group}"
        self.differs.append(f"The group {quoted(instead)} stands for {quoted(group)}.")
        bound = self._bindings.groups.get(group, ())
        self._bind("Group", instead, dict.fromkeys((*_MASTERS, *bound)) if group == SYSTEM_MASTERS else bound)
        return instead

    def _can_be(self, template: str, name: str) -> bool:
        return bool(template) and conditions_for(MappingEntry(self._principal, template), [template], name) is not None

    def _bind(self, kind: str, name: str, bound: Iterable[Binding], own_uses: int = 0) -> None:
        """Add a copy of each binding, with one subject instead of its own."""
        for one in bound:
            if self._uses(kind, name) > own_uses:
                self.problems["gains"] = f"Another mapping has the name {quoted(name)}, which RBAC would bind for it."
            named = {"name": f"awsauth:{one.name}:{sha256_of([*one, kind, name])[:8]}", "namespace": one.namespace}
            metadata = {key: value for key, value in named.items() if value}
            made = {"apiVersion": f"{RBAC_GROUP}/v1", "kind": one.kind, "metadata": metadata}
            role = {"apiGroup": RBAC_GROUP, "kind": one.role_kind, "name": one.role}
            subject = {"apiGroup": RBAC_GROUP, "kind": kind, "name": name}
            self.rbac.append({**made, "roleRef": role, "subjects": [subject]})
