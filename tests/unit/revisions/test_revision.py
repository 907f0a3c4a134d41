"""A revision and the object that keeps it: nothing is lost, and what is not ours is not taken for it."""

from __future__ import annotations

import copy
from datetime import datetime, timezone
from typing import Any, Final

import pytest
from hypothesis import given, strategies as st

from awsauth.core.revisions.info import FieldManager, Writer, data_digest
from awsauth.core.revisions.revision import Revision, draft, info_from_object, is_sound, number_of_name
from awsauth.core.text.display import visible
from awsauth.errors import HistoryError
from tests.support.owners import owned_by

DATA: Final = {"mapRoles": "- rolearn: arn:aws:iam::111122223333:role/node\n", "note": ""}
PARENT: Final = draft(6, None, {}).info.head
WRITER: Final = Writer("alice", "admin:session", "arn:aws:iam::111122223333:role/admin")
CREATED: Final = datetime(2026, 5, 4, 3, 2, 1, tzinfo=timezone.utc)


def full() -> Revision:
    return draft(
        7,
        PARENT,
        DATA,
        binary_data={"blob": "aGk="},
        labels={"team": "a"},
        annotations={"note": "kept", "awsauth/revision": "6", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
        kind="rollback",
        reason="release 42",
        writer=WRITER,
        restores=5,
        uid="0f2d",
        attempt="ab12",
        managers={"mapRoles": (FieldManager("kubectl-edit", CREATED), *owned_by("vpcLambda"))},
    ).recorded(CREATED)


def test_the_object_is_the_one_that_kubectl_can_restore() -> None:
    """Its data is the ConfigMap, without what would make a restore fail or bring back what is not true any more."""
    revision = full()
    assert revision.to_object() == {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": "aws-auth-7",
            "namespace": "kube-system",
            "labels": {"awsauth/config-map": "aws-auth"},
            "creationTimestamp": "2026-05-04T03:02:01Z",
            "annotations": {
                "awsauth/revision": "7",
                "awsauth/kind": "rollback",
                "awsauth/digest": revision.digest,
                "awsauth/data-digest": data_digest(DATA, {"blob": "aGk="}),
                "awsauth/parent": "6",
                "awsauth/parent-digest": PARENT.digest,
                "awsauth/restores": "5",
                "awsauth/reason": "release 42",
                "awsauth/author": "alice",
                "awsauth/username": "admin:session",
                "awsauth/arn": "arn:aws:iam::111122223333:role/admin",
                "awsauth/uid": "0f2d",
                "awsauth/attempt": "ab12",
                "awsauth/managers": '{"mapRoles":[["kubectl-edit","2026-05-04T03:02:01Z"],["vpcLambda"]]}',
            },
        },
        "revision": 7,
        "data": {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": "aws-auth",
                "namespace": "kube-system",
                "labels": {"team": "a"},
                "annotations": {"note": "kept"},
            },
            "data": DATA,
            "binaryData": {"blob": "aGk="},
        },
    }


def test_a_revision_comes_back_from_its_object_and_its_metadata_alone() -> None:
    revision = full()
    value = revision.to_object()
    assert Revision.from_object(value) == revision
    assert info_from_object({"metadata": value["metadata"]}) == revision.info
    first = draft(1, None, {})
    assert Revision.from_object(first.to_object()) == first


texts = st.dictionaries(st.sampled_from(["mapRoles", "mapUsers", "x"]), st.text(), max_size=3)


@given(texts, texts)
def test_digests_differ_exactly_where_states_do(left: dict[str, str], right: dict[str, str]) -> None:
    assert (data_digest(left) == data_digest(right)) == (left == right)
    assert data_digest(left, {"b": "aGk="}) != data_digest(left)
    assert draft(1, None, left).digest != draft(1, PARENT, left).digest


def test_a_digest_stays_what_it_is() -> None:
    """What is recorded in clusters is compared with it years later."""
    assert full().digest == "75e0ab11d984bcf20ccfb15d8f6ff1a5594cd651614bb425858ec175e9dc182e"
    assert data_digest({"mapRoles": "é\n"}) == "a1e2b3573a974aeeeed6e4e275a79f3f75685b7e850765097452cda82d6cb530"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("author", "bob"),
        ("username", "bob"),
        ("arn", "arn:aws:iam::111122223333:role/bob"),
        ("kind", "change"),
        ("restores", "4"),
        ("parent", "5"),
        ("parent-digest", "0" * 64),
        ("data-digest", "0" * 64),
        ("reason", ""),
        ("uid", "another"),
    ],
)
def test_altered_metadata_does_not_go_unnoticed(name: str, text: str) -> None:
    """Its data need not be there."""
    value = full().to_object()
    value["metadata"]["annotations"][f"awsauth/{name}"] = text
    assert not is_sound(info_from_object({"metadata": value["metadata"]}))
    assert not Revision.from_object(value).is_intact


