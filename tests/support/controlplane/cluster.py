"""A clean cluster for one test, with what tests do to it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003 - a dataclass' field, and cheap
from typing import TYPE_CHECKING, Any

from tests.support.controlplane.api_server import MERGE_PATCH, ApiServer
from tests.support.controlplane.aws import Aws, AwsCredentials, eks_token
from tests.support.waiting import PATIENCE, wait_for

if TYPE_CHECKING:
    from tests.support.controlplane.plane import ControlPlane

CONFIG_MAPS = "/api/v1/namespaces/kube-system/configmaps"
AWS_AUTH = f"{CONFIG_MAPS}/aws-auth"
REVISIONS = "/apis/apps/v1/namespaces/kube-system/controllerrevisions"
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_WHO_AM_I = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
_NAMESPACES = "/api/v1/namespaces"
_SYSTEM = {"default", "kube-system", "kube-public", "kube-node-lease"}

# What tests make. Webhooks and policies first: they may stand in the way of the rest.
_CLEANED = (
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
    "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
    f"{_RBAC}/clusterrolebindings",
    f"{_RBAC}/clusterroles",
    f"{_RBAC}/rolebindings",
    f"{_RBAC}/roles",
    "/api/v1/configmaps",
    "/apis/apps/v1/controllerrevisions",
    "/apis/apps/v1/daemonsets",
    "/apis/apps/v1/deployments",
    "/api/v1/pods",
    "/api/v1/nodes",
    "/api/v1/serviceaccounts",
)
_OF_THE_SYSTEM = {
    "extension-apiserver-authentication",
    "kube-apiserver-legacy-service-account-token-tracking",
    "kube-root-ca.crt",
}
_KEPT_AS = {"nodes": "minions"}
"""What etcd calls a kind otherwise."""

# Rules of RBAC: apiGroups, resources, verbs, and perhaps resourceNames; or nonResourceURLs in place of the first two.
Rule = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class User:
    """A user of the cluster, in no group."""

    name: str
    token: str = field(repr=False)
    kubeconfig: Path


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the API server takes a token's holder for, without ``system:authenticated``."""

    username: str
    groups: tuple[str, ...]
    extra: Mapping[str, Sequence[str]]


