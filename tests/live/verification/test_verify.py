"""Changes that are looked at with new tokens, and reverted where they shut somebody out: on a real API server.

The second API server remembers for two minutes whose a token is, as one does by default: a token that it has seen before
a change still works for whoever is shut out by that change, and a new one does not.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from awsauth.client import AwsAuthClient
from awsauth.core.edit.changes import EnsureRole, RemoveGroups, RemoveRole, ReplaceText
from awsauth.errors import (
    AuthenticationError,
    AwsServiceError,
    ForbiddenError,
    GuardError,
    NotRevertedError,
    RevertedError,
    UnavailableError,
    UsageError,
)
from awsauth.options import LONGEST_REVERT
from awsauth.stores.cluster import ClusterStore
from awsauth.verification.verify import NOT_OBSERVED, NOT_SEEN_YET, _Witness
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.apply import Result
    from tests.support.controlplane.api_server import ApiServer
    from tests.support.controlplane.cluster import Cluster
    from tests.support.named_cluster import NamedCluster

ALLOWED = ["own-access", "last-admin", "unreadable"]


@pytest.fixture(scope="module")
def remembering(control_plane: Any) -> Iterator[ApiServer]:
    """Yield an API server with the default cache of tokens."""
    with control_plane.second_api_server(cache_ttl="2m") as api:
        yield api


def administrator(named: NamedCluster, name: str) -> None:
    """Become an administrator, once that one gets in."""
    named.map(**{name: ("system:masters",), f"{name}_deputy": ("system:masters",)})
    role = name.replace("_", "-")
    named.await_in(role)
    named.await_in(f"{role}-deputy")
    named.be_role(role)


def data(named: NamedCluster) -> dict[str, str]:
    found = named.cluster.aws_auth()
    assert found
    mapped: dict[str, str] = found["data"]
    return mapped


def codes(result: Result) -> list[str]:
    return [finding.code for finding in result.findings]


# Waiting.


def test_it_returns_when_a_new_token_of_the_caller_shows_the_change(named: NamedCluster) -> None:
    administrator(named, "wait_me")
    with named.client() as client:
        result = client.apply(
            EnsureRole(role_arn=named.arn("wait-me"), username="wait-me", groups=["system:masters", "more"]),
            wait=PATIENCE,
        )
    assert result.changed
    assert NOT_SEEN_YET not in codes(result)
    assert NOT_OBSERVED not in codes(result)
    session = named.cluster.aws.assume_role("wait-me")
    who = named.cluster.identity(named.cluster.eks_token(session))
    assert who
    assert set(who.groups) == {"system:masters", "more"}


def test_it_returns_when_a_role_that_was_named_gets_in(named: NamedCluster) -> None:
    administrator(named, "wait_for")
    role = named.arn("wait-for-target")
    with named.client() as client, client.transaction(wait=PATIENCE, verify=[role]) as changes:
        changes.add_role_mapping(role, username="target", groups=["targets"])
    assert not {NOT_SEEN_YET, NOT_OBSERVED}.intersection(codes(changes.result))
    who = named.cluster.identity(named.cluster.eks_token(named.cluster.aws.assume_role("wait-for-target")))
    assert who
    assert (who.username, who.groups) == ("target", ("targets",))


def test_a_change_that_no_token_can_show_is_not_waited_for_and_that_is_said(named: NamedCluster) -> None:
    administrator(named, "wait_blind")
    with named.client() as client:
        result = client.add_role_mapping(named.arn("wait-blind-other"), username="x", wait=600)
    assert codes(result).count(NOT_OBSERVED) == 1
    with AwsAuthClient.from_kubeconfig(path=named.cluster.kubeconfig) as client:
        result = client.add_role_mapping(named.arn("wait-blind-third"), username="y", wait=600)
    assert "no new tokens can be made here" in str(result)


def test_a_change_that_does_not_show_in_time_is_said(named: NamedCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    administrator(named, "wait_late")
    role = named.arn("wait-late-target")
    monkeypatch.setattr("awsauth.verification.verify._Witness.change_visible", property(lambda _: False))
    with named.client() as client:
        result = client.add_role_mapping(role, username="x", verify=[role], wait=0.1)
    assert codes(result).count(NOT_SEEN_YET) == 1
    assert result.changed


def test_nothing_is_looked_at_where_nothing_changes(named: NamedCluster) -> None:
    administrator(named, "wait_same")
    with named.client() as client:
        result = client.add_role_mapping(
            named.arn("wait-same"), username="wait-same", groups=["system:masters"], wait=600, revert_after=5
        )
        assert not result.changed
        assert not {NOT_SEEN_YET, NOT_OBSERVED}.intersection(codes(result))
        assert client.apply(RemoveRole(role_arn=named.arn("wait-same-deputy")), dry_run=True, revert_after=5).changed


# Reverting.


def test_a_change_that_locks_the_caller_out_is_reverted_with_the_token_from_before(
    named: NamedCluster, remembering: ApiServer
) -> None:
    administrator(named, "revert_me")
    named.serve_from(remembering)
    before = data(named)
    with named.client() as client:
        with pytest.raises(GuardError):
            client.remove_role_mapping(named.arn("revert-me"), revert_after=LONGEST_REVERT)
        began = time.monotonic()
        with pytest.raises(RevertedError) as caught:
            client.remove_role_mapping(named.arn("revert-me"), allow=ALLOWED, revert_after=LONGEST_REVERT)
        assert time.monotonic() - began < PATIENCE
        log = client.history().entries
    assert data(named) == before
    assert "the caller gets no access with a new token" in caught.value.message
    assert f"rejects arn:aws:sts::{named.cluster.aws.account}:assumed-role/revert-me/laptop (401)" in str(caught.value)
    assert [entry.info.kind for entry in log[:2]] == ["rollback", "change"]
    assert caught.value.revision == log[1].info.number
    assert caught.value.restored == log[1].info.parent
    named.await_in("revert-me", ("system:masters",))


def test_without_the_token_from_before_nobody_could(named: NamedCluster, remembering: ApiServer) -> None:
    """What the revert is for: made without it, the same change shuts the caller's new tokens out for good."""
    administrator(named, "revert_not")
    named.serve_from(remembering)
    with named.client() as client:
        client.remove_role_mapping(named.arn("revert-not"), allow=ALLOWED)
        named.await_out("revert-not")
        assert client.read().roles
    named.be_role("revert-not")
    with named.client() as client, pytest.raises(AuthenticationError):
        client.read()


