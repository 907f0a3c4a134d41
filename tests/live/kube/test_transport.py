"""Requests to a real API server through a relay: results, errors, retries."""

from __future__ import annotations

import json
import pickle
import socket
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

import awsauth
from awsauth.errors import (
    AdmissionError,
    ApiError,
    AuthenticationError,
    ForbiddenError,
    KubeconfigError,
    NotFoundError,
    OutcomeUnknownError,
    UnavailableError,
    UnreachableError,
)
from awsauth.kube.rbac import missing, read_bindings
from awsauth.kube.resources import read_nodes
from awsauth.kube.self_review import self_review
from awsauth.stores.cluster import ClusterStore
from tests.support import connections
from tests.support.connections import direct, transport_to
from tests.support.kubeconfigs import WAYS
from tests.support.rbac_manifests import READER
from tests.support.servers.relay import CUT, CUT_AFTER, Harm, Relay
from tests.support.waiting import PATIENCE, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from awsauth.kube.transport import Transport
    from tests.support.controlplane.cluster import Cluster

MAPS: Final = "/api/v1/namespaces/kube-system/configmaps"
ONE: Final = f"{MAPS}/one"
NAMESPACES: Final = "/api/v1/namespaces"
ADMISSION: Final = "/apis/admissionregistration.k8s.io/v1"