class Cluster:
    """The control plane's cluster, for one test.

    Attributes:
        plane: the control plane.
        api: the API server, for plain requests.
        server: its URL.
        ca_file: what to trust there.
        admin_token: of an administrator in ``system:masters``.
        kubeconfig: of that administrator.
        context: the context in it.
        name: the cluster's name, which tokens have to be signed for.
    """

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self.plane = plane
        self.api: ApiServer = plane.api
        self.server = plane.api.url
        self.ca_file = plane.api.ca_file
        self.admin_token = plane.api.admin_token
        self.kubeconfig = plane.kubeconfig
        self.context = plane.cluster_name
        self.name = plane.cluster_name
        self._folder = folder
        self.clean()

    @property
    def aws(self) -> Aws:
        """AWS, which says whose tokens are whose."""
        return self.plane.aws

    def kubectl(
        self,
        *arguments: str,
        input: str | None = None,  # noqa: A002 - named as subprocess names it
        kubeconfig: Path | None = None,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the administrator, or with another kubeconfig.

        Raises:
            RuntimeError: it fails, and `check` is true; the message holds what it said.
        """
        environment = os.environ | self.plane.environment | {"KUBECONFIG": str(kubeconfig or self.kubeconfig)}
        command = [str(self.plane.programs.kubectl), *arguments]
        done = subprocess.run(
            command, env=environment, input=input or "", capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        if check and done.returncode:
            raise RuntimeError(f"`kubectl {' '.join(arguments)}` ended with status {done.returncode}:\n{done.stderr}")
        return done

    def aws_auth(self) -> dict[str, Any] | None:
        """Return the object ``aws-auth``, or None where there is none."""
        response = self.api.request("GET", AWS_AUTH)
        return response.body if response.status == 200 else None

    def put_aws_auth(self, data: Mapping[str, str], **metadata: Any) -> dict[str, Any]:
        """Make ``aws-auth``, or put it in place of what is there; return the object.

        Args:
            data: of the ConfigMap.
            metadata: more of it, as ``labels`` or ``annotations``.
        """
        content = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "aws-auth", "namespace": "kube-system", **metadata},
            "data": dict(data),
        }
        if self.aws_auth() is None:
            return self.api.must("POST", CONFIG_MAPS, content)
        return self.api.must("PUT", AWS_AUTH, content)

    def delete_aws_auth(self) -> None:
        """Take ``aws-auth`` away."""
        self.api.must("DELETE", AWS_AUTH)

    def revisions(self) -> list[dict[str, Any]]:
        """Return the ControllerRevisions in kube-system, by number."""
        items: list[dict[str, Any]] = self.api.must("GET", REVISIONS)["items"]
        return sorted(items, key=lambda item: int(item["revision"]))

    def user(
        self, rules: Sequence[Rule] = (), *, namespace: str = "kube-system", cluster_rules: Sequence[Rule] = ()
    ) -> User:
        """Return a user who may do what `rules` say in a namespace, and `cluster_rules` everywhere, once that counts.

        Each call is another user, out of twenty that take turns; bind more to its name as you like.
        """
        name = next(self.plane.turns)
        self._grant("Role", f"{_RBAC}/namespaces/{namespace}", name, rules)
        self._grant("ClusterRole", _RBAC, name, cluster_rules)
        for rule in rules:
            self._await_allowed(name, rule, namespace)
        for rule in cluster_rules:
            self._await_allowed(name, rule, "")
        token = self.plane.user_tokens[name]
        kubeconfig = self.api.write_kubeconfig(self._folder / f"{name}.kubeconfig", context=self.context, token=token)
        return User(name, token, kubeconfig)

    def identity(self, token: str, *, api: ApiServer | None = None) -> Identity | None:
        """Return whom the API server takes the token's holder for now, or None where it answers 401.

        Raises:
            RuntimeError: it answers something else.
        """
        response = (api or self.api).request("POST", _WHO_AM_I, {}, token=token)
        if response.status == 401:
            return None
        if response.status != 201:
            raise RuntimeError(f"the API server answered {response.status}: {response.body}")
        user = response.body["status"]["userInfo"]
        groups = tuple(group for group in user.get("groups", []) if group != "system:authenticated")
        return Identity(user.get("username", ""), groups, user.get("extra", {}))

    def await_identity(self, token: Callable[[], str], expected: Callable[[Identity | None], bool]) -> Identity | None:
        """Wait until somebody is who is expected, as it takes the authenticator a moment to see a change.

        Args:
            token: makes a new token each time, as everything between here and STS may remember one.
            expected: looks at an identity, or at None for 401.
        """
        return wait_for(lambda: self.identity(token()), expected)

    def eks_token(self, credentials: AwsCredentials) -> str:
        """Return a new token for this cluster."""
        return eks_token(credentials, self.name)

    def _grant(self, kind: str, prefix: str, name: str, rules: Sequence[Rule]) -> None:
        if not rules:
            return
        plural = f"{kind.lower()}s"
        role = {
            "metadata": {"name": name},
            "rules": [{key: list(value) for key, value in rule.items()} for rule in rules],
        }
        self.api.must("POST", f"{prefix}/{plural}", role)
        subject = {"kind": "User", "name": name, "apiGroup": "rbac.authorization.k8s.io"}
        reference = {"kind": kind, "name": name, "apiGroup": "rbac.authorization.k8s.io"}
        binding = {"metadata": {"name": name}, "subjects": [subject], "roleRef": reference}
        self.api.must("POST", f"{prefix}/{kind.lower()}bindings", binding)

    def _await_allowed(self, user: str, rule: Rule, namespace: str) -> None:
        """Wait until the API server's authorizer has seen a rule."""
        verb = rule["verbs"][0].replace("*", "get")
        if "nonResourceURLs" in rule:
            path = {"path": rule["nonResourceURLs"][0], "verb": verb}
            self.api.await_allowed(user=user, nonResourceAttributes=path)
            return
        resource, _, subresource = rule["resources"][0].partition("/")
        attributes = {
            "namespace": namespace,
            "group": rule["apiGroups"][0],
            "resource": resource,
            "subresource": subresource,
            "verb": verb,
            "name": rule.get("resourceNames", [""])[0],
        }
        self.api.await_allowed(user=user, resourceAttributes=attributes)

    def clean(self) -> None:
        """Take away what earlier tests left."""
        kinds = {key.split("/")[2] for key in self.plane.stored() - self.plane.of_the_system}
        for path in _CLEANED:
            plural = path.rpartition("/")[2]
            if _KEPT_AS.get(plural, plural) in kinds:
                for item in self.api.must("GET", path)["items"]:
                    if not _is_of_the_system(item["metadata"]):
                        self._remove(path, item["metadata"])
        for item in self.api.must("GET", _NAMESPACES)["items"] if "namespaces" in kinds else ():
            if item["metadata"]["name"] not in _SYSTEM:
                self._remove_namespace(item)
        self.plane.of_the_system = self.plane.stored()

    def _remove(self, path: str, metadata: Mapping[str, Any]) -> None:
        prefix, _, plural = path.rpartition("/")
        location = f"{prefix}/namespaces/{metadata['namespace']}" if "namespace" in metadata else prefix
        one = f"{location}/{plural}/{metadata['name']}"
        if metadata.get("finalizers"):
            patch = {"metadata": {"finalizers": None}}
            self.api.must("PATCH", one, patch, content_type=MERGE_PATCH)
        gone = self.api.request("DELETE", f"{one}?gracePeriodSeconds=0")
        assert gone.status in {200, 202, 404}, gone

    def _remove_namespace(self, namespace: dict[str, Any]) -> None:
        # No controller empties and ends namespaces here.
        one = f"{_NAMESPACES}/{namespace['metadata']['name']}"
        self.api.must("DELETE", one)
        namespace["spec"]["finalizers"] = []
        del namespace["metadata"]["resourceVersion"]
        self.api.must("PUT", f"{one}/finalize", namespace)


def _is_of_the_system(metadata: Mapping[str, Any]) -> bool:
    """Say whether the API server makes an object by itself."""
    return metadata["name"] in _OF_THE_SYSTEM or "kubernetes.io/bootstrapping" in metadata.get("labels", {})
