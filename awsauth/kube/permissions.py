"""Which RBAC rules this library's requests need, and whether whoever asks has them.

``examples/rbac`` has them as roles. A request that is refused names its own rule: `awsauth.kube.rbac_rule`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from awsauth.core.revision import NAMESPACE
from awsauth.core.revision_info import NAME
from awsauth.kube.fields import fields_of
from awsauth.kube.rbac_rule import RbacRule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from awsauth.kube.transport import Transport

_RBAC: Final = "rbac.authorization.k8s.io"
_KIND: Final = "SelfSubjectAccessReview"
_PATH: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def _config_map(verb: str, name: str = NAME) -> RbacRule:
    return RbacRule(verb, "configmaps", "", name, NAMESPACE)


def _revisions(verb: str) -> RbacRule:
    return RbacRule(verb, "controllerrevisions", "apps", "", NAMESPACE)


READER: Final = (
    _config_map("get"),
    _revisions("get"),
    _revisions("list"),
    RbacRule("list", "clusterrolebindings", _RBAC),
    RbacRule("list", "rolebindings", _RBAC),
    RbacRule("list", "nodes"),
)
"""What reading, planning, the history and checks need; the last three are for what only the whole cluster can tell."""

CHANGER: Final = (_config_map("update"), _revisions("create"))
"""What a change of an ``aws-auth`` that is there needs beside reading."""

EDITOR: Final = (*READER, *CHANGER, _config_map("create", ""))
"""What changes and rollbacks need. ``create`` of ConfigMaps, which RBAC cannot narrow to one name, only where there is
no ``aws-auth``."""

PRUNER: Final = (_config_map("get"), _revisions("list"), _revisions("get"), _revisions("delete"))
"""What pruning needs."""


def missing(transport: Transport, rules: Iterable[RbacRule]) -> tuple[RbacRule, ...]:
    """Return the rules that whoever asks does not have; one request (``SelfSubjectAccessReview``) for each.

    Everybody whom the API server knows may ask this. Unlike a ``SelfSubjectRulesReview`` it counts what EKS access
    policies grant.

    Raises:
        ApiError: what was answered is no such review.
        AwsAuthError: what the transport raises.
    """
    return tuple(rule for rule in rules if not _is_allowed(transport, rule))


def _is_allowed(transport: Transport, rule: RbacRule) -> bool:
    resource, _, subresource = rule.resource.partition("/")
    attributes = {
        "verb": rule.verb,
        "group": rule.group,
        "resource": resource,
        "subresource": subresource,
        "namespace": rule.namespace,
        "name": rule.name,
    }
    answer = transport.post(
        _PATH,
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": _KIND,
            "spec": {"resourceAttributes": {key: text for key, text in attributes.items() if text}},
        },
        changes=False,
    )
    return fields_of(answer, _KIND, _PATH).object("status").flag("allowed")