def config_map(name: str = "one", **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


@pytest.fixture(params=WAYS, autouse=True)
def _both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reach the server by way of urllib3 alone, and by way of the kubernetes client, in everything here."""
    monkeypatch.setattr(connections, "way", request.param)


def test_objects_are_made_read_replaced_and_deleted(transport: Transport) -> None:
    made = transport.post(MAPS, config_map(text="ä\u2028"))
    assert made["data"] == {"text": "ä\u2028"}
    assert transport.put(ONE, {**made, "data": {"text": "b"}})["data"] == {"text": "b"}
    assert transport.get(MAPS, {"fieldSelector": "metadata.name=one"})["items"][0]["data"] == {"text": "b"}
    transport.delete(ONE, {"preconditions": {"uid": made["metadata"]["uid"]}})
    with pytest.raises(NotFoundError, match=r'configmaps "one" not found') as caught:
        transport.get(ONE)
    assert (caught.value.status, caught.value.reason, caught.value.details["kind"]) == (404, "NotFound", "configmaps")
    assert isinstance(caught.value, LookupError)


def test_it_says_who_it_is_and_manages_the_fields(transport: Transport, relay: Relay) -> None:
    made = transport.post(MAPS, config_map(a="b"))
    made = transport.put(ONE, {**made, "data": {"a": "c"}})
    assert [entry["manager"] for entry in made["metadata"]["managedFields"]] == ["awsauth"]
    assert {tuple(seen.all("user-agent")) for seen in relay.seen} == {(f"awsauth/{awsauth.__version__}",)}


def test_requests_share_a_connection(transport: Transport, relay: Relay) -> None:
    for _ in range(3):
        transport.get(NAMESPACES)
    with pytest.raises(NotFoundError):
        transport.get(ONE)
    transport.post(MAPS, config_map())
    assert len({seen.connection for seen in relay.seen}) == 1


def test_the_answer_carries_the_servers_time(transport: Transport) -> None:
    date = transport.request("GET", NAMESPACES).date
    assert date is not None
    assert abs(date - datetime.now(timezone.utc)) < timedelta(seconds=PATIENCE)


def test_it_acts_as_somebody_else_with_all_groups(cluster: Cluster, relay: Relay) -> None:
    other = transport_to(relay.url, cluster.admin_token, as_user="ålice", as_groups=["one", "two"])
    review = other.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, changes=False)
    assert review["status"]["userInfo"]["username"] == "ålice"
    assert review["status"]["userInfo"]["groups"] == ["one", "two", "system:authenticated"]
    assert relay.seen[0].all("impersonate-group") == ["one", "two"]
    assert "fieldManager" not in relay.seen[0].query


def test_a_read_that_met_a_closed_connection_is_sent_once_more(transport: Transport, relay: Relay) -> None:
    relay.harm = [CUT]
    assert transport.get(NAMESPACES)["kind"] == "NamespaceList"
    relay.harm = [CUT, CUT]
    with pytest.raises(UnreachableError, match=r"The connection was cut before the answer was complete"):
        transport.get(NAMESPACES)
    assert len(relay.seen) == 4


def test_an_answer_that_is_no_json_is_told_as_such(transport: Transport, relay: Relay) -> None:
    relay.harm = [Harm(200, body=b"<html>Sign in</html>")]
    with pytest.raises(UnreachableError, match="does not come from a Kubernetes API server"):
        transport.get(NAMESPACES)


@pytest.mark.parametrize("body", [b"[]", b"null", b'"ok"', b"7"])
def test_an_answer_that_is_no_object_is_told_whatever_was_asked(
    transport: Transport, relay: Relay, body: bytes
) -> None:
    asks: list[Callable[[Transport], object]] = [
        self_review,
        read_bindings,
        lambda to: ClusterStore(to).list_revisions(),
    ]
    for ask in asks:
        relay.harm = [Harm(200, body=body, is_passed_on=False)]
        with pytest.raises(UnreachableError, match="not an object: it does not come from a Kubernetes API server"):
            ask(transport)
    relay.harm = [Harm(201, body=body, is_passed_on=False)]
    with pytest.raises(OutcomeUnknownError, match="not an object"):
        transport.post(MAPS, config_map())


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"items": 7}',
        b'{"items": [null]}',
        b'{"items": [], "metadata": 7}',
        b'{"items": [], "metadata": {"continue": 7}}',
    ],
)
def test_a_list_that_is_none_is_told(transport: Transport, relay: Relay, body: bytes) -> None:
    asks: list[Callable[[Transport], object]] = [
        read_bindings,
        read_nodes,
        lambda to: ClusterStore(to).list_revisions(),
    ]
    for ask in asks:
        relay.harm = [Harm(200, body=body, is_passed_on=False)]
        with pytest.raises(ApiError, match="not a valid list of objects"):
            ask(transport)


def test_a_review_without_a_status_allows_nothing_and_is_one_of_nobody(transport: Transport, relay: Relay) -> None:
    relay.harm = [Harm(201, body=b'{"status": null}', is_passed_on=False)] * 2
    assert missing(transport, READER[:1]) == READER[:1]
    with pytest.raises(ApiError, match=r"not a valid SelfSubjectReview\. It has no `username`"):
        self_review(transport)


def test_a_list_that_goes_on_where_it_has_been_is_told(transport: Transport, relay: Relay) -> None:
    def page(following: str) -> Harm:
        body = json.dumps({"items": [], "metadata": {"continue": following}}).encode()
        return Harm(200, body=body, is_passed_on=False)

    relay.harm = [page("a"), page("b"), page("a")]
    with pytest.raises(ApiError, match=r"not a valid list of objects\. It goes back to a page before"):
        read_nodes(transport)
    assert [seen.query for seen in relay.seen] == ["limit=500", "limit=500&continue=a", "limit=500&continue=b"]


@pytest.mark.parametrize("harm", [CUT, CUT_AFTER, Harm(200, body=b'{"kind": "Conf')])
def test_a_write_without_an_answer_is_sent_once_and_its_outcome_unknown(
    transport: Transport, relay: Relay, harm: Harm
) -> None:
    relay.harm = [harm]
    with pytest.raises(OutcomeUnknownError, match="may or may not have been made"):
        transport.post(MAPS, config_map())
    assert len(relay.seen) == 1


def test_a_review_without_an_answer_changed_nothing(transport: Transport, relay: Relay) -> None:
    for harm in (CUT, CUT_AFTER):
        relay.harm = [harm]
        with pytest.raises(UnreachableError) as caught:
            transport.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, changes=False)
        assert caught.value.changed is False


def test_a_rehearsed_write_without_an_answer_changed_nothing(transport: Transport, relay: Relay) -> None:
    relay.harm = [CUT_AFTER]
    with pytest.raises(UnreachableError) as caught:
        transport.post(MAPS, config_map(), {"dryRun": "All"})
    assert caught.value.changed is False
    with pytest.raises(NotFoundError):
        transport.get(ONE)


def test_every_request_has_a_time_out(cluster: Cluster, relay: Relay) -> None:
    hasty = transport_to(relay.url, cluster.admin_token, timeout=2)  # time enough for a connection
    relay.harm = [Harm(is_late=True), Harm(is_late=True)]
    with pytest.raises(UnreachableError, match="did not answer in time"):
        hasty.get(NAMESPACES)
    with pytest.raises(OutcomeUnknownError, match="did not answer in time"):
        hasty.post(MAPS, config_map())


def test_what_never_left_is_known_to_have_changed_nothing(cluster: Cluster) -> None:
    """Nobody listens; no such name; a certificate that is not to be trusted, or of another name; no such proxy."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}"
        proxied = transport_to("http://nowhere.invalid", proxy=nobody)
        cases = [
            (transport_to(nobody), "cannot be reached: Connection refused"),
            (transport_to("https://nowhere.invalid"), "name cannot be resolved"),
            (transport_to(cluster.server), "certificate is not trusted: .*unable to get local issuer"),
            (proxied, "The proxy does not lead to the API server: Connection refused"),
        ]
        for transport, message in cases:
            for method in ("GET", "POST"):
                with pytest.raises(UnreachableError, match=message) as caught:
                    transport.request(method, MAPS, body=config_map(), changes=method == "POST")
                assert isinstance(caught.value, ConnectionError)
                assert f"{method} {MAPS} at {transport.host}" in str(caught.value)
                assert caught.value.__cause__ is not None


def test_a_busy_server_says_for_how_long(transport: Transport, relay: Relay) -> None:
    soon = format_datetime(datetime.now(timezone.utc) + timedelta(hours=1), usegmt=True)
    for value, low, high in [("7", 7, 7), (soon, 3600 - PATIENCE, 3600), ("nonsense", 0, 0), (None, 0, 0)]:
        relay.harm = [Harm(429, {"Retry-After": value} if value else {}, is_passed_on=False)]
        with pytest.raises(UnavailableError, match="cannot answer now") as caught:
            transport.post(MAPS, config_map())
        assert low <= caught.value.retry_after <= high


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_error_of_the_server_leaves_a_write_unknown_and_a_read_for_later(
    transport: Transport, relay: Relay, status: int
) -> None:
    """Such an answer may come after the object was stored, and from a gateway that knows nothing of it."""
    relay.harm = [Harm(status, {"Retry-After": "3"}, b"<html>", is_passed_on=False)] * 2
    with pytest.raises(UnavailableError, match=rf"\({status}\) does not come from a Kubernetes API server") as read:
        transport.get(NAMESPACES)
    assert read.value.retry_after == 3
    with pytest.raises(OutcomeUnknownError, match=str(status)) as written:
        transport.post(MAPS, config_map())
    assert isinstance(written.value.__cause__, UnavailableError)
    assert written.value.__cause__.retry_after == 3


@pytest.mark.parametrize("status", [103, 408, 501, 520, 524, 599])
def test_what_something_in_between_answers_leaves_a_write_unknown(
    transport: Transport, relay: Relay, status: int
) -> None:
    """A gateway, for one, that has passed the write on and was not answered in time."""
    relay.harm = [Harm(status, body=b"<html>"), Harm(status, body=b"<html>")]
    with pytest.raises(OutcomeUnknownError, match=rf"A proxy between here and the API server answered \({status}\)"):
        transport.post(MAPS, config_map())
    with pytest.raises(ApiError, match=str(status)):
        transport.get(ONE)
    assert transport.get(ONE)["metadata"]["name"] == "one"


def test_redirections_are_not_followed(transport: Transport, relay: Relay) -> None:
    relay.harm = [Harm(302, {"Location": relay.url + "/elsewhere"}, is_passed_on=False)]
    with pytest.raises(ApiError, match="302"):
        transport.get(NAMESPACES)
    assert len(relay.seen) == 1


def test_an_answer_that_is_no_json_is_told(transport: Transport, relay: Relay) -> None:
    relay.harm = [Harm(200, body=b"<html>", is_passed_on=False)]
    with pytest.raises(UnreachableError):
        transport.get(NAMESPACES)
    relay.harm = [Harm(404, body=b"<html>", is_passed_on=False)]
    with pytest.raises(NotFoundError, match="does not come from a Kubernetes API server"):
        transport.get(NAMESPACES)


def test_a_token_that_nobody_knows_is_an_authentication_error(cluster: Cluster) -> None:
    with pytest.raises(AuthenticationError, match="does not recognize the caller") as caught:
        direct(cluster, "f0rgotten").get(NAMESPACES)
    assert isinstance(caught.value, PermissionError)
    assert "f0rgotten" not in f"{caught.value!r} {caught.value} {caught.value.__cause__}"


@dataclass
class Tokens:
    """Hands out tokens: the first one again and again, until a fresh one is asked for."""

    values: list[str]
    asked: list[str] = field(default_factory=list)

    @property
    def value(self) -> str:
        return self.values[0]

    def token(self, *, renew: bool = False) -> Tokens:
        self.asked.append("fresh" if renew else "token")
        if renew:
            del self.values[0]
        return self


def test_an_expired_token_is_renewed_and_the_request_sent_again(cluster: Cluster, relay: Relay) -> None:
    tokens = Tokens(["expired", cluster.admin_token])
    transport = transport_to(relay.url, tokens)
    assert transport.post(MAPS, config_map())["kind"] == "ConfigMap"
    assert transport.get(ONE)["kind"] == "ConfigMap"
    assert relay.calls == ["POST configmaps", "POST configmaps", "GET configmaps/one"]
    assert tokens.asked.count("fresh") == 1
    assert tokens.asked[-2:] == ["fresh", "token"]


def test_a_token_that_stays_refused_is_not_tried_again_and_again(relay: Relay) -> None:
    with pytest.raises(AuthenticationError):
        transport_to(relay.url, Tokens(["expired", "expired too", "and this"])).post(MAPS, config_map())
    assert len(relay.seen) == 2
    with pytest.raises(AuthenticationError):
        transport_to(relay.url, "expired").post(MAPS, config_map())
    assert len(relay.seen) == 3


def test_a_credential_is_never_shown(cluster: Cluster) -> None:
    token = cluster.admin_token
    transport = direct(cluster, token + "\n")
    with pytest.raises(KubeconfigError, match="line break") as caught:
        transport.get(NAMESPACES)
    shown = f"{transport!r} {caught.value!r} {caught.value}"
    assert caught.value.__cause__ is None
    assert token not in shown


def test_a_missing_right_is_named_so_that_it_can_be_pasted(cluster: Cluster) -> None:
    """With exactly the rule that the error names, the request passes."""
    requests: list[tuple[str, str, Any]] = [
        ("GET", ONE, None),
        ("GET", MAPS, None),
        ("POST", MAPS, config_map("two")),
        ("PUT", ONE, config_map(a="b")),
        ("DELETE", ONE, None),
    ]
    cluster.api.must("POST", MAPS, config_map())
    for method, path, body in requests:
        nobody = cluster.user()
        with pytest.raises(ForbiddenError) as caught:
            direct(cluster, nobody.token).request(method, path, body=body, changes=method != "GET")
        error = caught.value
        assert isinstance(error, PermissionError)
        assert error.rule in str(error)
        assert f"a Role in kube-system that is bound to {nobody.name}" in str(error)
        assert (error.role, error.status) == ("Role", 403)
        rules = yaml.safe_load(error.rule)
        named = path == ONE
        assert rules[0].get("resourceNames") == (["one"] if named else None)
        somebody = cluster.user(rules)
        direct(cluster, somebody.token).request(method, path, body=body, changes=method != "GET")


def test_a_missing_right_in_the_whole_cluster_is_one_of_a_cluster_role(cluster: Cluster) -> None:
    with pytest.raises(ForbiddenError, match="may not list nodes in the cluster") as caught:
        direct(cluster, cluster.user().token).get("/api/v1/nodes")
    assert caught.value.role == "ClusterRole"
    assert caught.value.rule == '- apiGroups: [""]\n  resources: ["nodes"]\n  verbs: ["list"]'
    with pytest.raises(ForbiddenError) as other:
        direct(cluster, cluster.user().token).get("/apis/apps/v1/namespaces/kube-system/controllerrevisions")
    assert yaml.safe_load(other.value.rule)[0]["apiGroups"] == ["apps"]
    assert pickle.loads(pickle.dumps(caught.value)).rule == caught.value.rule  # noqa: S301 - just made


def test_the_right_to_act_as_somebody_is_named(cluster: Cluster) -> None:
    with pytest.raises(ForbiddenError, match="may not impersonate users/alice") as caught:
        direct(cluster, cluster.user().token, as_user="alice").get(ONE)
    assert yaml.safe_load(caught.value.rule) == [
        {"apiGroups": [""], "resources": ["users"], "resourceNames": ["alice"], "verbs": ["impersonate"]}
    ]


def test_somebody_without_credentials_is_told_so(cluster: Cluster) -> None:
    with pytest.raises(ForbiddenError, match="Add credentials for this user"):
        direct(cluster, "").get(ONE)


def deny(cluster: Cluster, name: str, message: str) -> None:
    """Have a policy refuse ConfigMaps of this name, and wait until it does; it goes on for a moment after the test."""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}
    spec = {
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": f"object.metadata.name != '{name}'", "message": message}],
    }
    policy = {"metadata": {"name": "policy"}, "spec": spec}
    cluster.api.must("POST", f"{ADMISSION}/validatingadmissionpolicies", policy)
    binding = {"metadata": {"name": "policy"}, "spec": {"policyName": "policy", "validationActions": ["Deny"]}}
    cluster.api.must("POST", f"{ADMISSION}/validatingadmissionpolicybindings", binding)
    wait_for(lambda: cluster.api.request("POST", f"{MAPS}?dryRun=All", config_map(name)).status >= 300)