def test_one_bad_edit_of_the_text_is_reverted(named: NamedCluster, remembering: ApiServer) -> None:
    administrator(named, "revert_text")
    named.serve_from(remembering)
    before = data(named)
    with named.client() as client, pytest.raises(RevertedError):
        client.apply(
            ReplaceText(key="mapRoles", text="- rolearn: {{oops}}\n"), allow=ALLOWED, revert_after=LONGEST_REVERT
        )
    assert data(named) == before


def test_a_role_that_was_named_and_is_shut_out_has_the_change_reverted(named: NamedCluster) -> None:
    administrator(named, "revert_role")
    deputy = named.arn("revert-role-deputy")
    before = data(named)
    with named.client() as client, pytest.raises(RevertedError, match=r"revert-role-deputy` gets no access"):
        client.remove_role_mapping(deputy, verify=[deputy], revert_after=LONGEST_REVERT)
    assert data(named) == before


def test_a_new_role_that_never_gets_in_has_the_change_reverted(
    named: NamedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    administrator(named, "revert_new")
    monkeypatch.setattr("awsauth.options._SECONDS", {"revert_after": (0.5, LONGEST_REVERT)})
    before = data(named)
    with named.client() as client, pytest.raises(RevertedError) as caught:
        client.add_role_mapping(
            named.arn("revert-new-target"), username="x", verify=[named.arn("revert-new-elsewhere")], revert_after=0.5
        )
    assert "revert-new-elsewhere" in caught.value.message
    assert data(named) == before


def test_a_change_that_works_stays(named: NamedCluster, remembering: ApiServer) -> None:
    administrator(named, "revert_stays")
    named.serve_from(remembering)
    role = named.arn("revert-stays-target")
    with named.client() as client:
        result = client.add_role_mapping(
            role, username="x", verify=["caller", role], revert_after=LONGEST_REVERT, wait=PATIENCE
        )
        assert not {NOT_SEEN_YET, NOT_OBSERVED}.intersection(codes(result))
        assert client.explain(role).username == "x"


def test_a_change_of_the_callers_own_groups_that_works_stays(named: NamedCluster) -> None:
    """It gets in, as somebody else: that is what was asked for."""
    administrator(named, "revert_groups")
    change = RemoveGroups(principal_arn=named.arn("revert-groups"), groups=["system:masters"])
    with named.client() as client:
        assert client.apply(change, allow=ALLOWED, revert_after=LONGEST_REVERT).changed
    named.await_in("revert-groups", ())


def test_what_others_wrote_meanwhile_stays(named: NamedCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    administrator(named, "revert_others")
    looked = _Witness.look
    added = "- rolearn: arn:aws:iam::123456789012:role/revert-others-node\n  username: n\n"

    def meanwhile(self: _Witness) -> None:
        now = data(named)
        if "revert-others-node" not in str(now):
            roles = [
                {"rolearn": role.role_arn, "username": role.username, "groups": list(role.groups)}
                for role in AwsAuthClient.in_memory(now).read().roles
            ]
            named.cluster.put_aws_auth({"mapRoles": "".join(f"- {role}\n" for role in roles) + added})
        looked(self)

    monkeypatch.setattr(_Witness, "look", meanwhile)
    deputy = named.arn("revert-others-deputy")
    with named.client() as client, pytest.raises(RevertedError):
        client.remove_role_mapping(deputy, verify=[deputy], revert_after=LONGEST_REVERT)
    roles = {role.role_arn for role in AwsAuthClient.in_memory(data(named)).read().roles}
    assert roles == {named.arn(f"revert-others{end}") for end in ("", "-deputy", "-node")}


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
def test_a_change_that_is_not_looked_at_to_the_end_is_reverted(
    named: NamedCluster, monkeypatch: pytest.MonkeyPatch, interruption: type[BaseException]
) -> None:
    administrator(named, "revert_stop")
    before = data(named)

    def interrupted(_: _Witness) -> None:
        raise interruption

    monkeypatch.setattr(_Witness, "look", interrupted)
    with named.client() as client, pytest.raises(interruption):
        client.add_role_mapping(named.arn("revert-stop-target"), username="x", revert_after=LONGEST_REVERT)
    assert data(named) == before


def test_what_goes_wrong_while_it_is_looked_at_is_told_with_the_revert(
    named: NamedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    administrator(named, "revert_odd")
    before = data(named)
    look = _Witness.look

    def failing(_: _Witness) -> None:
        monkeypatch.setattr(_Witness, "look", look)
        raise UnavailableError("The API server cannot answer now.", status=503)

    monkeypatch.setattr(_Witness, "look", failing)
    with (
        named.client() as client,
        pytest.raises(RevertedError, match="verification was interrupted: The API server cannot"),
    ):
        client.add_role_mapping(named.arn("revert-odd-target"), username="x", revert_after=LONGEST_REVERT)
    assert data(named) == before


def test_a_revert_that_fails_says_that_the_change_is_in_force(
    named: NamedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    administrator(named, "revert_fails")
    read = ClusterStore.read
    deputy = named.arn("revert-fails-deputy")

    def failing(self: ClusterStore) -> Any:
        found = read(self)
        if "revert-fails-deputy" not in found.data["mapRoles"]:
            raise ForbiddenError("RBAC does not allow it now.", status=403)
        return found

    monkeypatch.setattr("awsauth.verification.verify.ClusterStore.read", failing)
    with named.client() as client, pytest.raises(NotRevertedError, match="could not be reverted") as caught:
        client.remove_role_mapping(deputy, verify=[deputy], revert_after=LONGEST_REVERT)
    assert "revert-fails-deputy" not in str(data(named))
    assert caught.value.changed is True
    assert f"controllerrevision aws-auth-{caught.value.restores} -o 'jsonpath={{.data}}'" in caught.value.hint
    monkeypatch.undo()
    source = named.cluster.kubectl(
        *["-n", "kube-system", "get", "controllerrevision"], f"aws-auth-{caught.value.restores}", "-ojsonpath={.data}"
    )
    named.cluster.kubectl("replace", "-f", "-", input=source.stdout)
    assert "revert-fails-deputy" in str(data(named))


def test_a_caller_who_does_not_get_in_changes_nothing(named: NamedCluster) -> None:
    named.be_role("revert-outsider")
    with named.client() as client, pytest.raises(AuthenticationError):
        client.add_role_mapping(named.arn("x"), username="x", revert_after=LONGEST_REVERT)
    assert named.cluster.aws_auth() is None


# What cannot be asked for.


def test_a_role_that_cannot_be_assumed_is_said_before_anything_is_changed(
    named: NamedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    administrator(named, "verify_denied")
    before = named.cluster.aws_auth()
    with named.client() as client:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        with pytest.raises(AwsServiceError):
            client.apply(
                EnsureRole(role_arn=named.arn("x"), username="x"), verify=[named.arn("verify-denied-x")], revert_after=9
            )
    assert named.cluster.aws_auth() == before


def test_without_aws_credentials_there_are_no_new_tokens(cluster: Cluster) -> None:
    with AwsAuthClient.from_kubeconfig(path=cluster.kubeconfig) as client:
        for options in ({"revert_after": 30.0}, {"verify": ["caller"], "wait": 1.0}):
            with pytest.raises(UsageError, match="no AWS credentials"):
                client.add_role_mapping("arn:aws:iam::111122223333:role/x", username="x", **options)
    assert cluster.aws_auth() is None
