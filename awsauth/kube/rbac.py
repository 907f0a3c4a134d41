"""RBAC rules that the caller lacks, and the caller's identity.

The API server tells both: ``SelfSubjectAccessReview`` and ``SelfSubjectReview``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from awsauth.boundary import public
from awsauth.core.document.model import SYSTEM_AUTHENTICATED
from awsauth.core.report.rbac import RbacRule
from awsauth.core.revisions.info import CONFIG_MAP_NAME
from awsauth.core.revisions.revision import NAMESPACE
from awsauth.core.text.display import quoted
from awsauth.errors import NotFoundError, UsageError
from awsauth.kube.resources import fields_of
from awsauth.kube.transport import Transport

_NAMED: Final = re.compile(
    r"(?P<verb>[a-z]+|\*) (?P<resource>[a-z0-9]+|\*)(?:\.(?P<group>[a-z0-9.-]+))?(?P<part>/[a-z]+)?"
    r"(?: in (?P<namespace>[a-z0-9-]+))?"
)


def rule_of(text: str) -> RbacRule:
    """Parse a rule such as ``list nodes`` or ``create deployments.apps in web``.

    A dot separates a resource from its group (none for the core group), a slash separates a subresource. ``*`` stands
    for all verbs, or for all resources of all groups.

    Raises:
        UsageError: the text is not a rule.
    """
    if not (match := _NAMED.fullmatch(" ".join(text.split()))):
        hint = "Write VERB RESOURCE, such as `list nodes`, `create deployments.apps in web` or `get pods/log in web`."
        raise UsageError(f"{quoted(text)} is not a permission.", hint=hint)
    resource = match["resource"] + (match["part"] or "")
    group = "*" if match["resource"] == "*" else match["group"] or ""
    return RbacRule(match["verb"], resource, group, "", match["namespace"] or "")


# The rules for changing an existing ``aws-auth``, in addition to reading.
CHANGER: Final = (
    RbacRule("update", "configmaps", "", CONFIG_MAP_NAME, NAMESPACE),
    RbacRule("create", "controllerrevisions", "apps", "", NAMESPACE),
)

_REVIEWS_PATH: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def missing(transport: Transport, rules: Iterable[RbacRule]) -> tuple[RbacRule, ...]:
    """Return the rules that the caller lacks.

    Each takes one request (``SelfSubjectAccessReview``). All authenticated users may ask this. Unlike a
    ``SelfSubjectRulesReview``, it counts the grants of EKS access policies.

    Raises:
        ApiError: the answer is not such a review.
        AwsAuthError: the transport raises it.
    """
    return tuple(rule for rule in rules if not _is_allowed(transport, rule))


def _is_allowed(transport: Transport, rule: RbacRule) -> bool:
    resource, _, subresource = rule.resource.partition("/")
    attributes = {key: getattr(rule, key) for key in ("verb", "group", "namespace", "name")}
    attributes |= {"resource": resource, "subresource": subresource}
    spec = {"resourceAttributes": {key: text for key, text in attributes.items() if text}}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec}
    answer = transport.post(_REVIEWS_PATH, review, changes=False)
    return fields_of(answer, "SelfSubjectAccessReview", _REVIEWS_PATH).object("status").flag("allowed")


_PATH: Final = "/apis/authentication.k8s.io/{}/selfsubjectreviews"
_VERSIONS: Final = ("v1", "v1beta1")  # Kubernetes has v1 since 1.28, and v1beta1 in 1.27; older servers have neither


@dataclass(frozen=True, slots=True)
@public
class SelfReview:
    """The caller's identity in the cluster.

    aws-iam-authenticator adds the ARN and the fields after it to the username (``pkg/server/server.go``:
    ``canonicalArn``, ``arn``, ``sessionName``, ``accessKeyId``). They are empty for callers that authenticate in
    another way, such as with a certificate, and under impersonation.

    Attributes:
        username: The caller's username in the cluster.
        groups: The caller's groups, including ``system:authenticated``.
        arn: The ARN that the authenticator looks up.
        session_name: The name of the role session.
        access_key_id: The access key that signed the token; it does not allow anyone to sign another one.
    """

    username: str
    groups: frozenset[str]
    arn: str = ""
    session_name: str = ""
    access_key_id: str = field(default="", repr=False)

    @property
    def own_groups(self) -> frozenset[str]:
        """The groups without ``system:authenticated``."""
        return self.groups - {SYSTEM_AUTHENTICATED}


def self_review(transport: Transport) -> SelfReview | None:
    """Return the caller's identity; None from servers older than Kubernetes 1.27.

    Sends one request, and another one if the server has no ``v1``.

    Raises:
        ForbiddenError: the right to ask, which all users have by default (``system:basic-user``), was removed.
        ApiError: the answer names no user.
        AwsAuthError: the transport raises it.
    """
    for version in _VERSIONS:
        path = _PATH.format(version)
        review = {"apiVersion": f"authentication.k8s.io/{version}", "kind": "SelfSubjectReview"}
        try:
            answer = transport.post(path, review, changes=False)
        except NotFoundError:
            continue
        return review_of(answer, path)
    return None


def review_of(answer: Any, location: str = _PATH.format("v1")) -> SelfReview:
    """Return the caller's identity from an answered ``SelfSubjectReview``.

    Raises:
        ApiError: it is not one, or has no username.
    """
    user = fields_of(answer, "SelfSubjectReview", location).object("status").object("userInfo")
    extras = user.object("extra")
    # HTTP headers make the names of extras lower case.
    extra = {name.lower(): values[0] for name in extras if (values := extras.texts(name))}
    arn = extra.get("canonicalarn") or extra.get("arn", "")
    session_name, access_key_id = extra.get("sessionname", ""), extra.get("accesskeyid", "")
    return SelfReview(user.name("username"), frozenset(user.texts("groups")), arn, session_name, access_key_id)
