"""A plan survives being saved, is for one object only, and does what was looked at or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from awsauth.core.document.document import Document
from awsauth.core.document.model import KEYS
from awsauth.core.edit.changes import Change, EnsureRole, EnsureUser, RemoveRole, RenamePrincipal, Repair, ReplaceText
from awsauth.core.edit.merge import merge_with_report
from awsauth.core.guards.guards import run_guards
from awsauth.core.plan import Plan, document_digest, load_plan_or_changes
from awsauth.errors import AwsAuthError, InvalidValueError, MappingConflictError, PlanError
from tests.support.documents import strategies

PREFIX = "arn:aws:iam::111122223333:role"
ADMIN = f"- rolearn: {PREFIX}/admin\n  username: admin\n  groups:\n  - system:masters\n"
NODE = (
    f"- rolearn: {PREFIX}/node\n  username: system:node:{{{{EC2PrivateDNSName}}}}\n"
    "  groups:\n  - system:bootstrappers\n  - system:nodes\n"
)
DOCUMENT = Document({"mapRoles": NODE + ADMIN})
ENSURE = EnsureRole(role_arn=f"{PREFIX}/ci", username="ci", groups=("builders",))
CHANGES: tuple[Change, ...] = (ENSURE, RemoveRole(role_arn=f"{PREFIX}/node"))


def plan_of(*changes: Change, document: Document = DOCUMENT, uid: str = "uid-1") -> Plan:
    result = merge_with_report(document, changes)
    return Plan.of(result, changes, uid=uid, findings=run_guards(result.before, result.after))


def signed(values: dict[str, Any]) -> dict[str, Any]:
    """Return values as somebody would save them who knows the format."""
    from awsauth.core.plan import _checksum

    content = {key: value for key, value in values.items() if key != "checksum"}
    return {**content, "checksum": _checksum(content)}


@pytest.mark.parametrize(
    "changes",
    [CHANGES, (), (ReplaceText(key="mapRoles", text="- ["),), (ReplaceText(key="mapRoles", text=None),)],
    ids=["several", "none", "unreadable", "key taken out"],
)
def test_a_saved_plan_is_the_same_plan(changes: tuple[Change, ...]) -> None:
    plan = plan_of(*changes)
    loaded = Plan.from_text(plan.to_text())
    assert loaded == plan
    assert loaded.diff.texts == plan.diff.texts
    assert str(loaded) == str(plan)


@given(strategies.documents)
def test_a_plan_for_any_document_can_be_saved(data: dict[str, str]) -> None:
    """Law: whatever a document holds, a plan that clears it is the same after saving and loading."""
    plan = plan_of(*(ReplaceText(key=key, text=None) for key in KEYS), document=Document(data))
    assert Plan.from_text(plan.to_text().encode()) == plan


def test_an_sso_entry_survives_saving() -> None:
    text = '- sso:\n    permissionSetName: X\n    accountID: "111122223333"\n  username: x\n'
    plan = plan_of(ReplaceText(key="mapRoles", text=text), document=Document({}))
    assert plan.diff.mappings[0].after[0].sso is not None
    assert Plan.from_text(plan.to_text()) == plan


def test_what_is_printed_names_object_changes_and_findings() -> None:
    shown = str(plan_of(*CHANGES))
    assert shown.startswith(f"Plan for the object with uid uid-1, {document_digest(DOCUMENT)}\n")
    assert f"+ role {PREFIX}/ci" in shown
    assert f"- role {PREFIX}/node" in shown
    assert "error node-mapping: " in shown
    assert "No change." in str(plan_of())


def test_digest_tells_states_apart_and_not_the_order_of_keys() -> None:
    ab, ba = Document({"a": "1", "b": "2"}), Document({"b": "2", "a": "1"})
    assert document_digest(ab) == document_digest(ba)
    assert (
        len(
            {
                document_digest(ab),
                document_digest(Document({"a": "12"})),
                document_digest(Document({"a": "1", "b": "\ud800"})),
            }
        )
        == 3
    )


def test_a_plan_is_refused_for_another_object() -> None:
    plan = plan_of(*CHANGES)
    plan.require_same_object("uid-1")
    with pytest.raises(PlanError) as error:
        plan.require_same_object("uid-2")
    assert str(error.value) == (
        "The plan is for the object with uid `uid-1`, and this is the object with uid `uid-2`.\n"
        "Apply it to its own object, or make a new plan and review it."
    )


def test_a_files_plan_is_not_for_a_cluster_nor_the_other_way_round() -> None:
    with pytest.raises(
        PlanError, match=r"without uid \(a file, or not created yet\), and this is the object with uid `uid-2`"
    ):
        plan_of(uid="").require_same_object("uid-2")
    with pytest.raises(PlanError, match="this is an object without uid"):
        plan_of().require_same_object("")


def test_an_unchanged_object_gets_what_was_planned() -> None:
    assert plan_of(*CHANGES).merge_into(DOCUMENT).after == merge_with_report(DOCUMENT, CHANGES).after


def test_what_others_do_elsewhere_stays() -> None:
    """Another role was added and a comment written since: the plan is merged into that, and loses neither."""
    others = Document({"mapRoles": f"# ours\n{NODE}{ADMIN}- rolearn: {PREFIX}/new\n  username: new\n"})
    after = plan_of(*CHANGES).merge_into(others).after
    assert after.data["mapRoles"].startswith("# ours\n")
    assert [role.username for role in after.roles] == ["admin", "new", "ci"]


def test_another_outcome_is_refused_with_both() -> None:
    """The role has another group by now: adding ours would leave it with both, which nobody has seen."""
    others = Document({"mapRoles": f"{ADMIN}- rolearn: {PREFIX}/ci\n  username: ci\n  groups: [auditors]\n"})
    with pytest.raises(PlanError) as error:
        plan_of(ENSURE).merge_into(others)
    assert str(error.value) == (
        "The object has changed since the plan was made, and the plan would have another effect now.\n"
        f"Planned:\n+ role {PREFIX}/ci: username ci, group builders\n"
        f"Now:\n~ role {PREFIX}/ci: into group builders\n"
        "Make the plan again, and review it."
    )


def test_a_conflict_is_said_as_such() -> None:
    others = Document({"mapRoles": f"- rolearn: {PREFIX}/ci\n  username: other\n"})
    with pytest.raises(MappingConflictError):
        plan_of(ENSURE).merge_into(others)


def test_what_is_done_already_is_no_other_outcome() -> None:
    """Applying a plan twice changes nothing the second time."""
    plan = plan_of(*CHANGES)
    done = plan.merge_into(DOCUMENT).after
    assert plan.merge_into(done).after is done


def test_nothing_to_do_is_not_the_same_as_done() -> None:
    """The role to rename has gone: no change comes of the plan, but not what was planned either."""
    plan = plan_of(RenamePrincipal(principal_arn=f"{PREFIX}/admin", new_arn=f"{PREFIX}/root"))
    with pytest.raises(PlanError, match=r"Now:\nNo change\."):
        plan.merge_into(Document({"mapRoles": NODE}))


def test_replacing_a_text_that_has_changed_since_is_refused() -> None:
    """Not even a comment that somebody has written since is lost with a text that is replaced as a whole."""
    plan = plan_of(ReplaceText(key="mapRoles", text=NODE))
    assert plan.merge_into(DOCUMENT).after.data == {"mapRoles": NODE}
    assert plan.merge_into(Document({**DOCUMENT.data, "mapUsers": "[]"})).after.data["mapRoles"] == NODE
    with pytest.raises(PlanError, match="# keep this"):
        plan.merge_into(Document({"mapRoles": f"{NODE}{ADMIN}# keep this\n"}))


def test_a_repair_that_would_change_other_lines_than_the_plan_shows_is_refused() -> None:
    broken = Document({"mapRoles": NODE + ADMIN.replace("- rolearn", "\u2014 rolearn")})
    plan = plan_of(Repair(key="mapRoles"), document=broken)
    assert plan.merge_into(broken).after.data == DOCUMENT.data
    with pytest.raises(PlanError, match="\u2014 system:nodes"):
        plan.merge_into(
            Document({"mapRoles": broken.data["mapRoles"].replace("- system:nodes", "\u2014 system:nodes")})
        )


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "3", '"x"', "{}", '{"format": "other"}', "\ud800", "[" * 100_000]
)
def test_what_is_no_plan_is_refused(text: str) -> None:
    with pytest.raises(PlanError, match="This is not a plan"):
        Plan.from_text(text)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x80", b"\x00" * 8])
def test_bytes_that_are_no_text_are_refused(content: bytes) -> None:
    with pytest.raises(PlanError, match="This is not a plan"):
        Plan.from_text(content)


@pytest.mark.parametrize("content", [None, 5, object()])
def test_what_is_no_text_is_refused_alike(content: Any) -> None:
    with pytest.raises(PlanError, match="This is not a plan"):
        Plan.from_text(content)


@pytest.mark.parametrize("odd", [{3: 1}, {"a": object()}, {"a": {1, 2}}, {(1, 2): 3}])
def test_values_that_never_came_out_of_json_are_refused(odd: dict[Any, Any]) -> None:
    with pytest.raises(PlanError, match="The plan cannot be read: "):
        Plan.from_json({**plan_of(*CHANGES).to_json(), **odd})


@pytest.mark.parametrize("version", [2, 0, "1", None])
def test_another_version_is_refused_and_named(version: Any) -> None:
    values = signed({**plan_of(*CHANGES).to_json(), "version": version})
    with pytest.raises(PlanError, match=f"has version `{version}` of the format; this awsauth reads version 1"):
        Plan.from_json(values)


@given(st.data())
def test_every_edit_by_hand_is_found(data: st.DataObject) -> None:
    """Law: no other character in the file, and no cut, gives another plan."""
    plan = plan_of(*CHANGES)
    text = plan.to_text()
    at = data.draw(st.integers(0, len(text) - 1))
    edited = text[:at] + data.draw(st.sampled_from(["", "x", "0", " ", '"', "\\"])) + text[at + 1 :]
    try:
        assert Plan.from_text(edited) == plan
    except PlanError as error:
        assert "Make the plan again" in str(error) or "make it again" in str(error)


@pytest.mark.parametrize("field", ["uid", "digest", "changes", "diff", "findings"])
@pytest.mark.parametrize("value", [None, 3, ["x"], {"x": 1}])
def test_a_field_of_another_type_is_an_error_of_ours(field: str, value: Any) -> None:
    with pytest.raises(PlanError, match="The plan cannot be read: "):
        Plan.from_json(signed({**plan_of(*CHANGES).to_json(), field: value}))


@pytest.mark.parametrize("field", ["uid", "digest", "changes", "diff", "findings", "checksum"])
def test_a_missing_field_is_an_error_of_ours(field: str) -> None:
    values = plan_of(*CHANGES).to_json()
    del values[field]
    with pytest.raises(PlanError):
        Plan.from_json(values if field == "checksum" else signed(values))


def test_a_plan_brings_no_value_in_that_may_not_be_written() -> None:
    """What a change refuses is refused from a file as well."""
    values = plan_of(ENSURE).to_json()
    values["changes"][0]["groups"] = ["a\nb"]
    with pytest.raises(PlanError) as error:
        Plan.from_json(signed(values))
    assert isinstance(error.value.__cause__, InvalidValueError)


def test_the_saved_form_is_plain_ascii_json() -> None:
    """Line by line readable, and the same bytes whatever the encoding of the machine."""
    text = plan_of(EnsureUser(user_arn="arn:aws:iam::111122223333:user/x", username="été")).to_text()
    assert text.isascii()
    assert json.loads(text)["format"] == "awsauth-plan"


def test_every_error_of_a_plan_is_one_of_ours() -> None:
    assert issubclass(PlanError, AwsAuthError)
    assert issubclass(PlanError, ValueError)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("apiVersion: v1\nkind: ConfigMap\ndata: {}\n", "The manifest of a ConfigMap", "awsauth plan FILE"),
        ('{"kind": "ConfigMap", "data": {}}', "The manifest of a ConfigMap", "client.plan("),
        ("kind: ClusterConfig\niamIdentityMappings: []\n", "A configuration of eksctl", "EnsureRole"),
    ],
)
def test_files_of_other_tools_are_recognised(text: str, message: str, hint: str) -> None:
    with pytest.raises(PlanError, match=message) as raised:
        load_plan_or_changes(text)
    assert hint in raised.value.hint
