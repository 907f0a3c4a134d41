"""The caller's identity in the cluster: ``SelfSubjectReview``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from awsauth.boundary import public
from awsauth.core.document.model import SYSTEM_AUTHENTICATED
from awsauth.errors import NotFoundError
from awsauth.kube.resources import fields_of
from awsauth.kube.transport import Transport

_REVIEW_PATH: Final = "/apis/authentication.k8s.io/{}/selfsubjectreviews"


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
    # Kubernetes has v1 since 1.28, and v1beta1 in 1.27; older servers have neither.
    for version in ("v1", "v1beta1"):
        path = _REVIEW_PATH.format(version)
        review = {"apiVersion": f"authentication.k8s.io/{version}", "kind": "SelfSubjectReview"}
        try:
            answer = transport.post(path, review, changes=False)
        except NotFoundError:
            continue
        return review_of(answer, path)
    return None


def review_of(answer: Any, location: str = _REVIEW_PATH.format("v1")) -> SelfReview:
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
