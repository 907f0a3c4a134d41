"""The facts of a live cluster that a change needs.

They are the caller, the administrators, the nodes and the other writers.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from awsauth.core.access.matching import Access, could_render, is_canonical, principal_of
from awsauth.core.cluster.other_writers import ObjectMetadata, other_writers
from awsauth.core.document.model import PRINCIPAL_KEYS
from awsauth.core.findings import Finding, note
from awsauth.core.guards.access import last_admin, makes_admin, node_mapping
from awsauth.core.guards.context import GuardContext, GuardInput
from awsauth.core.revisions.info import RevisionInfo, Writer
from awsauth.core.text.display import visible
from awsauth.errors import AwsServiceError, CredentialsError, ForbiddenError
from awsauth.kube.resources import read_nodes, read_revision_owners
from awsauth.kube.self_review import SelfReview, self_review
from awsauth.system.backoff import retry_unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from awsauth.connections.eks_cluster_info import EksClusterInfo
    from awsauth.core.cluster.facts import Bindings, ClusterNode, NodeEvidence
    from awsauth.core.document.document import Document
    from awsauth.core.edit.merge import MergeResult
    from awsauth.core.entries.findings import IamFacts
    from awsauth.core.entries.model import EntriesState
    from awsauth.core.migration.plan import MigrationFacts
    from awsauth.core.report.rbac import Rbac
    from awsauth.kube.transport import Transport
    from awsauth.stores.store import Snapshot, Store

_T = TypeVar("_T")
_ENTRIES: Final = "the cluster's access entries"


class ClusterContext:
    """The facts of one cluster; each is requested when it is first needed.

    Args:
        transport: The connection to the API server.
        eks: The connection to EKS; None if the cluster's name in EKS is unknown.
    """

    def __init__(self, transport: Transport, eks: EksClusterInfo | None = None) -> None:
        self.transport = transport
        self.eks = eks
        self._reviews: list[SelfReview | None] = []

    def for_change(self, change: MergeResult, known: GuardContext) -> tuple[GuardContext, tuple[Finding, ...]]:
        """Return the context of a change for the guards, and notes about unknown facts.

        The caller and the administrators in RBAC are read if the change takes access away. The nodes are read if a node
        mapping loses access. IAM is asked if no administrator is left but by access entries that stay.
        """
        notes: list[Finding] = []
        if self.eks:
            state = self.entries_state()
            notes += state.notes
            known = known._replace(authentication_mode=state.mode, access_entries=state.entries or ())
        if not (known.regranted or GuardInput.of(change.before, change.after, known).takes_away):
            return known, tuple(notes)
        if asking := or_note(lambda: self._asking(change.before), notes, "the caller"):
            # Without an ARN the caller's mapping cannot be found, and the guard of own access reports that.
            known = known._replace(caller_arn=asking.arn or None, caller_username=asking.username)
        if bindings := self._bindings(notes, "the users and groups that RBAC binds to cluster-admin"):
            known = known._replace(admin_usernames=bindings.admin_usernames, admin_groups=bindings.admin_groups)
        case = GuardInput.of(change.before, change.after, known)
        if known.is_rollback and not case.by_entries and any(last_admin(case)):
            from awsauth.kube.rbac import CHANGER, missing  # few changes need it

            lacks = or_note(lambda: missing(self.transport, CHANGER[:1]), notes, "whether you may update aws-auth")
            known = known._replace(may_update=lacks == ())
        if self.eks and any(node_mapping(case)):
            _, evidence = self._nodes(notes)
            uses = evidence.of_document(change.before) if evidence else ()
            if evidence and case.by_entries:
                roles = (outcomes[-1].principal for outcomes in case.old.by_principal.values())
                uses = tuple(map(replace(evidence, entries={}).use_of, roles))
            reasons = {use.role_arn: use.why for use in uses}
            known = known._replace(nodes={use.role_arn: use.use for use in uses}, node_reasons=reasons)
        if self.eks and case.by_entries:
            known = known._replace(stale_entries=self._stale(case, self.eks, notes))
        return known, tuple(notes)

    def _stale(self, case: GuardInput, eks: EksClusterInfo, notes: list[Finding]) -> frozenset[str]:
        """Return the stale administrators by access entries, if no other one is left.

        One that changes may be stale, too: then no administrator is lost.
        """
        from awsauth.core.guards.entries import mapping_of  # no change of mappings needs it

        around = case.context
        admins = [one for one in around.access_entries if makes_admin(one.principal, (mapping_of(one, ()),), case)]
        kept = frozenset(one.principal_arn for one in admins) - {diff.principal_arn for diff in around.entry_diffs}
        if not any(last_admin(GuardInput.of(case.before, case.after, around._replace(stale_entries=kept)))):
            return frozenset()
        asked = partial(eks.iam_facts, [one.principal_arn for one in admins])
        facts = or_note(asked, notes, "the principals of access entries")
        return frozenset(entry.principal_arn for entry in admins if facts and facts.is_stale(entry))

    def caller(self) -> SelfReview | None:
        """Return the caller, as the server reports it now; None if it cannot."""
        self._reviews = [self_review(self.transport)]
        return self._reviews[0]

    def writer(self) -> Writer:
        """Return the authenticated identity of this client, asked for once.

        It is empty if the server cannot report it.
        """
        with contextlib.suppress(ForbiddenError):
            if found := self._reviews[0] if self._reviews else self.caller():
                return Writer(username=found.username, arn=found.arn)
        return Writer()

    def _asking(self, document: Document) -> SelfReview | None:
        """Return the caller, asked for once.

        It is asked for again if the document now maps its ARN to another username.
        """
        kept = self._reviews[0] if self._reviews else self.caller()
        if kept and kept.arn and (given := Access.of(document, {principal_of(kept.arn)}).of_caller(kept.arn)):
            return kept if any(could_render(mapped.username, kept.username) for mapped in given) else self.caller()
        return kept

    def rivals(self, store: Store, snapshot: Snapshot, change: MergeResult, *, thorough: bool) -> tuple[Finding, ...]:
        """Return findings about other writers that are likely to undo a change.

        Args:
            store: The store, for its history.
            snapshot: The object before the change.
            change: The change.
            thorough: Whether to read the history, which knows the writers before our own first write.
        """
        notes: list[Finding] = []
        history: tuple[RevisionInfo, ...] = ()
        if thorough and snapshot.exists:
            listing = or_note(store.list_revisions, notes, "the earlier writers")
            history = listing.revisions if listing else ()
        marks = (snapshot.managers, snapshot.labels, snapshot.annotations, snapshot.owners)
        return (*other_writers(ObjectMetadata(*marks, snapshot.head, history), change.before, change.after), *notes)

    def findings(
        self, snapshot: Snapshot, known: Iterable[Finding] = (), iam: IamFacts | None = None, rbac: Rbac | None = None
    ) -> tuple[Finding, ...]:
        """Return the findings of a check: the cluster's own, and `known` ones.

        Known findings that the cluster refutes are left out.

        Without a mapping, administrators can exist by RBAC or an access entry, and nodes can join by an access entry.
        The bindings of RBAC are read, and IAM is asked about access entries, unless their facts are given.
        """
        from awsauth.core.cluster import findings as cluster
        from awsauth.core.entries.findings import IamFacts, entry_findings  # few changes need them

        document = snapshot.document
        notes: list[Finding] = []
        found: list[Finding] = []
        state = self.entries_state()
        entries = state.entries or ()
        if bindings := rbac.bindings if rbac else self._bindings(notes):
            found += cluster.bound(document, bindings)
        nodes, evidence = self._nodes(notes)
        if nodes is not None:
            uses = evidence.of_document(document) if evidence else ()
            found += cluster.nodes_here(document, nodes, {use.role_arn: use.use for use in uses})
        if self.eks:
            asked = partial(self.eks.iam_facts, [one.principal_arn for one in entries])
            facts = iam or or_note(asked, notes, "the principals of access entries")
            found += entry_findings(document, state, facts or IamFacts(), evidence.users if evidence else ())
            notes += state.notes
            if cluster.maps_sso_roles(document):
                found += cluster.replaced_sso_roles(document, or_note(self.eks.sso_roles, notes, "the SSO roles") or ())
        owners = or_note(lambda: read_revision_owners(self.transport), notes, "the revisions") or {}
        found += cluster.owned_revisions(owners)
        if not snapshot.exists:
            found += cluster.absent(state.mode)
        has_admin = cluster.CLUSTER_ADMIN in {one.code for one in found} or any(one.is_administrator for one in entries)
        has_nodes = state.mode == "API" or any(one.lets_nodes_in for one in entries)
        refuted = {"no-administrator": has_admin, "no-node-mapping": has_nodes}
        return (*(one for one in known if not refuted.get(one.code)), *found, *notes)

    def migration_facts(self, document: Document, others: Iterable[str] = ()) -> MigrationFacts:
        """Return the facts that a migration of mappings and of other principals needs."""
        from awsauth.core.migration.plan import MigrationFacts

        notes: list[Finding] = []
        bindings = self._bindings(notes)
        if self.eks is None:
            return MigrationFacts(bindings=bindings, notes=tuple(notes))
        calls = or_note(self.eks.entry_calls, notes, "the cluster in EKS")
        iam = self.iam_facts(document, others, notes)
        return MigrationFacts(calls.cluster.arn if calls else "", iam, self._nodes(notes)[1], bindings, tuple(notes))

    def iam_facts(self, document: Document, others: Iterable[str], notes: list[Finding]) -> IamFacts:
        """Return the facts of IAM about mapped principals and others.

        Without the facts, it adds a note.
        """
        from awsauth.core.entries.findings import IamFacts

        if self.eks is None:
            notes.append(_not_looked_at("the principals in IAM", "The cluster's name in EKS is unknown.", ""))
            return IamFacts()
        mapped = dict.fromkeys(one.principal for key in PRINCIPAL_KEYS for one in document.reading(key).mapped)
        asked = [arn for arn in mapped if arn.isascii() and "/" in arn and is_canonical(arn)]
        return or_note(partial(self.eks.iam_facts, [*others, *asked]), notes, "the principals in IAM") or IamFacts()

    def entries_state(self) -> EntriesState:
        """Return the authentication mode and the access entries."""
        from awsauth.core.entries.model import EntriesState  # a change without EKS does not need it

        if self.eks is None:
            return EntriesState()
        notes: list[Finding] = []
        mode = or_note(self.eks.authentication_mode, notes, "the cluster's authentication mode")
        if mode == "CONFIG_MAP":
            return EntriesState(mode)
        read = or_note(self.eks.access_entries, notes, _ENTRIES)
        notes += [_not_looked_at(_ENTRIES, one, "") for one in (read.notes if read else ())]
        return EntriesState(mode, read.entries if read else None, tuple(notes))

    def _bindings(self, notes: list[Finding], about: str = "the users and groups in RBAC") -> Bindings | None:
        from awsauth.kube.rbac import read_bindings  # few changes need it

        return or_note(lambda: read_bindings(self.transport), notes, about)

    def _nodes(self, notes: list[Finding]) -> tuple[tuple[ClusterNode, ...] | None, NodeEvidence | None]:
        """Return the nodes, and on EKS the evidence about their roles."""
        nodes = or_note(lambda: read_nodes(self.transport), notes, "the nodes")
        return nodes, or_note(partial(self.eks.node_evidence, nodes), notes, "the roles of nodes") if self.eks else None


def or_note(ask: Callable[[], _T], notes: list[Finding], about: str) -> _T | None:
    """Return an answer, or None with a note if it cannot be read.

    An answer that cannot be read does not stop a change.
    """
    try:
        return retry_unavailable(ask)
    except (ForbiddenError, AwsServiceError, CredentialsError) as error:
        notes.append(_not_looked_at(about, error.message, error.hint))
        return None


def _not_looked_at(about: str, why: str, hint: str) -> Finding:
    from awsauth.core.entries.model import NOT_LOOKED_AT

    message = f"Not checked: {about}. {visible(why)}"
    return note(NOT_LOOKED_AT, message, "The guards and findings that need it treat it as unknown.", hint)