def test_a_policys_refusal_comes_in_its_own_words(cluster: Cluster, transport: Transport) -> None:
    deny(cluster, "refused", "Only on Tuesdays.")
    for query in (None, {"dryRun": "All"}):
        with pytest.raises(AdmissionError, match=r"Only on Tuesdays\.") as caught:
            transport.post(MAPS, config_map("refused"), query)
        assert caught.value.status == 422


def test_a_webhook_that_does_not_answer_is_a_refusal_and_not_a_question(cluster: Cluster, transport: Transport) -> None:
    """The server answers 500, as it does when nobody knows whether the object was stored; here it was not."""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
    hook = {
        "name": "hook.example.com",
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "rules": [rule],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 1,
        "matchConditions": [{"name": "hooked", "expression": "object.metadata.name == 'hooked'"}],
    }
    configuration = {"metadata": {"name": "hook"}, "webhooks": [hook]}
    cluster.api.must("POST", f"{ADMISSION}/validatingwebhookconfigurations", configuration)
    wait_for(lambda: cluster.api.request("POST", f"{MAPS}?dryRun=All", config_map("hooked")).status >= 300)
    with pytest.raises(AdmissionError, match=r'failed calling webhook "hook\.example\.com"'):
        transport.post(MAPS, config_map("hooked"))


