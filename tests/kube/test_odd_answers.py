"""What an API server never answers, and something in between may: told as such, whatever field it is in."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from awsauth.core.cluster.facts import ClusterNode
from awsauth.errors import ApiError
from awsauth.kube.rbac import bindings_of, missing
from awsauth.kube.resources import node_of, read_revision_owners
from awsauth.kube.self_review import review_of
from awsauth.kube.transport import Answer
from awsauth.stores.cluster import snapshot_of
from tests.support.rbac_manifests import READER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REVIEW: Final = {
    "kind": "SelfSubjectReview",
    "status": {
        "userInfo": {"username": "alice", "groups": ["ops"], "extra": {"arn": ["arn:aws:iam::111122223333:user/a"]}}
    },
}
BINDING: Final = {
    "metadata": {"name": "b", "namespace": "apps"},
    "roleRef": {"name": "cluster-admin"},
    "subjects": [
        {"kind": "Group", "name": "ops"},
        {"kind": "User", "name": "alice"},
        {"kind": "ServiceAccount", "name": "ci", "namespace": "apps"},
    ],
}
NODE: Final = {
    "metadata": {"name": "n", "labels": {"eks.amazonaws.com/compute-type": "hybrid"}},
    "spec": {"providerID": "eks-hybrid:///eu-west-1/dev/mi-1"},
}
REVISIONS: Final = {
    "items": [{"metadata": {"name": "aws-auth-1", "ownerReferences": [{"kind": "Namespace", "name": "kube-system"}]}}],
    "metadata": {"continue": ""},
}
CONFIG_MAP: Final = {
    "kind": "ConfigMap",
    "metadata": {
        "uid": "u",
        "resourceVersion": "1",
        "labels": {"a": "b"},
        "annotations": {"a": "b"},
        "ownerReferences": [{"kind": "Namespace", "name": "kube-system"}],
        "managedFields": [
            {"manager": "kubectl", "time": "2026-01-02T03:04:05Z", "fieldsV1": {"f:data": {"f:mapRoles": {}}}}
        ],
    },
    "data": {"mapRoles": "[]"},
    "binaryData": {"a": "AA=="},
    "immutable": False,
}


class Answering:
    """A transport to a server that answers everything with one object."""

    timeout = 30.0

    def __init__(self, value: Any) -> None:
        self._value = value

    def post(self, *_: object, **__: object) -> Any:
        return self._value

    def request(self, *_: object, **__: object) -> Answer:
        return Answer(self._value, None)


def owners(value: Any) -> object:
    server: Any = Answering(value)
    return read_revision_owners(server)


def allowed(value: Any) -> object:
    server: Any = Answering(value)
    return missing(server, READER[:1])


READINGS: Final[list[tuple[Callable[[Any], object], dict[str, Any]]]] = [
    (review_of, REVIEW),
    (lambda value: bindings_of([value], []), BINDING),
    (lambda value: bindings_of([], [value]), BINDING),
    (node_of, NODE),
    (owners, REVISIONS),
    (allowed, {"kind": "SelfSubjectAccessReview", "status": {"allowed": True}}),
    (snapshot_of, CONFIG_MAP),
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the ways to everything in a value, itself included."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inside:
        yield from places(part, (*path, key))


def with_odd(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    """Return a copy in which something odd stands at a place."""
    if not path:
        return odd
    changed = copy.deepcopy(value)
    part = changed
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = odd
    return changed


def at(value: Any, path: tuple[Any, ...]) -> Any:
    """Return what stands at a place."""
    for key in path:
        value = value[key]
    return value


@pytest.mark.parametrize("odd", [None, "x", 5, True, [], {}, [None], {"a": None}, [["x"]]], ids=json.dumps)
@pytest.mark.parametrize(("read", "value"), READINGS)
def test_a_field_of_another_type_is_told_and_never_passed_on(
    read: Callable[[Any], object], value: dict[str, Any], odd: Any
) -> None:
    """What may be empty may be null; and who manages a field is told as far as it can be understood."""
    for path in places(value):
        try:
            read(with_odd(value, path, odd))
        except ApiError as error:
            assert error.changed is False
            assert error.location
            assert error.hint
        else:
            assert odd is None or isinstance(odd, type(at(value, path))) or "managedFields" in path, path


def test_what_may_be_left_out_is_empty_and_a_name_may_not_be() -> None:
    assert node_of({"metadata": {"name": "n", "labels": None}, "spec": None}) == ClusterNode("n")
    assert bindings_of([{"metadata": {"name": "b"}, "subjects": None}], []).usernames == {}
    for name in (None, "", 5):
        with pytest.raises(ApiError, match=r"not a valid Node\. Its? .*`name`"):
            node_of({"metadata": {"name": name}})
        with pytest.raises(ApiError, match="not a valid ClusterRoleBinding"):
            bindings_of([{**BINDING, "subjects": [{"kind": "Group", "name": name}]}], [])
        with pytest.raises(ApiError, match="not a valid SelfSubjectReview"):
            review_of({"status": {"userInfo": {"username": name}}})


@pytest.mark.parametrize("name", ["uid", "resourceVersion"])
@pytest.mark.parametrize("gone", [None, ""])
def test_a_config_map_that_could_only_be_written_over_unseen_is_refused(name: str, gone: str | None) -> None:
    value = with_odd(CONFIG_MAP, ("metadata", name), gone)
    with pytest.raises(ApiError, match=f"without `{name}`") as caught:
        snapshot_of(value)
    assert "such as a proxy" in caught.value.hint
    assert snapshot_of(value, is_stored=False).data == CONFIG_MAP["data"]


def test_an_answer_of_another_kind_is_told() -> None:
    with pytest.raises(ApiError, match=r"not a valid SelfSubjectReview\. It is of another kind"):
        review_of({**REVIEW, "kind": "Status"})
