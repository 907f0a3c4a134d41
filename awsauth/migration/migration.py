"""The migration of a cluster from mappings to access entries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from awsauth.apply import Result
from awsauth.aws.eks import BOTH
from awsauth.aws.errors import INVALID, MISSING, TAKEN
from awsauth.boundary import public
from awsauth.core.access.caller import Caller
from awsauth.core.access.matching import Access, principal_of
from awsauth.core.access.node_mappings import is_node_mapping
from awsauth.core.diff import Diff
from awsauth.core.document.document import Document
from awsauth.core.document.model import SYSTEM_MASTERS
from awsauth.core.edit.changes import RemoveEntry, RemoveRole, RemoveUser
from awsauth.core.entries.merge import EntryDiff
from awsauth.core.entries.model import MIGRATED, AccessEntry, AuthenticationMode, EntriesState
from awsauth.core.explain.explain import add_entries, explain
from awsauth.core.findings import AUTHENTICATION_MODE, Finding, note, warning
from awsauth.core.guards.access import GAINS
from awsauth.core.guards.context import violation
from awsauth.core.guards.guards import raise_for_violations
from awsauth.core.migration.classify import migration_plan
from awsauth.core.migration.plan import MigrationChoices, MigrationFacts, MigrationItem, MigrationPlan, require_same
from awsauth.core.serialization import sha256_of
from awsauth.core.text.display import listed, quoted
from awsauth.errors import AwsServiceError, CredentialsError, RevertedError, UsageError
from awsauth.kube.rbac import CHANGER
from awsauth.kube.resources import create_object
from awsauth.options import Options, check_options
from awsauth.verification.verify import ProbeResult, TokenProbe

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from awsauth.aws.access_entries import AccessEntries
    from awsauth.cluster_context import ClusterContext
    from awsauth.connections.kubernetes import Connection
    from awsauth.entries.engine import EntryChanger, PendingEntries
    from awsauth.stores.store import Store

PROVES: Final = 60.0  # seconds until a new token shows a new entry


@dataclass(frozen=True, slots=True)
@public
class Migration:
    """Moves from mappings to access entries; `AwsAuthClient.migration` makes it.

    Each method can be stopped anywhere. The same call goes on from there.

    Args:
        choices: The caller's choices.
        store: The store of ``aws-auth``.
        context: The facts of the cluster; None for a file.
        connection: The connection to the cluster; None for a file.
        changer: Returns the changer of the cluster's access entries.
        change: The method `AwsAuthClient.apply`.
    """

    choices: MigrationChoices
    store: Store
    context: ClusterContext | None
    connection: Connection | None
    changer: Callable[[], EntryChanger]
    change: Callable[..., Result]

    def plan(self) -> MigrationPlan:
        """Return what the migration would do.

        Raises:
            EditError: a text has an uncertain meaning.
            UsageError: a choice does not fit a mapping.
        """
        context = self.context
        if context and context.eks:
            context.eks.forget()
        document = self.store.read().document
        state = context.entries_state() if context else EntriesState()
        seen = self.choices.logs.of_accounts(document) if self.choices.logs else ()
        facts = context.migration_facts(document, seen) if context else MigrationFacts()
        return migration_plan(document, state, facts, self.choices)

    def apply(self, approved: MigrationPlan | None = None, **options: Unpack[Options]) -> Result:
        """Make the entries of the plan, and prove each before the next.

        A cluster of the mode ``CONFIG_MAP`` is switched first, which ``authentication-mode`` has to allow. Entries that may
        be refused (`MigrationItem.unproven`) are left out unless that is accepted.

        Args:
            approved: An earlier plan: another one is refused.
            **options: How the change is made; see `Options`.

        Raises:
            UsageError: the cluster is not active, or there is no EKS cluster.
            PlanOutdatedError: the plan is another one now, or after the switch.
            GuardError: a guard, or the switch, is not allowed.
            RevertedError: a new token does not have what an entry gives. This entry is deleted again.
            AwsAuthError: otherwise as for `AwsAuthClient.apply`.
        """
        check_options(options)
        changer, plan = self.changer(), self.plan()
        changer.eks.entry_calls().cluster.require_active()
        require_same(approved or plan, plan)
        pending = self._pending(plan, changer)
        switch = [_switch(BOTH)] if plan.mode == "CONFIG_MAP" else []
        if switch and any(item.verdict == "needs-choice" and is_node_mapping(item.mapped) for item in plan.items):
            raise UsageError("The switch may take groups from nodes.", hint="First choose: see `awsauth migrate plan`.")
        shown = changer.run(pending, {**options, "dry_run": True}, None)
        shown = replace(shown, changed=shown.changed or bool(switch), findings=(*switch, *shown.findings))
        raise_for_violations(switch, options.get("allow", ()))
        if options.get("dry_run") or not shown.changed:
            return shown
        if switch:
            for entry in [diff.after for diff in pending.diffs if diff.after][:1]:
                # IAM may refuse it, and the switch cannot be undone.
                pending.calls.create(entry, INVALID | TAKEN | MISSING)
            changer.eks.switch_mode(BOTH)
        require_same(plan, again := self.plan())
        pending = self._pending(again, changer)
        for one in plan.rbac:  # its name holds a digest of it
            where = f"namespaces/{one['metadata']['namespace']}/" if one["kind"] == "RoleBinding" else ""
            path = f"/apis/{one['apiVersion']}/{where}{one['kind'].lower()}s"
            create_object(changer.context.transport, path, one)
        unproven: list[str] = []
        prove = partial(self._prove, pending.calls, shown.document, unproven)
        made = changer.run(pending._replace(prove=prove), options, None)
        return replace(made, changed=True, findings=(*switch, *made.findings, *map(_unproven, unproven)))

    def status(self) -> MigrationPlan:
        """Return the plan, with the present entries tried by new tokens.

        Only entries of the caller, and of roles that it may assume, can be `MigrationItem.proven`.
        """
        plan = self.plan()
        tried = ((item, item.entry if item.decided_by == "entry" else None) for item in plan.items)
        return replace(plan, items=tuple(replace(item, proven=self._has(entry, 0.0)) for item, entry in tried))

    def finish(self, **options: Unpack[Options]) -> Result:
        """Take mappings out that an entry replaces; if none is left, switch to ``API``.

        A mapping goes if its entry decides, and is proven by a new token. Where no token can be made, ``unproven=ARN``
        accepts the entry. If no mapping would lose its access, the next call switches, which ``authentication-mode=API``
        has to allow.

        Args:
            **options: How the change is made; see `Options`.

        Raises:
            UsageError: the authentication mode is ``CONFIG_MAP``, or there is no EKS cluster.
            GuardError: a guard, or the switch, is not allowed.
            AwsAuthError: otherwise as for `AwsAuthClient.apply`.
        """
        check_options(options)
        (changer := self.changer()).read(())
        proven = [replace(item, proven=None) for item in self.status().items if self._is_covered(item)]
        now = self.plan()  # The proofs take time, in which another writer may delete an entry.
        covered = [item for item in now.items if item in proven and item.key != "mapAccounts"]
        left = [item for item in now.items if item not in proven and not item.is_given_up]
        findings = tuple(map(_uncovered, left))
        if covered:
            result = self.change([_removed(item) for item in covered], **options)
            return replace(result, findings=(*result.findings, *findings))
        switch = [_switch("API")] if not left and now.mode == BOTH else []
        raise_for_violations(switch, options.get("allow", ()))
        if switch and not options.get("dry_run"):
            changer.eks.switch_mode("API")
        return Result(bool(switch), Diff((), {}), self.store.read().document, (*switch, *findings))

    def undo(self, **options: Unpack[Options]) -> Result:
        """Delete the entries that a migration made, so that the mappings decide again.

        Args:
            **options: How the change is made; see `Options`.

        Raises:
            UsageError: the cluster does not use ``aws-auth``, or a principal is not mapped any more.
            AwsAuthError: otherwise as for `AwsAuthClient.apply`.
        """
        check_options(options)
        now = (changer := self.changer()).read(())
        access = Access.of(now.document)
        ours = [entry for entry in now.entries if MIGRATED in entry.tags]
        is_api = now.calls.cluster.authentication_mode == "API"
        arns = [entry.principal_arn for entry in ours]
        if lost := [quoted(arn, 200) for arn in arns if is_api or not access.of_caller(arn)]:
            message = f"Without their access entries, no mapping would grant access to {listed(lost, 20)}."
            hint = "Put the mappings back with `awsauth rollback`."
            if is_api:
                hint = "In the mode API no mapping counts. Make other access entries first, then use `awsauth entry remove`."
            raise UsageError(message, hint=hint)
        # A group or policy of these entries stands for the mapping's. The rights of others were changed since.
        made = {diff.after for one in changer.journal.revisions() for diff in one.diff if not diff.before}
        regained = {entry.principal for entry in ours if entry in made}
        options["allow"] = (*options.get("allow", ()), *(f"{GAINS}={principal}" for principal in regained))
        result = self.change([RemoveEntry(principal_arn=arn) for arn in arns], **options)
        told = (one for one in result.findings if one.code != GAINS or principal_of(one.principal) not in regained)
        return replace(result, findings=tuple(told))

    def _pending(self, plan: MigrationPlan, changer: EntryChanger) -> PendingEntries:
        """Return the change that makes the entries, the caller's last."""
        now = changer.read((), switches=plan.mode == "CONFIG_MAP")
        present = {entry.principal_arn: entry for entry in now.entries}
        own = principal_of(changer.writer().arn)
        left_out = [item.entry for item in plan.items if item.unproven and not self._accepts_unproven(item)]
        made = sorted((one for one in plan.entries if one not in left_out), key=lambda one: one.principal == own)
        tags = {MIGRATED: "aws-auth", "awsauth/plan": sha256_of([entry.to_json() for entry in made])[:16]}
        wanted = {entry.principal_arn: replace(entry, tags=tags) for entry in made}
        return now._replace(diffs=tuple(EntryDiff(arn, present.get(arn), one) for arn, one in wanted.items()))

    def _accepts_unproven(self, item: MigrationItem) -> bool:
        return self.choices.accepts("unproven", item.mapped.principal)

    def _is_covered(self, item: MigrationItem) -> bool:
        if item.decided_by != "entry" or item.proven is False:
            return False
        return bool(item.proven and not item.unproven) or self._accepts_unproven(item)

    def _prove(self, calls: AccessEntries, planned: Document, unproven: list[str], diff: EntryDiff) -> None:
        """Prove a new entry.

        It is deleted again if it does not work, or if ``aws-auth`` is another one than planned.
        """
        arn = diff.principal_arn
        proven = self._has(diff.after, PROVES)
        is_outdated = self.store.read().document.data != planned.data
        if proven is None and not is_outdated:
            unproven.append(arn)
        elif is_outdated or not proven:
            if calls.find(arn) == diff.after:
                calls.delete(arn)
            why = "Another writer changed aws-auth." if is_outdated else "No new token had the rights of the entry."
            done = f"The entry of {quoted(arn, 200)} is deleted, unless another writer changed it. The mapping decides again."
            raise RevertedError(f"{why} {done}")

    def _has(self, entry: AccessEntry | None, seconds: float) -> bool | None:
        """Whether a new token has what an entry gives; None if none can be made."""
        if not entry or entry.lets_nodes_in or not self.connection or not (tokens := self.connection.tokens):
            return None
        try:
            source = tokens.for_role(tokens.role_arn)
            if principal_of(source.caller()) != entry.principal:
                source = tokens.for_role(entry.principal_arn)
            caller = Caller(source.caller())
        except (AwsServiceError, CredentialsError):
            return None
        if principal_of(caller.arn) != entry.principal:
            return None
        given = add_entries(explain(Document({}), caller), EntriesState("API", (entry,)))

        def is_right(seen: ProbeResult) -> bool:
            # No entry gives `system:masters`: the mapping decides as long as a token has it.
            return seen.may_repair and seen.matches(given) and SYSTEM_MASTERS not in seen.groups

        rules = CHANGER if entry.is_administrator else ()
        seen = TokenProbe(source, self.connection.transport, rules).wait(is_right, seconds)
        return is_right(seen) if seen.username or not seen.authenticated else None


def _switch(mode: AuthenticationMode) -> Finding:
    message = f"The migration switches the authentication mode to {mode}."
    return violation(AUTHENTICATION_MODE, message, "This cannot be undone.", "Read the plan.", principal=mode)


def _removed(item: MigrationItem) -> RemoveRole | RemoveUser:
    arn = item.mapped.principal
    return RemoveUser(user_arn=arn) if item.key == "mapUsers" else RemoveRole(role_arn=arn)


def _unproven(arn: str) -> Finding:
    message = f"The access entry of {quoted(arn, 200)} is made, but not proven: awsauth can make no token of it."
    hint = f"Check its access, as with `awsauth health`. To finish without a proof, accept unproven={arn}."
    return note("unproven", message, "Its mapping stays until then.", hint, principal=arn)


def _uncovered(item: MigrationItem) -> Finding:
    unproven = item.unproven or "No new token has shown what its access entry gives."
    reason = unproven if item.decided_by == "entry" else item.reason
    message = f"{quoted(item.mapped.principal, 200)} stays in aws-auth. {reason}"
    return warning("uncovered", message, "It blocks the switch to API.", "", principal=item.mapped.principal)