def test_nothing_is_made_in_a_namespace_that_is_being_deleted(cluster: Cluster, transport: Transport) -> None:
    cluster.api.must("POST", NAMESPACES, {"metadata": {"name": "going"}})
    cluster.api.must("DELETE", f"{NAMESPACES}/going")
    with pytest.raises(AdmissionError, match="The namespace is being deleted") as caught:
        transport.post(f"{NAMESPACES}/going/configmaps", config_map())
    assert caught.value.status == 403


def test_what_is_too_large_is_told(transport: Transport) -> None:
    with pytest.raises(ApiError, match="too large for the API server") as caught:
        transport.post(MAPS, config_map(text="x" * 1024 * 1024 + "x"))
    assert caught.value.status == 422
    with pytest.raises(ApiError, match="too large for the API server") as caught:
        transport.post(MAPS, config_map(text="x" * 4 * 1024 * 1024))
    assert caught.value.status == 413


def test_an_object_that_makes_no_sense_is_refused_once(transport: Transport, relay: Relay) -> None:
    with pytest.raises(ApiError, match="refused the request") as caught:
        transport.post(MAPS, config_map("NO"))
    assert (caught.value.status, caught.value.reason) == (422, "Invalid")
    transport.post(MAPS, config_map("two"))
    with pytest.raises(ApiError, match=r'configmaps "two" already exists'):
        transport.post(MAPS, config_map("two"))
    assert len(relay.seen) == 3


def made(kind: type[Exception]) -> Exception:
    """Return an exception of any class, whatever its constructor wants."""
    error = kind.__new__(kind)
    error.args = ("text",)
    error.__dict__.update(partial=0, expected=0, length=b"", reason="text", original_error=OSError("text"))
    return error
