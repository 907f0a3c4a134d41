"""Who is asking, in the API server's own words (``SelfSubjectReview``)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from awsauth.boundary import public
from awsauth.errors import NotFoundError
from awsauth.kube.fields import fields_of

if TYPE_CHECKING:
    from awsauth.core.guards.context import GuardContext
    from awsauth.kube.transport import Transport

EVERYBODY: Final = "system:authenticated"
"""The group that everybody is in whom the API server knows."""

_KIND: Final = "SelfSubjectReview"
_PATH: Final = "/apis/authentication.k8s.io/{}/selfsubjectreviews"
_VERSIONS: Final = ("v1", "v1beta1")
"""Kubernetes has v1 since 1.28, and v1beta1 in 1.27; older servers have nothing that is on by default."""


@dataclass(frozen=True, slots=True)
@public
class SelfReview:
    """Who is asking.

    ARN and what follows it come from what aws-iam-authenticator puts beside the username (``pkg/server/server.go``:
    ``canonicalArn``, ``arn``, ``sessionName``, ``accessKeyId``). They are empty for whoever comes in by something else,
    such as a certificate or a service account, and under impersonation, where nothing is put there.

    Attributes:
        username: Under which name the cluster knows the caller.
        groups: In which groups, `EVERYBODY` included.
        arn: The ARN by which the authenticator looks the caller up.
        session_name: The name of the role's session.
        access_key_id: The access key that signed the token; it tells nobody how to sign another.
    """

    username: str
    groups: frozenset[str]
    arn: str = ""
    session_name: str = ""
    access_key_id: str = field(default="", repr=False)

    @property
    def own_groups(self) -> frozenset[str]:
        """Those that not everybody is in."""
        return self.groups - {EVERYBODY}

    def known_to(self, context: GuardContext) -> GuardContext:
        """Return what is known around a change with who asks for it.

        Without an ARN the caller stays unknown: it cannot be told which mapping is the caller's, and the guard of own
        access says that it has not looked.
        """
        return context._replace(caller_arn=self.arn or None, caller_username=self.username)


def self_review(transport: Transport) -> SelfReview | None:
    """Return who is asking; one request, another where the server knows no ``v1``.

    None from a server that cannot tell: before Kubernetes 1.27 none does.

    Raises:
        ForbiddenError: the right to ask, which everybody has by default (``system:basic-user``), was taken away.
        ApiError: what was answered says of nobody who that is.
        AwsAuthError: what else the transport raises.
    """
    for version in _VERSIONS:
        path = _PATH.format(version)
        asked = {"apiVersion": f"authentication.k8s.io/{version}", "kind": _KIND}
        try:
            answer = transport.post(path, asked, changes=False)
        except NotFoundError:
            continue
        return review_of(answer, path)
    return None


def review_of(answer: Any, location: str = _PATH.format("v1")) -> SelfReview:
    """Return who is asking, from a ``SelfSubjectReview`` with its status.

    Raises:
        ApiError: it is none, or has no username, which everybody has.
    """
    user = fields_of(answer, _KIND, location).object("status").object("userInfo")
    extras = user.object("extra")
    # Names of extras that came over HTTP headers are in lower case.
    extra = {name.lower(): values[0] for name in extras if (values := extras.texts(name))}
    return SelfReview(
        user.name("username"),
        frozenset(user.texts("groups")),
        extra.get("canonicalarn") or extra.get("arn", ""),
        extra.get("sessionname", ""),
        extra.get("accesskeyid", ""),
    )
