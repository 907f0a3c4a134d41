"""What docs/threat-model.md says holds on a real API server, with the policy that it shows."""

from __future__ import annotations

import json
import re
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import pytest

from awsauth.client import AwsAuthClient
from awsauth.core.edit.changes import EnsureRole
from awsauth.core.revisions.revision import draft
from awsauth.errors import AdmissionError, ForbiddenError, UnprovenHistoryError
from awsauth.kube.resources import REVISIONS_PATH
from awsauth.stores.cluster import ClusterStore
from tests.support.connections import connected
from tests.support.paths import PROJECT
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.controlplane.cluster import Cluster

PAGE: Final = (PROJECT / "docs" / "threat-model.md").read_text(encoding="utf-8")
ROLE: Final = "arn:aws:iam::111122223333:role/"
NODE: Final = f"- rolearn: {ROLE}node\n  username: system:node:{{{{EC2PrivateDNSName}}}}\n"
FORGED: Final = {"mapRoles": f"{NODE}- rolearn: {ROLE}evil\n  username: evil\n  groups: [system:masters]\n"}
NAMED: Final = {"name": "aws-auth", "namespace": "kube-system"}
CREATE: Final = {"apiGroups": ["apps"], "resources": ["controllerrevisions"], "verbs": ["create", "get", "list"]}
UPDATE: Final = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "update"]}


def policy() -> str:
    """Return the manifest on the page."""
    [block] = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(block)


@pytest.fixture
def attacker(cluster: Cluster) -> ClusterStore:
    """Return the store of a user who may create revisions, and nothing else."""
    cluster.put_aws_auth({"mapRoles": NODE})
    return ClusterStore(connected(cluster.user([CREATE]).kubeconfig))


@pytest.fixture
def editor(cluster: Cluster) -> AwsAuthClient:
    """Return the client of a user who may update ``aws-auth`` and record its revisions."""
    return AwsAuthClient.from_kubeconfig(path=cluster.user([CREATE, UPDATE]).kubeconfig)


def added(name: str) -> EnsureRole:
    return EnsureRole(role_arn=f"{ROLE}{name}", username=name)


def test_what_the_right_to_create_revisions_gives(
    cluster: Cluster, attacker: ClusterStore, editor: AwsAuthClient
) -> None:
    with pytest.raises(ForbiddenError):
        attacker.read()
    editor.apply(added("first"))
    forged = draft(3, editor.show(2).info.head, FORGED, uid=editor.show(2).info.uid)
    attacker.record(forged)
    good = dict(editor.read().data)
    assert editor.apply(added("second")).revision == 4
    shown = {entry.info.number: entry for entry in editor.history().entries}
    assert shown[3].unconfirmed
    assert shown[4].info.writer.username != shown[3].info.writer.username
    editor.rollback()
    assert editor.read().data == good
    live = cluster.aws_auth() or {}
    cluster.kubectl("replace", "-f", "-", input=json.dumps({**live, "data": {}, "metadata": NAMED}))
    with pytest.raises(UnprovenHistoryError) as caught:
        editor.rollback()
    assert caught.value.revisions[-1] == 1
    # The client that created each is shown; the API server takes its name from the client itself.
    assert "created by the client `awsauth`" in str(caught.value)
    editor.rollback(to=2)
    assert editor.read().data == good


def test_the_policy_lets_only_those_record_revisions_who_may_update_the_object(
    cluster: Cluster, attacker: ClusterStore, editor: AwsAuthClient
) -> None:
    cluster.kubectl("apply", "-f", "-", input=policy())
    numbers = count(100)
    try:
        wait_for(lambda: refusal(lambda: attacker.record(draft(next(numbers), None, FORGED))))
        for named in (
            {"name": "aws-auth-500"},
            {"name": "aws-auth-entries-500"},
            {"name": "other", "labels": {"awsauth/config-map": "aws-auth"}},
            {"name": "other", "labels": {"awsauth/history": "access-entries"}},
        ):
            made = {"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": named, "revision": 1, "data": {}}
            assert "Only users who may update aws-auth" in refusal(partial(post, attacker, made))
        made = {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": {"name": "x"},
            "revision": 1,
            "data": {},
        }
        assert refusal(partial(post, attacker, made)) == ""  # of another object
        assert editor.apply(added("first")).revision
        assert editor.rollback().changed
    finally:
        cluster.kubectl("delete", "-f", "-", input=policy())
        # The editor's own revisions follow those that were made until the policy held.
        later = count(1_000)
        wait_for(lambda: not refusal(lambda: attacker.record(draft(next(later), None, FORGED))))


def post(store: ClusterStore, made: dict[str, Any]) -> object:
    return store._transport.post(REVISIONS_PATH, made)


def refusal(act: Callable[[], object]) -> str:
    """Return what the admission policy says of a request; empty if it passes."""
    try:
        act()
    except (AdmissionError, ForbiddenError) as error:
        return str(error)
    return ""