def test_altered_data_does_not_go_unnoticed() -> None:
    for change in ({"mapRoles": ""}, {}, {**DATA, "more": ""}):
        value = full().to_object()
        value["data"]["data"] = change
        assert not Revision.from_object(value).is_intact
    value = full().to_object()
    value["data"]["binaryData"] = {"blob": "aGE="}
    assert not Revision.from_object(value).is_intact
    assert full().is_intact


owners = st.builds(FieldManager, st.text(), st.none() | st.just(CREATED), st.text())


@given(st.text(), st.text(), st.dictionaries(st.text(max_size=20), st.lists(owners).map(tuple), max_size=4))
def test_no_annotation_is_longer_than_a_kibibyte_nor_steers_a_terminal(
    reason: str, author: str, managers: dict[str, tuple[FieldManager, ...]]
) -> None:
    revision = draft(2, PARENT, DATA, reason=reason * 40, writer=Writer(author, author * 9), managers=managers)
    annotations = revision.to_object()["metadata"]["annotations"]
    assert all(len(text.encode()) <= 1024 for text in annotations.values())
    assert all(visible(text) == text for text in annotations.values())
    assert info_from_object(revision.to_object()) == revision.info


def test_what_is_cut_says_so() -> None:
    revision = draft(2, PARENT, DATA, reason="é" * 600, managers={"mapRoles": owned_by("x" * 400) * 4})
    assert revision.info.reason == "é" * 510 + "…"
    assert revision.info.managers == {"mapRoles": owned_by("x" * 400, "x" * 400, "…")}


def _without(*path: str) -> Any:
    def change(value: Any) -> None:
        for part in path[:-1]:
            value = value[part]
        del value[path[-1]]

    return change


def _with(new: Any, *path: str) -> Any:
    def change(value: Any) -> None:
        for part in path[:-1]:
            value = value[part]
        value[path[-1]] = new

    return change


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (_without("metadata", "annotations"), "none of the annotations that begin with `awsauth/`"),
        (_without("metadata", "name"), "it has no name"),
        (_with("aws-auth-8", "metadata", "name"), "recorded as revision `7` and now has another number"),
        (_with("aws-auth-007", "metadata", "name"), "its name is not aws-auth- and a number"),
        (_with("aws-auth-12345678901", "metadata", "name"), "its name is not aws-auth- and a number"),
        (_with("web-7", "metadata", "name"), "its name is not aws-auth- and a number"),
        (_with(8, "revision"), "its `revision` is `8`, not 7"),
        (_with("x", "metadata", "annotations", "awsauth/digest"), "`awsauth/digest` is `x`"),
        (_without("metadata", "annotations", "awsauth/parent-digest"), "no annotation `awsauth/parent-digest`"),
        (_with("-1", "metadata", "annotations", "awsauth/parent"), "`awsauth/parent` is `-1`"),
        (_with("merge", "metadata", "annotations", "awsauth/kind"), "`awsauth/kind` is `merge`"),
        (_with("[1]", "metadata", "annotations", "awsauth/managers"), "`awsauth/managers` is `[1]`"),
        (_with("[" * 9000, "metadata", "annotations", "awsauth/managers"), "`awsauth/managers` is"),
        (_with("yesterday", "metadata", "creationTimestamp"), "its `creationTimestamp` is `yesterday`"),
        (_with({"a": 1}, "metadata", "annotations"), "`annotations` is not a mapping of texts"),
        (_with({}, "data"), "its `data` is not a ConfigMap"),
        (_with([], "data", "data"), "its `data` is not a mapping of texts"),
        (_with({"blob": "%"}, "data", "binaryData"), "`blob` in its `binaryData` is not base64"),
    ],
)
def test_what_is_not_ours_or_was_changed_by_hand_is_refused_with_the_reason(change: Any, problem: str) -> None:
    value = copy.deepcopy(full().to_object())
    change(value)
    with pytest.raises(HistoryError) as caught:
        Revision.from_object(value)
    assert problem in str(caught.value)
    assert "It is not used." in str(caught.value)


@pytest.mark.parametrize("value", [None, [], "x", {}, {"metadata": None}, {"metadata": []}])
def test_anything_at_all_is_refused_calmly(value: Any) -> None:
    with pytest.raises(HistoryError, match="did not record this as a revision"):
        Revision.from_object(value)


@given(st.integers(1, 999_999_999))
def test_a_number_comes_back_from_its_name(number: int) -> None:
    assert number_of_name(draft(number, None, {}).info.name) == number
