"""Who else is likely to undo a change: what each trace makes of it, and what must not be taken for one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest

from awsauth.core.cluster.other_writers import ObjectMetadata, Reversal, other_writers, reversals
from awsauth.core.document.document import Document
from awsauth.core.findings import Finding, Severity
from awsauth.core.revisions.info import FieldManager, Head, RevisionInfo, RevisionKind, data_digest
from awsauth.core.revisions.revision import draft
from tests.support.changed import role, roles
from tests.support.owners import owned_by

if TYPE_CHECKING:
    from collections.abc import Mapping


BEFORE = roles(role("old"))
AFTER = roles(role("old"), role("new"))
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def of(traces: ObjectMetadata, before: Document = BEFORE, after: Document = AFTER) -> list[tuple[str, Severity]]:
    return [(finding.code, finding.severity) for finding in other_writers(traces, before, after)]


def only(traces: ObjectMetadata, before: Document = BEFORE, after: Document = AFTER) -> Finding:
    [finding] = other_writers(traces, before, after)
    return finding


def applied(document: Document, **others: str) -> ObjectMetadata:
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "data": {**document.data, **others}}
    return ObjectMetadata(annotations={LAST_APPLIED: json.dumps(manifest) + "\n"})


def chain(
    *states: tuple[RevisionKind, Document], managers: Mapping[str, tuple[FieldManager, ...]] | None = None
) -> list[RevisionInfo]:
    """Return what is known of revisions 1, 2, … that came from each other; the last has seen `managers`."""
    infos: list[RevisionInfo] = []
    for number, (kind, document) in enumerate(states, 1):
        parent = infos[-1].head if infos else None
        infos.append(draft(number, parent, document.data, kind=kind).info)
    infos[-1] = replace(infos[-1], managers=managers or {})
    return infos


@pytest.mark.parametrize(
    ("manager", "severity", "said"),
    [
        ("kubectl-client-side-apply", Severity.WARNING, "in the manifest"),
        ("kubectl", Severity.WARNING, "in the manifest"),
        ("kubectl-edit", Severity.NOTE, "A person or a script"),
        ("kubectl-replace", Severity.NOTE, "A person or a script"),
        ("helm", Severity.WARNING, "the chart's values"),
        ("terraform-provider-helm_v2.12.1_x5", Severity.WARNING, "the chart's values"),
        ("Terraform", Severity.WARNING, "in its configuration"),
        ("HashiCorp", Severity.WARNING, "in its configuration"),
        ("terraform-provider-kubernetes_v2.30.0_x5", Severity.WARNING, "in its configuration"),
        ("argocd-controller", Severity.WARNING, "repository of the application"),
        ("argocd-application-controller", Severity.WARNING, "repository of the application"),
        ("kustomize-controller", Severity.WARNING, "repository that it follows"),
        ("helm-controller", Severity.WARNING, "repository that it follows"),
        ("pulumi-kubernetes-6d2c1a", Severity.WARNING, "in its program"),
        ("vpcLambda", Severity.NOTE, "managed node group"),
        ("eksctl", Severity.NOTE, "single entries"),
        ("aws-auth", Severity.NOTE, "single entries"),
        ("node-fetch", Severity.WARNING, "Find out which tool it is"),
    ],
)
def test_a_manager_of_what_changes_is_named_with_its_habit(manager: str, severity: Severity, said: str) -> None:
    found = only(ObjectMetadata(managers={"mapRoles": owned_by("awsauth", manager)}))
    assert (found.code, found.severity, found.principal) == ("field-manager", severity, "mapRoles")
    assert f"`{manager}`" in found.message
    assert said in str(found)


@pytest.mark.parametrize(
    "managers",
    [
        {},
        {"mapRoles": owned_by("awsauth")},
        {"mapUsers": owned_by("Terraform"), "other": owned_by("helm")},
        {"mapRoles": owned_by("awsauth", "…")},
    ],
    ids=["nobody", "ourselves", "of other keys", "what did not fit"],
)
def test_no_rival_is_made_up(managers: dict[str, tuple[FieldManager, ...]]) -> None:
    history = tuple(chain(("outside", BEFORE), ("change", AFTER), managers=managers))
    assert list(other_writers(ObjectMetadata(managers=managers, history=history), AFTER, BEFORE)) == []


def test_what_changes_nothing_has_no_rival() -> None:
    everything = applied(BEFORE)._replace(managers={"mapRoles": owned_by("Terraform")}, owners=("Release x",))
    assert list(other_writers(everything, AFTER, AFTER)) == []


def test_a_manager_of_two_keys_is_said_once() -> None:
    after = Document({**AFTER.data, "mapAccounts": '["111122223333"]'})
    found = only(
        ObjectMetadata(managers={"mapRoles": owned_by("Terraform"), "mapAccounts": owned_by("Terraform")}), after=after
    )
    assert found.message == "Terraform (`Terraform`) was the last to write mapRoles, mapAccounts."


def at(client: str, minute: int) -> FieldManager:
    return FieldManager(client, datetime(2026, 6, 1, 0, minute, tzinfo=timezone.utc))


def test_only_the_newest_of_the_other_writers_is_named() -> None:
    managers = {"mapRoles": (at("awsauth", 1), at("kubectl-edit", 3), at("Terraform", 2)), "mapUsers": (at("helm", 1),)}
    after = Document({**AFTER.data, "mapUsers": "[]"})
    found = only(ObjectMetadata(managers=managers), after=after)
    assert found.message == "kubectl (`kubectl-edit`) was the last to write mapRoles."


def test_none_is_named_once_awsauth_was_the_last_to_write() -> None:
    seen = chain(("outside", BEFORE), ("change", AFTER), managers={"mapRoles": owned_by("Terraform", "kubectl-edit")})
    now = {"mapRoles": (at("Terraform", 1), at("kubectl-edit", 2), at("awsauth", 3))}
    for managers in (now, {"mapRoles": owned_by("awsauth")}):
        traces = ObjectMetadata(managers=managers, history=tuple(seen))
        assert list(other_writers(traces, AFTER, roles(role("third")))) == []


def test_a_reversal_says_who_and_when() -> None:
    infos = chain(("outside", BEFORE), ("change", AFTER))
    traces = ObjectMetadata({"mapRoles": (at("kubectl-replace", 33),)}, history=tuple(infos), head=infos[-1].head)
    [found] = [one for one in other_writers(traces, BEFORE, AFTER) if one.code == "reverted-before"]
    assert found.message == f"Another writer undid revision 2 ({at('kubectl-replace', 33)})."
    assert found.impact == "It may do so again."


def test_a_manager_that_is_there_now_is_not_said_again_from_the_history() -> None:
    seen = {"mapRoles": owned_by("Terraform")}
    history = tuple(chain(("outside", BEFORE), ("change", AFTER), managers=seen))
    found = only(ObjectMetadata(managers=seen, history=history), AFTER, roles(role("third")))
    assert "before revision" not in found.message


@pytest.mark.parametrize(
    ("labels", "annotations", "said"),
    [
        ({"argocd.argoproj.io/instance": "auth"}, {}, "Argo CD owns"),
        ({}, {"argocd.argoproj.io/tracking-id": "auth:/ConfigMap:kube-system/aws-auth"}, "Argo CD owns"),
        ({"kustomize.toolkit.fluxcd.io/name": "cluster"}, {}, "Flux owns"),
        ({"helm.toolkit.fluxcd.io/name": "auth"}, {}, "Flux owns"),
        ({"app.kubernetes.io/managed-by": "Helm"}, {"meta.helm.sh/release-name": "auth"}, "Helm owns"),
        ({"app.kubernetes.io/managed-by": "pulumi"}, {}, "Pulumi owns"),
        ({"kapp.k14s.io/app": "1"}, {}, "kapp owns"),
        ({}, {"objectset.rio.cattle.io/id": "default-auth"}, "Rancher Fleet owns"),
    ],
)
def test_a_tools_mark_is_named(labels: dict[str, str], annotations: dict[str, str], said: str) -> None:
    found = only(ObjectMetadata(labels=labels, annotations=annotations))
    assert (found.code, found.severity) == ("managed-by-tool", Severity.WARNING)
    assert said in found.message
    assert "instead, or in both places" in found.hint


@pytest.mark.parametrize(
    ("labels", "annotations"),
    [
        ({"app.kubernetes.io/managed-by": "somebody"}, {"note": "argocd"}),
        ({}, {"argocd.argoproj.io/tracking-id": "auth:/ConfigMap:apps/another"}),
        ({"kustomize.toolkit.fluxcd.io/name": "c"}, {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}),
        ({"kustomize.toolkit.fluxcd.io/name": "c"}, {"kustomize.toolkit.fluxcd.io/ssa": "Ignore"}),
    ],
    ids=["unknown", "copied from another object", "switched off", "left alone"],
)
def test_a_mark_that_means_nothing_is_passed_over(labels: dict[str, str], annotations: dict[str, str]) -> None:
    assert list(other_writers(ObjectMetadata(labels=labels, annotations=annotations), BEFORE, AFTER)) == []


def test_a_tool_known_by_its_mark_is_not_said_again_as_manager() -> None:
    traces = ObjectMetadata(
        labels={"kustomize.toolkit.fluxcd.io/name": "c"}, managers={"mapRoles": owned_by("kustomize-controller")}
    )
    assert of(traces) == [("managed-by-tool", Severity.WARNING)]


def test_an_owner_is_said() -> None:
    found = only(ObjectMetadata(owners=("Release auth",)))
    assert (found.code, found.severity) == ("owner-reference", Severity.WARNING)
    assert "`Release auth`" in found.message


def test_applying_the_old_manifest_again_is_told_by_mapping() -> None:
    """Mappings that the manifest has not vanish, the ones it has return, others change back."""
    manifest = roles(role("old"), role("gone"), role("other", "was"))
    after = roles(role("old"), role("other", "is"), role("new"))
    found = only(applied(manifest), manifest, after)
    assert (found.code, found.severity) == ("last-applied", Severity.WARNING)
    prefix = "arn:aws:iam::111122223333:role"
    assert found.impact == (
        f"Applying that manifest again takes out role `{prefix}/new`; brings back role `{prefix}/gone`; "
        f"changes role `{prefix}/other`."
    )


def test_a_manifest_that_says_the_same_undoes_nothing() -> None:
    """Nor is kubectl apply said as a manager then: what it would do is known."""
    traces = applied(AFTER)._replace(managers={"mapRoles": owned_by("kubectl-client-side-apply")})
    assert list(other_writers(traces, BEFORE, AFTER)) == []


def test_a_key_that_the_manifest_has_not_is_left_alone_by_it() -> None:
    """Kubectl takes out what it has put in, and nothing else."""
    after = Document({**BEFORE.data, "mapAccounts": '["111122223333"]'})
    assert list(other_writers(applied(BEFORE), BEFORE, after)) == []


def test_a_key_that_the_change_takes_out_is_put_back() -> None:
    before = Document({**BEFORE.data, "mapAccounts": '["111122223333"]'})
    assert "brings back account `111122223333`" in only(applied(before), before, BEFORE).impact


def test_another_layout_of_the_same_mappings_is_said_as_that() -> None:
    after = Document({"mapRoles": AFTER.data["mapRoles"] + "  # why\n"})
    assert "other text with the same mappings" in only(applied(AFTER), AFTER, after).impact


def test_many_mappings_are_counted_not_listed() -> None:
    after = roles(role("old"), *(role(f"r{number}") for number in range(100)))
    found = only(applied(BEFORE), BEFORE, after)
    assert "and 95 more" in found.impact
    assert len(str(found)) < 1000


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"data": 3}', '{"data": {"mapRoles": 3}}', "[" * 100_000, '{"kind": "ConfigMap"}']
)
def test_a_last_applied_configuration_that_cannot_be_read_is_said(text: str) -> None:
    found = only(ObjectMetadata(annotations={LAST_APPLIED: text}))
    assert found.code == "last-applied"
    assert "cannot be read" in found.message


def test_names_from_the_object_do_not_steer_a_terminal() -> None:
    hostile = "\x1b[2J\u202e" + "x" * 10_000
    traces = ObjectMetadata(
        managers={"mapRoles": owned_by(hostile)}, labels={"argocd.argoproj.io/instance": hostile}, owners=(hostile,)
    )
    found = list(other_writers(traces, BEFORE, AFTER))
    assert len(found) == 3
    for finding in found:
        assert str(finding).isprintable()
        assert len(str(finding)) < 1000


class TestReversals:
    """What counts as a change of ours that somebody took back."""

    A, B, C = (roles(role(name)) for name in "abc")

    def check(
        self, *states: tuple[RevisionKind, Document], present: Document, head: Head | None = None
    ) -> list[Reversal]:
        return list(reversals(chain(*states), head, data_digest(present.data)))

    def test_an_outside_revision_with_the_state_before_ours(self) -> None:
        states: list[tuple[RevisionKind, Document]] = [("outside", self.A), ("change", self.B), ("outside", self.A)]
        assert self.check(*states, present=self.A) == [Reversal(2, 3)]
        assert self.check(*states, ("change", self.C), present=self.C) == [Reversal(2, 3)]

    def test_a_state_further_back_counts_too(self) -> None:
        """Terraform goes back to its own text, and takes out what EKS has added between."""
        states: list[tuple[RevisionKind, Document]] = [
            ("outside", self.A),
            ("change", self.B),
            ("change", self.C),
            ("outside", self.A),
        ]
        assert self.check(*states, present=self.A) == [Reversal(3, 4)]

    def test_what_others_do_to_each_other_is_no_matter(self) -> None:
        states: list[tuple[RevisionKind, Document]] = [("outside", self.A), ("outside", self.B), ("outside", self.A)]
        assert self.check(*states, present=self.A) == []

    def test_an_outside_change_to_something_new_takes_nothing_back(self) -> None:
        states: list[tuple[RevisionKind, Document]] = [("outside", self.A), ("change", self.B), ("outside", self.C)]
        assert self.check(*states, present=self.C) == []

    def test_our_own_rollback_is_no_reversal(self) -> None:
        states: list[tuple[RevisionKind, Document]] = [("outside", self.A), ("change", self.B), ("rollback", self.A)]
        infos = chain(*states)
        assert reversals(infos, infos[-1].head, data_digest(self.A.data)) == ()

    def test_the_present_state_counts_before_it_is_in_a_revision(self) -> None:
        states: list[tuple[RevisionKind, Document]] = [("outside", self.A), ("change", self.B)]
        head = chain(*states)[-1].head
        assert self.check(*states, present=self.A, head=head) == [Reversal(2, 0)]
        assert self.check(*states, present=self.B, head=head) == []
        assert self.check(*states, present=self.C, head=head) == []

    def test_an_object_without_our_annotations_may_be_one_that_was_never_written(self) -> None:
        states: list[tuple[RevisionKind, Document]] = [("outside", self.A), ("change", self.B)]
        assert self.check(*states, present=self.A) == []
        assert self.check(*states, ("change", self.C), present=self.A) == [Reversal(3, 0)]

    def test_a_history_with_holes_and_loops_is_followed_as_far_as_it_goes(self) -> None:
        one, two, three = chain(("outside", self.A), ("change", self.B), ("outside", self.A))
        assert reversals([two, three], None, data_digest(self.A.data)) == ()
        looped = replace(one, parent=2)
        assert reversals([looped, two, three], None, data_digest(self.A.data)) == (Reversal(2, 3),)

    def test_many_times_are_said_once(self) -> None:
        states: list[tuple[RevisionKind, Document]] = [("outside", self.A), ("change", self.B)]
        infos = chain(*states * 20, ("outside", self.A))
        found = only(ObjectMetadata(history=tuple(infos)), self.A, self.B)
        assert found.message.startswith("Another writer undid revision 40, as revision 41 shows. That happened 20 ")

    def test_it_is_said_before_the_next_change(self) -> None:
        infos = chain(("outside", self.A), ("change", self.B))
        found = only(ObjectMetadata(history=tuple(infos), head=infos[-1].head), self.A, self.B)
        assert (found.code, found.severity) == ("reverted-before", Severity.WARNING)
        assert "undid revision 2" in found.message
